"""ASF/AMC: a naive twin with plain matrices, broken files, and the same motion as BVH."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from neurostore.errors import InputError
from neurostore.ingest import readers
from neurostore.ingest.geometry import rotations
from neurostore.ingest.readers.trees import amc
from neurostore.ingest.recording import ReadOptions, Recording
from tests.builders.amc_files import AMC, ASF
from tests.shared_data import SHARED, needs_shared
from tests.twins.rotation_matrices import matrices_of

MM = ReadOptions(scale_mm=1.0)


@pytest.fixture
def trial(tmp_path: Path):  # type: ignore[no-untyped-def]
    def write(motion: str | bytes = AMC, skeleton: str | bytes | None = ASF, asf: str = "x.asf") -> Path:
        for name, content in ((asf, skeleton), ("x_01.amc", motion)):
            if content is not None:
                (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path / "x_01.amc"

    return write


def read(path: Path, options: ReadOptions = MM) -> Recording:
    return readers.read(path, options)


def problems(path: Path, options: ReadOptions = MM) -> str:
    with pytest.raises(InputError) as caught:
        readers.read(path, options)
    return str(caught.value)


def fixed(order: str, degrees: list[float]) -> np.ndarray:
    """Turns about fixed axes, the first listed first."""
    return Rotation.from_euler(order.lower(), degrees, degrees=True).as_matrix()


def naive(asf: Path, path: Path, n_frames: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """bone -> (where it begins, (n, 3); matrix to the lab, (n, 3, 3)) by the format's definition, source units."""
    text = re.sub(r"#.*", "", asf.read_text())
    bones = {}
    for block in re.findall(r"begin\s+(id.*?)\n\s*end", text, re.DOTALL):
        said = {line.split()[0]: line.split()[1:] for line in block.splitlines() if line.split()}
        axis = fixed(said["axis"][3], [float(v) for v in said["axis"][:3]])
        direction = np.array([float(v) for v in said["direction"]])
        vector = direction / np.linalg.norm(direction) * float(said["length"][0])
        bones[said["name"][0]] = (vector, axis, [d[1] for d in said.get("dof", [])])
    lines = text.partition(":hierarchy")[2].split("\n")
    parent = {child: words[0] for words in map(str.split, lines) for child in words[1:]}
    frames: list[dict[str, list[float]]] = []
    for words in map(str.split, path.read_text().splitlines()):
        if words[0].isdigit():
            frames.append({})
        elif frames:
            frames[-1][words[0]] = [float(v) for v in words[1:]]
    out: dict[str, list] = {name: [] for name in ("root", *bones)}
    for frame in frames[:n_frames]:
        where = {"root": (np.array(frame["root"][:3]), fixed("xyz", frame["root"][3:]))}
        ends = {"root": where["root"][0]}
        for name in bones:  # parents stand before children in these files
            vector, axis, dof = bones[name]
            turn = fixed("".join(dof), frame[name]) if name in frame else np.eye(3)
            matrix = where[parent[name]][1] @ axis @ turn @ axis.T
            where[name] = (ends[parent[name]], matrix)
            ends[name] = where[name][0] + matrix @ vector
        for name, pair in where.items():
            out[name].append(pair)
    return {name: (np.array([p for p, _ in v]), np.array([m for _, m in v])) for name, v in out.items()}


def test_a_tiny_file_gives_the_known_places(trial) -> None:  # type: ignore[no-untyped-def]
    found = read(trial())
    pose = found.poses[0]
    assert set(pose.skeleton.source_names) == {"root", "thigh", "shank", "shank_end", "head", "head_end"}
    knee, ankle = pose.skeleton.index("shank"), pose.skeleton.index("shank_end")
    # frame 0: straight; 1: rx about the bone's own x, which is the lab's y (axis 0 0 90): the hanging bone stays
    np.testing.assert_allclose(pose.positions[:2, knee], [[0, 15, 0], [1, 15, 0]], atol=1e-4)
    np.testing.assert_allclose(pose.positions[:2, ankle], [[0, 0, 0], [1, 0, 0]], atol=1e-4)
    # frame 2: rz by 90 lifts the thigh to the root's +x, which ry 90 turns to -z; rx of the shank then turns about z'
    np.testing.assert_allclose(pose.positions[2, knee], [2, 31, -16], atol=1e-4)
    assert found.rate_hz == 120
    assert any("120 Hz" in n for n in found.notes)
    np.testing.assert_allclose(found.neutral.rotations[:, 0] if found.neutral else [1.0], 1, atol=1e-6)


