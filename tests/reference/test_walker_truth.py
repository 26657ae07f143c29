"""The analytic walker, written as BVH, ingested and asked: angles, events, lengths and times come back as they were made."""

from __future__ import annotations

import numpy as np
import pytest

import neurostore
from neurostore.ingest.pipeline import ingest
from neurostore.ingest.pipeline.settings import Settings
from neurostore.walker import gait as gaits
from neurostore.walker import walk as walker
from neurostore.walker.bvh import write_bvh

HALF_A_FRAME_S = 0.5 / 120


@pytest.fixture(scope="module")
def walks():
    return {
        f"P{i}": walker.walk(make(), n_strides=6, heading_deg=50.0 * i - 20, origin_mm=(800.0 * i, -300.0))
        for i, make in enumerate(gaits.PATTERNS.values())
    }


@pytest.fixture(scope="module", params=[0.0, 6.0], ids=["unfiltered", "6 Hz"])
def lake(request, walks, tmp_path_factory):
    folder = tmp_path_factory.mktemp("walks")
    for subject, walk in walks.items():
        (folder / "cohort" / subject).mkdir(parents=True)
        write_bvh(walk, folder / "cohort" / subject / "walk.bvh")
    report = ingest(folder / "cohort", folder / "lake", Settings(cutoff_hz=request.param), n_workers=1)
    assert not report.failed
    lake = neurostore.open(folder / "lake")
    lake.cutoff_hz = request.param
    return lake


def test_angles(lake, walks):
    """Within 0.5 degrees RMS; a 6 Hz filter rounds the corners of knee and ankle at contact, where 0.8 is allowed."""
    allowed = 0.5 if lake.cutoff_hz == 0 else 0.8
    angles = lake.joint_angles()
    compared = 0
    for subject, walk in walks.items():
        mine = angles.filter(angles["subject"] == subject).sort("frame")
        assert mine.height == len(walk.time_s)
        for column, truth in walk.angles.items():
            relative = column.replace("_deg", "_rel_deg")
            name = column if column in mine.columns and mine[column].null_count() == 0 else relative
            if name not in mine.columns or mine[name].null_count():
                continue
            error = np.sqrt(np.mean((mine[name].to_numpy() - truth) ** 2))
            assert error < allowed, (subject, name, error)
            compared += 1
    assert compared >= 3 * 20


def test_strides(lake, walks):
    rows = lake.sql(
        "SELECT subject, side, count(*) AS n, avg(stride_length_m) AS stride, avg(cadence_steps_min) AS cadence, "
        "avg(walking_speed_m_s) AS speed FROM spatiotemporal WHERE is_steady GROUP BY ALL"
    )
    assert rows.height == 2 * len(walks)
    assert rows["n"].min() >= 4
    for subject, _, _, stride, cadence, speed in rows.iter_rows():
        gait = walks[subject].gait
        assert stride == pytest.approx(gait.stride_length_m, rel=0.01)
        assert cadence == pytest.approx(gait.cadence_steps_min, rel=0.01)
        assert speed == pytest.approx(gait.speed_m_s, rel=0.01)


def ankle_extremes(walk, side, event):
    """Exact times of the coordinate rule (Zeni 2008) on this walker: ankle or toe against the pelvis, sampled at 4800 Hz."""
    dense = walker.walk(walk.gait, n_strides=6, rate_hz=4800)
    part = "ankle" if event == "foot_strike" else "toe"
    ahead = (dense.joints[f"{side}_{part}"] - dense.joints["pelvis"])[:, 2]
    ahead = ahead if event == "foot_strike" else -ahead
    half = int(0.35 * walk.gait.stride_time_s * 4800)
    peaks = [i for i in range(half, len(ahead) - half) if ahead[i] == ahead[i - half : i + half + 1].max()]
    return dense.time_s[peaks]


def test_events(lake, walks):
    """The coordinate rule within half a frame of its exact extreme; the ensemble near the contact itself, none missed, none invented."""
    events = lake.sql("SELECT * FROM gait_events WHERE source = 'computed' AND NOT near_end")
    for subject, walk in walks.items():
        for side in gaits.SIDES:
            for event in ("foot_strike", "foot_off"):
                mine = events.filter(
                    (events["subject"] == subject) & (events["side"] == side) & (events["event"] == event)
                )
                contact = np.array([t for s, e, t in walk.events if (s, e) == (side, event)])
                found = mine["time_s"].to_numpy()
                off_ms = 1000 * np.abs(found[:, None] - contact).min(axis=1)
                assert off_ms.max() < 30, (subject, side, event, off_ms)
                inner = contact[(contact > 0.2) & (contact < walk.time_s[-1] - 0.2)]
                assert np.abs(inner[:, None] - found).min(axis=1).max() < 0.030, (subject, side, event)
                if lake.cutoff_hz == 0:
                    exact = ankle_extremes(walk, side, event)
                    inside = mine["zeni_s"].drop_nulls().to_numpy()
                    inside = inside[(inside > exact[0] - 0.1) & (inside < exact[-1] + 0.1)]
                    miss = np.abs(inside[:, None] - exact).min(axis=1)
                    assert miss.max() < HALF_A_FRAME_S, (subject, side, event, miss)
