"""trial_quality names EMG channels and platforms that cannot be trusted, and a body mass that is none."""

from __future__ import annotations

import pytest

from neurostore.walker import gait
from neurostore.walker import walk as walker
from tests.builders import view_builder


def _channel(index: int, channel: str, problem: str | None, trial: str) -> dict:
    values = {"start_s": 0.0, "rate_hz": 200.0, "envelope": [], "on_s": [], "off_s": []}
    return {
        **view_builder.KEY,
        "trial": trial,
        "channel_index": index,
        "channel": channel,
        "problem": problem,
        **values,
    }


def _plate(plate: int, returns_to_zero: bool, trial: str) -> dict:
    values = {"type": 2, "rate_hz": 1000.0, "start_s": 0.0, "threshold_n": 20.0, "is_flipped": False}
    return {**view_builder.KEY, "trial": trial, "plate": plate, "returns_to_zero": returns_to_zero, **values}


@pytest.fixture(scope="module")
def rows():
    walk = walker.walk(gait.normal(), n_strides=2, rate_hz=50.0)
    parts = [view_builder.of_walk(walk, trial=t) for t in ("bad", "good")]
    parts.append(view_builder.of_walk(walk, row={"kind": "static"}, trial="standing"))
    emg = [
        _channel(1, "L_RF", "dead: the signal does not change", "bad"),
        _channel(2, "R_RF", None, "bad"),
        _channel(3, "L_TA", "hum: 80 % of its power is at the mains frequency", "bad"),
        _channel(1, "L_RF", None, "good"),
        _channel(1, "L_RF", "dead: the signal does not change", "standing"),
        _channel(2, "L_TA", "hum: 80 % of its power is at the mains frequency", "standing"),
    ]
    plates = [_plate(1, True, "bad"), _plate(2, False, "bad"), _plate(1, True, "good"), _plate(1, False, "standing")]
    masses = [
        {**view_builder.KEY, "trial": "bad", "person": 0, "parameter": "body_mass", "value": 700.0, "unit": "kg"},
        {**view_builder.KEY, "trial": "good", "person": 0, "parameter": "body_mass", "value": 70.0, "unit": "kg"},
    ]
    return view_builder.together(*parts), emg, plates, masses


def _quality(rows, n_masses: int) -> dict[str, dict]:
    tables, emg, plates, masses = rows
    with view_builder.connect(
        only=["trial_quality", "joint_angles"],
        emg=view_builder.table("emg", emg),
        force_plates=view_builder.table("force_plates", plates),
        calibrations=view_builder.table("calibrations", masses[:n_masses]),
        **tables,
    ) as connection:
        found = connection.sql("SELECT * FROM trial_quality").to_arrow_table().to_pylist()
    return {row["trial"]: row for row in found}


def test_the_verdict_names_channels_and_platforms_and_no_others(rows):
    bad, good = (_quality(rows, 2)[t] for t in ("bad", "good"))
    assert (bad["has_bad_emg"], bad["has_bad_plates"]) == (True, True)
    assert "L_RF (dead" in bad["verdict"]
    assert "L_TA (hum" in bad["verdict"]
    assert "R_RF" not in bad["verdict"]
    assert "never returns to zero: force platform 2." in bad["verdict"]
    assert (good["has_bad_emg"], good["has_bad_plates"], good["has_no_body_mass"]) == (False, False, False)
    assert "EMG" not in good["verdict"]


def test_a_person_who_stands_on_a_platform_is_no_fault_of_it_nor_hum_at_rest(rows):
    standing = _quality(rows, 2)["standing"]
    assert (standing["has_bad_emg"], standing["has_bad_plates"]) == (True, False)
    assert "L_RF (dead" in standing["verdict"]
    assert "L_TA" not in standing["verdict"]
    assert "force platform" not in standing["verdict"]


def test_a_body_mass_of_700_kg_is_none(rows):
    found = _quality(rows, 1)
    assert [found[t]["has_no_body_mass"] for t in ("bad", "good")] == [True, True]
    assert "No body mass between 2 and 400 kg" in found["bad"]["verdict"]
