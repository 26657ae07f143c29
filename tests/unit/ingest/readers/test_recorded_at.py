"""The date that a file states: read where it can be read in one way, and after the tables of the cohort."""

from __future__ import annotations

import pytest

from neurostore.api import open as open_lake
from neurostore.ingest.pipeline import ingest
from neurostore.ingest.readers import mvnx
from neurostore.ingest.readers.recorded_at import of_milliseconds, time_of
from neurostore.ingest.recording import ReadOptions
from tests.builders import c3d_files


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2020-01-31", "2020-01-31T00:00:00"),
        ("2020-01-31T10:30:05", "2020-01-31T10:30:05"),
        ("2020/1/3 09:05", "2020-01-03T09:05:00"),
        ("31-Jan-2020 10:30:05", "2020-01-31T10:30:05"),
        ("31 January 2020", "2020-01-31T00:00:00"),
        ("Fri Jan 31 10:30:00.000 2020", "2020-01-31T10:30:00"),
        ("03/04/2020", None),  # the third of April or the fourth of March
        ("31.01.20", None),
        ("2020-13-31", None),
        ("1900-01-01", None),
        ("9999-01-01", None),
        ("", None),
    ],
)
def test_a_date_is_read_where_there_is_one_way_to_read_it(text, at):
    assert time_of(text) == at


def test_milliseconds_of_1970():
    assert of_milliseconds("1580467800000") == "2020-01-31T10:50:00"  # date -u -d @1580467800
    assert of_milliseconds("-1") is None


def write(cohort, session, **trial):
    path = cohort / "S1" / session / "walk.c3d"
    path.parent.mkdir(parents=True, exist_ok=True)
    given = {("TRIAL", name): [value] for name, value in trial.items()}
    return c3d_files.write(path, c3d_files.walker(60), c3d_files.LEGS, parameters=given)


def times(path):
    rows = open_lake(path).trials_table().to_pylist()
    return {r["session"]: (r["acq_time"], [n for n in r["notes"] if "acq_time" in n]) for r in rows}


def test_sessions_are_ordered_by_the_files_own_date_until_a_table_states_another(tmp_path):
    cohort, path = tmp_path / "cohort", tmp_path / "lake"
    write(cohort, "pre", DATE="2024-03-04", TIME="10:00:00")
    write(cohort, "post", DATE="2024-05-06")
    write(cohort, "later", DATE="03/04/2020")
    ingest(cohort, path, n_workers=1)
    found = times(path)
    own = "acq_time is the recording's own date (TRIAL:DATE), because no table gives one"
    assert found["pre"] == ("2024-03-04T10:00:00", [own])
    assert found["post"] == ("2024-05-06T00:00:00", [own])
    assert found["later"][0] is None
    assert "'03/04/2020', which can be read in two ways" in found["later"][1][0]
    assert ingest(cohort, path, n_workers=1).updated == []

    table = cohort / "sessions.tsv"
    table.write_text("subject\tsession\tacq_time\nS1\tpre\t2024-07-01\n")
    assert ingest(cohort, path, n_workers=1).updated == [("S1", "pre", "walk")]
    assert times(path)["pre"][0] == "2024-07-01T00:00:00"
    table.unlink()
    ingest(cohort, path, n_workers=1)
    assert times(path)["pre"][0] == "2024-03-04T10:00:00"


SEGMENTS = ("Pelvis", *(f"{side}{name}" for side in ("Right", "Left") for name in ("UpperLeg", "LowerLeg", "Foot")))


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ('recDate="Fri Jan 31 10:30:00.000 2020" recDateMSecsSinceEpoch="1580467800000"', "2020-01-31T10:30:00"),
        ('recDate="31.01.20" recDateMSecsSinceEpoch="1580467800000"', "2020-01-31T10:50:00"),
        ("", None),
    ],
)
def test_an_mvnx_file_states_the_date_of_its_recording(said, at, tmp_path):
    path = tmp_path / "walk.mvnx"
    segments = "".join(f'<segment id="{i}" label="{name}"/>' for i, name in enumerate(SEGMENTS))
    pose = " ".join(["1 0 0 0"] * len(SEGMENTS)), " ".join(f"0 0 {z}" for z in (0.9, 0.9, 0.5, 0.1, 0.9, 0.5, 0.1))
    frame = f'<frame type="normal"><orientation>{pose[0]}</orientation><position>{pose[1]}</position></frame>'
    path.write_text(
        f'<mvnx><subject label="P1" frameRate="60" {said}><segments>{segments}</segments>'
        f"<frames>{3 * frame}</frames></subject></mvnx>"
    )
    steps = {s.name: s.parameters for s in mvnx.read(path, ReadOptions()).steps}
    assert steps.get("recorded_at", {}).get("acq_time") == at
