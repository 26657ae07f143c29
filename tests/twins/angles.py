"""joint_angles a second and a third time: with scipy's rotations from the definition, and in polars.

The twin in scipy shares no formula with queries/joint_angles.sql: it decomposes rotations into Cardan angles. The one in
polars is the view's arithmetic in another engine, for the benchmark.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
from scipy.spatial.transform import Rotation

from neurostore import schema
from neurostore.sql import views

SIDES = ("left", "right")
# Grood & Suntay's joint coordinate system in the axes x forward, y up, z right: about z, then floating x, then y.
_JCS = "ZXY"


def joint_angles_of(landmarks: pa.Table) -> duckdb.DuckDBPyConnection:
    """A connection with the view joint_angles over these landmarks, and no other view."""
    connection = duckdb.connect()
    connection.register("landmarks", landmarks)
    create_joint_angles(connection)
    return connection


def create_joint_angles(connection: duckdb.DuckDBPyConnection) -> None:
    """The view and its steps on a connection that has ``landmarks``."""
    connection.register("body_angles", schema.tables()["body_angles"].arrow().empty_table())
    connection.execute(views.macros())
    for name in ("_segment_source", "_segment_rotations", "_joint_rotations", "joint_angles"):
        sql = (resources.files("neurostore.queries") / f"{name}.sql").read_text(encoding="utf-8")
        connection.execute(f"CREATE TEMP VIEW {name} AS {sql}")


def scipy_angles(segments: Mapping[str, np.ndarray], facing_deg: float) -> dict[str, float]:
    """Angles of one frame, degrees. segments : name -> (4,) quaternion (w, x, y, z) to the lab, all known and anatomical."""
    turn = {name: Rotation.from_quat(np.roll(q, -1)) for name, q in segments.items()}
    lab = Rotation.from_euler("Y", facing_deg - 90, degrees=True)
    found: dict[str, float] = {}
    for name in ("pelvis", "trunk"):
        about_z, about_x, about_y = (lab.inv() * turn[name]).as_euler(_JCS, degrees=True)
        found[f"{name}_tilt_deg"] = -about_z
        for side, sign in (("left", -1), ("right", 1)):
            found[f"{side}_{name}_obliquity_deg"] = -sign * about_x
            found[f"{side}_{name}_rotation_deg"] = sign * about_y
    lean, bend, twist = (turn["trunk"].inv() * turn["pelvis"]).as_euler(_JCS, degrees=True)
    found["trunk_pelvis_tilt_deg"] = lean
    for side, sign in (("left", -1), ("right", 1)):
        found[f"{side}_trunk_pelvis_obliquity_deg"] = sign * bend
        found[f"{side}_trunk_pelvis_rotation_deg"] = -sign * twist
        for joint, proximal, distal, bends in (
            ("hip", "pelvis", "thigh", 1),
            ("knee", "thigh", "shank", -1),
            ("shoulder", "trunk", "upper_arm", 1),
            ("elbow", "upper_arm", "forearm", 1),
        ):
            upper = turn[proximal if proximal in ("pelvis", "trunk") else f"{side}_{proximal}"]
            about_z, about_x, about_y = (upper.inv() * turn[f"{side}_{distal}"]).as_euler(_JCS, degrees=True)
            found[f"{side}_{joint}_flexion_deg"] = bends * about_z
            found[f"{side}_{joint}_adduction_deg"] = sign * about_x
            found[f"{side}_{joint}_rotation_deg"] = sign * about_y
        ankle = turn[f"{side}_shank"].inv() * turn[f"{side}_foot"]
        about_z, _, about_x = ankle.as_euler("ZYX", degrees=True)
        found[f"{side}_ankle_dorsiflexion_deg"] = about_z
        found[f"{side}_ankle_inversion_deg"] = sign * about_x
        forward = (lab.inv() * turn[f"{side}_foot"]).apply([1.0, 0.0, 0.0])
        found[f"{side}_foot_progression_deg"] = float(np.degrees(np.arcsin(-sign * forward[2])))
    return found


def polars_angles(landmarks: pl.LazyFrame) -> pl.LazyFrame:
    """Every angle of a three-point skeleton, staged as the view is."""
    names = ["pelvis", "trunk"] + [
        f"{side}_{segment}" for side in SIDES for segment in ("thigh", "shank", "foot", "upper_arm", "forearm")
    ]
    quaternions = landmarks.select(
        ((pl.col("facing_deg") - 90) / 2).radians().cos().cast(pl.Float32).alias("lab_w"),
        ((pl.col("facing_deg") - 90) / 2).radians().sin().cast(pl.Float32).alias("lab_y"),
        pl.lit(0, pl.Float32).alias("lab_x"),
        pl.lit(0, pl.Float32).alias("lab_z"),
        *(pl.col(f"{n}_rotation").struct.field(f).alias(f"{n}_{f}") for n in names for f in "wxyz"),
    )
    joints = {"pelvis": ("lab", "pelvis"), "trunk": ("lab", "trunk"), "spine": ("trunk", "pelvis")}
    for s in SIDES:
        joints |= {
            f"{s}_hip": ("pelvis", f"{s}_thigh"),
            f"{s}_knee": (f"{s}_thigh", f"{s}_shank"),
            f"{s}_ankle": (f"{s}_shank", f"{s}_foot"),
            f"{s}_shoulder": ("trunk", f"{s}_upper_arm"),
            f"{s}_elbow": (f"{s}_upper_arm", f"{s}_forearm"),
            f"{s}_step": ("lab", f"{s}_foot"),
        }
    relative = quaternions.select(e for j, (a, b) in joints.items() for e in _product(j, a, b))
    return relative.select(e for j in joints for e in _angles_of(j))


def _product(joint: str, a: str, b: str) -> list[pl.Expr]:
    aw, ax, ay, az = (pl.col(f"{a}_{f}") for f in "wxyz")
    bw, bx, by, bz = (pl.col(f"{b}_{f}") for f in "wxyz")
    return [
        (aw * bw + ax * bx + ay * by + az * bz).alias(f"{joint}:w"),
        (aw * bx - ax * bw - ay * bz + az * by).alias(f"{joint}:x"),
        (aw * by + ax * bz - ay * bw - az * bx).alias(f"{joint}:y"),
        (aw * bz - ax * by + ay * bx - az * bw).alias(f"{joint}:z"),
    ]


def _angles_of(joint: str) -> list[pl.Expr]:
    w, x, y, z = (pl.col(f"{joint}:{f}") for f in "wxyz")
    kind = joint.split("_")[-1]
    side = -1 if joint.startswith("left") else 1
    xy, yy, zy = 2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)
    zx, zz = 2 * (x * z - w * y), 1 - 2 * (x * x + y * y)
    xx, yx = 1 - 2 * (y * y + z * z), 2 * (x * y + w * z)
    out: dict[str, pl.Expr]
    if kind == "ankle":
        out = {"dorsiflexion": pl.arctan2(yx, xx), "inversion": pl.arctan2(side * zy, zz)}
    elif kind == "step":
        out = {"progression": (-side * zx).clip(-1, 1).arcsin()}
    else:
        bends = 1 if kind in ("pelvis", "trunk", "spine", "knee") else -1
        out = {"flexion": pl.arctan2(bends * xy, yy)}
        if kind != "elbow":
            out["adduction"] = (side * zy).clip(-1, 1).arcsin()
        if kind not in ("elbow", "shoulder"):
            out["rotation"] = pl.arctan2(-side * zx, zz)
    return [e.degrees().alias(f"{joint}:{name}") for name, e in out.items()]
