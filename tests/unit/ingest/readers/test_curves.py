"""Curves of data sets: every layout gives the same curves, and what cannot be a person's is refused or noted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from neurostore.errors import CohortError, InputError
from neurostore.ingest.cohort.config import read_config
from neurostore.ingest.cohort.scan import scan
from neurostore.ingest.readers import read
from neurostore.ingest.readers.curves import members
from neurostore.ingest.readers.curves.statement import problems_of, target_of
from neurostore.ingest.recording import ReadOptions

PERCENT = np.arange(101)


def knee(k: int) -> np.ndarray:
    """A knee as in walking: 20 degrees in stance, 60 in swing; k tells people and cycles apart."""
    stance, swing = np.exp(-(((PERCENT - 14) / 8) ** 2)), np.exp(-(((PERCENT - 72) / 11) ** 2))
    return 5 + 0.1 * k + 15 * stance + 55 * swing


def _read(path: Path, member: str | None = None, **stated):
    return read(path, ReadOptions(curves={"unit": "deg", **stated}, member=member))


def _text(path: Path, rows) -> Path:
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def _rows(curves: list[np.ndarray], separator: str, n: int = 101) -> list[str]:
    """A row per curve of persons A and B, both sides."""
    at = np.linspace(0, 100, n)
    people = [("A", "L"), ("A", "R"), ("B", "L"), ("B", "R")]
    head = separator.join(["id", "side", *(f"{p:g}" for p in range(n))])
    lines = [head]
    for (who, side), values in zip(people, curves, strict=True):
        cells = [f"{v:.6f}" for v in np.interp(at, PERCENT, values)]
        lines.append(separator.join([who, side, *(c.replace(".", ",") if separator == ";" else c for c in cells)]))
    return lines


def _write(folder: Path, layout: str, curves: list[np.ndarray]) -> tuple[Path, dict]:
    """The same four curves in another layout, and what to state of it."""
    people = [("A", "L"), ("A", "R"), ("B", "L"), ("B", "R")]
    wide = {"subject": "id", "side": "side"}
    if layout in ("wide", "semicolon", "tab"):
        separator = {"wide": ",", "semicolon": ";", "tab": "\t"}[layout]
        return _text(folder / "f.csv", _rows(curves, separator)), {**wide, "angles": {"KneeFlex": "knee_flexion"}}
    if layout == "points":
        lines = ["id,side,pct,KneeFlex"]
        lines += [
            f"{who},{side},{p},{v:.6f}" for (who, side), c in zip(people, curves, strict=True) for p, v in enumerate(c)
        ]
        return _text(folder / "f.csv", lines), {**wide, "percent": "pct", "angles": {"KneeFlex": "knee_flexion"}}
    if layout == "long":
        lines = ["who side joint share value"]
        lines += [
            f"{who} {side} knee_flexion {p / 100} {v:.6f}"
            for (who, side), c in zip(people, curves, strict=True)
            for p, v in enumerate(c)
        ]
        stated = {"subject": "who", "side": "side", "angle": "joint", "percent": "share", "value": "value"}
        return _text(folder / "f.txt", lines), stated
    if layout == "matrix":
        content = {"K": {"flex": np.array(curves).T}, "id": ["A", "A", "B", "B"], "s": ["L", "R", "L", "R"]}
        savemat(folder / "f.mat", content)
        return folder / "f.mat", {"subject": "id", "side": "s", "angles": {"K.flex": "knee_flexion"}}
    content = {"P": [{"code": "A", "l": curves[0], "r": curves[1]}, {"code": "B", "l": curves[2], "r": curves[3]}]}
    savemat(folder / "f.mat", content)
    stated = {"each": "P", "subject": "code", "angles": {"l": "left knee_flexion", "r": "right knee_flexion"}}
    return folder / "f.mat", stated


@pytest.mark.parametrize("layout", ["wide", "semicolon", "tab", "points", "long", "matrix", "structs"])
def test_every_layout_gives_the_same_curves(tmp_path, layout):
    curves = [knee(k) for k in range(4)]
    path, stated = _write(tmp_path, layout, curves)
    assert members(path, {"unit": "deg", **stated}) == [("A", ""), ("B", "")]
    for person, expected in (("A", curves[:2]), ("B", curves[2:])):
        recording = _read(path, f"{person}/", **stated)
        assert recording.kind == "curves"
        assert recording.quality == {"curves_against_norm": 0.0}
        found = {(c.side, c.angle): c.values for c in recording.curves}
        assert list(found) == [("left", "left_knee_flexion_deg"), ("right", "right_knee_flexion_deg")]
        np.testing.assert_allclose(list(found.values()), expected, atol=1e-6)


def test_radians_signs_and_the_bend_from_straight(tmp_path):
    """The same knee as -radians and as the angle that is 180 when the leg is straight."""
    for unit, text, values in (
        ("rad", "-knee_flexion", -np.radians(knee(0))),
        ("deg", "180 - knee_flexion", 180 - knee(0)),
    ):
        savemat(tmp_path / "f.mat", {"k": values})
        recording = read(tmp_path / "f.mat", ReadOptions(curves={"unit": unit, "side": "left", "angles": {"k": text}}))
        np.testing.assert_allclose(recording.curves[0].values, knee(0), atol=1e-9)


@pytest.mark.parametrize("n", [51, 100])
def test_other_numbers_of_points_are_brought_to_101_with_a_note(tmp_path, n):
    rows = _rows([knee(k) for k in range(4)], ",", n)
    recording = _read(_text(tmp_path / "f.csv", rows), "A/", subject="id", side="side", angles={"k": "knee_flexion"})
    np.testing.assert_allclose(recording.curves[0].values, knee(0), atol=1.5)  # linear between points 2 % apart
    assert any(f"curves of {n} points were brought to 101" in note for note in recording.notes)


def test_percents_that_lack_an_end_are_reported(tmp_path):
    rows = [
        "pct,knee_flexion",
        *(f"{p + 1},{v:.6f}" for p, v in enumerate(np.interp(np.linspace(0, 100, 100), PERCENT, knee(0)))),
    ]
    recording = _read(_text(tmp_path / "f.csv", rows), percent="pct", side="left")
    assert any("percents run from 1 to 100 in 100 even steps" in note for note in recording.notes)
    assert np.isfinite(recording.curves[0].values).all()


def test_a_percent_that_falls_begins_the_next_cycle(tmp_path):
    rows = ["pct,knee_flexion", *(f"{p},{v:.6f}" for k in range(3) for p, v in enumerate(knee(k)))]
    recording = _read(_text(tmp_path / "f.csv", rows), percent="pct", side="right", n_cycles=4)
    assert [(c.cycle, c.n_cycles) for c in recording.curves] == [(0, 4), (1, 4), (2, 4)]
    np.testing.assert_allclose([c.values for c in recording.curves], [knee(k) for k in range(3)], atol=1e-6)


def test_a_sign_against_the_norm_is_noted_and_not_changed(tmp_path):
    norm = np.interp(PERCENT, *_norm_of("ankle_dorsiflexion"))
    savemat(tmp_path / "f.mat", {"a": -norm, "b": norm})
    for name, n_notes in (("a", 1), ("b", 0)):
        stated = {"unit": "deg", "side": "left", "angles": {name: "ankle_dorsiflexion"}}
        recording = read(tmp_path / "f.mat", ReadOptions(curves=stated))
        assert recording.quality["curves_against_norm"] == n_notes
        assert sum("runs against the published norm" in note for note in recording.notes) == n_notes
        np.testing.assert_allclose(recording.curves[0].values, -norm if n_notes else norm)


def _norm_of(angle: str) -> tuple[list[int], list[float]]:
    from neurostore.normative import schwartz_2008

    points = [(p.percent, p.mean_deg) for p in schwartz_2008() if p.angle == angle and p.speed == "free"]
    return [p for p, _ in points], [m for _, m in points]


@pytest.mark.parametrize(
    ("unit", "values", "says"),
    [
        ("deg", np.radians(knee(0)), "these are radians"),
        ("rad", knee(0), "these are degrees"),
        ("deg", -knee(0), '"-knee_flexion" in [curves.angles] would fit'),
        ("deg", 180 - knee(0), '"180 - knee_flexion" in [curves.angles] would fit'),
        ("deg", 10 * knee(0), "it may be another angle"),
        ("deg", knee(0)[:10], "10 points"),
        ("deg", np.ones((30, 40)), "which side are the points"),
        ("deg", np.ones((2, 3, 101)), "2 x 3 x 101"),
    ],
)
def test_what_no_person_has_is_refused(tmp_path, unit, values, says):
    savemat(tmp_path / "f.mat", {"k": values})
    stated = {"unit": unit, "side": "left", "angles": {"k": "knee_flexion"}}
    with pytest.raises(InputError) as refused:
        read(tmp_path / "f.mat", ReadOptions(curves=stated))
    assert says in str(refused.value)


def test_names_that_are_missing_are_named(tmp_path):
    path = _text(tmp_path / "f.csv", _rows([knee(k) for k in range(4)], ","))
    for stated, says in (
        ({"subject": "ID", "side": "side", "angles": {"k": "knee_flexion"}}, "there is no such column; similar: id"),
        ({"subject": "id", "angles": {"k": "knee_flexion"}}, "no side is stated"),
        ({"session": "side", "side": "left", "angles": {"k": "knee_flexion"}}, "has no curve of A"),
        ({"subject": "id", "side": "side"}, "its angle is not stated"),
    ):
        with pytest.raises(InputError) as refused:
            _read(path, "A/", **stated)
        assert says in str(refused.value)
    savemat(tmp_path / "f.mat", {"Kin": {"Knee": knee(0)}})
    with pytest.raises(InputError, match=r"no variable 'Knee'; there are Kin\.Knee"):
        _read(tmp_path / "f.mat", side="left", angles={"Knee": "knee_flexion"})
    (tmp_path / "g.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(512))
    with pytest.raises(InputError, match=r"version 7\.3"):
        _read(tmp_path / "g.mat", side="left", angles={"Knee": "knee_flexion"})


def test_the_statement_says_everything_that_is_wrong_with_it(tmp_path):
    wrong = {"units": "deg", "points": "both", "n_cycles": 0, "angles": {"K": "knee_bend"}}
    assert len(problems_of(wrong)) == 5  # with the unit that is not stated
    assert target_of("trunk") is None
    (tmp_path / "cohort.toml").write_text('[curves]\nunit = "degrees"\n')
    with pytest.raises(CohortError, match="expected deg or rad"):
        read_config(tmp_path)


def test_a_file_of_many_people_is_a_trial_of_each(tmp_path):
    _text(tmp_path / "adults.csv", _rows([knee(k) for k in range(4)], ";"))
    _text(tmp_path / "participants.tsv", ["participant_id\tgroup", "A\tnorm", "B\tnorm"])
    stated = '[curves]\nunit = "deg"\nsubject = "id"\nside = "side"\n[curves.angles]\nKneeFlex = "knee_flexion"\n'
    (tmp_path / "cohort.toml").write_text(stated)
    cohort = scan(tmp_path)
    assert [t.key for t in cohort.trials] == [("A", "", "adults"), ("B", "", "adults")]
    assert not cohort.refused
    assert not cohort.unknown
    (tmp_path / "cohort.toml").write_text(stated.replace('subject = "id"\n', ""))
    nobody = scan(tmp_path)
    assert nobody.trials == []
    assert "nothing says whose curves these are" in str(nobody.refused[0])
