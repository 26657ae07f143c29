"""Events and cycles of people who do not walk like the norm, in captures as labs have them: none missed, none invented.

The truth is that of simulated feet (tests/builders/path_walker.py), with 1 mm of noise and the filter of ingest. A missed event is
one at least 0.15 s inside the data without one of ours within 0.1 s; an invented one lies between the first and last event
of its foot with no true one within 0.1 s.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from neurostore.ingest.landmarks import filters
from tests.builders import view_builder
from tests.builders.path_walker import Person, straight, there_and_back, walk

FLAT = {"strike_pitch": (0.0, 0.0), "off_pitch": (-8.0, -8.0)}
SHUFFLE = {"stance": (0.72, 0.72), "clear_m": (0.008, 0.008), **FLAT}
CHILD = {"cadence": 160.0, "foot_m": 0.11, "pelvis_m": 0.5, "width_m": 0.08, "clear_m": (0.03, 0.03)}
DRAG = {
    "cadence": 70.0, "stance": (0.75, 0.58), "right_at": 0.58, "clear_m": (0.03, 0.0), "around_m": (0.0, 0.1),
    "strike_pitch": (10.0, -5.0), "off_pitch": (-40.0, -12.0),
}  # fmt: skip
STANDING = Person(speed_m_s=0.0, clear_m=(0.0, 0.0), strike_pitch=(0.0, 0.0), off_pitch=(0.0, 0.0))


@dataclass
class Case:
    """seen : landmark -> (from, to) in seconds, what is left of it. holes : the length in frames of a gap at each event."""

    person: Person = field(default_factory=Person)
    how: dict = field(default_factory=dict)
    seen: dict = field(default_factory=dict)
    holes: int = 0
    at_least: int = 3  # steady cycles
    median_ms: float = 50.0


CASES = {
    **{f"{rate} Hz": Case(how={"rate_hz": float(rate)}) for rate in (50, 60, 100, 200, 250)},
    **{f"heading {h}": Case(how={"path": straight(h)}) for h in (-90, 180, 215)},
    **{f"child at {v} m/s": Case(Person(speed_m_s=v, **CHILD), median_ms=25) for v in (0.3, 0.6, 0.9)},
    **{
        f"shuffle at {v} m/s, {c:.0f} steps/min": Case(Person(speed_m_s=v, cadence=c, **SHUFFLE), {"seconds": 8.0})
        for v in (0.2, 0.3, 0.4)
        for c in (60.0, 90.0, 120.0)
    },
    "toe walking": Case(Person(0.9, 120.0, strike_pitch=(-20, -20), flat_pitch=(-15, -15), off_pitch=(-50, -50))),
    "one foot on its toes": Case(Person(0.9, 120.0, strike_pitch=(-20, 15), flat_pitch=(-15, 0), off_pitch=(-50, -50))),
    "stance 70 and 50": Case(Person(0.7, 90.0, stance=(0.7, 0.5), right_at=0.6)),
    "one foot dragged": Case(Person(0.4, **DRAG), median_ms=70),
    "there and back": Case(Person(1.0), {"path": there_and_back(), "seconds": 8.0}, at_least=6),
    "there and back on the spot": Case(
        Person(0.8, 100.0), {"path": there_and_back(radius_m=0.15), "seconds": 8.0}, at_least=4
    ),
    **{
        f"treadmill at {v} m/s": Case(Person(v, 60 + 50 * v), {"is_treadmill": True, "seconds": 6.0}, median_ms=60)
        for v in (0.3, 0.6, 1.2)
    },
    "running": Case(
        Person(3.0, 165.0, stance=(0.35, 0.35), clear_m=(0.1, 0.1), strike_pitch=(10, 10)), at_least=0, median_ms=60
    ),
    **{f"2 s from {s}": Case(how={"seconds": 2.0, "start": s}, at_least=1) for s in (0.0, 0.25, 0.5, 0.75)},
    "markers vanish at the ends": Case(
        how={"seconds": 3.5},
        seen={
            "left_heel": (0.3, 3.2), "left_toe": (0.1, 3.3), "right_heel": (0.2, 3.4), "right_toe": (0.4, 3.1),
            "pelvis": (0.25, 3.25), "left_hip": (0.25, 3.4), "right_hip": (0.1, 3.25),
        },
    ),
    "pelvis seen after the feet": Case(seen=dict.fromkeys(("pelvis", "left_hip", "right_hip"), (0.24, 4.76))),
    "five frames lost at every event": Case(holes=5),
    "five frames lost at every event at 40 Hz": Case(how={"rate_hz": 40.0}, holes=5, at_least=0),
}  # fmt: skip


def made(case: Case, seed: int):
    """(time_s, cleaned points, true events that the data can show)."""
    time, points, truth = walk(case.person, **case.how)
    rng = np.random.default_rng(seed)
    rate = case.how.get("rate_hz", 120.0)
    points = {name: p + rng.normal(0, 1, p.shape) for name, p in points.items()}
    for name, (start, end) in case.seen.items():
        points[name][(time < start) | (time > end)] = np.nan
    for side, _, at in truth if case.holes else []:
        first = round(at * rate) - case.holes // 2
        for name in (f"{side}_heel", f"{side}_toe"):
            points[name][max(first, 0) : max(first + case.holes, 0)] = np.nan
    names = list(points)
    cleaned = filters.clean(np.stack([points[n] for n in names], 1), time, rate, 6.0).values
    return time, dict(zip(names, np.moveaxis(cleaned, 1, 0), strict=True)), truth


@pytest.fixture(scope="module")
def truths():
    return {name: made(case, seed) for seed, (name, case) in enumerate(CASES.items())}


@pytest.fixture(scope="module")
def found(truths):
    """Events and cycles of every case, asked for at once: each case is a trial."""
    trials = {f"t{i}": name for i, name in enumerate(truths)}
    still, _, _ = walk(STANDING)
    extra = {"standing": walk(STANDING)[1], "on the spot": walk(Person(speed_m_s=0.0, clear_m=(0.1, 0.1)))[1]}
    parts = [(name, *truths[name][:2]) for name in truths] + [(name, still, p) for name, p in extra.items()]
    keys = {name: key for key, name in trials.items()} | {"standing": "standing", "on the spot": "spot"}
    tables = view_builder.together(
        *(
            {
                "landmarks": view_builder.landmarks(time, points, trial=keys[name]),
                "trials": view_builder.table("trials", [view_builder.trial_row(trial=keys[name])]),
            }
            for name, time, points in parts
        )
    )
    connection = view_builder.connect(only=["gait_cycles", "gait_events"], **tables)
    events, cycles = {n: [] for n in keys}, {n: [] for n in keys}
    names = {key: name for name, key in keys.items()}
    for trial, *event in connection.execute("SELECT trial, side, event, time_s FROM gait_events").fetchall():
        events[names[trial]].append(tuple(event))
    for trial, *cycle in connection.execute("SELECT trial, side, is_steady, reason FROM gait_cycles").fetchall():
        cycles[names[trial]].append(tuple(cycle))
    return events, cycles


@pytest.mark.parametrize("name", CASES)
def test_no_event_is_missed_or_made_up(name, truths, found):
    case, ours = CASES[name], found[0][name]
    time, points, truth = truths[name]
    errors = []
    for side in ("left", "right"):
        own = [points[f"{side}_heel"][:, 0], points[f"{side}_toe"][:, 0]]
        seen = time[np.isfinite(own).all(axis=0)]
        true = [(event, t) for s, event, t in truth if s == side]
        if case.holes * (1 / case.how.get("rate_hz", 120.0)) <= filters.MAX_GAP_S:
            for event, t in true:
                near = [u for s, e, u in ours if (s, e) == (side, event) and abs(u - t) < 0.1]
                assert len(near) == 1 or min(t - seen[0], seen[-1] - t) < 0.15, (side, event, t)
                errors += [abs(u - t) for u in near]
        for s, event, u in ours:
            if s == side and true[0][1] <= u <= true[-1][1]:
                assert any(e == event and abs(u - t) < 0.1 for e, t in true), (side, event, u)
    assert not errors or 1000 * np.median(errors) <= case.median_ms


@pytest.mark.parametrize("name", CASES)
def test_cycles_are_right_or_have_a_reason(name, found):
    cycles = found[1][name]
    assert sum(steady for _, steady, _ in cycles) >= CASES[name].at_least
    assert all(steady or reason for _, steady, reason in cycles)
    if name == "running":
        assert cycles
        assert all("running" in reason for _, _, reason in cycles)


def test_standing_and_stepping_on_the_spot_are_not_walking(found):
    events, cycles = found
    assert events["standing"] == []
    assert all(not steady and reason for _, steady, reason in cycles["on the spot"])