def test_it_agrees_with_the_naive_twin(trial, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    pose = read(trial()).poses[0]
    for name, (places, turns) in naive(tmp_path / "x.asf", tmp_path / "x_01.amc", 3).items():
        k = pose.skeleton.index(name)
        np.testing.assert_allclose(pose.positions[:, k], places, atol=1e-4)
        np.testing.assert_allclose(matrices_of(pose.rotations[:, k]), turns, atol=1e-6)


SAME = {
    "CRLF": (AMC.replace("\n", "\r\n"), ASF.replace("\n", "\r\n")),
    "CR": (AMC.replace("\n", "\r"), ASF.replace("\n", "\r")),
    "no last newline": (AMC.rstrip(), ASF.rstrip()),
    "tabs and blanks": (AMC.replace(" ", "\t ").replace("\n", "  \n"), ASF.replace(" ", "\t")),
    "blank lines and comments": (
        AMC.replace("\n2\n", "\n\n# half\n2\n"),
        ASF.replace(":hierarchy", "\n# so\n:hierarchy"),
    ),
    "numbers from 500": (re.sub(r"(?m)^([123])$", r"50\1", AMC), ASF),
    "bones in another order": (AMC.replace("thigh 90 0\nshank 0\n", "shank 0\nthigh 90 0\n"), ASF),
    "radians": (
        AMC.replace("DEGREES", "RADIANS").replace("90", "1.5707963267948966"),
        ASF,
    ),
    "axis in radians": (AMC, ASF.replace("angle deg", "angle rad").replace("0 0 90 XYZ", "0 0 1.5707963267948966 XYZ")),
}


@pytest.mark.parametrize("quirk", SAME)
def test_quirks_of_layout_change_nothing(quirk: str, trial) -> None:  # type: ignore[no-untyped-def]
    plain = read(trial()).poses[0]
    other = read(trial(*SAME[quirk])).poses[0]
    np.testing.assert_allclose(plain.positions, other.positions, atol=1e-5)
    np.testing.assert_allclose(plain.rotations, other.rotations, atol=1e-6)


BROKEN = {
    "empty": ("", "the file is empty"),
    "rubbish": (bytes(range(128, 256)) * 4, "not an AMC file"),
    "header only": (":FULLY-SPECIFIED\n:DEGREES\n", "no frame of motion"),
    "frame without bones": (":DEGREES\n1\n", "the first frame has no bone"),
    "unknown bone": (
        AMC.replace("thigh 0 0\nshank 0", "thigh 0 0\ntail 0", 1),
        "line 7: bone 'tail' is not in the ASF",
    ),
    "unknown later": (AMC.replace("shank 90", "tail 90"), "bone 'tail' is not in the ASF or not in the first frame"),
    "bone missing": (AMC.replace("thigh 90 0\n", ""), "frame 2 has 2 of its bones"),
    "bone twice": (AMC.replace("thigh 90 0\n", "thigh 90 0\nthigh 90 0\n"), "bone 'thigh' occurs twice in frame 2"),
    "too many values": (AMC.replace("shank 90", "shank 90 1"), "line 15: bone 'shank' has 2 values, expected 1"),
    "too few values": (AMC.replace("root 2 31 0 0 90 0", "root 2 31 0 0 90"), "line 13: bone 'root' has 5 values"),
    "no number": (AMC.replace("thigh 90 0", "thigh 90 x"), "line 10: bone 'thigh' has a field that is not a number"),
    "frame skipped": (AMC.replace("\n3\n", "\n4\n"), "frame number 4 follows 2; frames must be consecutive"),
    "truncated": (AMC[: AMC.rindex("shank")], "the last frame, 3, has 2 of its 3 bones; the file may be truncated"),
    "all nan": (
        re.sub(r"(?m)^(\w+ ).*\d$", lambda m: m[1] + " ".join(["nan"] * (len(m[0].split()) - 1)), AMC),
        "every coordinate is NaN",
    ),
    "rate": (AMC.replace(":DEGREES", ":DEGREES\n:SAMPLES-PER-SECOND 0"), "expected a positive rate"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_motions_are_named_with_what_is_wrong(what: str, trial) -> None:  # type: ignore[no-untyped-def]
    content, expected = BROKEN[what]
    found = problems(trial(content))
    assert expected in found
    assert "x_01.amc" in found


BROKEN_ASF = {
    "empty": ("", "not an ASF file"),
    "rubbish": (bytes(range(128, 256)), "not an ASF file"),
    "truncated": (ASF[: ASF.index(":hierarchy")], "no section :hierarchy; the file may be truncated"),
    "angle": (ASF.replace("angle deg", "angle grad"), "line 7: angle unit 'grad', expected deg or rad"),
    "length": (ASF.replace("length 16", "length long"), "line 20: 'length long', expected 1 numbers"),
    "no direction": (ASF.replace("    direction 0 -2 0\n", ""), "bone 'thigh' has no direction"),
    "zero direction": (
        ASF.replace("direction 0 -2 0", "direction 0 0 0"),
        "bone 'thigh' has a direction of length zero",
    ),
    "axis": (ASF.replace("0 0 90 XYZ", "0 0 90 XXZ"), "axis order 'XXZ'"),
    "dof": (ASF.replace("dof rx rz", "dof rx l"), "bone 'thigh' has the degree of freedom 'L'"),
    "no name": (ASF.replace("name shank", "name"), "line 28: a bone is named ''"),
    "twice": (ASF.replace("name shank", "name thigh"), "bone 'thigh' occurs twice"),
    "unknown in hierarchy": (ASF.replace("thigh shank", "thigh shin"), ":hierarchy names 'shin'"),
    "not connected": (ASF.replace("    thigh shank\n", ""), ":hierarchy does not connect shank to the root"),
    "a loop": (ASF.replace("    thigh shank\n", "    thigh shank\n    shank thigh\n"), "gives 'thigh' the parents"),
    "root order": (ASF.replace("order TX TY", "order TX TX"), ":root order is"),
    "section": (ASF.replace(":documentation", ":poetry"), "unknown section ':poetry'"),
}


@pytest.mark.parametrize("what", BROKEN_ASF)
def test_broken_skeletons_are_named_with_what_is_wrong(what: str, trial) -> None:  # type: ignore[no-untyped-def]
    content, expected = BROKEN_ASF[what]
    found = problems(trial(AMC, content))
    assert expected in found
    assert "x.asf" in found


def test_every_truncation_is_refused_or_drops_whole_frames_only(trial) -> None:  # type: ignore[no-untyped-def]
    whole = AMC.rstrip()
    for length in range(len(whole)):
        try:
            frames = len(read(trial(whole[:length])).poses[0].frame)
        except InputError:
            continue
        assert whole[:length].count("shank") == frames  # the file states no count, so an end after a frame is an end
    for length in range(0, len(ASF.rstrip()) - len("end"), 3):
        path = trial(AMC, ASF[:length])
        if "thigh shank" not in ASF[:length]:
            with pytest.raises(InputError):
                read(path)


def test_the_asf_is_found_by_name_or_alone(trial, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = trial()
    assert amc.find_asf(path) == tmp_path / "x.asf"
    (tmp_path / "x_01.ASF").write_text(ASF)
    assert amc.find_asf(path).name == "x_01.ASF"
    (tmp_path / "x_01.ASF").unlink()
    (tmp_path / "x.asf").rename(tmp_path / "other.asf")
    assert amc.find_asf(path).name == "other.asf"
    assert amc.find_asf(path, ("other.asf", "x_01.amc")).name == "other.asf"
    (tmp_path / "third.asf").write_text(ASF)
    assert "2 ASF files beside it (other.asf, third.asf)" in problems(path)
    for name in ("other.asf", "third.asf"):
        (tmp_path / name).unlink()
    assert "no ASF beside it; expected x_01.asf" in problems(path)


def test_the_rate_is_the_files_or_the_options(trial) -> None:  # type: ignore[no-untyped-def]
    stated = AMC.replace(":DEGREES", ":DEGREES\n:SAMPLES-PER-SECOND 60")
    assert read(trial(stated)).rate_hz == 60
    assert not any("120 Hz" in n for n in read(trial(stated)).notes)
    assert read(trial(), ReadOptions(scale_mm=1.0, rate_hz=100)).rate_hz == 100


def test_a_bone_without_motion_stays_at_rest(trial) -> None:  # type: ignore[no-untyped-def]
    found = read(trial(re.sub(r"shank .*\n", "", AMC)))
    assert any("1 bones" in n and "shank" in n for n in found.notes)
    pose = found.poses[0]
    np.testing.assert_array_equal(
        pose.rotations[:, pose.skeleton.index("shank")], pose.rotations[:, pose.skeleton.index("thigh")]
    )


def test_blocks_do_not_change_the_result(trial, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    rows = [f"{k}\nroot {k} 31 0 0 0 0\nthigh {k % 90} 0\nshank {k % 50}.5" for k in range(1, 400)]
    path = trial(":DEGREES\r\n" + "\n".join(rows).replace("\n", "\r\n"))
    whole = read(path).poses[0]
    assert len(whole.frame) == 399
    for size in (97, 998, 1001):
        monkeypatch.setattr(amc, "BLOCK", size)
        np.testing.assert_array_equal(read(path).poses[0].positions, whole.positions)


@needs_shared
def test_every_real_file_reads_as_its_table_says() -> None:
    with (SHARED / "cmu_asfamc" / "trials.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    for row in rows:
        found = readers.read(SHARED / "cmu_asfamc" / row["file"], ReadOptions())
        pose = found.poses[0]
        assert pose.skeleton.name == "cmu_31"
        assert pose.skeleton.joints[0] == "Hips"
        assert len(pose.frame) == int(row["frames"])
        assert found.length_basis == "measured"
        assert np.isfinite(pose.positions).all()
        assert {"asf": row["skeleton_file"], "length": 0.45, "degrees": True} == found.steps[0].parameters


@needs_shared
def test_real_files_agree_with_the_naive_twin() -> None:
    folder = SHARED / "cmu_asfamc"
    pose = readers.read(folder / "03_02.amc", ReadOptions()).poses[0]
    for name, (places, turns) in naive(folder / "03.asf", folder / "03_02.amc", 15).items():
        k = pose.skeleton.index(amc.CMU_JOINTS[name])
        np.testing.assert_allclose(pose.positions[:15, k], places * 25.4 / 0.45, atol=0.01)
        np.testing.assert_allclose(matrices_of(pose.rotations[:15, k].astype(float)), turns, atol=1e-5)


LEGS = [f"{side}{joint}" for side in ("Left", "Right") for joint in ("UpLeg", "Leg", "Foot", "ToeBase")]


@needs_shared
def test_the_same_motion_as_bvh_has_the_same_legs() -> None:
    ours = readers.read(SHARED / "cmu_asfamc/02_01.amc", ReadOptions())
    bvh = readers.read(SHARED / "cmu/S02/walk_01.bvh", ReadOptions())
    legs = [ours.poses[0].skeleton.index(j) for j in ["Hips", *LEGS]]
    apart = np.linalg.norm(ours.poses[0].positions[:, legs] - bvh.poses[0].positions[:, legs], axis=2)
    assert apart.max() < 2
    turned = rotations.angle(ours.poses[0].rotations.astype(float), bvh.poses[0].rotations.astype(float))
    assert np.degrees(turned[:, legs]).max() < 0.1
    neutral = rotations.angle(ours.neutral.rotations.astype(float), bvh.neutral.rotations.astype(float))
    assert np.degrees(neutral).max() < 0.1


@needs_shared
def test_the_same_motion_on_the_avatar_has_the_same_shape() -> None:
    ours = readers.read(SHARED / "cmu_asfamc/02_01.amc", ReadOptions()).poses[0]
    avatar = readers.read(SHARED / "cc_base/CC002/002_01.bvh", ReadOptions()).poses[0]

    def knee_bend(pose, hip: str, knee: str, ankle: str) -> np.ndarray:  # type: ignore[no-untyped-def]
        a, b, c = (pose.positions[:, pose.skeleton.index(j)].astype(float) for j in (hip, knee, ankle))
        u, v = b - a, c - b
        cosine = (u * v).sum(axis=1) / np.linalg.norm(u, axis=1) / np.linalg.norm(v, axis=1)
        return np.degrees(np.arccos(np.clip(cosine, -1, 1)))

    ours_bend = knee_bend(ours, "LeftUpLeg", "LeftLeg", "LeftFoot")[::2]
    avatar_bend = knee_bend(avatar, "CC_Base_L_Thigh", "CC_Base_L_Calf", "CC_Base_L_Foot")
    n = min(len(ours_bend), len(avatar_bend))
    assert np.corrcoef(ours_bend[:n], avatar_bend[:n])[0, 1] > 0.95


@needs_shared
def test_companions_may_be_relative_to_the_working_folder(monkeypatch):
    """As a cohort scanned from a relative path names them."""
    monkeypatch.chdir(SHARED.parent)
    folder = Path("data") / "cmu_asfamc"
    recording = read(folder / "02_03.amc", ReadOptions(companions=(str(folder / "02.asf"), str(folder / "01.asf"))))
    assert recording.poses[0].skeleton.name == "cmu_31"
