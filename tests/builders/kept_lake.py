"""A small lake of walkers for tests of stored results: sessions, a review, a platform's event, a static trial."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neurostore.api import Lake
from neurostore.lake.commit import TrialTables
from neurostore.walker import gait
from neurostore.walker import walk as walker
from tests.builders import view_builder
from tests.builders.lake_builder import build_lake, trial

VIEWS = (
    "gait_events",
    "gait_cycles",
    "spatiotemporal",
    "cycle_curves",
    "trial_quality",
    "subject_summary",
    "gait_profile",
    "change",
    "event_agreement",
)


def walk_trial(
    subject: str, session: str, name: str, pattern: str = "normal", phase: float = 0.0, **row: Any
) -> TrialTables:
    """A trial of the analytic walker, four strides at 50 frames per second."""
    walk = walker.walk(gait.PATTERNS[pattern](), n_strides=4.0, rate_hz=50.0, start_phase=phase)
    points = view_builder.walk_points(walk)
    legs = [
        {"parameter": "leg_length", "side": s, "value": 880.0, "unit": "mm", "source": "file"}
        for s in ("left", "right")
    ]
    return trial(
        subject,
        name,
        session=session,
        time_s=walk.time_s,
        points=points,
        calibrations=legs,
        events=[{"side": "left", "event": "foot_strike", "label": "LFS", "time_s": 1.0 + phase}],
        row={"condition": "barefoot" if name.endswith("a") else "shod", **row},
    )


def kept_lake(folder: Path) -> Lake:
    """Three people, two sessions of the first, two trials a session."""
    trials = []
    for k, (subject, session, pattern) in enumerate(
        (("S1", "pre", "normal"), ("S1", "post", "normal"), ("S2", "pre", "crouch"), ("S3", "", "normal"))
    ):
        order = {"acq_time": f"2020-01-0{k + 1}T10:00:00"}
        trials += [
            walk_trial(subject, session, f"walk_{n}", pattern, 0.1 * k + 0.05 * i, **order) for i, n in enumerate("ab")
        ]
    people = [{"subject": s, "group": g, "height_m": 1.7} for s, g in (("S1", "CP"), ("S2", "CP"), ("S3", "control"))]
    return build_lake(folder, trials, people)


def rows_of(lake: Lake, view: str, where: str = "true") -> list[tuple[Any, ...]]:
    """The rows of a view in a fixed order, floats rounded to a nanounit: sums over rows may be in another order."""
    frame = lake.sql(f"SELECT * FROM {view} WHERE {where}")
    rows = (tuple(round(v, 9) if isinstance(v, float) else v for v in row) for row in frame.iter_rows())
    return [tuple(frame.schema.items()), *sorted(rows, key=repr)]
