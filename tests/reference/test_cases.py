"""The made-up files of shared/cases, each of which was once read wrongly: all of them, in one lake."""

from __future__ import annotations

import runpy
import shutil
import sys

import pytest

import neurostore
from neurostore.ingest.pipeline import ingest
from tests.shared_data import SHARED

CASES = SHARED.parent / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason=f"no cases at {CASES}")
WALKER = (
    (5, 59),
    (5, 59),
    (-14, 11),
)  # knees and right ankle of the walker, from its positions; cases write 2 degrees less
#: trial to the ranges of left knee, right knee and right ankle in degrees; None where an angle must not be given
RANGES = {
    "analog_offset_as_float/walk": WALKER,
    "bvh_twist_without_meaning/plain": ((6, 62), (6, 62), None),
    "bvh_twist_without_meaning/twisted": ((6, 62), (6, 62), None),
    "formats_nobody_reads/walk_01": WALKER,
    "header_counts_channels/word_is_channels": WALKER,
    "header_counts_channels/word_is_samples": WALKER,
    "helen_hayes_four_letters/four_letters": WALKER,
    "helen_hayes_four_letters/long_names": WALKER,
    "labels_without_description/walk": WALKER,
    "long_description/walk": WALKER,
    "qtm_y_screen_minus_z/as_qtm_writes": ((2, 58), (2, 58), (-15, 10)),
    "qtm_y_screen_minus_z/plug_in_gait_names": WALKER,
    "skin_markers_as_centres/cmu_53": ((2, 58), (2, 58), (-15, 10)),
    "slow_clock/at_12_hz": ((5, 60), (5, 60), (-14, 11)),
    "wand_on_the_shin/lateral_wands": WALKER,
    "wand_on_the_shin/walk": ((5, 59), (6, 60), (-14, 12)),
    "xsens_c3d_names/mvn": ((3, 58), (3, 58), (-15, 10)),
}
POSITIONS_ALONE = ("bvh_one_row_more", "numbers_for_names")


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """(lake, report of the ingest); a case is a subject, without the underscores."""
    root = tmp_path_factory.mktemp("cases")
    shutil.copytree(CASES, root / "made", ignore=shutil.ignore_patterns("cohort", "__pycache__"))
    before = set(sys.modules), list(sys.path)
    try:
        for make in sorted((root / "made").glob("*/make.py")):
            runpy.run_path(str(make))
            for folder in sorted((make.parent / "cohort").iterdir()):
                other = "" if folder.name == "S01" else folder.name
                shutil.copytree(folder, root / "cohort" / f"{make.parent.name.replace('_', '')}{other}")
    finally:
        sys.path[:] = before[1]
        for name in set(sys.modules) - before[0]:
            if name.startswith("tiny"):
                del sys.modules[name]
    report = ingest(root / "cohort", root / "lake")
    return neurostore.open(root / "lake"), report


def test_angles_are_those_of_the_walker(read):
    lake, _ = read
    columns = ("left_knee_flexion_deg", "right_knee_flexion_deg", "right_ankle_dorsiflexion_deg")
    ends = ", ".join(f"min({c}), max({c})" for c in columns)
    rows = lake.sql(f"SELECT subject, trial, {ends} FROM joint_angles GROUP BY ALL").rows()
    found = {(subject, trial): values for subject, trial, *values in rows}
    for name, expected in RANGES.items():
        case, _, trial = name.partition("/")
        values = found[case.replace("_", ""), trial]
        for k, ends in enumerate(expected):
            if ends is not None:
                assert values[2 * k : 2 * k + 2] == pytest.approx(ends, abs=1.0), (name, columns[k])


def test_walks_have_their_speed_and_the_feet_their_sides(read):
    lake, _ = read
    query = "SELECT subject, trial, median(walking_speed_m_s), median(step_width_m) FROM spatiotemporal WHERE is_steady GROUP BY ALL"
    rows = lake.sql(query).rows()
    assert {(case.replace("_", ""), trial) for case, _, trial in (n.partition("/") for n in RANGES)} <= {
        r[:2] for r in rows
    }
    for subject, trial, speed, width in rows:
        assert speed == pytest.approx(1.2, abs=0.1 if trial == "at_12_hz" else 0.03), (subject, trial)
        assert width == pytest.approx(0.175, abs=0.01), (subject, trial)


def test_what_has_no_skeleton_keeps_its_positions_and_is_not_called_usable(read):
    lake, _ = read
    rows = lake.sql(
        "SELECT subject, trial, n_frames, verdict FROM trials JOIN trial_quality USING (subject, session, trial)"
    ).rows()
    verdicts = {(subject, trial): (n, verdict) for subject, trial, n, verdict in rows}
    for case in POSITIONS_ALONE:
        mine = [row for (subject, _), row in verdicts.items() if subject == case.replace("_", "")]
        assert mine, case
        assert all(n > 0 and verdict.startswith("Check first") for n, verdict in mine), case
    assert verdicts["bvhonerowmore", "walk"][0] == 10
    assert verdicts["theiarotations", "walk"][1].startswith("Do not use")  # its rotations are all the identity
    assert verdicts["wandontheshin", "walk"][1].startswith("Usable")


def test_up_is_one_in_a_session(read):
    lake, _ = read
    rows = lake.sql("SELECT trial, steps FROM trials WHERE subject = 'sprintstartup' ORDER BY trial")["steps"].to_list()
    assert len(rows) == 2
    assert all('"up": "z"' in steps or '"up":"z"' in steps for steps in rows), rows


def test_what_is_refused_says_what_it_is(read):
    _, report = read
    refused = sorted(str(error) for error in report.failed)
    assert len(refused) == 3
    assert sum("pixel" in text and "_px_person00.trc" in text for text in refused) == 2
    assert sum("walk_04.mvnx" in text for text in refused) == 1
