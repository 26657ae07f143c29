"""Cycles from stored curves are those from frames, also at gaps, at the end of a trial and beside missing angles."""

from __future__ import annotations

import duckdb
import numpy as np
import polars as pl
import pytest

from neurostore.distances.choice import Choice
from neurostore.distances.sampling import read_samples
from neurostore.sql import views

RATE = 50.0
ANGLES = {name: f'"{name}"' for name in ("left_hip_flexion_deg", "left_knee_flexion_deg", "left_hip_flexion_rel_deg")}


class Lake:
    """Joint angles and cycles, and the curves that queries/ makes of them, kept or not."""

    def __init__(self, frames, cycles, is_kept):
        self.is_kept, self.asked = is_kept, []
        self.connection = duckdb.connect()
        trials = frames.group_by("subject").agg(n_frames=pl.len())
        others = {c.name for c in views.declared()["joint_angles"].columns} - set(frames.columns)
        frames = frames.with_columns(pl.lit(None, pl.Float64).alias(name) for name in sorted(others))
        for name, rows in (("joint_angles", frames), ("gait_cycles", cycles), ("trials", trials)):
            self.connection.register("_given", rows.to_arrow())
            self.connection.execute(f"CREATE TABLE {name} AS FROM _given")
            self.connection.unregister("_given")
        self.connection.execute("CREATE VIEW landmarks AS FROM joint_angles")  # the same frames
        views.register_base(self.connection, {"macros"})
        views.create(self.connection, "_cycle_curves", views.sources()["_cycle_curves"])
        self.connection.execute(
            "CREATE VIEW _source_cycles AS FROM _cycle_curves('gait_cycles', 1) LIMIT 0"
        )  # no files of curves
        views.create(self.connection, "cycle_curves", views.sources()["cycle_curves"])

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.connection.close()

    def reads_results(self):
        return self.is_kept

    def sql(self, query, params=None):
        if "FROM joint_angles" in query:
            self.asked.append((params["first"], params["last"]))
        return self.connection.sql(query, params=params).pl()


def frames_of(subject, n=200, missing=(), left_out=()):
    """Frames of a trial: a knee that is missing at some, and frames that are left out."""
    time = np.arange(n) / RATE
    knee = [None if k in missing else 30 + 25 * np.sin(4 * t + len(subject)) for k, t in enumerate(time)]
    rows = pl.DataFrame(
        {
            "subject": subject,
            "session": "",
            "trial": "walk",
            "person": 0,
            "frame": np.arange(n),
            "time_s": time,
            "left_hip_flexion_deg": 20 * np.cos(3 * time),
            "left_knee_flexion_deg": pl.Series(knee, dtype=pl.Float64),
            "left_hip_flexion_rel_deg": pl.Series([None] * n, dtype=pl.Float64),
        }
    )
    return rows.filter(~pl.col("frame").is_in(list(left_out)))


def cycles_of(subject, *spans):
    keys = {"subject": subject, "session": "", "trial": "walk", "person": 0, "side": "left", "is_steady": True}
    return [{**keys, "cycle": k, "start_s": start, "end_s": end} for k, (start, end) in enumerate(spans)]


@pytest.fixture
def frames():
    return pl.concat(
        [
            frames_of("A"),
            frames_of("B", missing=range(101, 120)),  # the first cycle ends at the last frame before them
            frames_of("C", left_out=range(60, 70)),  # a gap of 0.22 s
            frames_of("DD"),
        ]
    )


@pytest.fixture
def cycles():
    spans = ((0.513, 1.487), (1.487, 2.5), (2.6, 3.7))
    rows = cycles_of("A", *spans) + cycles_of("B", (1.0, 2.0), *spans[1:]) + cycles_of("C", *spans)
    return pl.DataFrame(rows + cycles_of("DD", (2.9, 3.98)))  # ends with the trial, at its last frame


def samples_of(lake, cycles):
    read = list(read_samples(lake, Choice(unit="cycle"), pl.DataFrame(), cycles, "joint_angles", ANGLES))
    return np.array([times for times, _ in read]), np.array([values for _, values in read])


def test_stored_curves_are_those_from_frames(frames, cycles):
    with Lake(frames, cycles, True) as kept, Lake(frames, cycles, False) as computed:
        times, values = samples_of(kept, cycles)
        expected_times, expected = samples_of(computed, cycles)
    assert values.shape == (10, 101, 3)
    np.testing.assert_allclose(times, expected_times, rtol=0, atol=1e-12)
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-9)
    whole = np.isfinite(expected[..., 1]).all(axis=1)
    assert whole.tolist() == [True, True, True, True, False, True, False, True, True, True]


def test_only_cycles_known_in_part_are_read_from_frames(frames, cycles):
    with Lake(frames, cycles, True) as kept:
        samples_of(kept, cycles)
        assert kept.asked == [("B", "DD")]
        kept.asked.clear()
        samples_of(kept, cycles.filter(pl.col("subject") == "A"))
        assert kept.asked == []


def test_rows_in_any_order_give_the_same(frames, cycles):
    class Shuffled(Lake):
        def sql(self, query, params=None):
            rows = super().sql(query, params)
            return rows.sample(fraction=1.0, shuffle=True, seed=4) if "FROM cycle_curves" in query else rows

    with Shuffled(frames, cycles, True) as kept, Lake(frames, cycles, True) as other:
        np.testing.assert_array_equal(samples_of(kept, cycles)[1], samples_of(other, cycles)[1])
