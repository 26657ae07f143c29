"""What files of different makers mean, on made files: up, units, names, numbers for names, joints from skin markers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from neurostore.errors import CohortError, InputError
from neurostore.ingest.cohort.scan import scan
from neurostore.ingest.geometry.rigid import fit_rigid
from neurostore.ingest.landmarks import compute_landmarks
from neurostore.ingest.landmarks.bend import follow_bones
from neurostore.ingest.landmarks.names import cluster_columns
from neurostore.ingest.pipeline.batch import read_trial
from neurostore.ingest.pipeline.check import check
from neurostore.ingest.pipeline.settings import Settings
from neurostore.ingest.readers import read
from neurostore.ingest.readers.c3d.outputs import source_angles, source_events
from neurostore.ingest.readers.c3d.parameters import Parameters
from neurostore.ingest.readers.markers.up import is_above, is_foot, judge_up
from neurostore.ingest.recording import ReadOptions, SourceEvent
from tests.builders.landmark_rows import angles_of
from tests.builders.segment_files import legs, mvnx, theia_c3d
from tests.builders.skin_walker import walker, write_trc

# ------------------------------------------------------------------------------------------------------------------ up

# Row i: the file's axis i as a sign and an axis of (forward, up, right)
LABS = {
    "y": [(1, 0), (1, 1), (1, 2)], "z": [(1, 0), (-1, 2), (1, 1)], "-z": [(1, 0), (1, 2), (-1, 1)],
    "x": [(1, 1), (-1, 0), (1, 2)], "-y": [(1, 0), (-1, 1), (-1, 2)],
}  # fmt: skip
NAMES_OF = {
    "plug_in_gait": {"ASI": "{s}ASI", "KNE": "{s}KNE", "ANK": "{s}ANK", "HEE": "{s}HEE", "TOE": "{s}TOE"},
    "isb": {"ASI": "{s}_IAS", "KNE": "{s}_FLE", "ANK": "{s}_FAL", "HEE": "{s}_FCC", "TOE": "{s}_FM2"},
    "visual3d": {"ASI": "{s}.ASIS", "KNE": "{s}.Knee.Lat", "ANK": "{s}.Ankle.Lat", "HEE": "{s}.Heel", "TOE": "{s}.Toe"},
}


@pytest.mark.parametrize("screen", ["", "-z", "y", "x"])
@pytest.mark.parametrize("maker", NAMES_OF)
@pytest.mark.parametrize("lab", LABS)
def test_the_markers_say_what_is_up(lab: str, maker: str, screen: str) -> None:
    points = walker()
    names, values = [], []
    for key, name in NAMES_OF[maker].items():
        for side in "LR":
            names.append("".join(c for c in name.format(s=side).upper() if c.isalnum()))
            values.append(points[side + key])
    own = np.stack(values, axis=1)
    turned = np.stack([sign * own[..., axis] for sign, axis in LABS[lab]], axis=-1)
    found = judge_up(names, turned, "z", screen)
    assert (found.axis, found.is_sure) == (lab, True)


def test_names_are_whole_words() -> None:
    """WHEELCHAIR holds no heel, TRANKLE no ankle."""
    assert is_foot("LHEEL")
    assert is_foot("RANKLELAT")
    assert is_above("PLEFTASI")
    assert not any(is_foot(n) or is_above(n) for n in ("WHEELCHAIR", "WHEEL", "TRANKLEBOX", "HEADSETBASE", "SHOEBOX"))


def test_the_screen_decides_where_no_name_is_known() -> None:
    cloud = np.random.default_rng(0).uniform(0, 500, (50, 6, 3))
    assert judge_up(["A", "B", "C", "D", "E", "F"], cloud, "z", "-y").axis == "y"  # all lie above zero
    assert judge_up(["A", "B", "C", "D", "E", "F"], -cloud, "z", "y").axis == "-y"


# --------------------------------------------------------------------------------------------------------------- names


def test_four_letter_names_of_helen_hayes_and_of_cmu(tmp_path: Path) -> None:
    points = walker()
    sets = {
        "long": {"V.Sacral": "SACR"} | {f"{s}.{a}": s + b for s in "LR" for a, b in (
            ("ASIS", "ASI"), ("Thigh", "THI"), ("Knee", "KNE"), ("Shank", "TIB"), ("Ankle", "ANK"), ("Heel", "HEE"), ("Toe", "TOE"))},
        "four": {"VSAC": "SACR"} | {s + a: s + b for s in "LR" for a, b in (
            ("ASI", "ASI"), ("THI", "THI"), ("KNE", "KNE"), ("SHA", "TIB"), ("ANK", "ANK"), ("HEE", "HEE"), ("TOE", "TOE"))},
    }  # fmt: skip
    found = {}
    for name, chosen in sets.items():
        path = write_trc(tmp_path / f"{name}.trc", {label: points[key] for label, key in chosen.items()})
        found[name] = compute_landmarks(read(path))
    assert {"left_hip", "left_knee", "right_ankle"} <= set(found["four"].points)
    for joint in ("left_hip", "left_knee", "right_knee", "right_ankle"):
        np.testing.assert_allclose(found["four"].points[joint], found["long"].points[joint], atol=0.01)


def test_points_of_xsens(tmp_path: Path) -> None:
    points = walker()
    chosen = {"pSacrum": "SACR", "pC7SpinalProcess": "C7"}
    for side, s in (("Left", "L"), ("Right", "R")):
        for a, b in (("ASI", "ASI"), ("KneeLatEpicondyle", "KNE"), ("KneeMedEpicondyle", "KNE_MED"),
                     ("LatMalleolus", "ANK"), ("MedMalleolus", "ANK_MED"), ("HeelFoot", "HEE"), ("Toe", "TOE")):  # fmt: skip
            chosen[f"p{side}{a}"] = s + b
    found = compute_landmarks(read(write_trc(tmp_path / "mvn.trc", {k: points[v] for k, v in chosen.items()})))
    np.testing.assert_allclose(found.points["right_knee"], (points["RKNE"] + points["RKNE_MED"]) / 2, atol=1.0)
    assert {"pelvis", "left_thigh", "right_shank", "left_foot_line"} <= set(found.segments)


def test_a_marker_called_hip_or_knee_is_not_a_joint_centre_in_a_set_on_the_skin(tmp_path: Path) -> None:
    """The CMU set: LHIP over the trochanter, LKNE outside and LKNI inside of the knee, LFWT and LBWT for the pelvis."""
    points = walker()
    names = {
        "FWT": "ASI",
        "BWT": "PSI",
        "HIP": "HIP",
        "KNE": "KNE",
        "KNI": "KNE_MED",
        "ANK": "ANK",
        "HEL": "HEE",
        "TOE": "TOE",
    }
    chosen = {s + a: points[s + b] for s in "LR" for a, b in names.items()}
    found = compute_landmarks(read(write_trc(tmp_path / "cmu.trc", chosen)))
    assert found.methods["left_knee"] == "half-way"
    assert found.methods["left_hip"] == "harrington"
    bare = {k: v for k, v in chosen.items() if "WT" not in k}  # without a pelvis nobody knows where the hip is
    assert "left_hip" not in compute_landmarks(read(write_trc(tmp_path / "bare.trc", bare))).methods


@pytest.mark.parametrize("place", ["shin", "thigh"])
@pytest.mark.parametrize("side", ["L", "R"])
def test_a_wand_in_front_gives_no_frontal_plane(tmp_path: Path, side: str, place: str) -> None:
    points = walker()
    names = ["ASI", "PSI", "THI", "KNE", "TIB", "ANK", "HEE", "TOE"]
    chosen = {s + n: points[s + n].copy() for s in "LR" for n in names}
    z = 1 if side == "R" else -1
    wand = side + ("TIB" if place == "shin" else "THI")
    chosen[wand] += [50, 0, -25 * z] if place == "shin" else [70, 0, -120 * z]
    found = compute_landmarks(read(write_trc(tmp_path / "wand.trc", chosen)))
    whole, segment = ("left", "right")[side == "R"], "shank" if place == "shin" else "thigh"
    assert f"{whole}_{segment}_line" in found.segments
    assert f"{whole}_{segment}" not in found.segments
    other = ("right", "left")[side == "R"]
    joint = "ankle" if place == "shin" else "knee"
    assert found.methods[f"{other}_{joint}"].startswith("chord")
    assert found.methods[f"{whole}_{joint}"].startswith("inward_half_width")


@pytest.mark.parametrize("labels", ["0001", "2000"])
def test_numbers_for_names_are_kept_as_positions(tmp_path: Path, labels: str) -> None:
    """Qualisys numbers what nobody identified 0001 …, SIMI from 2000 on."""
    points = list(walker(50).values())
    numbered = {f"{int(labels) + i:04d}": values for i, values in enumerate(points)}
    recording = read(write_trc(tmp_path / "walk.trc", numbered))
    assert len(recording.poses[0].skeleton.joints) == len(points)
    assert any("labels are numbers" in n for n in recording.notes)
    mixed = {"LASI": points[0], **numbered}
    assert len(read(write_trc(tmp_path / "mixed.trc", mixed)).poses[0].skeleton.source_names) < len(points)


# --------------------------------------------------------------------------------------------------------------- units


@pytest.mark.parametrize(
    ("tall", "units", "stem"),
    [(450, "m", "walk_px_person00"), (820, "m", "walk"), (1080, "m", "walk"), (800, "px", "walk")],
)
def test_pixels_are_not_metres(tmp_path: Path, tall: float, units: str, stem: str) -> None:
    points = {k: v * (tall / 1500) * [1, 1, 0] for k, v in walker(50).items()}
    path = write_trc(tmp_path / f"{stem}.trc", points, units)
    with pytest.raises(InputError, match=r"pixels|picture"):
        read(path)
    assert read(path, ReadOptions(scale_mm=1500 / tall)).poses


# -------------------------------------------------------------------------------------------------------------- events


@pytest.mark.parametrize(
    ("context", "label", "expected"),
    [
        ("RHS", "Event", ("foot_strike", "right")),
        ("LTO", "", ("foot_off", "left")),
        ("Left", "Foot Strike", ("foot_strike", "left")),
        ("General", "LHS", ("foot_strike", "left")),
    ],
)
def test_side_and_kind_of_an_event(context: str, label: str, expected: tuple[str, str]) -> None:
    groups = {"EVENT": {"TIMES": [0.0, 0.5], "LABELS": [label], "CONTEXTS": [context], "USED": [1]}}
    events, _ = source_events(Parameters(groups), 1, 200, 100.0, None)
    assert [(e.event, e.side) for e in events] == [expected]
    assert isinstance(events[0], SourceEvent)


def test_a_mark_under_two_labels_is_one_event() -> None:
    """As in LABU, where each RHS stands beside a RON at the same time; marks a frame apart stay."""
    labels, seconds = ["RHS", "RON", "LTO", "LOFF", "RHS", "Event"], [0.5, 0.5, 0.6, 0.604, 0.51, 0.5]
    times = [part for s in seconds for part in (0.0, s)]
    groups = {"EVENT": {"TIMES": times, "LABELS": labels, "CONTEXTS": ["", "", "", "", "", "General"], "USED": [6]}}
    events, notes = source_events(Parameters(groups), 1, 200, 100.0, None)
    steps = [(e.event, e.side, e.time_s) for e in events if e.event != "event"]
    assert steps == [("foot_strike", "right", 0.5), ("foot_strike", "right", 0.51), ("foot_off", "left", 0.6)]
    assert any("2 events occur twice in the file (LTO and LOFF, RHS and RON)" in n for n in notes)


# --------------------------------------------------------------------------------------------------------------- clock


@pytest.mark.parametrize("rate", [10.0, 12.5])
def test_a_slow_clock_is_kept_unfiltered_and_noted(tmp_path: Path, rate: float) -> None:
    path = write_trc(tmp_path / "slow.trc", walker(60, rate), rate=rate)
    found = compute_landmarks(read(path))
    assert any("not filtered" in n for n in found.notes)
    np.testing.assert_allclose(found.points["left_toe"][:, 0], walker(60, rate)["LTOE"][:, 0], atol=0.01)


# ------------------------------------------------------------------------------------------------ rotations of a tree


@pytest.mark.parametrize("turn_deg", [0, -85, 115, 180])
@pytest.mark.parametrize(("joints", "sign"), [(("hip", "knee", "ankle"), 1), (("shoulder", "elbow", "wrist"), -1)])
def test_flexion_is_the_bend_between_bones_not_a_turn_about_their_length(
    joints: tuple[str, str, str], sign: int, turn_deg: float
) -> None:
    """Two bones in the sagittal plane; the upper one's rotation turned about its own length by ``turn_deg``."""
    n = 60
    bend = np.radians(5 + 55 * np.sin(np.linspace(0, np.pi, n)) ** 2)
    upper, lower = (("thigh", "shank"), ("upper_arm", "forearm"))[sign < 0]
    top = np.zeros((n, 3))
    middle = top - [0, 400, 0]
    bottom = middle - 400 * np.stack([sign * np.sin(bend), np.cos(bend), 0 * bend], -1)
    turned = Rotation.from_euler("y", np.full((n, 1), turn_deg), degrees=True)
    below = Rotation.from_euler("z", -sign * bend[:, None])
    segments = {
        f"left_{upper}": turned.as_quat()[:, [3, 0, 1, 2]].astype(np.float32),
        f"left_{lower}": below.as_quat()[:, [3, 0, 1, 2]].astype(np.float32),
    }
    marks = {f"left_{j}": p for j, p in zip(joints, (top, middle, bottom), strict=True)}
    methods, notes = follow_bones(segments, marks, np.tile([0.0, 0.0, 1.0], (n, 1)))
    if turn_deg == 0:
        assert not methods
        assert not notes
        return
    assert set(segments) == {f"left_{upper}_line", f"left_{lower}_line"}
    first, second = (Rotation.from_quat(segments[f"left_{s}_line"][:, [1, 2, 3, 0]]) for s in (upper, lower))
    found = (first.inv() * second).as_euler("ZXY")
    np.testing.assert_allclose(np.degrees(-sign * found[:, 0]), np.degrees(bend), atol=0.01)
    assert "turn bones about their own length" in notes[0]


