"""The step _joint_moments over a leg whose motion and ground force are given by formulas, in double precision."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from neurostore.sql import views
from tests.builders import view_builder

KEY = {"subject": "S01", "session": "", "trial": "walk"}
SIDE = "right"
POINT = pa.struct([(axis, pa.float64()) for axis in "xyz"])
QUATERNION = pa.struct([(axis, pa.float64()) for axis in "wxyz"])


def quaternions(matrices: np.ndarray) -> np.ndarray:
    """(n, 4) w, x, y, z of (n, 3, 3) rotations by less than 180 degrees."""
    w = np.sqrt(1 + np.trace(matrices, axis1=1, axis2=2)) / 2
    vector = [matrices[:, 2, 1] - matrices[:, 1, 2], matrices[:, 0, 2] - matrices[:, 2, 0],
              matrices[:, 1, 0] - matrices[:, 0, 1]]  # fmt: skip
    return np.stack([w, *(v / (4 * w) for v in vector)], axis=1)


def structs(values: np.ndarray, type_: pa.StructType) -> pa.Array:
    return pa.StructArray.from_arrays([pa.array(np.ascontiguousarray(v)) for v in values.T], fields=list(type_))


def joint_moments(
    time_s: np.ndarray,
    points_mm: Mapping[str, np.ndarray],
    rotations: Mapping[str, np.ndarray],
    force_n: np.ndarray,
    moment_nm: np.ndarray,
    *,
    mass_kg: float,
    inertia: str,
    axes: str = "distal",
) -> dict[str, np.ndarray]:
    """Columns of _joint_moments of the right leg, NaN where it has no value.

    points_mm : hip, knee … -> (n, 3). rotations : pelvis, thigh … -> (n, 4). force_n, moment_nm : (n, 3) of the ground, the moment
    about the lab's origin. A man of mass_kg.
    """
    n = len(time_s)
    columns: dict[str, pa.Array] = {k: pa.array([v] * n) for k, v in KEY.items()}
    columns |= {"person": pa.array([0] * n), "frame": pa.array(np.arange(n)), "time_s": pa.array(time_s)}
    for name in _named():
        own = name.removeprefix(f"{SIDE}_").removesuffix("_rotation")
        if name.endswith("_rotation") and (own in rotations) and name in (f"{SIDE}_{own}_rotation", "pelvis_rotation"):
            columns[name] = structs(rotations[own], QUATERNION)
        elif name == f"{SIDE}_{own}" and own in points_mm:
            columns[name] = structs(points_mm[own], POINT)
        elif name.endswith("_rotation"):
            columns[name] = pa.nulls(n, QUATERNION)
        else:
            columns[name] = pa.nulls(n, pa.float64() if name.endswith("_deg") else POINT)
    reaction = {k: pa.array([v] * n) for k, v in {**KEY, "side": SIDE}.items()}
    reaction |= {"frame": pa.array(np.arange(n)), "reason": pa.nulls(n, pa.string())}
    for letters, values in (("fg", force_n), ("mn", moment_nm)):
        reaction |= {f"{a}{axis}": pa.array(values[:, i]) for a in letters for i, axis in enumerate("xyz")}
    with view_builder.connect(
        landmarks=pa.table(columns),
        reaction=pa.table(reaction),
        trials=view_builder.table("trials", [KEY]),
        subjects=view_builder.table("subjects", [{"subject": "S01", "sex": "m"}]),
        force_plates=view_builder.table("force_plates", [{**KEY, "plate": 1, "type": 2, "rate_hz": 1.0, "start_s": 0.0, "threshold_n": 20.0,
                                                          "is_flipped": False, "returns_to_zero": True}]),
        calibrations=view_builder.table("calibrations", [{**KEY, "parameter": "body_mass", "side": "", "value": mass_kg}]),
        only=["_joint_moments"],
    ) as connection:  # fmt: skip
        query = f"SELECT * FROM _joint_moments('reaction', '{inertia}', '{axes}', 'same') WHERE side = '{SIDE}' ORDER BY frame"
        rows = connection.sql(query).to_arrow_table()
    return {
        name: rows[name].to_numpy() for name in rows.column_names if name.endswith(("_nm", "_w", "time_s", "frame"))
    }


def _named() -> list[str]:
    """The columns of landmarks that the step reads, beside the keys."""
    words = views.words_of(views.sources()["_joint_moments"])
    points = (w for w in words if w.startswith(("left_", "right_", "pelvis_")) and not w.endswith("_q"))
    return [*sorted(points), "facing_deg"]
