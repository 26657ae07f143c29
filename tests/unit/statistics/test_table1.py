"""Table 1 against figures worked out by hand and by scipy."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from neurostore.commands.table1 import write
from neurostore.errors import UsageError
from neurostore.sql import views
from neurostore.statistics import compare
from neurostore.statistics.table1 import table1, title
from tests.builders import view_builder
from tests.builders.fake_lake import FakeLake, summary_table

SPEED = {"control": [1.20, 1.30, 1.40, 1.10], "patient": [0.90, 1.00, 0.80], "rare": [0.5, 0.7]}


@pytest.fixture
def lake():
    rows, subjects, trials = [], [], []
    for group, values in SPEED.items():
        for i, v in enumerate(values):
            name = f"{group[0].upper()}{i}"
            subjects.append(
                {"subject": name, "group": group, "sex": "FM"[i % 2], "age": 30.0 + i, "height_m": 1.6, "mass_kg": 64.0}
            )
            trials.append(
                {"subject": name, "session": "", "trial": "walk", "kind": "mocap", "skeleton": "x", "cutoff_hz": 6.0}
            )
            rows += [
                {"subject": name, "session": "", "side": side, "walking_speed_m_s": v + d, "n_strides": 4}
                for side, d in (("left", 0.02), ("right", -0.02))
            ]
    tables = {"subject_summary": summary_table(rows), "subjects": view_builder.table("subjects", subjects)}
    tables["trials"] = view_builder.table("trials", trials)
    return FakeLake(view_builder.connect(**tables, only=["_session_order", "_excluded_trials"]))


def test_every_figure_is_scipys(lake):
    found = table1(lake, ["walking_speed_m_s"])
    cells = {(r["parameter"], r["level"]): r for r in found.cells.to_dicts()}
    cell = cells["walking_speed_m_s", "control"]
    control, patient = (np.array(SPEED[g]) for g in ("control", "patient"))
    assert (cell["n"], cell["mean"], cell["sd"]) == (4, pytest.approx(1.25), pytest.approx(control.std(ddof=1)))
    low, high = stats.t.interval(0.95, 3, control.mean(), stats.sem(control))
    assert (cell["ci_low"], cell["ci_high"]) == (pytest.approx(low), pytest.approx(high))
    assert (cell["q1"], cell["median"], cell["q3"]) == tuple(
        pytest.approx(q) for q in np.percentile(control, [25, 50, 75])
    )
    contrast = next(
        r for r in found.contrasts.to_dicts() if (r["parameter"], r["b"]) == ("walking_speed_m_s", "patient")
    )
    welch = stats.ttest_ind(patient, control, equal_var=False)
    assert contrast["difference"] == pytest.approx(patient.mean() - control.mean())
    assert contrast["p"] == pytest.approx(welch.pvalue)
    assert contrast["ci_low"] == pytest.approx(welch.confidence_interval(0.95).low)


def test_two_people_get_an_interval_and_no_p(lake):
    rare = [r for r in table1(lake, ["walking_speed_m_s"]).contrasts.to_dicts() if r["b"] == "rare"]
    assert {r["p"] for r in rare} == {None}
    assert {r["test"] for r in rare} == {"fewer than 3 people"}
    assert next(r for r in rare if r["parameter"] == "walking_speed_m_s")["ci_low"] is not None


def test_a_session_without_a_score_is_named_with_the_reason(lake):
    few = "needs 3 steady cycles of each side with angles, found 2; the norm is of children under Plug-in Gait"
    scores = {**{f"C{i}": (5, 6.0 + i, None) for i in range(3)}, "C3": (2, None, few), "P0": (0, None, few)}
    scores |= {"P1": (4, 9.0, None), "P2": (4, None, "the norm is of children; GPS needs all nine variables")}
    rows = [
        {"subject": who, "session": "", "side": side, "n_cycles": n, "gps_deg": gps, "note": note}
        for who, (n, gps, note) in scores.items()
        for side in ("left", "right", "both")
    ]
    lake.connection.register("gait_profile", pa.Table.from_pylist(rows))
    found = table1(lake, ["gps_deg"])
    expected = (  # P0 has no steady cycle at all: its trials are named as such
        "without gps_deg: C3 (needs 3 steady cycles of each side with angles, found 2); "
        "without gps_deg: P2 (GPS needs all nine variables)"
    )
    assert expected in found.notes
    assert compare(lake, "gps_deg")["pooled"][0].endswith(expected)


def test_the_printed_table_has_units_counts_and_both_centres(lake):
    mean = table1(lake, ["walking_speed_m_s"]).printed()
    assert mean.columns[:4] == ["Parameter", "control (n = 4)", "patient (n = 3)", "rare (n = 2)"]
    assert mean["Parameter"].to_list() == [
        "Sex",
        "Age, years",
        "Height, m",
        "Mass, kg",
        "BMI, kg/m²",
        "Walking speed, m/s",
    ]
    assert mean["control (n = 4)"].to_list() == [
        "2 F, 2 M",
        "31.5 ± 1.3",
        "1.60 ± 0.00",
        "64.0 ± 0.0",
        "25.0 ± 0.0",
        "1.25 ± 0.13",
    ]
    median = table1(lake, ["walking_speed_m_s"], centre="median").printed()
    assert median["control (n = 4)"][-1] == "1.25 [1.18, 1.32]"


def test_it_is_written_for_papers(lake, tmp_path):
    found = table1(lake, ["walking_speed_m_s"])
    for suffix in (".csv", ".html", ".tex"):
        write(found, tmp_path / f"t{suffix}", ["a note"])
    assert "Walking speed, m/s,1.25 ± 0.13" in (tmp_path / "t.csv").read_text().replace('"', "")
    assert "<td>1.25 ± 0.13</td>" in (tmp_path / "t.html").read_text()
    assert r"1.25 $\pm$ 0.13" in (tmp_path / "t.tex").read_text()
    openpyxl = pytest.importorskip("openpyxl")
    write(found, tmp_path / "t.xlsx", ["a note"])
    book = openpyxl.load_workbook(tmp_path / "t.xlsx")
    assert book.sheetnames == ["Table 1", "cells", "contrasts"]
    assert book["cells"].max_row == found.cells.height + 1


def test_what_is_unknown_is_an_error_with_the_near_names(lake):
    with pytest.raises(UsageError, match="similar: walking_speed_m_s"):
        table1(lake, ["walking_speed"])
    with pytest.raises(UsageError, match="similar: group"):
        table1(lake, ["walking_speed_m_s"], by="groups")


def test_every_parameter_has_a_unit_in_its_title():
    for column in views.declared()["subject_summary"].columns:
        if column.unit and column.type == "float64" and not column.name.endswith("_sd"):
            assert "," in title(column.name), column.name
