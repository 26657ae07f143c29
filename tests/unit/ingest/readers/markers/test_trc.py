"""The TRC reader against numpy.genfromtxt and files written for each quirk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurostore.errors import InputError
from neurostore.ingest.readers import read
from neurostore.ingest.readers.markers import trc
from neurostore.ingest.readers.markers.assemble import rate_of
from neurostore.ingest.recording import ReadOptions
from tests.builders.trc_files import NAMES, STANDING, text, walk, write
from tests.shared_data import SHARED, needs_shared


def got(recording, names: list[str] = NAMES) -> np.ndarray:
    poses = recording.poses[0]
    return np.stack([poses.positions[:, poses.skeleton.index(n)] for n in names], axis=1)


@needs_shared
@pytest.mark.parametrize(("name", "n_frames", "n_markers"), [("walk", 184, 28), ("motion_capture_run", 123, 78)])
def test_real_files_agree_with_genfromtxt(name: str, n_frames: int, n_markers: int) -> None:
    path = SHARED / "trc" / "bmc" / f"{name}.trc"
    recording = read(path)
    poses = recording.poses[0]
    assert poses.positions.shape == (n_frames, n_markers, 3)
    lines = path.read_text().splitlines()
    table = np.genfromtxt(lines[5:], delimiter="\t")
    labels = lines[3].split("\t")
    for i, source in enumerate(poses.skeleton.source_names):
        column = labels.index(source)
        np.testing.assert_allclose(poses.positions[:, i], table[:, column : column + 3].astype(np.float32), rtol=1e-6)
    assert recording.rate_hz == 150
    np.testing.assert_allclose(poses.time_s, np.arange(n_frames) / 150, atol=1e-12)
    assert recording.kind == "mocap"


@needs_shared
def test_header_that_is_wrong_about_its_markers_is_reported() -> None:
    notes = read(SHARED / "trc" / "bmc" / "walk.trc").notes
    assert any("NumMarkers says 28" in n and "27 without data" in n for n in notes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"newline": "\r\n"},
        {"newline": "\r"},
        {"blank_line": False},
        {"trailing": "\t\t"},
        {"sep": " "},
        {"n_markers": 3},
    ],
)
def test_layouts(tmp_path: Path, changes: dict) -> None:
    recording = read(write(tmp_path / "walk.trc", text(walk(30), **changes)))
    assert recording.poses[0].skeleton.name == "plug_in_gait"
    np.testing.assert_allclose(got(recording), walk(30), atol=1e-3)


def test_other_label_lines(tmp_path: Path) -> None:
    """A unit behind the time, and each name above x, y and z."""
    content = text(walk()).replace("Time", "Time (s)")
    for name in NAMES:
        content = content.replace(f"{name}\t\t", f"{name}\t{name}\t{name}")
    np.testing.assert_allclose(got(read(write(tmp_path / "walk.trc", content))), walk(), atol=1e-3)


def test_positions_in_a_plane_are_noted(tmp_path: Path) -> None:
    flat = walk() * [1, 1, 0]
    assert any("in one plane" in n for n in read(write(tmp_path / "walk.trc", text(flat))).notes)
    assert not any("in one plane" in n for n in read(write(tmp_path / "walk.trc", text(walk()))).notes)


def test_frame_count_that_is_wrong_is_reported(tmp_path: Path) -> None:
    recording = read(write(tmp_path / "walk.trc", text(walk(30), n_frames=500)))
    assert len(recording.poses[0].frame) == 30
    assert any("NumFrames says 500, the file has 30 rows" in n for n in recording.notes)


@pytest.mark.parametrize(("units", "mm"), [("m", 1000.0), ("cm", 10.0), ("mm", 1.0), ("(m)", 1000.0), ("", 1000.0)])
def test_units(tmp_path: Path, units: str, mm: float) -> None:
    recording = read(write(tmp_path / "walk.trc", text(walk(30) / mm, units=units)))
    np.testing.assert_allclose(got(recording), walk(30), atol=0.01)
    assert recording.length_basis == ("measured" if units else "judged")


@pytest.mark.parametrize(("said", "per_mm", "name"), [("mm", 0.001, "m"), ("m", 1.0, "mm"), ("m", 0.1, "cm")])
def test_a_unit_in_which_nobody_fits_gives_way_and_is_reported(
    tmp_path: Path, said: str, per_mm: float, name: str
) -> None:
    path = write(tmp_path / "walk.trc", text(walk(30) * per_mm, units=said))
    found = read(path, ReadOptions())
    right = got(read(write(tmp_path / "right.trc", text(walk(30))), ReadOptions()))
    np.testing.assert_allclose(got(found), right, atol=0.01 / per_mm * 1e-3 + 0.01)
    assert found.length_basis == "judged"
    assert any(f"Units says {said}" in n and f"{name} were used" in n for n in found.notes)
    kept = read(path, ReadOptions(scale_mm=2.0))
    assert kept.length_basis == "measured"


def test_rates_of_rounded_times() -> None:
    assert rate_of(np.round(np.arange(600) / 120, 6)) == 120
    assert rate_of(np.round(np.arange(600) / 120, 3)) == 120
    assert rate_of(np.round(np.arange(300) * 1001 / 60000, 5)) == pytest.approx(59.94, abs=1e-3)
    uneven = np.concatenate([np.arange(50), np.arange(70, 120)]) / 100
    assert rate_of(uneven) == 100


def test_missing_cells_zeros_and_half_points(tmp_path: Path) -> None:
    made = walk(30)
    made[3, 0] = np.nan
    made[4, 1] = 0
    made[5, 2, 1] = np.nan
    made[29, 7] = np.nan  # the last cells of the last row
    recording = read(write(tmp_path / "walk.trc", text(made)))
    is_missing = np.isnan(got(recording)).all(axis=-1)
    assert {tuple(i) for i in np.argwhere(is_missing)} == {(3, 0), (4, 1), (5, 2), (29, 7)}
    assert (np.isnan(got(recording)).any(axis=-1) == is_missing).all()


def test_ragged_rows(tmp_path: Path) -> None:
    lines = text(walk(30)).split("\n")
    lines[10] = "\t".join(lines[10].split("\t")[:-3])  # RTOE of row 5 is simply not there
    lines[11] += "\t1.0\t2.0\t3.0"
    recording = read(write(tmp_path / "walk.trc", "\n".join(lines)))
    expected = walk(30)
    expected[4, 7] = np.nan
    np.testing.assert_allclose(got(recording), expected, atol=1e-3)


def test_decimal_commas_and_byte_order_mark(tmp_path: Path) -> None:
    content = text(walk(30), rate=100).replace(".trc", "-trc").replace(".", ",")
    recording = read(write(tmp_path / "walk.trc", "\ufeff" + content))
    np.testing.assert_allclose(got(recording), walk(30), atol=1e-3)


def test_up_is_judged_from_the_names(tmp_path: Path) -> None:
    z_up = np.stack([walk(30)[..., 0], -walk(30)[..., 2], walk(30)[..., 1]], axis=-1)
    recording = read(write(tmp_path / "walk.trc", text(z_up)))
    np.testing.assert_allclose(got(recording), walk(30), atol=1e-3)
    assert any("z was used" in n for n in recording.notes)
    kept = read(tmp_path / "walk.trc", ReadOptions(up="y"))
    np.testing.assert_allclose(got(kept), z_up, atol=1e-3)


def test_clock(tmp_path: Path) -> None:
    rounded = read(write(tmp_path / "a.trc", text(walk(200), rate=120.0, decimals=3)))
    np.testing.assert_allclose(rounded.poses[0].time_s, np.arange(200) / 120, atol=1e-12)
    assert any("rounded" in n for n in rounded.notes)
    lines = text(walk(30), rate=100.0).replace("100.0\t100.0", "50.0\t100.0")
    measured = read(write(tmp_path / "b.trc", lines))
    assert measured.rate_hz == pytest.approx(100)
    assert any("DataRate says 50" in n for n in measured.notes)
    rows = text(walk(30)).split("\n")
    variable = rows[:20] + rows[24:]  # frames dropped by the exporter
    kept = read(write(tmp_path / "c.trc", "\n".join(variable)))
    assert kept.poses[0].time_s[14] - kept.poses[0].time_s[13] == pytest.approx(0.05)


def test_opencap_and_prefixes(tmp_path: Path) -> None:
    legs = ["r.ASIS", "L.ASIS", "r.PSIS", "L.PSIS"] + [
        f"{s}_{p}" for p in ("knee", "mknee", "ankle", "mankle", "calc", "toe") for s in ("r", "L")
    ]
    names = ["Neck", "RKnee", *(f"{n}_study" for n in legs)]
    made = np.random.default_rng(1).normal(0, 0.3, (20, len(names), 3)) + np.array([0, 1, 0])
    recording = read(write(tmp_path / "walk.trc", text(made, names, units="m")), ReadOptions(up="y"))
    skeleton = recording.poses[0].skeleton
    assert (skeleton.name, len(skeleton.joints)) == ("opencap_65", 65)
    np.testing.assert_allclose(got(recording, ["r_ASIS_study"])[:, 0], made[:, 2] * 1000, atol=0.02)
    np.testing.assert_allclose(got(recording, ["RKnee"])[:, 0], made[:, 1] * 1000, atol=0.02)
    prefixed = read(write(tmp_path / "b.trc", text(walk(30), [f"S1:{n}" for n in NAMES])))
    assert prefixed.poses[0].skeleton.name == "plug_in_gait"


def test_duplicate_names(tmp_path: Path) -> None:
    made = np.concatenate([walk(30), walk(30)[:, :1] + 5], axis=1)
    made[:20, 0] = np.nan
    recording = read(write(tmp_path / "walk.trc", text(made, [*NAMES, "LASI"])))
    np.testing.assert_allclose(got(recording, ["LASI"])[:, 0], walk(30)[:, 0] + 5, atol=1e-3)
    assert any("more than once" in n for n in recording.notes)


def test_static(tmp_path: Path) -> None:
    still = np.repeat(STANDING[None], 100, axis=0) + np.random.default_rng(3).normal(0, 2, (100, 8, 3))
    assert read(write(tmp_path / "trial.trc", text(still))).kind == "static"


def test_a_static_that_moves_is_a_movement_and_says_so(tmp_path: Path) -> None:
    moving = read(write(tmp_path / "static_01.trc", text(walk(60))))
    assert moving.kind == "mocap"
    assert any(
        "called a static trial" in note and "move by 684 mm" in note for note in moving.notes
    )  # 57 steps of 12 mm
    assert not any("static" in note for note in read(write(tmp_path / "walk.trc", text(walk(60)))).notes)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "empty"),
        ("  \n\n", "empty"),
        ("time\tx\n0\t1\n", "not a TRC file"),
        ("\0\1\2binary", "not text"),
        (text(walk(0)), "no rows"),
        (text(np.full((20, 8, 3), np.nan)), "no named marker with data|no valid sample"),
        (text(np.full((20, 8, 3), np.inf)), "are infinite or over 100 m"),
        (text(walk(20)).replace("\t0.050\t", "\t0.050x\t"), r"line 12, column 2: '0.050x' is not a number"),
        (text(walk(20)).replace("\t0.050\t", "\t0.010\t"), "time does not increase at row 6"),
        (text(walk(20)).replace("\t0.050\t", "\t\t"), "row 6 has no time"),
    ],
)
def test_bad_files(tmp_path: Path, content: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read(write(tmp_path / "walk.trc", content))


def test_every_bad_cell_is_reported_at_once(tmp_path: Path) -> None:
    content = text(walk(20)).replace("\t0.050\t", "\tfive\t").replace("\t0.070\t", "\tseven\t")
    with pytest.raises(InputError) as caught:
        read(write(tmp_path / "walk.trc", content))
    assert len(caught.value.problems) == 2


def test_of_a_file_cut_off_within_a_row_the_whole_rows_are_read(tmp_path: Path) -> None:
    whole = text(walk(60))
    for size in range(1200, len(whole) - 10, 397):
        path = write(tmp_path / "walk.trc", whole[:size])
        n_rows = whole[:size].count("\n") - whole[: whole.index("\n1\t") + 1].count("\n")
        recording = read(path)
        assert len(recording.poses[0].time_s) == n_rows
        if not whole[:size].endswith("\n"):
            assert recording.quality["missing_frames_pct"] == pytest.approx(100 * (60 - n_rows) / 60)
            assert any(f"of 60 frames {60 - n_rows} are missing" in note for note in recording.notes)


def test_a_file_saved_by_a_spreadsheet_has_quotes(tmp_path: Path) -> None:
    lines = text(walk(20)).split("\n")
    lines[3] = "\t".join(f'"{cell}"' if cell else "" for cell in lines[3].split("\t"))
    plain, quoted = (
        read(write(tmp_path / "walk.trc", "\n".join(some))) for some in (text(walk(20)).split("\n"), lines)
    )
    assert np.array_equal(plain.poses[0].positions, quoted.poses[0].positions, equal_nan=True)


@pytest.mark.parametrize("prefix", ["P01_", "Anna ", "walk-"])
def test_a_subject_before_every_name_does_not_hide_what_is_up(tmp_path: Path, prefix: str) -> None:
    z_up = np.stack([walk(20)[..., 0], -walk(20)[..., 2], walk(20)[..., 1]], axis=-1)
    path = write(tmp_path / "walk.trc", text(z_up, [prefix + name for name in NAMES]))
    assert read(path).steps[0].parameters["up"] == "z"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=5))
def test_mutated_bytes_give_an_input_error_or_a_recording(tmp_path: Path, changes: list[tuple[int, int]]) -> None:
    raw = bytearray(text(walk(8)).encode())
    for at, value in changes:
        raw[at % len(raw)] = value
    path = tmp_path / "mutated.trc"
    path.write_bytes(raw)
    try:
        recording = trc.read(path, ReadOptions())
    except InputError:
        return
    assert len(recording.poses[0].positions) == len(recording.poses[0].time_s)
