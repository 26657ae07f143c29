"""Forces of platforms for the skeleton player: a vector per platform and frame from its centre of pressure, and the platforms."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurostore.arrays import Floats, Ints
from neurostore.lake.queryable import Queryable
from neurostore.trial_key import Key

LARGEST = 32767


@dataclass(frozen=True)
class ClipForces:
    """What the platforms of a trial measured.

    Attributes
    ----------
    corners_mm : (platforms, 12) x, y, z of four corners. time_s : (n,) on the trial's clock. plate : (n,) number of the
    platform. side : (n,) foot that the force is on as a whole; '' if the view ground_reaction gives no valid foot.
    cop_mm, force_n : (n, 3) centre of pressure and force on the person, lab frame, Y up.
    """

    corners_mm: Floats
    time_s: Floats
    plate: Ints
    side: tuple[str, ...]
    cop_mm: Floats
    force_n: Floats

    def to_json(self, origin_mm: tuple[float, float, float]) -> dict[str, Any]:
        """What the page's player reads; positions from the clip's origin, in 16 bits as the skeleton's."""
        origin = np.array(origin_mm)
        values = np.concatenate([self.cop_mm - origin, self.force_n], axis=1)
        coded = np.rint(np.clip(values, -LARGEST, LARGEST)).astype("<i2")
        return {
            "plates": np.rint(self.corners_mm.reshape(-1, 4, 3) - origin).astype(int).tolist(),
            "time_s": [round(float(t), 4) for t in self.time_s],
            "plate": self.plate.tolist(),
            "side": "".join(side[:1] or "-" for side in self.side),
            "values": base64.b64encode(coded.tobytes()).decode("ascii"),
        }


def read_forces(lake: Queryable, keys: Sequence[Key], rate_hz: float) -> dict[Key, ClipForces]:
    """Forces of at least 20 N of these trials, at about this many frames per second; trials without platforms are not in it."""
    if not keys:
        return {}
    chosen = {name: [key[i] for key in keys] for i, name in enumerate(("subjects", "sessions", "trials"))}
    named = "SELECT unnest($subjects) AS subject, unnest($sessions) AS session, unnest($trials) AS trial"
    plates = lake.sql(
        f"SELECT subject, session, trial, corners FROM force_plates SEMI JOIN ({named}) USING (subject, session, trial) "
        "WHERE corners IS NOT NULL ORDER BY subject, session, trial, plate",
        chosen,
    )
    if not plates.height:
        return {}
    rows = lake.sql(
        f"""
        WITH chosen AS ({named})
        SELECT frames.subject, frames.session, frames.trial, frames.plate, frames.time_s, feet.side,
            frames.centre.x + 1000.0 * frames.moment.z / frames.force.y AS x, frames.centre.y AS y,
            frames.centre.z - 1000.0 * frames.moment.x / frames.force.y AS z,
            frames.force.x AS fx, frames.force.y AS fy, frames.force.z AS fz
        FROM plate_frames AS frames INNER JOIN chosen USING (subject, session, trial)
        INNER JOIN trials USING (subject, session, trial)
        LEFT JOIN (SELECT * FROM ground_reaction WHERE is_valid) AS feet
            ON feet.subject = frames.subject AND feet.session = frames.session AND feet.trial = frames.trial
            AND feet.frame = frames.frame AND list_contains(feet.plates, frames.plate)
        WHERE frames.force.y >= 20 AND frames.frame % greatest(round(trials.rate_hz / $rate_hz)::INTEGER, 1) = 0
        ORDER BY frames.subject, frames.session, frames.trial, frames.plate, frames.frame
        """,
        {**chosen, "rate_hz": rate_hz},
    )
    corners = {key: part["corners"].to_list() for key, part in plates.group_by("subject", "session", "trial")}
    forces = {}
    for key, part in rows.group_by("subject", "session", "trial"):
        subject, session, trial = map(str, key)
        if key in corners:
            forces[subject, session, trial] = ClipForces(
                np.array(corners[key], float).reshape(-1, 12),
                part["time_s"].to_numpy(),
                part["plate"].to_numpy(),
                tuple(side or "" for side in part["side"]),
                part.select("x", "y", "z").to_numpy(),
                part.select("fx", "fy", "fz").to_numpy(),
            )
    return forces