# ------------------------------------------------------------------------------------------- segments with rotations


@pytest.mark.parametrize("maker", ["theia by columns", "theia by rows", "theia in small letters", "xsens"])
def test_segments_with_rotations_give_the_angles_they_were_made_of(tmp_path: Path, maker: str) -> None:
    path = mvnx(tmp_path / "w.mvnx") if maker == "xsens" else theia_c3d(tmp_path / "w.c3d", maker.endswith("rows"))
    if maker.endswith("small letters"):
        path.write_bytes(path.read_bytes().replace(b"_4X4", b"_4x4"))
    recording = read(path)
    assert (recording.poses[0].skeleton.name, recording.rate_hz) == ("xsens_mvn" if maker == "xsens" else "theia", 50.0)
    angles = angles_of(compute_landmarks(recording, cutoff_hz=0.0))
    _, _, hip, knee = legs()
    for side in ("left", "right"):
        np.testing.assert_allclose(angles[f"{side}_knee_flexion_deg"], knee, atol=0.05)
        np.testing.assert_allclose(angles[f"{side}_hip_flexion_rel_deg"], hip, atol=0.05)
        np.testing.assert_allclose(angles[f"{side}_knee_adduction_deg"], 0, atol=0.05)
        np.testing.assert_allclose(angles[f"{side}_ankle_dorsiflexion_deg"], 0, atol=0.05)


