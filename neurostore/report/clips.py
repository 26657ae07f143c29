"""Short films of skeletons for the player: the landmarks of a trial, thinned to about 25 frames per second, in 16 bits."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore.arrays import Floats, Ints
from neurostore.lake.queryable import Queryable
from neurostore.report.clip_forces import ClipForces, read_forces
from neurostore.schema import components_of

if TYPE_CHECKING:
    import polars as pl

RATE_HZ = 25.0
LONGEST_S = 60.0  # duration of a clip, from the start of the trial
BUDGET_BYTES = 4_000_000  # size of all clips of a report, before base64 adds a third
MISSING = -32768
LARGEST_MM = 32767

# Lines of the drawn body, by common names; a line whose ends the skeleton lacks is not drawn.
LINKS = (
    ("pelvis", "thorax"),
    ("thorax", "neck"),
    ("neck", "head"),
    *(
        (f"{s}_{a}", f"{s}_{b}")
        for s in ("left", "right")
        for a, b in (
            ("hip", "knee"),
            ("knee", "ankle"),
            ("ankle", "heel"),
            ("heel", "toe"),
            ("ankle", "toe"),
            ("shoulder", "elbow"),
            ("elbow", "wrist"),
            ("wrist", "hand"),
        )
    ),
    *(("pelvis", f"{s}_hip") for s in ("left", "right")),
    *(("neck", f"{s}_shoulder") for s in ("left", "right")),
)
POINTS = tuple(dict.fromkeys(name for link in LINKS for name in link))


@dataclass(frozen=True)
class Clip:
    """The skeleton of one trial.

    Attributes
    ----------
    points : names, those that occur in the trial. time_s : (n,) seconds on the trial's clock.
    positions : (n, points, 3) int16 mm, x and z from the origin_mm; MISSING where unknown. forces : of its platforms, if any.
    """

    subject: str
    session: str
    trial: str
    points: tuple[str, ...]
    time_s: Floats
    positions: Ints
    origin_mm: tuple[float, float, float]
    forces: ClipForces | None = None

    def to_json(self) -> dict[str, Any]:
        """What the page's player reads: links as indices of points, positions as base64 of little-endian int16."""
        index = {name: i for i, name in enumerate(self.points)}
        pairs = LINKS if "neck" in index else [tuple("thorax" if n == "neck" else n for n in link) for link in LINKS]
        links = [[index[a], index[b], _side(a, b)] for a, b in pairs if a in index and b in index and a != b]
        return {
            "points": list(self.points),
            "links": links,
            "time_s": [round(float(t), 4) for t in self.time_s],
            "positions": base64.b64encode(self.positions.astype("<i2").tobytes()).decode("ascii"),
            **({"forces": self.forces.to_json(self.origin_mm)} if self.forces else {}),
        }


def read_clips(lake: Queryable, trials: pl.DataFrame) -> list[Clip]:
    """Clips of as many of the trials as the budget holds: first the best of each subject and session, then the others.

    Parameters
    ----------
    lake : anything with ``sql``. trials : rows of ReportData.trials.
    """
    chosen = _within_budget(trials)
    if not chosen.height:
        return []
    joints = ", ".join(f'"{name}"' for name in POINTS)
    keys = {"subjects": chosen["subject"].to_list(), "sessions": chosen["session"].to_list()}
    rows = lake.sql(
        f"""
        WITH chosen AS (SELECT unnest($subjects) AS subject, unnest($sessions) AS session, unnest($trials) AS trial),
        timed AS (
            SELECT subject, session, trial, frame, time_s, {joints}, round(trials.rate_hz / {RATE_HZ})::INTEGER AS step,
                min(time_s) OVER (PARTITION BY subject, session, trial) AS first_s
            FROM landmarks INNER JOIN trials USING (subject, session, trial) INNER JOIN chosen USING (subject, session, trial)
            WHERE person = 0
        )
        SELECT * EXCLUDE (step, first_s) FROM timed
        WHERE frame % greatest(step, 1) = 0 AND time_s - first_s <= {LONGEST_S} ORDER BY subject, session, trial, frame
        """,
        {**keys, "trials": chosen["trial"].to_list()},
    )
    forces = read_forces(lake, list(chosen.select("subject", "session", "trial").iter_rows()), RATE_HZ)
    clips = []
    for (subject, session, trial), part in rows.group_by("subject", "session", "trial", maintain_order=True):
        xyz = {
            n: components_of(part[n].to_arrow()).astype(np.float64)
            for n in POINTS
            if part[n].null_count() < part.height
        }
        if xyz:
            clip = _clip((subject, session, trial), part["time_s"].to_numpy(), xyz)
            clips.append(replace(clip, forces=forces.get((clip.subject, clip.session, clip.trial))))
    return clips


def _within_budget(trials: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    seconds = pl.min_horizontal("duration_s", pl.lit(LONGEST_S))
    ranked = (
        trials.filter(pl.col("kind") != "angles")
        .with_columns((seconds * RATE_HZ * len(POINTS) * 6).alias("bytes"))
        .sort("n_steady_cycles", descending=True, nulls_last=True, maintain_order=True)
        .with_columns(pl.int_range(pl.len()).over("subject", "session").alias("rank"))
        .sort("rank", maintain_order=True)
    )
    return ranked.filter((pl.col("bytes").cum_sum() <= BUDGET_BYTES) | (pl.int_range(pl.len()) == 0))


def _clip(keys: tuple[Any, ...], time_s: Floats, xyz: dict[str, Floats]) -> Clip:
    names = tuple(xyz)
    positions = np.stack([xyz[n] for n in names], axis=1)
    middle = np.nanmedian(positions[:, :, [0, 2]].reshape(-1, 2), axis=0)
    origin = (float(middle[0]), 0.0, float(middle[1]))
    shifted = positions - np.array(origin)
    known = np.isfinite(shifted) & (np.abs(shifted) <= LARGEST_MM)
    whole = known.all(axis=2, keepdims=True)
    coded = np.where(whole, np.rint(np.where(known, shifted, 0)), MISSING).astype(np.int16)
    subject, session, trial = map(str, keys)
    return Clip(subject, session, trial, names, time_s, coded, origin)


def _side(a: str, b: str) -> str:
    return next((side for side in ("left", "right") if a.startswith(side) or b.startswith(side)), "")
