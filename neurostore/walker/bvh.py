"""The analytic walker as a BVH file on the 31-joint CMU skeleton."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from neurostore.arrays import Floats
from neurostore.walker.body import Body
from neurostore.walker.gait import SIDES, Gait
from neurostore.walker.walk import Walk

CMU_UNIT_MM = 56.444

# joint, parent, end or None; offsets come from the T-pose (legs straight down, arms out to the sides).
_TREE = (
    ("Hips", None), ("LHipJoint", "Hips"), ("LeftUpLeg", "LHipJoint"), ("LeftLeg", "LeftUpLeg"),
    ("LeftFoot", "LeftLeg"), ("LeftToeBase", "LeftFoot"), ("RHipJoint", "Hips"), ("RightUpLeg", "RHipJoint"),
    ("RightLeg", "RightUpLeg"), ("RightFoot", "RightLeg"), ("RightToeBase", "RightFoot"),
    ("LowerBack", "Hips"), ("Spine", "LowerBack"), ("Spine1", "Spine"), ("Neck", "Spine1"), ("Neck1", "Neck"),
    ("Head", "Neck1"), ("LeftShoulder", "Spine1"), ("LeftArm", "LeftShoulder"), ("LeftForeArm", "LeftArm"),
    ("LeftHand", "LeftForeArm"), ("LeftFingerBase", "LeftHand"), ("LeftHandIndex1", "LeftFingerBase"),
    ("LThumb", "LeftHand"), ("RightShoulder", "Spine1"), ("RightArm", "RightShoulder"),
    ("RightForeArm", "RightArm"), ("RightHand", "RightForeArm"), ("RightFingerBase", "RightHand"),
    ("RightHandIndex1", "RightFingerBase"), ("RThumb", "RightHand"),
)  # fmt: skip


def write_bvh(walk_: Walk, path: Path) -> None:
    """Write the walk as a BVH file on the 31-joint CMU skeleton: CMU units, T-pose as frame 0, Z Y X channels."""
    offsets, ends = _t_pose(walk_.gait)
    lab = _global_rotations(walk_)
    n = len(walk_.time_s)
    identity = np.broadcast_to(np.eye(3), (n, 3, 3))
    children: dict[str | None, list[str]] = {}
    for joint, parent in _TREE:
        children.setdefault(parent, []).append(joint)
    lines, columns = ["HIERARCHY"], []

    def put(joint: str, depth: int) -> None:
        pad = "\t" * depth
        lines.extend([f"{pad}{'JOINT' if depth else 'ROOT'} {joint}", f"{pad}{{", f"{pad}\t{_offset(offsets[joint])}"])
        positions = "Xposition Yposition Zposition " if not depth else ""
        lines.append(f"{pad}\tCHANNELS {3 if depth else 6} {positions}Zrotation Yrotation Xrotation")
        parent = dict(_TREE)[joint]
        above = lab.get(parent, identity) if parent else identity
        local = np.einsum("nji,njk->nik", above, lab.get(joint, above))
        euler = Rotation.from_matrix(local).as_euler("ZYX", degrees=True)
        if not depth:
            columns.append(walk_.joints["pelvis"] / CMU_UNIT_MM)  # Hips is the midpoint of the hips
        columns.append(euler)
        for child in children.get(joint, ()):
            put(child, depth + 1)
        if joint in ends:
            lines.extend([f"{pad}\tEnd Site", f"{pad}\t{{", f"{pad}\t\t{_offset(ends[joint])}", f"{pad}\t}}"])
        lines.append(f"{pad}}}")

    put("Hips", 0)
    motion = np.concatenate(columns, axis=1)
    t_pose = np.zeros((1, motion.shape[1]))
    body = Body(walk_.gait)
    t_pose[0, 1] = (body.thigh + body.shank + body.ankle_height) / CMU_UNIT_MM
    motion = np.concatenate([t_pose, motion])
    lines += ["MOTION", f"Frames: {len(motion)}", f"Frame Time: {1 / walk_.rate_hz:.7f}"]
    row_format = " ".join(["%.5f"] * motion.shape[1])  # one format per row: four times as fast as one per number
    lines += [row_format % tuple(row) for row in motion.tolist()]
    Path(path).write_text("\n".join(lines) + "\n", encoding="ascii")


def _offset(mm: Floats) -> str:
    return "OFFSET " + " ".join(f"{v:.6f}" for v in mm / CMU_UNIT_MM)


def _t_pose(gait: Gait) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Offsets in mm, lab axes (x left, y up, z forward), of every joint and end site."""
    body, h = Body(gait), gait.height_m * 1000.0
    zero = np.zeros(3)
    offsets = {"Hips": zero, "LowerBack": zero, "LHipJoint": zero, "RHipJoint": zero}
    ends = {}
    for side, s in (("Left", 1.0), ("Right", -1.0)):
        offsets[f"{side}UpLeg"] = np.array([s * body.half_pelvis, 0, 0])
        offsets[f"{side}Leg"] = np.array([0, -body.thigh, 0])
        offsets[f"{side}Foot"] = np.array([0, -body.shank, 0])
        offsets[f"{side}ToeBase"] = np.array([0, -body.ankle_height, body.toe_joint])
        ends[f"{side}ToeBase"] = np.array([0, 0, body.toe_length])
        offsets[f"{side}Shoulder"] = zero
        offsets[f"{side}Arm"] = np.array([s * 0.11 * h, 0.08 * h, 0])
        offsets[f"{side}ForeArm"] = np.array([s * 0.172 * h, 0, 0])
        offsets[f"{side}Hand"] = np.array([s * 0.157 * h, 0, 0])
        offsets[f"{side}FingerBase"] = zero
        offsets[f"{side}HandIndex1"] = np.array([s * 0.05 * h, 0, 0])
        ends[f"{side}HandIndex1"] = np.array([s * 0.03 * h, 0, 0])
        offsets[f"{side[0]}Thumb"] = zero
        ends[f"{side[0]}Thumb"] = np.array([s * 0.03 * h, 0, 0.03 * h])
    offsets |= {"Spine": np.array([0, 0.10 * h, 0]), "Spine1": np.array([0, 0.09 * h, 0]), "Neck": zero}
    offsets |= {"Neck1": np.array([0, 0.10 * h, 0]), "Head": np.array([0, 0.045 * h, 0])}
    ends["Head"] = np.array([0, 0.045 * h, 0])
    return offsets, ends


