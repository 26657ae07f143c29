"""A real SavedModel with MeTRAbs's attributes, methods, argument names, defaults and ragged outputs.

It finds the coloured discs of :mod:`tests.builders.scene` in the image itself: position from the centroid, depth from
the area of the disc. Other joints follow from the ten markers and the body's directions, by :func:`joint_rules`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.builders.scene import DISC_RADIUS_MM, MARKERS, N_PERSONS

UNKNOWN_INTRINSICS = ((-1, -1, -1), (-1, -1, -1), (-1, -1, -1))
NO_EXTRINSICS = ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))
AUG_STEP_MM = 4.0  # augmentations differ by this much along z, so their SD is known

# joint (without its side) -> marker (without its side), then mm forward, outward (left for a mid joint) and up
RULES: dict[str, tuple[str, float, float, float]] = {
    "head": ("head", 0, 0, 0), "thor": ("thorax", 0, 0, 0), "hip": ("hip", 0, 0, 0), "kne": ("knee", 0, 0, 0),
    "ank": ("ankle", 0, 0, 0), "wri": ("wrist", 0, 0, 0), "mhip": ("hip", 0, 0, 0), "pelv": ("hip", 0, 0, 20),
    "sho": ("thorax", 0, 180, 30), "elb": ("wrist", -60, -20, 250), "han": ("wrist", 30, 0, -90),
    "foo": ("ankle", 120, 0, -60), "hee": ("ankle", -55, 0, -60), "toe": ("ankle", 160, 5, -70),
    "fifthmetatarsal": ("ankle", 130, 40, -70), "firstmetatarsal": ("ankle", 145, -30, -68),
    "ankm": ("ankle", 0, 38, 0), "knem": ("knee", 0, 52, 0), "innerknee": ("knee", 0, -52, 0),
    "asis": ("hip", 75, 35, 85), "psis": ("hip", -85, -40, 90), "backneck": ("thorax", -60, 0, 60),
    "clavicle": ("thorax", 70, 0, 20), "sternum": ("thorax", 95, 0, -120), "upperback": ("thorax", -90, 0, -90),
    "thigh": ("knee", 20, 60, 200), "shin": ("knee", 40, 0, -180), "shom": ("thorax", 0, 185, 70),
    # Berkeley MHAD
    "hipf": ("hip", 75, 35, 85), "hipb": ("hip", -85, -40, 90), "hipl": ("hip", 0, 75, 20), "leg": ("knee", 0, 65, 190),
    "sho1": ("thorax", 0, 180, 70), "sho2": ("thorax", -20, 190, 40), "arm": ("thorax", 0, 210, -80),
    "chest": ("thorax", 95, 0, -120), "backt": ("thorax", -90, 0, 30), "backl": ("thorax", -95, 0, -250),
    "bell": ("hip", 110, 0, 150), "side": ("hip", 0, 130, 180), "back": ("thorax", -90, 80, -60),
}  # fmt: skip


def joint_rules(name: str, index: int) -> tuple[tuple[int, ...], tuple[float, float, float]]:
    """(markers whose mean it hangs on, offset in mm forward, left, up) of a joint, by its name."""
    plain, side = name, 0
    if name not in RULES and name[0] in "lr" and name[1:] in RULES:
        plain, side = name[1:], 1 if name[0] == "l" else -1
    elif name not in RULES:  # a joint no test asks about: somewhere on the trunk, each at its own place
        side = {"l": 1, "r": -1}.get(name[0], 0)
        return (MARKERS.index("thorax"),), (10.0 * (index % 7), side * (60.0 + index), -3.0 * index)
    marker, forward, outward, up = RULES[plain]
    names = [marker] if marker in MARKERS else ["lr"[side < 0] + marker] if side else ["l" + marker, "r" + marker]
    return tuple(MARKERS.index(n) for n in names), (forward, side * outward, up)


def joint_positions(markers: np.ndarray, names: list[str]) -> np.ndarray:
    """Where the rules put joints (…, J, 3), given true markers (…, 10, 3). Written again, apart from the model."""
    index = {m: i for i, m in enumerate(MARKERS)}
    hips = (markers[..., index["lhip"], :] + markers[..., index["rhip"], :]) / 2
    up = markers[..., index["thorax"], :] - hips
    up = up / np.linalg.norm(up, axis=-1, keepdims=True)
    left = markers[..., index["lhip"], :] - markers[..., index["rhip"], :]
    left = left - np.sum(left * up, axis=-1, keepdims=True) * up
    left = left / np.linalg.norm(left, axis=-1, keepdims=True)
    forward = np.cross(left, up)
    joints = []
    for i, name in enumerate(names):
        on, (f, s, u) = joint_rules(name, i)
        joints.append(markers[..., list(on), :].mean(axis=-2) + f * forward + s * left + u * up)
    return np.stack(joints, axis=-2)


def build(
    folder: Path,
    skeletons: dict[str, tuple[list[str], list[tuple[int, int]]]],
    *,
    leave_out: tuple[str, ...] = (),
) -> Path:
    """Write the SavedModel. skeletons : name -> (joint names, edges); leave_out : attributes or methods to lack."""
    import tensorflow as tf

    names_all = [(skeleton, name) for skeleton, (names, _) in skeletons.items() for name in names]
    weights = np.zeros((len(names_all), len(MARKERS)), np.float32)
    offsets = np.zeros((len(names_all), 3), np.float32)
    row, indices = 0, {}
    for skeleton, (names, _) in skeletons.items():
        indices[skeleton] = np.arange(row, row + len(names), dtype=np.int32)
        for i, name in enumerate(names):
            on, offset = joint_rules(name, i)
            weights[row, list(on)] = 1 / len(on)
            offsets[row] = offset
            row += 1
    everything = np.arange(row, dtype=np.int32)
    spec = tf.TensorSpec
    camera = [
        spec((None, 3, 3), tf.float32, "intrinsic_matrix"),
        spec((None, None), tf.float32, "distortion_coeffs"),
        spec((None, 4, 4), tf.float32, "extrinsic_matrix"),
    ]
    camera_one = [
        spec((3, 3), tf.float32, "intrinsic_matrix"),
        spec((None,), tf.float32, "distortion_coeffs"),
        spec((4, 4), tf.float32, "extrinsic_matrix"),
    ]
    common = [
        spec((3,), tf.float32, "world_up_vector"),
        spec((), tf.float32, "default_fov_degrees"),
        spec((), tf.int32, "internal_batch_size"),
        spec((), tf.int32, "antialias_factor"),
        spec((), tf.int32, "num_aug"),
        spec((), tf.bool, "average_aug"),
        spec((), tf.string, "skeleton"),
    ]
    detector = [
        spec((), tf.float32, "detector_threshold"),
        spec((), tf.float32, "detector_nms_iou_threshold"),
        spec((), tf.int32, "max_detections"),
        spec((), tf.bool, "detector_flip_aug"),
        spec((), tf.bool, "suppress_implausible_poses"),
    ]
    images = spec((None, None, None, 3), tf.uint8, "images")
    image = spec((None, None, 3), tf.uint8, "image")

    class MarkerModel(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.joint_names = tf.Variable([f"{n}_{s}" for s, n in names_all], trainable=False)
            self.per_skeleton_indices = {
                k: tf.Variable(v, dtype=tf.int32, trainable=False) for k, v in {**indices, "": everything}.items()
            }
            self.per_skeleton_joint_names = {
                k: tf.Variable(v[0], dtype=tf.string, trainable=False) for k, v in skeletons.items()
            }
            self.per_skeleton_joint_edges = {
                k: tf.Variable(np.array(v[1], np.int32).reshape(-1, 2), trainable=False) for k, v in skeletons.items()
            }

        @tf.function(input_signature=[images, *camera, *common, *detector])
        def detect_poses_batched(
            self, images, intrinsic_matrix=(UNKNOWN_INTRINSICS,), distortion_coeffs=((0, 0, 0, 0, 0),),
            extrinsic_matrix=(NO_EXTRINSICS,), world_up_vector=(0, -1, 0), default_fov_degrees=55,
            internal_batch_size=64, antialias_factor=1, num_aug=5, average_aug=True, skeleton="",
            detector_threshold=0.3, detector_nms_iou_threshold=0.7, max_detections=-1, detector_flip_aug=False,
            suppress_implausible_poses=True,
        ):  # fmt: skip
            return self._run(
                images, intrinsic_matrix, distortion_coeffs, extrinsic_matrix, default_fov_degrees, num_aug,
                average_aug, skeleton, detector_threshold, max_detections,
            )  # fmt: skip

        @tf.function(input_signature=[image, *camera_one, *common, *detector])
        def detect_poses(
            self, image, intrinsic_matrix=UNKNOWN_INTRINSICS, distortion_coeffs=(0, 0, 0, 0, 0),
            extrinsic_matrix=NO_EXTRINSICS, world_up_vector=(0, -1, 0), default_fov_degrees=55,
            internal_batch_size=64, antialias_factor=1, num_aug=5, average_aug=True, skeleton="",
            detector_threshold=0.3, detector_nms_iou_threshold=0.7, max_detections=-1, detector_flip_aug=False,
            suppress_implausible_poses=True,
        ):  # fmt: skip
            found = self._run(
                image[None], intrinsic_matrix[None], distortion_coeffs[None], extrinsic_matrix[None],
                default_fov_degrees, num_aug, average_aug, skeleton, detector_threshold, max_detections,
            )  # fmt: skip
            return {key: value[0] for key, value in found.items()}

        @tf.function(
            input_signature=[
                images, tf.RaggedTensorSpec((None, None, 4), tf.float32, ragged_rank=1), *camera, *common
            ]
        )  # fmt: skip
        def estimate_poses_batched(
            self, images, boxes, intrinsic_matrix=(UNKNOWN_INTRINSICS,), distortion_coeffs=((0, 0, 0, 0, 0),),
            extrinsic_matrix=(NO_EXTRINSICS,), world_up_vector=(0, -1, 0), default_fov_degrees=55,
            internal_batch_size=64, antialias_factor=1, num_aug=5, average_aug=True, skeleton="",
        ):  # fmt: skip
            found = self._run(
                images, intrinsic_matrix, distortion_coeffs, extrinsic_matrix, default_fov_degrees, num_aug,
                average_aug, skeleton, 0.0, -1,
            )  # fmt: skip
            return {"poses3d": found["poses3d"], "poses2d": found["poses2d"]}

        @tf.function(input_signature=[image, spec((None, 4), tf.float32, "boxes"), *camera_one, *common])
        def estimate_poses(
            self, image, boxes, intrinsic_matrix=UNKNOWN_INTRINSICS, distortion_coeffs=(0, 0, 0, 0, 0),
            extrinsic_matrix=NO_EXTRINSICS, world_up_vector=(0, -1, 0), default_fov_degrees=55,
            internal_batch_size=64, antialias_factor=1, num_aug=5, average_aug=True, skeleton="",
        ):  # fmt: skip
            found = self._run(
                image[None], intrinsic_matrix[None], distortion_coeffs[None], extrinsic_matrix[None],
                default_fov_degrees, num_aug, average_aug, skeleton, 0.0, -1,
            )  # fmt: skip
            return {"poses3d": found["poses3d"][0], "poses2d": found["poses2d"][0]}

        def _run(
            self, images, intrinsics, distortion, extrinsics, fov, num_aug, average_aug, skeleton, threshold, most
        ):  # fmt: skip
            n = tf.shape(images)[0]
            size = tf.cast(tf.shape(images)[1:3], tf.float32)
            unknown = tf.reduce_all(intrinsics == -1)
            focal = tf.reduce_max(size) / 2 / tf.tan(fov * (np.pi / 360))
            guessed = tf.convert_to_tensor([[[focal, 0.0, size[1] / 2], [0.0, focal, size[0] / 2], [0.0, 0.0, 1.0]]])
            intrinsics = tf.broadcast_to(tf.where(unknown, guessed, intrinsics), (n, 3, 3))
            distortion = tf.broadcast_to(tf.pad(distortion, [[0, 0], [0, 5]])[:, :5], (n, 5))
            extrinsics = tf.broadcast_to(extrinsics, (n, 4, 4))
            centre, area = _discs(images)
            present = tf.reduce_all(area > 4.0, axis=2)  # (n, persons)
            markers, corners = _lift(centre, area, intrinsics, distortion)
            where = tf.where(present)
            left_first = tf.argsort(tf.gather_nd(centre, where)[:, 0, 0] + 1e5 * tf.cast(where[:, 0], tf.float32))
            where = tf.gather(where, left_first)
            kept = tf.where((threshold < 1.0) & (_rank(where[:, 0]) < tf.where(most < 0, 1000, most)))[:, 0]
            where = tf.gather(where, kept)
            counts = tf.math.bincount(
                tf.cast(where[:, 0], tf.int32), minlength=n, maxlength=n, dtype=tf.int64
            )  # persons per image
            joints = _joints(tf.gather_nd(markers, where))  # (found, J, 3), camera frame
            step = tf.cast(tf.range(num_aug), tf.float32) - tf.cast(num_aug - 1, tf.float32) / 2
            spread = AUG_STEP_MM * step[None, :, None, None] * tf.constant([0.0, 0.0, 1.0])
            poses = joints[:, None] + spread
            image_of = tf.cast(where[:, 0], tf.int32)
            flat = poses[..., :2] / poses[..., 2:]
            k = tf.gather(intrinsics, image_of)[:, None, None]
            points = tf.linalg.matvec(k[..., :2, :2], flat) + k[..., :2, 2]
            world = tf.linalg.inv(tf.gather(extrinsics, image_of))[:, None, None]
            poses = tf.linalg.matvec(world[..., :3, :3], poses) + world[..., :3, 3]
            chosen = tf.constant(everything)
            for name, these in indices.items():
                chosen = tf.cond(skeleton == name, lambda these=these: tf.constant(these), lambda c=chosen: c)
            poses, points = tf.gather(poses, chosen, axis=2), tf.gather(points, chosen, axis=2)
            boxes = tf.gather_nd(corners, where)
            boxes = tf.concat([boxes, tf.ones_like(boxes[:, :1])], axis=1)
            ragged = tf.RaggedTensor.from_row_lengths
            found = {
                "boxes": ragged(boxes, counts),
                "poses3d": ragged(poses, counts),
                "poses2d": ragged(points, counts),
            }
            if average_aug:
                found["poses3d"] = ragged(tf.reduce_mean(poses, 1), counts)
                found["poses2d"] = ragged(tf.reduce_mean(points, 1), counts)
            return found

    def _discs(images):
        """Centroid (n, persons, markers, 2) px and area (n, persons, markers) px of each colour."""
        rgb = tf.cast(images, tf.float32) / 255.0
        value, least = tf.reduce_max(rgb, -1), tf.reduce_min(rgb, -1)
        n_hues = N_PERSONS * len(MARKERS)
        nearest = tf.cast(tf.round(tf.image.rgb_to_hsv(rgb)[..., 0] * n_hues), tf.int32) % n_hues
        weight = tf.where((value > 0.02) & (least < 0.5 * value), value, 0.0)
        shape = tf.shape(images)
        group = nearest + n_hues * tf.range(shape[0])[:, None, None]
        u = tf.broadcast_to(tf.cast(tf.range(shape[2]), tf.float32)[None, None] + 0.5, tf.shape(weight))
        v = tf.broadcast_to(tf.cast(tf.range(shape[1]), tf.float32)[None, :, None] + 0.5, tf.shape(weight))

        def summed(values):
            flat = tf.math.unsorted_segment_sum(tf.reshape(values, [-1]), tf.reshape(group, [-1]), n_hues * shape[0])
            return tf.transpose(tf.reshape(flat, [shape[0], len(MARKERS), N_PERSONS]), [0, 2, 1])

        area = summed(weight)
        centre = tf.stack([summed(weight * u), summed(weight * v)], -1) / tf.maximum(area, 1e-6)[..., None]
        return centre, area

    def _lift(centre, area, intrinsics, distortion):
        """Positions (n, persons, markers, 3) in the camera frame and boxes (n, persons, 4) px."""
        k, d = intrinsics[:, None, None], distortion[:, None, None]
        bent = tf.linalg.matvec(tf.linalg.inv(k[..., :2, :2]), centre - k[..., :2, 2])
        flat = bent
        for _ in range(20):  # OpenCV's model, undone by iteration
            r2 = tf.reduce_sum(flat**2, -1)
            radial = 1 + d[..., 0] * r2 + d[..., 1] * r2**2 + d[..., 4] * r2**3
            xy = flat[..., 0] * flat[..., 1]
            tangential = tf.stack(
                [
                    2 * d[..., 2] * xy + d[..., 3] * (r2 + 2 * flat[..., 0] ** 2),
                    d[..., 2] * (r2 + 2 * flat[..., 1] ** 2) + 2 * d[..., 3] * xy,
                ],
                -1,
            )
            flat = (bent - tangential) / radial[..., None]
        focal = tf.sqrt(k[..., 0, 0] * k[..., 1, 1])
        radius = tf.sqrt(tf.maximum(area, 1e-6) / np.pi)
        depth = DISC_RADIUS_MM * focal / radius
        markers = tf.concat([flat, tf.ones_like(flat[..., :1])], -1) * depth[..., None]
        low, high = tf.reduce_min(centre, 2), tf.reduce_max(centre, 2)
        return markers, tf.concat([low - 8.0, high - low + 16.0], -1)

    def _joints(markers):
        at = {name: markers[:, i] for i, name in enumerate(MARKERS)}
        up = tf.math.l2_normalize(at["thorax"] - (at["lhip"] + at["rhip"]) / 2, -1)
        left = at["lhip"] - at["rhip"]
        left = tf.math.l2_normalize(left - tf.reduce_sum(left * up, -1, keepdims=True) * up, -1)
        frame = tf.stack([tf.linalg.cross(left, up), left, up], 1)  # rows: forward, left, up
        return tf.einsum("jm,nmk->njk", weights, markers) + tf.einsum("ja,nak->njk", offsets, frame)

    def _rank(images):
        """Position of each person within its image."""
        same = tf.cast(images[:, None] == images[None, :], tf.int32)
        return tf.reduce_sum(tf.linalg.band_part(same, -1, 0), 1) - 1

    for lacking in leave_out:
        if hasattr(MarkerModel, lacking):
            delattr(MarkerModel, lacking)
    model = MarkerModel()
    for lacking in leave_out:
        if lacking in vars(model):
            delattr(model, lacking)
    options: Any = tf.saved_model.SaveOptions()
    tf.saved_model.save(model, str(folder), options=options)
    return folder
