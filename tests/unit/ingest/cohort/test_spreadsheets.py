"""Tables as people's spreadsheets write them: nothing is lost, inferences are reported, and cells are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurostore.ingest.cohort.scan import scan


def make(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    return folder


def rows(cohort):
    return {s["subject"]: s for s in cohort.subjects}


TABLE = "participant_id;group;sex;age;height_m;mass_kg;score\nS01;patient;m;41,5;1,78;80,5;31,5\nS02;control;M;38;1,65;60;7\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("participants.csv", TABLE.encode()),
        ("participants.csv", b"\xef\xbb\xbf" + TABLE.encode()),
        ("participants.csv", TABLE.replace("control", "gesünd").encode("cp1252")),
        ("participants.csv", TABLE.encode("utf-16")),
        ("participants.csv", b"sep=;\r\n" + TABLE.replace("\n", "\r\n").encode()),
        ("participants.csv", TABLE.replace(",", ".").replace(";", ",").encode()),
        ("participants.csv", TABLE.replace(";", "\t").encode()),
        ("participants.tsv", TABLE.replace(";", "\t").encode()),
        ("participants.tsv", TABLE.replace(";", "\t").replace("participant_id", "Subject").encode()),
        ("participants.csv", TABLE.replace("\n", ";;\n").encode()),
    ],
)
def test_separators_encodings_and_decimal_commas(tmp_path, name, content):
    make(tmp_path, "S01/walk.bvh", "S02/walk.bvh")
    (tmp_path / name).write_bytes(content)
    cohort = scan(tmp_path)
    assert not cohort.refused
    assert not cohort.unknown
    first, second = rows(cohort)["S01"], rows(cohort)["S02"]
    assert (first["age"], first["height_m"], first["mass_kg"], first["score"]) == (41.5, 1.78, 80.5, 31.5)
    assert (second["age"], second["height_m"], second["score"]) == (38.0, 1.65, 7.0)
    assert first["sex"] == second["sex"] == "M"
    assert second["group"] in ("control", "gesünd")


def test_a_workbook(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    from datetime import datetime

    make(tmp_path, "S01/pre/walk.bvh", "S01/post/walk.bvh")
    for name, table in {
        "participants.xlsx": [["participant_id", "age", "affected_side"], ["S01", 41, "links"]],
        "sessions.xlsx": [
            ["subject", "session", "acq_time"],
            ["S01", "pre", datetime(2024, 5, 1, 9, 30)],
            ["S01", "post", datetime(2024, 8, 1)],
        ],
    }.items():
        book = openpyxl.Workbook()
        for row in table:
            book.active.append(row)
        book.save(tmp_path / name)
    cohort = scan(tmp_path)
    assert rows(cohort)["S01"]["age"] == 41.0
    assert rows(cohort)["S01"]["affected_side"] == "left"
    assert {t.session: t.metadata["acq_time"] for t in cohort.trials} == {
        "pre": "2024-05-01T09:30:00", "post": "2024-08-01T00:00:00"}  # fmt: skip


@pytest.mark.parametrize(
    ("column", "value", "height_m", "said"),
    [
        ("height_m", "1.78", 1.78, None),
        ("height_m", "178", 1.78, "column 'height_m' says m, but was taken as centimetres by its size: 178 (row 2)"),
        ("height_cm", "1.78", 1.78, "says cm, but was taken as metres"),
        ("height_cm", "178", 1.78, None),
        ("height", "1780", 1.78, "has no unit and was taken as millimetres"),
        ("height_m", "17.8", None, "not a height of a person in m; left empty: 17.8 (row 2)"),
        ("height_m", "tall", None, "holds a value that is not a number; left empty: 'tall' (row 2)"),
    ],
)
def test_a_height_is_judged_by_its_size_and_noted(tmp_path, column, value, height_m, said):
    make(tmp_path, "S01/walk.bvh")
    (tmp_path / "participants.tsv").write_text(f"participant_id\t{column}\nS01\t{value}\n")
    cohort = scan(tmp_path)
    found = rows(cohort)["S01"]["height_m"]
    assert found == (pytest.approx(height_m) if height_m else None)
    assert [w for w in cohort.warnings if said in w] if said else not cohort.warnings


def test_a_leg_length_without_unit_is_judged_and_noted(tmp_path):
    make(tmp_path, "S01/walk.bvh", "S02/walk.bvh")
    (tmp_path / "participants.tsv").write_text("participant_id\tleg_length_left\nS01\t91\nS02\t0.88\n")
    cohort = scan(tmp_path)
    lengths = {s: [c.value for c in cohort.metadata.calibrations(s, "")] for s in ("S01", "S02")}
    assert lengths == {"S01": [910.0], "S02": [880.0]}
    assert any("'leg_length_left' has no unit; judging by its size it was read as cm" in w for w in cohort.warnings)


def test_a_pile_gets_subject_session_and_trial_from_the_row_that_names_the_file(tmp_path):
    make(tmp_path, "0001.bvh", "0002.bvh")
    (tmp_path / "trials.csv").write_text(
        "file,subject,session,trial,condition\n0001.bvh,S01,pre,walk_1,free\n0002.bvh,S01,post,walk_1,free\n"
    )
    cohort = scan(tmp_path)
    assert sorted(t.key for t in cohort.trials) == [("S01", "post", "walk_1"), ("S01", "pre", "walk_1")]
    assert {t.metadata["condition"] for t in cohort.trials} == {"free"}


def test_a_table_that_contradicts_a_folder_is_reported_and_the_folder_holds(tmp_path):
    make(tmp_path, "S01/pre/walk.bvh")
    (tmp_path / "trials.tsv").write_text("file\tsubject\tsession\nS01/pre/walk.bvh\tS02\tpost\n")
    cohort = scan(tmp_path)
    assert [t.key for t in cohort.trials] == [("S01", "pre", "walk")]
    assert sum("the folder is used" in w for w in cohort.warnings) == 2


def test_a_session_called_by_a_date_was_then_unless_a_table_says_when(tmp_path):
    make(tmp_path, "S01/2024-05-01/walk.bvh", "S01/ses-20240801/walk.bvh", "S01/20241350/walk.bvh")
    cohort = scan(tmp_path)
    times = {t.session: t.metadata.get("acq_time") for t in cohort.trials}
    assert times == {"2024-05-01": "2024-05-01T00:00:00", "ses-20240801": "2024-08-01T00:00:00", "20241350": None}
    assert any("sessions named by a date (2024-05-01, ses-20240801) were taken" in w for w in cohort.warnings)
    assert any(
        "people are called by dates (2024-05-01, ses-20240801); expected" in w for w in scan(tmp_path / "S01").warnings
    )
    assert not any("people are called" in w for w in cohort.warnings)
    (tmp_path / "sessions.tsv").write_text("subject\tsession\tacq_time\nS01\t2024-05-01\t2024-05-02\n")
    assert {t.session: t.metadata.get("acq_time") for t in scan(tmp_path).trials}["2024-05-01"] == "2024-05-02T00:00:00"


def test_session_order_of_cohort_toml(tmp_path):
    make(tmp_path, "S01/pre/walk.bvh", "S01/post/walk.bvh", "S01/follow/walk.bvh")
    (tmp_path / "cohort.toml").write_text('session_order = ["pre", "post", "late"]\n')
    cohort = scan(tmp_path)
    assert {t.session: t.metadata.get("session_order") for t in cohort.trials} == {"pre": 1, "post": 2, "follow": None}
    assert any("does not name follow" in w for w in cohort.warnings)
    assert any("names late, but no folder has that name" in w for w in cohort.warnings)


def test_an_affected_side_that_is_none_is_reported(tmp_path):
    make(tmp_path, "S01/walk.bvh")
    (tmp_path / "participants.tsv").write_text("participant_id\taffected_side\nS01\tlinke Seite\n")
    cohort = scan(tmp_path)
    assert rows(cohort)["S01"]["affected_side"] is None
    assert any("expected left, right, both or none" in w for w in cohort.warnings)


@pytest.mark.parametrize(
    ("texts", "times", "said"),
    [
        (
            ["01.05.2024", "31.05.2024"],
            ["2024-05-01", "2024-05-31"],
            "with the day first: '01.05.2024' as 2024-05-01 (row 2)",
        ),
        (["1/5/2024", "25/5/2024"], ["2024-05-01", "2024-05-25"], "with the day first, as other cells need it"),
        (["1/5/2024", "5/25/2024"], ["2024-01-05", "2024-05-25"], "with the month first, as other cells need it"),
        (["1/5/2024", "2/5/2024"], [None, None], "the day and the month cannot be told apart, expected YYYY-MM-DD"),
        (["25/5/2024", "5/25/2024"], [None, None], "the day and the month cannot be told apart"),
        (["2024/5/1", "May 2, 2024"], ["2024-05-01", "2024-05-02"], "was read as a date: '2024/5/1' as 2024-05-01"),
        (["45413", "45414.5"], ["2024-05-01", "2024-05-02T12:00:00"], "as the number of a day"),
        (
            ["01.05.24", "31.13.2024"],
            [None, None],
            "expected YYYY-MM-DD or YYYY-MM-DDThh:mm:ss; left empty: '01.05.24' (row 2)",
        ),
        (["2024-05-01 09:30", "2024-05-02"], ["2024-05-01T09:30:00", "2024-05-02"], None),
    ],
)
def test_dates_as_people_write_them(tmp_path, texts, times, said):
    make(tmp_path, "S01/pre/walk.bvh", "S01/post/walk.bvh")
    rows_ = "".join(f"S01\t{session}\t{text}\n" for session, text in zip(("pre", "post"), texts, strict=True))
    (tmp_path / "sessions.tsv").write_text(f"subject\tsession\tacq_time\n{rows_}")
    cohort = scan(tmp_path)
    found = {t.session: t.metadata["acq_time"] for t in cohort.trials}
    assert [(found[s] or "").removesuffix("T00:00:00") or None for s in ("pre", "post")] == times
    assert any(said in w for w in cohort.warnings) if said else not cohort.warnings


def test_a_column_date_with_a_time_beside_it_is_when_a_session_was(tmp_path):
    make(tmp_path, "S01/pre/walk.bvh")
    (tmp_path / "sessions.csv").write_text("Subject;Session;Date;Time\nS01;pre;2024-05-01;9:30\n")
    cohort = scan(tmp_path)
    assert cohort.trials[0].metadata["acq_time"] == "2024-05-01T09:30:00"
    assert any("column 'Date' was read as acq_time" in w for w in cohort.warnings)


PEOPLE = {"S01": {"group": "a", "age": 40.0}, "S02": {"group": "b", "age": 50.0}}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("Gait study 2024;;\n;;\nparticipant_id;group;age\nS01;a;40\nS02;b;50\n", "row 1: above the header, not read: 'Gait study 2024'"),
        ("# exported\nparticipant_id;group;age\n# pilot\nS01;a;40\nS02;b;50\n", "rows 1, 3: a remark (#), not read"),
        ("participant_id;group;age\nS01;a;40\nS02;b;50\nMean;;45\n", "no trial of Mean"),
        ("participant_id;group;age\nS01;a;40\nS02;b;50\n;n=2;45\n", "row 4 names no subject; not used"),
        ("participant_id;group;age\n;;years\nS01;a;40\nS02;b;50\n", "row 2 names no subject; not used"),
        ("Participant ID;Group;Age (years)\nS01;a;40\nS02;b;50\n", None),
        (";participantID ;group;age;;\n;S01;a;40;;\n;S02;b;50;;\n", None),
        ("participant_id|group|age\nS01|a|40\nS02|b|50\n", None),
        ("Proband;group;age\nS01;a;40\nS02;b;50\n", "column 'Proband' was read as participant_id, because it names 2 of 2 subjects here"),
        ("participant_id;group;age\ns1;a;40\nS-02;b;50\n", "the most similar folder was used: 'S-02' as S02, 's1' as S01"),
        ("participant_id;group;age\n\u00a0S01\u200b;a;40\n'S02;b;50\n", "used: \"'S02\" as S02"),
        ("participant_id;group;age\nS01;a;40 y\nS02;b;50\n", "column 'age' was taken as years: '40 y' (row 2)"),
        ("participant_id;group;age_months\nS01;a;480\nS02;b;600\n", "was taken as months and stored in years: 480 (row 2), 600 (row 3)"),
        ("participant_id;group;age\nS01;a;40\nS01;a;40\nS02;b;50\n", "S01 occurs twice, in row 2 and row 3; they are the same"),
        ("participant_id;group;age\nS01;a;40\nS01;b;41\nS02;b;50\n", "they differ in group (a and b), age (40 and 41); the first row is used"),
    ],
)  # fmt: skip
def test_people_in_a_table_of_another_form(tmp_path, content, said):
    make(tmp_path, "S01/walk.bvh", "S02/walk.bvh")
    (tmp_path / "participants.csv").write_bytes(content.encode("utf-16-le" if "Proband" in content else "utf-8"))
    cohort = scan(tmp_path)
    assert not cohort.refused
    assert {s: {k: row[k] for k in ("group", "age")} for s, row in rows(cohort).items()} == PEOPLE
    assert any(said in w for w in cohort.warnings) if said else not cohort.warnings


@pytest.mark.parametrize(
    ("column", "cell", "ours", "value", "said"),
    [
        ("Height (cm)", "178", "height_m", 1.78, None),
        ("height", "178 cm", "height_m", 1.78, "in the unit that the cell states: 178 cm (row 2)"),
        ("height", "5'10", "height_m", 1.778, "in the unit that the cell states: 5'10 (row 2)"),
        ("Weight [kg]", "80,5", "mass_kg", 80.5, "decimal comma"),
        ("weight_lbs", "176", "mass_kg", 79.83, None),
        (
            "weight",
            "176",
            "mass_kg",
            176.0,
            "column 'weight' has no unit and was taken as kilograms by its size: 176 (row 2)",
        ),
        ("mass", "80,5 kg", "mass_kg", 80.5, "in the unit that the cell states"),
        ("gender", "weiblich", "sex", "F", "column 'gender' was taken as F: 'weiblich' (row 2)"),
        ("sex", "1", "sex", "1", "column 'sex' holds neither F nor M; kept as it is: '1' (row 2)"),
        ("Affected Side", "re", "affected_side", "right", "column 'Affected Side' was taken as right: 're' (row 2)"),
        ("age", "1978", "age", None, "holds a value that is not an age in years; left empty: '1978' (row 2)"),
        ("age", "nan", "age", None, "'nan' was read as unknown: age, row 2"),
        ("group", "#N/A", "group", None, "'#N/A' was read as unknown: group, row 2"),
        ("score", "#DIV/0!", "score", None, "'#DIV/0!' was read as unknown: score, row 2"),
        ("score", "1.234,5", "score", 1234.5, "decimal comma, and 1.234,5 as grouped in thousands"),
        ("score", "1,234.5", "score", 1234.5, "decimal point, and 1,234.5 as grouped in thousands"),
    ],
)
def test_cells_of_a_person_as_people_write_them(tmp_path, column, cell, ours, value, said):
    make(tmp_path, "S01/walk.bvh")
    (tmp_path / "participants.tsv").write_text(f"participant_id\t{column}\nS01\t{cell}\n")
    cohort = scan(tmp_path)
    assert rows(cohort)["S01"][ours] == (pytest.approx(value, abs=0.005) if isinstance(value, float) else value)
    assert any(said in w for w in cohort.warnings) if said else not cohort.warnings


def test_few_texts_in_a_column_of_numbers_are_named(tmp_path):
    make(tmp_path, *(f"S{i:02d}/walk.bvh" for i in range(20)))
    lines = [f"S{i:02d}\t{'lost' if i == 7 else i}\t{'abc'[i % 3]}{i}" for i in range(20)]
    (tmp_path / "participants.tsv").write_text("\n".join(["participant_id\tscore\tcode", *lines]) + "\n")
    said = "column 'score' is stored as text, because not every cell is a number: 'lost' in row 9"
    assert scan(tmp_path).warnings == [f"participants.tsv: {said}"]


def test_keys_that_a_spreadsheet_program_changed_are_found_in_folders_and_noted(tmp_path):
    make(tmp_path, "001/01/walk_1.bvh", "001/02/walk_1.bvh", "002/01/walk_1.bvh")
    (tmp_path / "participants.csv").write_text("participant_id,group\n1,a\n2.0,b\n")
    (tmp_path / "trials.csv").write_text(
        "subject,session,trial,exclude,reason\n1,1,walk 1,x,a crutch\n1,2,walk_1.bvh,,\n2,1,Walk_1,nein,\n"
    )
    cohort = scan(tmp_path)
    assert {s: row["group"] for s, row in rows(cohort).items()} == {"001": "a", "002": "b"}
    assert [t.exclude for t in sorted(cohort.trials, key=lambda t: t.key)] == ["a crutch", None, None]
    assert not [w for w in cohort.warnings if "match no trial" in w]
    assert sum("the most similar" in w for w in cohort.warnings) == 4


def test_two_people_are_never_read_as_one(tmp_path):
    make(tmp_path, "S01/walk.bvh", "S02/walk.bvh")
    (tmp_path / "participants.csv").write_text("participant_id,group\ns1,a\nS1,b\nS02,c\n")
    cohort = scan(tmp_path)
    assert {s: row["group"] for s, row in rows(cohort).items()} == {"S01": None, "S02": "c"}
    assert any("has no row for S01" in w for w in cohort.warnings)


def test_a_workbook_with_a_cover_merged_cells_and_a_formula(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    make(tmp_path, "S01/walk.bvh", "S02/walk.bvh")
    book = openpyxl.Workbook()
    book.active.append(["Protocol of the study"])
    sheet = book.create_sheet("people")
    header = [None, "participant_id", "group", "age"]
    people = [[None, "S01", "a", 40], [None, "S02", None, "=D4+10"]]
    for number, line in enumerate([[None, "People"], header, *people], 2):
        for place, value in enumerate(line, 1):
            sheet.cell(number, place, value)
    sheet.merge_cells("C4:C5")
    book.save(tmp_path / "participants.xlsx")
    cohort = scan(tmp_path)
    assert [(r["group"], r["age"]) for r in cohort.subjects] == [("a", 40.0), ("a", None)]
    said = [w.removeprefix("participants.xlsx: ") for w in cohort.warnings]
    assert said[0] == "the sheet 'people' was read; there are 2: Sheet, people"
    assert said[1].startswith("D5: a formula without a stored value")
    assert said[2:] == ["C4:C5: merged cells, read as 'a' in each row", "row 2: above the header, not read: 'People'"]


def test_tables_under_other_names_and_twice_are_reported(tmp_path):
    make(tmp_path, "S01/walk.bvh")
    (tmp_path / "participants.txt").write_bytes("participant_id\tgroup\nS01\ta\n".encode("utf-16"))
    (tmp_path / "participants.csv").write_text("participant_id,group\nS01,b\n")
    (tmp_path / "Participants_final.ods").write_bytes(b"PK")
    cohort = scan(tmp_path)
    assert rows(cohort)["S01"]["group"] == "b"
    assert any(
        "Participants_final.ods: is not read; expected a table called participants" in w for w in cohort.warnings
    )
    assert "participants.txt: another table of participants has S01 already; that one is used" in cohort.warnings


@pytest.mark.parametrize("pasted", ["\u2028", "\u2029", "\u0085", "\v", "\f", "\x1c"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_row_ends_at_line_feeds_and_carriage_returns_alone(tmp_path, pasted, end):
    lines = ["participant_id\tdiagnosis\tgroup", f"S01\tstroke{pasted}left\tpatient", "S02\tnone\tcontrol"]
    (make(tmp_path, "S01/walk.bvh", "S02/walk.bvh") / "participants.tsv").write_bytes((end.join(lines) + end).encode())
    found = rows(scan(tmp_path))
    assert [found[s]["group"] for s in ("S01", "S02")] == ["patient", "control"]
    assert len(found) == 2
    assert found["S01"]["diagnosis"].replace(pasted, " ").split() == ["stroke", "left"]