def _global_rotations(walk_: Walk) -> dict[str, Floats]:
    """(n, 3, 3) of each joint that turns: from the T-pose's lab axes to the lab."""
    # Segment axes (forward, up, right) in the T-pose are lab (z, y, -x).
    back = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
    r = {k: a @ back for k, a in walk_.rotations.items()}
    lab = {"Hips": r["pelvis"]}
    for joint in ("LowerBack", "Spine", "Spine1", "Neck", "Neck1", "Head", "LeftShoulder", "RightShoulder"):
        lab[joint] = r["trunk"]
    for side in SIDES:
        name, s = side.capitalize(), (1.0 if side == "left" else -1.0)
        lab[f"{name[0]}HipJoint"] = r["pelvis"]
        lab[f"{name}UpLeg"], lab[f"{name}Leg"] = r[f"{side}_thigh"], r[f"{side}_shank"]
        lab[f"{name}Foot"] = r[f"{side}_foot"]
        toes = walk_.joints[f"{side}_toe_end"] - walk_.joints[f"{side}_toe"]
        lab[f"{name}ToeBase"] = _toe_axes(toes)
        # In the T-pose the arm points sideways; it hangs after a quarter turn about the forward axis.
        down = Rotation.from_euler("z", -90.0 * s, degrees=True).as_matrix()
        lab[f"{name}Arm"] = r[f"{side}_upper_arm"] @ down
        for joint in ("ForeArm", "Hand", "FingerBase", "HandIndex1"):
            lab[f"{name}{joint}"] = r[f"{side}_forearm"] @ down
        lab[f"{name[0]}Thumb"] = lab[f"{name}Hand"]
    return lab


def _toe_axes(toes: Floats) -> Floats:
    forward = toes / np.linalg.norm(toes, axis=-1, keepdims=True)
    left = np.cross(np.array([0.0, 1.0, 0.0]), forward)
    left /= np.linalg.norm(left, axis=-1, keepdims=True)
    return np.stack([left, np.cross(forward, left), forward], -1)
