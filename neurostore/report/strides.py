"""Single strides: the curve of every gait cycle, for consistency plots, packed small for the page."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore.arrays import Floats
from neurostore.report.panels import PANELS, Panel
from neurostore.report.snapshot import Snapshot

if TYPE_CHECKING:
    import polars as pl

EVERY = 2  # percent of the cycle between two points of a stride on the page
SCALE = 0.02  # degrees per unit of the 16-bit values
FINE_SCALE = 0.001  # the same for moments, powers, forces and envelopes
MISSING = -32768
BUDGET_BYTES = 3_000_000  # size of all strides of a page, before base64 adds a third
MOST = 100  # strides of one side of a session; more cannot be distinguished in a figure


@dataclass(frozen=True)
class Stride:
    """One gait cycle. curves : name of a panel → (101,) values in its unit, NaN if there is none.

    relative : those of them that are change from the neutral pose.
    """

    trial: str
    side: str
    cycle: int
    start_s: float
    end_s: float
    is_steady: bool
    curves: dict[str, Floats]
    relative: frozenset[str] = frozenset()


def read_strides(snapshot: Snapshot, subjects: tuple[str, ...]) -> pl.DataFrame:
    """One row per gait cycle of these people: keys, start_s, end_s, is_steady, and a list of 101 values per angle.

    A column is named as the angle, with ``_rel`` for its change from the neutral pose.
    """
    columns = [(p, False) for p in PANELS] + [(p, True) for p in PANELS if p.may_be_relative]
    values = ", ".join(f"list({own_side(p, rel)} ORDER BY percent) AS {name_of(p, rel)}" for p, rel in columns)
    return snapshot.sql(
        f"SELECT subject, session, trials.condition, trial, curves.side, curves.cycle, cycles.start_s, cycles.end_s, "
        f"cycles.is_steady, {values} FROM cycle_curves AS curves INNER JOIN trials USING (subject, session, trial) "
        "INNER JOIN (SELECT * FROM gait_cycles WHERE person = 0) AS cycles USING (subject, session, trial, side, cycle) "
        "WHERE curves.person = 0 AND list_contains($subjects, subject) GROUP BY ALL "
        "ORDER BY subject, session, trial, side, cycle",
        {"subjects": list(subjects)},
    )


def own_side(panel: Panel, is_relative: bool) -> str:
    """SQL of a panel's angle for the side of the cycle; the rows of cycle_curves are called ``curves``."""
    left, right = (panel.column(side, is_relative) for side in ("left", "right"))
    return f"CASE curves.side WHEN 'left' THEN {left} ELSE {right} END" if left != right else left


def name_of(panel: Panel, is_relative: bool) -> str:
    """The name of a panel's curve in frames."""
    return f"{panel.angle}{'_rel' if is_relative else ''}"


def spread_out(strides: list[Stride], most: int) -> list[Stride]:
    """At most this many strides, spread evenly over the list."""
    if len(strides) <= most:
        return strides
    return [strides[round(i * (len(strides) - 1) / max(most - 1, 1))] for i in range(most)]


def most_of_a_side(n_strides: list[int], n_curves: int) -> int:
    """How many strides of each side of a session the page has room for.

    Parameters
    ----------
    n_strides : of each side of each session. n_curves : of a stride.
    """
    room = BUDGET_BYTES // (2 * len(range(0, 101, EVERY)) * max(n_curves, 1))
    most = MOST
    while most > 1 and sum(min(n, most) for n in n_strides) > room:
        most -= 1
    return most


def packed(strides: list[Stride], places: dict[str, str]) -> dict[str, Any]:
    """Strides as the page's script reads them.

    Parameters
    ----------
    places : trial → id of its element in the page.

    Returns
    -------
    ``strides``: [element of the trial, side, cycle, start_s, end_s] each; ``curves``: panel → base64 of int16, stride by
    stride, every second percent, in steps of ``scales``, by panel.
    """
    angles = {panel.angle for panel in PANELS}
    names = dict.fromkeys(name for stride in strides for name in stride.curves)
    scales = {name: SCALE if name in angles else FINE_SCALE for name in names}
    return {
        "scales": scales,
        "every": EVERY,
        "strides": [[places[s.trial], s.side, s.cycle, round(s.start_s, 4), round(s.end_s, 4)] for s in strides],
        "curves": {name: _coded([s.curves.get(name) for s in strides], scales[name]) for name in names},
    }


def _coded(curves: list[Floats | None], scale: float) -> str:
    nothing = np.full(101, np.nan)
    values = np.stack([nothing if c is None else c for c in curves])[:, ::EVERY] / scale
    is_known = np.isfinite(values) & (np.abs(values) < -MISSING)
    coded = np.where(is_known, np.rint(np.where(is_known, values, 0)), MISSING).astype("<i2")
    return base64.b64encode(coded.tobytes()).decode("ascii")