def test_segments_with_other_axes_than_their_format_bend_as_their_bones_do(tmp_path: Path) -> None:
    """Axes turned by 90° about the length of each segment: x forward, where Theia has it to the right."""
    path = theia_c3d(tmp_path / "w.c3d")
    raw = path.read_bytes()
    values = np.frombuffer(raw[2048:], "<f4").reshape(150, -1, 17).copy()
    four = values[..., :16].reshape(150, -1, 4, 4).swapaxes(-1, -2)
    turned = four @ np.array([[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    values[..., :16] = turned.swapaxes(-1, -2).reshape(150, -1, 16)
    path.write_bytes(raw[:2048] + values.tobytes())
    found = compute_landmarks(read(path), cutoff_hz=0.0)
    angles = angles_of(found)
    np.testing.assert_allclose(angles["left_knee_flexion_deg"], legs()[3], atol=0.05)
    assert np.isnan(angles["left_hip_flexion_rel_deg"]).all()
    assert np.isnan(angles["left_knee_rotation_deg"]).all()
    assert any("is 90° off that line" in note for note in found.notes)


def test_segments_that_were_not_seen_are_missing(tmp_path: Path) -> None:
    poses = read(theia_c3d(tmp_path / "w.c3d", unseen=7)).poses[0]
    assert np.isnan(poses.positions[7]).all()
    assert np.isfinite(poses.positions[8, poses.skeleton.index("l_thigh")]).all()


def test_a_theia_file_without_points_whose_header_speaks_of_integers(tmp_path: Path) -> None:
    path = theia_c3d(tmp_path / "w.c3d")
    content = bytearray(path.read_bytes())
    content[15] ^= 0x80  # the sign of the scale, which says floats
    path.write_bytes(content)
    recording = read(path)
    assert len(recording.poses[0].positions)
    assert any("bytes per number: 4 or 2" in note for note in recording.notes)


def test_a_theia_file_cut_short_is_named(tmp_path: Path) -> None:
    path = theia_c3d(tmp_path / "w.c3d")
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(InputError, match="its rotations need"):
        read(path)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("devices.csv", "Frame,Sub Frame,Fx,Fy,Fz\n1,0,1,2,3\n", "Vicon Nexus"),
        ("tidy.csv", "frame,keypoint,x,y,z\n0,nose,0,0,0\n", "FreeMoCap"),
        ("take.tak", "x", "Motive"),
        ("walk_f_1.tsv", "NO_OF_SAMPLES\t1\nFREQUENCY\t1000\nForce_X\tForce_Y\tForce_Z\n1\t2\t3\n", "Qualisys Track Manager"),
        ("new.tsv", "FILE_VERSION\t2.0.0\nNO_OF_FRAMES\t1\n", "Qualisys Track Manager"),
        ("table.txt", "\tC:\\data\\walk.c3d\n\tLKNEE\n", "Visual3D"),
        ("walk.tdf", "x", "BTS"),
        ("walk.c3d.gz", "x", "a packed .c3d file: unpack it"),
        ("walk.trc.part", "x", "an unfinished copy of a .trc file"),
        ("walk.bvh.txt", "HIERARCHY\nROOT Hips\n", "let its name end in .bvh"),
        ("walk", "PathFileType\t4\n", "let its name end in .trc"),
        ("walk.mvnx", "<mvnx><subject frameRate='60'><segments><segment label='Pelvis'/></segments><frames/></subject></mvnx>", ""),
    ],
)  # fmt: skip
def test_what_nobody_reads_is_named_as_what_it_is(tmp_path: Path, name: str, content: str, says: str) -> None:
    folder = tmp_path / "cohort" / "S01"
    folder.mkdir(parents=True)
    (folder / name).write_text(content, encoding="latin-1")
    (folder / "notes.csv").write_text("date,remark\n1,fine\n")
    cohort = scan(tmp_path / "cohort")
    assert [p.name for p in cohort.unknown] == ["notes.csv"]
    if says:
        assert says in str(cohort.refused[0])
    else:
        with pytest.raises(InputError, match="without one frame of motion"):
            read(folder / name)


@pytest.mark.parametrize("rate", ["", "fast", "0", "-60", "nan", "inf"])
def test_a_rate_that_is_none_is_named(tmp_path: Path, rate: str) -> None:
    path = mvnx(tmp_path / "w.mvnx", 8)
    path.write_text(path.read_text().replace('frameRate="50"', f'frameRate="{rate}"'))
    with pytest.raises(InputError, match="no frameRate that is a number above 0"):
        read(path)


def test_raw_data_beside_their_export_are_not_lost_captures(tmp_path: Path) -> None:
    folder = tmp_path / "cohort" / "S01"
    folder.mkdir(parents=True)
    write_trc(folder / "walk.trc", walker(20))
    (folder / "walk.x2d").write_bytes(b"raw")
    cohort = scan(tmp_path / "cohort")
    assert not cohort.refused


@pytest.mark.parametrize(("label", "remark"), [("LKneeAngles_CGM2.3", "Vicon Nexus"), ("LKneeAngles", "pyCGM2")])
def test_outputs_of_cgm2_are_not_judged_as_plug_in_gait(label: str, remark: str) -> None:
    values = np.tile(np.array([10.0, 2.0, 3.0]), (20, 1, 1))
    groups = {"MANUFACTURER": {"SOFTWARE": [remark]}}
    angles, notes = source_angles([label], values, np.arange(20) / 100, Parameters(groups))
    assert [a.angle for a in angles] == [None, None, None]
    assert "another model" in notes[0]
    plain, _ = source_angles(["LKneeAngles"], values, np.arange(20) / 100, Parameters({}))
    assert plain[0].angle == "left_knee_flexion_deg"


# ------------------------------------------------------------------------------------------- a laboratory's own names


def test_a_laboratorys_own_names_are_read_as_its_cohort_toml_says(tmp_path: Path) -> None:
    points = walker()
    own = {
        "ASI": "H1",
        "PSI": "H2",
        "KNE": "K1",
        "KNE_MED": "K2",
        "ANK": "F1",
        "ANK_MED": "F2",
        "HEE": "F3",
        "TOE": "F4",
    }
    meant = {"ASI": "asis", "PSI": "psis", "KNE": "knee_lateral", "KNE_MED": "knee_medial", "ANK": "ankle_lateral",
             "ANK_MED": "ankle_medial", "HEE": "heel", "TOE": "toe"}  # fmt: skip
    folder = tmp_path / "cohort" / "S01"
    folder.mkdir(parents=True)
    write_trc(folder / "walk.trc", {f"{v}{s}": points[s + k] for s in "LR" for k, v in own.items()})
    assert "left_knee" not in compute_landmarks(read(folder / "walk.trc")).points
    lines = [f'{v}{s} = "{side}_{meant[k]}"' for s, side in (("L", "left"), ("R", "right")) for k, v in own.items()]
    (tmp_path / "cohort" / "cohort.toml").write_text("[markers]\n" + "\n".join(lines) + "\n")
    (source,) = scan(tmp_path / "cohort").trials
    recording = read(source.paths[0], source.options)
    assert any("[markers] of cohort.toml: H1L as left_asis" in n for n in recording.notes)
    found = compute_landmarks(recording)
    np.testing.assert_allclose(found.points["left_knee"], (points["LKNE"] + points["LKNE_MED"]) / 2, atol=1.0)
    (tmp_path / "cohort" / "cohort.toml").write_text("[markers]\nH1L = 3\n")
    with pytest.raises(CohortError, match="what it is"):
        scan(tmp_path / "cohort")


def test_check_says_one_line_per_file_and_keeps_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "cohort" / "S01"
    folder.mkdir(parents=True)
    points = walker(300)
    names = ("ASI", "PSI", "KNE", "ANK", "HEE", "TOE")
    write_trc(folder / "walk.trc", {s + n: points[s + n] for s in "LR" for n in names})
    write_trc(folder / "walk_px_2.trc", {s + n: points[s + n] * [0.3, 0.3, 0] for s in "LR" for n in names}, "m")
    before = sorted(p for p in tmp_path.rglob("*"))
    lines = {line.file: line for line in check(tmp_path / "cohort", n_workers=1)}
    assert sorted(p for p in tmp_path.rglob("*")) == before
    assert lines["S01/walk.trc"].is_read
    assert (lines["S01/walk.trc"].up, lines["S01/walk.trc"].skeleton) == ("y", "plug_in_gait")
    assert not lines["S01/walk_px_2.trc"].is_read
    assert "pixels" in lines["S01/walk_px_2.trc"].verdict
    (folder / "walk.trc").unlink()
    assert [line.is_read for line in check(tmp_path / "cohort", n_workers=1)] == [False]


def test_forces_of_opensim_beside_its_angles_are_not_failures(tmp_path: Path) -> None:
    folder = tmp_path / "cohort" / "S01"
    folder.mkdir(parents=True)
    (folder / "walk_grf.mot").write_text(
        "forces\nversion=1\nnRows=1\nnColumns=4\ninDegrees=yes\nendheader\ntime\tground_force_vx\tground_force_vy\tground_force_vz\n0\t1\t2\t3\n"
    )
    (folder / "walk_ik.mot").write_text(
        "angles\nversion=1\nnRows=2\nnColumns=2\ninDegrees=yes\nendheader\ntime\tknee_angle_r\n0\t10\n0.01\t20\n"
    )
    cohort = scan(tmp_path / "cohort")
    assert [source.trial for source in cohort.trials] == ["walk_ik"]
    assert not cohort.refused
    assert any("walk_grf.mot" in warning for warning in cohort.warnings)


@pytest.mark.parametrize(("start_s", "is_noted"), [(0.0, False), (0.5, False), (1.5, True), (10.0, True)])
def test_forces_of_another_time_than_the_markers_are_noted(tmp_path: Path, start_s: float, is_noted: bool) -> None:
    folder = tmp_path / "cohort" / "S01"
    folder.mkdir(parents=True)
    write_trc(folder / "walk.trc", {name: walker()[name] for name in ("LASI", "RASI", "LANK", "RANK")})
    names = "\t".join(f"ground_force_{kind}{axis}" for kind in "vp" for axis in "xyz")
    rows = "\n".join(f"{start_s + k / 100:.2f}\t0\t{600 * (k > 50)}\t0\t1\t0\t0" for k in range(200))
    (folder / "walk_grf.mot").write_text(f"grf\nversion=1\nendheader\ntime\t{names}\n{rows}\n")
    (source,) = scan(tmp_path / "cohort").trials
    notes = read_trial(source, Settings()).notes
    assert any("make the times of both files agree" in note for note in notes) == is_noted


def test_a_static_trial_says_which_way_is_up_in_its_session(tmp_path: Path) -> None:
    """A person lies on a bench, face down, in the middle of a session whose static trial stands: the markers alone say x."""
    folder = tmp_path / "cohort" / "S01"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    standing = {k: np.tile(v[:1], (200, 1)) + rng.normal(0, 0.5, (200, 3)) for k, v in walker().items()}
    z_up = {k: np.stack([v[:, 0], -v[:, 2], v[:, 1]], -1) for k, v in standing.items()}
    names = [s + n for s in "LR" for n in ("ASI", "PSI", "KNE", "ANK", "HEE", "TOE", "SHO")]
    moving = 150 * np.sin(np.linspace(0, 9, 200))[:, None] * np.array([0, 0, 1])
    lying = {k: np.stack([v[:, 2], v[:, 1], -v[:, 0] + 900], -1) + moving for k, v in z_up.items()}
    write_trc(folder / "static.trc", {k: z_up[k] for k in names})
    write_trc(folder / "bench.trc", {k: lying[k] for k in names})
    assert judge_up(names, np.stack([lying[k] for k in names], 1), "y").axis == "x"
    lines = {line.file: line for line in check(tmp_path / "cohort", n_workers=1)}
    assert lines["S01/static.trc"].up == "z"
    assert lines["S01/bench.trc"].up == "z"


@pytest.mark.parametrize("name", ["LKNE", "RANK", "LHEE"])
def test_a_gap_filled_with_the_last_value_is_missing(tmp_path: Path, name: str) -> None:
    points = {k: v for k, v in walker(300).items() if k[1:] in ("ASI", "PSI", "KNE", "ANK", "HEE", "TOE")}
    high = int(np.argmax(points[name][60:240, 1])) + 60  # a foot held in swing: on the floor it may stand still
    points[name][high : high + 30] = points[name][high]
    recording = read(write_trc(tmp_path / "walk.trc", points))
    found = compute_landmarks(recording, cutoff_hz=0)
    assert found.quality["repeated_samples"] == 29
    landmark = {"LKNE": "left_knee_lateral", "RANK": "right_ankle_lateral", "LHEE": "left_heel"}[name]
    assert np.isnan(found.points[landmark][high + 2 : high + 28]).all()
    assert any("gaps filled with the last value" in n and name in n for n in found.notes)
    poses = recording.poses[0]
    assert np.isfinite(poses.positions[:, poses.skeleton.index(name)]).all()  # as read


def test_a_foot_that_stands_and_a_person_who_stands_are_measured(tmp_path: Path) -> None:
    points = {k: v for k, v in walker(300).items() if k[1:] in ("ASI", "PSI", "KNE", "ANK", "HEE", "TOE")}
    low = int(np.argmin(points["LHEE"][60:240, 1])) + 60
    points["LHEE"][low : low + 30] = points["LHEE"][low]
    assert "repeated_samples" not in compute_landmarks(read(write_trc(tmp_path / "w.trc", points)), cutoff_hz=0).quality
    still = {k: np.tile(v[:1], (100, 1)) for k, v in points.items()}
    assert "repeated_samples" not in compute_landmarks(read(write_trc(tmp_path / "static.trc", still))).quality


# ------------------------------------------------------------------------------------------------------------ clusters

CLUSTERS = {  # offsets from thigh and shank wands, mm
    "numbers": {"THI": {"TH1": (0, 0, 0), "TH2": (40, 60, 5), "TH3": (-40, 60, 5), "TH4": (0, 120, 10)},
                "TIB": {"SK1": (0, 0, 0), "SK2": (35, 50, 5), "SK3": (-35, 50, 5), "SK4": (0, 100, 10)}},
    "opensim": {"THI": {".Thigh.Upper": (0, 100, 10), ".Thigh.Front": (60, 0, -20), ".Thigh.Rear": (-60, 0, -20)},
                "TIB": {".Shank.Upper": (0, 90, 10), ".Shank.Front": (50, 0, -20), ".Shank.Rear": (-50, 0, -20)}},
    "tibia": {"THI": {"TH1": (0, 100, 10), "TH2": (60, 0, -20), "TH3": (-60, 0, -20)},
              "TIB": {"TB1": (0, 90, 10), "TB2": (50, 0, -20), "TB3": (-50, 0, -20)}},
}  # fmt: skip


def clustered(points: dict[str, np.ndarray], maker: str, knees: bool, noise_mm: float) -> dict[str, np.ndarray]:
    """A marker set with clusters, whose markers turn with the leg; with medial and lateral markers or without."""
    rng = np.random.default_rng(0)
    names = ["ASI", "PSI", "HEE", "TOE"] + (["KNE", "KNE_MED", "ANK", "ANK_MED"] if knees else [])
    out = {s + n: points[s + n] for s in "LR" for n in names}
    for s, z in (("L", -1), ("R", 1)):
        long = points[s + "KNE"] - points[s + "ANK"]
        up = long / np.linalg.norm(long, axis=1, keepdims=True)
        forward = np.cross(up, [0, 0, 1])
        for wand, markers in CLUSTERS[maker].items():
            for label, (x, y, side) in markers.items():
                at = points[s + wand] + x * forward + y * up + side * z * np.array([0, 0, 1.0])
                out[s + label] = at + rng.normal(0, noise_mm, at.shape)
    return out


@pytest.mark.parametrize("maker", CLUSTERS)
def test_landmarks_of_the_static_trial_are_led_by_clusters(tmp_path: Path, maker: str) -> None:
    standing = {k: np.tile(v[:1], (100, 1)) for k, v in walker(2).items()}
    static = read(write_trc(tmp_path / "static.trc", clustered(standing, maker, True, 0.3)))
    points = walker(200)
    worn = clustered(points, maker, False, 0.3)
    worn[next(k for k in worn if k.startswith("RTH") or k == "R.Thigh.Upper")][50:90] = (
        np.nan
    )  # a lost marker of a cluster
    worn = {k: np.where(np.isnan(v), 0.0, v) for k, v in worn.items()}
    moving = read(write_trc(tmp_path / "walk.trc", worn))
    assert static.kind == "static"
    assert "left_knee" not in compute_landmarks(moving).points
    found = compute_landmarks(moving, calibrations=compute_landmarks(static).calibrations, cutoff_hz=0)
    for side, s in (("left", "L"), ("right", "R")):
        for joint, name in (("knee", "KNE"), ("ankle", "ANK")):
            truth = (points[s + name] + points[f"{s}{name}_MED"]) / 2
            error = np.linalg.norm(found.points[f"{side}_{joint}"] - truth, axis=1)
            gap = slice(50, 90) if maker != "numbers" and (side, joint) == ("right", "knee") else slice(0, 0)
            inner = np.delete(error, np.r_[gap])
            assert inner.mean() < 2.0  # 0.3 mm of noise on markers 40 mm apart, carried 200 mm
            assert inner.max() < 6.0
            assert np.isfinite(inner).all()
    assert found.quality["cluster_residual_mm"] < 1.0
    assert any("are reconstructed from clusters" in n for n in found.notes)


def test_clusters_of_a_smaller_person_lead_nothing(tmp_path: Path) -> None:
    standing = {k: np.tile(v[:1], (100, 1)) for k, v in walker(2).items()}
    moving = read(write_trc(tmp_path / "walk.trc", clustered(walker(200), "numbers", False, 0.3)))
    led = {}
    for share in (1.0, 0.97, 0.9):
        worn = {k: share * v for k, v in clustered(standing, "numbers", True, 0.3).items()}
        static = compute_landmarks(read(write_trc(tmp_path / "static.trc", worn)))
        found = compute_landmarks(moving, calibrations=static.calibrations, cutoff_hz=0)
        led[share] = "left_knee" in found.points
        assert any("11 % larger" in note for note in found.notes) == (share == 0.9)
    assert led == {1.0: True, 0.97: True, 0.9: False}


@pytest.mark.parametrize("pattern", ["{s}_TH_{i}", "thigh{i}_{s}", "{s}THIGH_CL{i}", "{side}Thigh{i}", "{s}TH{letter}"])
def test_names_of_a_cluster(pattern: str) -> None:
    names = [pattern.format(s=side[0], side=side, i=i, letter="ABC"[i]) for side in ("Left", "Right") for i in range(3)]
    assert cluster_columns(tuple(names)) == {"left_thigh": [0, 1, 2], "right_thigh": [3, 4, 5]}


def test_a_rigid_fit_is_that_of_scipy() -> None:
    rng = np.random.default_rng(1)
    still = rng.normal(0, 100, (5, 3))
    turn = Rotation.random(20, random_state=2)
    moving = np.einsum("nij,kj->nki", turn.as_matrix(), still) + rng.normal(0, 2, (20, 5, 3)) + [100, 200, 300]
    turns, origins, residual = fit_rigid(still, moving)
    for k in range(20):
        expected, rssd = Rotation.align_vectors(moving[k] - moving[k].mean(0), still - still.mean(0))
        np.testing.assert_allclose(turns[k], expected.as_matrix(), atol=1e-6)
        assert residual[k] == pytest.approx(rssd / np.sqrt(5), rel=1e-6)
        np.testing.assert_allclose(origins[k], moving[k].mean(0) - expected.apply(still.mean(0)), atol=1e-3)
    assert np.isnan(fit_rigid(still[:2], moving[:, :2])[0]).all()
