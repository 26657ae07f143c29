"""BVH: a naive twin with plain matrices, tiny files by hand, every quirk, and the real recordings."""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from neurostore import skeleton as skeletons
from neurostore.errors import InputError
from neurostore.ingest import readers
from neurostore.ingest.geometry import rotations
from neurostore.ingest.recording import ReadOptions, Recording
from tests.shared_data import SHARED, needs_shared
from tests.twins.rotation_matrices import matrices_of

CM = ReadOptions(scale_mm=10.0)
NOTHING = ReadOptions(scale_mm=1.0, up="y", drop_frames=0)


def read(path: Path, options: ReadOptions = NOTHING) -> Recording:
    return readers.read(path, options)


def problems(path: Path, options: ReadOptions = NOTHING) -> str:
    with pytest.raises(InputError) as caught:
        readers.read(path, options)
    assert str(path) in str(caught.value)
    return "; ".join(caught.value.problems)


def naive(path: Path, adds: bool = False) -> tuple[list[str], np.ndarray, np.ndarray]:
    """The obvious way: recursion over words, a matrix per joint and frame. Names, (n, J, 3), (n, J, 3, 3)."""
    head, motion = re.split(r"\bMOTION\b", path.read_text(), maxsplit=1)
    words = re.sub(r"([{}])", r" \1 ", head).split()
    _, _, data = motion.partition("Time:")
    numbers = [float(w) for w in data.split()][1:]
    joints: list[tuple[str, int, list[float], list[str]]] = []

    def walk(at: int, parent: int) -> int:
        while words[at] != "}":
            if words[at] in ("JOINT", "ROOT"):
                joints.append((words[at + 1], parent, [], []))
                at = walk(at + 3, len(joints) - 1)
            elif words[at] == "End":
                at = words.index("}", at) + 1
            elif words[at] == "OFFSET":
                joints[parent][2].extend(float(w) for w in words[at + 1 : at + 4])
                at += 4
            else:
                count = int(words[at + 1])
                joints[parent][3].extend(words[at + 2 : at + 2 + count])
                at += 2 + count
        return at + 1

    walk(1, -1) if words[-1] != "}" else walk_all(walk, words)
    width = sum(len(j[3]) for j in joints)
    places, turns = [], []
    for row in np.reshape(numbers, (-1, width)):
        values, place, turn = list(row), [], []
        for _, parent, offset, channels in joints:
            shift, matrix = np.array(offset), np.eye(3)
            for channel in channels:
                value, axis = values.pop(0), "XYZ".index(channel[0].upper())
                if channel.lower().endswith("position"):
                    shift[axis] = value + (shift[axis] if adds else 0)
                else:
                    matrix = matrix @ Rotation.from_euler(channel[0].lower(), value, degrees=True).as_matrix()
            above = np.eye(3) if parent < 0 else turn[parent]
            place.append((0 if parent < 0 else place[parent]) + above @ shift)
            turn.append(above @ matrix)
        places.append(place)
        turns.append(turn)
    return [j[0] for j in joints], np.array(places), np.array(turns)


def walk_all(walk, words: list[str]) -> None:  # type: ignore[no-untyped-def]
    words.append("}")
    walk(1, -1)


TINY = """HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Knee
  {
    OFFSET 0 -40 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 -45 0
    }
  }
}
MOTION
Frames: 3
Frame Time: 0.0083333
0 90 0 0 0 0 0 0 0
1 90 0 0 0 90 0 90 0
2 90 0 90 0 0 0 0 0
"""


@pytest.fixture
def tiny(tmp_path: Path):  # type: ignore[no-untyped-def]
    def write(text: str | bytes = TINY, name: str = "a.bvh") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def test_a_tiny_file_gives_the_known_places(tiny) -> None:  # type: ignore[no-untyped-def]
    found = read(tiny(), CM)
    pose = found.poses[0]
    assert found.rate_hz == 120
    assert found.kind == "mocap"
    assert found.length_basis == "measured"
    assert pose.skeleton.source_names == ("Hips", "Knee", "Knee_end")
    np.testing.assert_allclose(pose.time_s, [0, 1 / 120, 2 / 120])
    np.testing.assert_array_equal(pose.frame, [0, 1, 2])
    assert (pose.person == 0).all()
    # frame 1: the root is turned by 90 degrees about Y, the shank by 90 about the turned X: along -x after all
    expected = [
        [[0, 900, 0], [0, 500, 0], [0, 50, 0]],
        [[10, 900, 0], [10, 500, 0], [-440, 500, 0]],
        [[20, 900, 0], [420, 900, 0], [870, 900, 0]],
    ]
    np.testing.assert_allclose(pose.positions, expected, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(pose.rotations, axis=2), 1, atol=1e-6)
    half = np.sqrt(0.5)
    np.testing.assert_allclose(np.abs(pose.rotations[1, 0]), [half, 0, half, 0], atol=1e-6)
    assert pose.positions.dtype == pose.rotations.dtype == np.float32


SAME = {
    "CRLF": TINY.replace("\n", "\r\n"),
    "CR": TINY.replace("\n", "\r"),
    "tabs": TINY.replace(" ", "\t"),
    "no last newline": TINY.rstrip(),
    "blank lines": TINY.replace("\n", "\n\n"),
    "blanks at line ends": TINY.replace("\n", "  \n"),
    "lower case": TINY.lower().replace("hips", "Hips").replace("knee", "Knee"),
    "upper case": TINY.upper().replace("HIPS", "Hips").replace("KNEE", "Knee"),
    "one line of header": " ".join(TINY.split("MOTION")[0].split()) + "\nMOTION" + TINY.split("MOTION")[1],
    "braces on the line": re.sub(r"\s*\n\s*{", " {", TINY),
    "rows over lines": TINY.replace("1 90 0 0 0 90 0 90 0", "1 90 0\n0 0 90\n0 90 0"),
    "rows on one line": TINY.replace("0 0 0\n1 90", "0 0 0 1 90"),
    "exponents": TINY.replace("0 90 0 0 0 0 0 0 0", "0e0 9.0E+1 -0 0 0 0.0e-12 0 0 0"),
    "byte order mark": "\ufeff" + TINY,
    "named end site": TINY.replace("End Site", "End Site Knee_End"),
    "no colons": TINY.replace("Frames:", "Frames").replace("Time:", "Time"),
    "colon apart": TINY.replace("Frames:", "Frames :").replace("Time:", "Time :"),
    "truncated frame time": TINY.replace("0.0083333", ".00833"),
}


@pytest.mark.parametrize("quirk", SAME)
def test_quirks_of_layout_change_nothing(quirk: str, tiny) -> None:  # type: ignore[no-untyped-def]
    plain, other = read(tiny()), read(tiny(SAME[quirk], "b.bvh"))
    np.testing.assert_array_equal(plain.poses[0].positions, other.poses[0].positions)
    np.testing.assert_array_equal(plain.poses[0].rotations, other.poses[0].rotations)
    assert plain.rate_hz == other.rate_hz
    assert plain.poses[0].skeleton.source_names == other.poses[0].skeleton.source_names


BROKEN = {
    "empty": ("", "the file is empty"),
    "blank": (" \n\n", "the file is empty"),
    "rubbish": (bytes(range(128, 256)) * 9, "expected HIERARCHY"),
    "UTF-16": (TINY.encode("utf-16"), "UTF-16"),
    "no motion": (TINY.split("MOTION")[0], "there is no MOTION section"),
    "header cut": (TINY[:150], "there is no MOTION section; the file may be truncated"),
    "motion cut": (TINY[: TINY.index("Frame Time")], "MOTION is not followed by Frames and Frame Time"),
    "last row cut": (TINY.rstrip()[:-3], "the last frame has 7 values where 9 are expected"),
    "last row missing": (TINY[: TINY.index("2 90")], "Frames says 3, but the file holds 2 rows"),
    "huge count": (TINY.replace("Frames: 3", "Frames: 999999999999"), "Frames says 999999999999, but the file holds 3"),
    "zero frames": (TINY.replace("Frames: 3", "Frames: 0"), "Frames is 0: the file has no frame"),
    "negative frames": (TINY.replace("Frames: 3", "Frames: -3"), "Frames is -3"),
    "frames no number": (TINY.replace("Frames: 3", "Frames: many"), "Frames is 'many', expected a whole number"),
    "frame time zero": (TINY.replace("0.0083333", "0.0"), "Frame Time is 0.0, expected seconds"),
    "frame time negative": (TINY.replace("0.0083333", "-0.01"), "Frame Time is -0.01, expected seconds"),
    "frame time nan": (TINY.replace("0.0083333", "nan"), "Frame Time is 'nan', expected seconds"),
    "frame time comma": (TINY.replace("0.0083333", "0,00833"), "use a decimal point, not a comma"),
    "field": (TINY.replace("1 90 0 0 0 90", "1 90 oops 0 0 90"), "line 20, field 3: 'oops' is not a number"),
    "no frames at all": (TINY[: TINY.index("0 90")], "Frames says 3, but the file holds 0 rows"),
    "all nan": (re.sub(r"(?m)^\d 90.*$", " ".join(["nan"] * 9), TINY), "every coordinate is NaN or infinite"),
    "all infinite": (re.sub(r"(?m)^\d 90.*$", " ".join(["inf"] * 9), TINY), "every coordinate is NaN or infinite"),
    "short rows": (re.sub(r"(?m)^(\d 90.*) 0$", r"\1", TINY), "8 values where 9 are expected"),
    "two roots": (
        TINY.replace("MOTION", TINY.split("HIERARCHY")[1].split("MOTION")[0].replace("Hips", "Other") + "MOTION"),
        "2 ROOTs (Hips, Other)",
    ),
    "unclosed": (TINY.replace("}\nMOTION", "MOTION"), "1 braces are not closed before MOTION"),
    "closed twice": (TINY.replace("}\nMOTION", "}}\nMOTION"), "a closing brace without an open joint"),
    "no brace": (TINY.replace("JOINT Knee\n  {", "JOINT Knee"), "JOINT 'Knee OFFSET 0 -40 0"),
    "no offset": (TINY.replace("OFFSET 0 -40 0", ""), "joint 'Knee' has no OFFSET"),
    "offset word": (TINY.replace("OFFSET 0 -40 0", "OFFSET 0 x 0"), "line 8: OFFSET of 'Knee' is '0 x 0'"),
    "offset nan": (TINY.replace("OFFSET 0 -40 0", "OFFSET 0 nan 0"), "line 8: OFFSET of 'Knee' is '0 nan 0'"),
    "channel name": (TINY.replace("3 Zrotation", "3 Zscale"), "announces 3, then comes 'Zscale'"),
    "channel count": (TINY.replace("CHANNELS 3", "CHANNELS 4"), "announces 4, then comes 'End'"),
    "channel twice": (TINY.replace("Xposition Yposition", "Xposition Xposition"), "'Hips' has Xposition twice"),
    "no channels": (re.sub(r"CHANNELS.*", "CHANNELS 0", TINY), "no joint has channels"),
    "end without root": (
        "HIERARCHY\nEnd Site\n{\nOFFSET 0 0 0\n}\nMOTION\nFrames: 1\n",
        "END 'Site' stands outside of any ROOT",
    ),
    "no root": ("HIERARCHY\nMOTION\nFrames: 1\nFrame Time: 0.01\n1\n", "the hierarchy has no ROOT"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_files_are_named_with_what_is_wrong(what: str, tiny) -> None:  # type: ignore[no-untyped-def]
    content, expected = BROKEN[what]
    assert expected in problems(tiny(content))


def test_every_truncation_is_refused(tiny) -> None:  # type: ignore[no-untyped-def]
    whole = TINY.rstrip()
    for length in range(len(whole)):
        with pytest.raises(InputError):
            read(tiny(whole[:length]))
    assert len(read(tiny(whole)).poses[0].frame) == 3


def test_everything_wrong_is_reported_at_once(tiny) -> None:  # type: ignore[no-untyped-def]
    text = TINY.replace("OFFSET 0 -40 0", "").replace("Frames: 3", "Frames: 0").replace("0.0083333", "-1")
    found = problems(tiny(text))
    for expected in ("'Knee' has no OFFSET", "Frames is 0", "Frame Time is -1"):
        assert expected in found


def test_a_missing_and_an_unreadable_file_are_input_errors(tiny, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert "cannot be read" in problems(tmp_path / "none.bvh")
    (tmp_path / "folder.bvh").mkdir()
    assert "is a folder" in problems(tmp_path / "folder.bvh")
    path = tiny()
    path.chmod(0)
    if not os.access(path, os.R_OK):  # root may read anything
        assert "cannot be read" in problems(path)


def test_an_unknown_suffix_lists_the_known_ones(tmp_path: Path) -> None:
    assert ".bvh" in problems(tmp_path / "a.xyz")


def test_deep_nesting_costs_no_recursion(tiny) -> None:  # type: ignore[no-untyped-def]
    depth = 3000
    head = "".join(f"JOINT j{k} {{ OFFSET 0 1 0\n" for k in range(depth))
    text = f"HIERARCHY ROOT r {{ OFFSET 0 0 0 CHANNELS 1 Yposition\n{head}{'}' * (depth + 1)}\n"
    found = read(tiny(text + "MOTION\nFrames: 1\nFrame Time: 0.01\n5\n"))
    assert found.poses[0].positions[0, -1, 1] == 5 + depth


def test_more_joints_than_any_body_has_are_refused(tiny) -> None:  # type: ignore[no-untyped-def]
    head = "JOINT j { OFFSET 0 1 0 }\n" * 6000
    text = f"HIERARCHY ROOT r {{ OFFSET 0 0 0 CHANNELS 1 Yposition\n{head}}}\nMOTION\nFrames: 1\nFrame Time: 0.01\n5\n"
    assert "more than 5000 joints" in problems(tiny(text))


def test_a_file_whose_poses_would_not_fit_in_memory_is_refused(tiny) -> None:  # type: ignore[no-untyped-def]
    head = "JOINT j { OFFSET 0 1 0 }\n" * 4900
    head = f"HIERARCHY ROOT r {{ OFFSET 0 0 0 CHANNELS 1 Yposition\n{head}}}\nMOTION\nFrames: 99999\nFrame Time: 0.01\n"
    assert "split the file" in problems(tiny(head + "5\n" * 99999))


def test_joints_may_have_any_channels_or_none(tiny) -> None:  # type: ignore[no-untyped-def]
    text = TINY.replace("    CHANNELS 3 Zrotation Xrotation Yrotation\n", "")
    text = re.sub(r"(?m)^(\d 90 0 \d+ 0 \d+) .*$", r"\1", text)
    found = read(tiny(text))
    names, places, turns = naive(tiny(text, "b.bvh"))
    np.testing.assert_allclose(found.poses[0].positions[:, : len(names)], places, atol=1e-4)
    np.testing.assert_allclose(matrices_of(found.poses[0].rotations[:, : len(names)]), turns, atol=1e-6)
    assert any("Knee" in n and "no channels" in n for n in found.notes)


@given(
    order=st.permutations(
        ["Xposition", "Yposition", "Zposition", "Zrotation", "Yrotation", "Xrotation"],
    ),
    counts=st.lists(st.integers(0, 6), min_size=3, max_size=3).filter(any),
    seed=st.integers(0, 2**20),
)
def test_any_channels_in_any_order_agree_with_the_naive_twin(
    order: list[str], counts: list[int], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    random = np.random.default_rng(seed)
    lines = ["HIERARCHY"]
    for depth, (name, count) in enumerate(zip("abc", counts, strict=True)):
        offset = "0 0 0" if depth == 0 else " ".join(f"{v:.3f}" for v in random.normal(size=3) * 30)
        channels = [order[(k + depth) % 6] for k in range(count)]
        lines += [f"{'ROOT' if depth == 0 else 'JOINT'} {name}", "{", f"OFFSET {offset}"]
        lines += [f"CHANNELS {count} {' '.join(channels)}"] if count else []
    rows = random.uniform(-300, 300, size=(4, sum(counts)))
    lines += ["}"] * 3 + ["MOTION", "Frames: 4", "Frame Time: 0.01"]
    lines += [" ".join(f"{v:.6f}" for v in row) for row in rows]
    path = tmp_path_factory.mktemp("any") / "a.bvh"
    path.write_text("\n".join(lines))
    found = read(path)
    adds = any("add to OFFSET" in note for note in found.notes)
    names, places, turns = naive(path)
    pose = found.poses[0]
    assert pose.skeleton.source_names == tuple(names)
    np.testing.assert_allclose(matrices_of(pose.rotations), turns, atol=1e-6)
    if not adds:
        np.testing.assert_allclose(pose.positions, places, rtol=1e-5, atol=1e-3)


JOINT_POSITIONS = """HIERARCHY
ROOT Hips {{ OFFSET 0 0 0 CHANNELS 3 Xposition Yposition Zposition
JOINT Leg {{ OFFSET 0 -40 0 CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation
End Site {{ OFFSET 0 -40 0 }} }} }}
MOTION
Frames: 3
Frame Time: 0.01
0 90 0 {0} 0 0 0
1 90 0 {0} 0 0 10
2 90 0 {0} 0 0 20
"""


@pytest.mark.parametrize(("channel", "verb"), [("0.1 -40.2 0", "replace"), ("0.1 -0.2 0", "add")])
def test_positions_of_a_joint_replace_or_add_as_the_bone_length_says(channel: str, verb: str, tiny) -> None:  # type: ignore[no-untyped-def]
    found = read(tiny(JOINT_POSITIONS.format(channel)))
    np.testing.assert_allclose(found.poses[0].positions[:, 1, 1], 49.8, atol=1e-4)
    assert any("1 joints add to OFFSET" in n for n in found.notes) is (verb == "add")


def person(
    root: str = "0 0 0",
    height: float = 92,
    scale: float = 1,
    up: str = "y",
    rename=lambda n: n,
    frames: int = 60,
    pose: bool = False,
) -> str:  # type: ignore[no-untyped-def]
    """A person of 170 cm that walks on the spot; offsets in cm times scale; the lab's up axis by choice."""
    body = {
        "Hips": ("", (0, 0, 0)), "Spine": ("Hips", (0, 25, 0)), "Head": ("Spine", (0, 45, 0)),
        "Head_end": ("Head", (0, 8, 0)),
    }  # fmt: skip
    for side, x in (("Left", 1), ("Right", -1)):
        body |= {f"{side}UpLeg": ("Hips", (9 * x, -2, 0)), f"{side}Leg": (f"{side}UpLeg", (0, -42, 0))}
        body |= {f"{side}Foot": (f"{side}Leg", (0, -40, 0)), f"{side}Toe": (f"{side}Foot", (0, -6, 14))}
        body |= {f"{side}Arm": ("Spine", (18 * x, 20, 0)), f"{side}ForeArm": (f"{side}Arm", (28 * x, 0, 0))}
        body |= {f"{side}Hand": (f"{side}ForeArm", (25 * x, 0, 0))}
    lines, order = ["HIERARCHY"], []

    def put(name: str) -> None:
        offset = " ".join(f"{v * scale:.6f}" for v in body[name][1]) if name != "Hips" else root
        order.append(name)
        lines.append(f"{'ROOT' if name == 'Hips' else 'JOINT'} {rename(name)}")
        lines.append("{")
        lines.append(f"OFFSET {offset}")
        positions = "Xposition Yposition Zposition " if name == "Hips" else ""
        lines.append(f"CHANNELS {6 if positions else 3} {positions}Zrotation Yrotation Xrotation")
        for child in [n for n, (above, _) in body.items() if above == name]:
            put(child)
        lines.append("}")

    put("Hips")
    rows = []
    for k in range(frames):
        phase = 2 * np.pi * k / 100
        at = np.array([0.0, height + np.cos(2 * phase), 1.2 * k]) * scale
        turn = {"Hips": (0, 0, 0), "LeftUpLeg": (0, 0, -25 * np.sin(phase)), "RightUpLeg": (0, 0, 25 * np.sin(phase))}
        turn |= {"LeftLeg": (0, 0, 15 + 15 * np.sin(phase)), "RightLeg": (0, 0, 15 - 15 * np.sin(phase))}
        turn |= {"LeftArm": (-75, 0, 0), "RightArm": (75, 0, 0)}
        if pose and k == 0:
            turn = {}
        if up == "z":  # turned about X by 90 degrees: up lies along z
            at, turn["Hips"] = np.array([at[0], -at[2], at[1]]), (0, 0, 90)
        rows.append([*at, *(v for name in order for v in turn.get(name, (0, 0, 0)))])
    lines += ["MOTION", f"Frames: {frames}", "Frame Time: 0.01"]
    return "\n".join(lines + [" ".join(f"{v:.5f}" for v in row) for row in rows])


@pytest.mark.parametrize(
    ("unit", "per_cm"), [("mm", 10), ("cm", 1), ("m", 0.01), ("inch", 1 / 2.54), ("CMU unit", 0.45 / 2.54)]
)
def test_the_unit_is_judged_from_the_standing_height(unit: str, per_cm: float, tiny) -> None:  # type: ignore[no-untyped-def]
    found = read(tiny(person(scale=per_cm)), ReadOptions())
    pose = found.poses[0]
    assert found.length_basis == "judged"
    assert any(f"lengths are taken as {unit}:" in n for n in found.notes)
    thigh = pose.positions[:, pose.skeleton.index("LeftUpLeg")] - pose.positions[:, pose.skeleton.index("LeftLeg")]
    np.testing.assert_allclose(np.linalg.norm(thigh, axis=1), 420, rtol=1e-4)


def test_a_stated_unit_is_taken_and_an_unknown_one_is_marked(tiny) -> None:  # type: ignore[no-untyped-def]
    said = read(tiny(person(scale=3.0)), ReadOptions(scale_mm=10 / 3))
    assert said.length_basis == "measured"
    assert not any("lengths are" in n for n in said.notes)
    unknown = read(tiny(person(scale=1e-4)), ReadOptions())
    assert unknown.length_basis == "none"
    assert any("are not meaningful" in n for n in unknown.notes)
    extent = np.ptp(unknown.poses[0].positions[..., 1], axis=1)
    assert 1600 < np.median(extent) < 1900
    assert read(tiny(person()), ReadOptions(length_basis="nominal")).length_basis == "nominal"


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan")])
def test_an_impossible_scale_is_refused(scale: float, tiny) -> None:  # type: ignore[no-untyped-def]
    assert "expected a positive number" in problems(tiny(), ReadOptions(scale_mm=scale))


def test_z_up_is_seen_and_turned(tiny) -> None:  # type: ignore[no-untyped-def]
    upright, lying = read(tiny(person()), ReadOptions()), read(tiny(person(up="z"), "z.bvh"), ReadOptions())
    assert any("z is taken as up" in n for n in lying.notes)
    assert not any("taken as up" in n for n in upright.notes)
    np.testing.assert_allclose(lying.poses[0].positions, upright.poses[0].positions, atol=0.01)
    turn = rotations.angle(lying.poses[0].rotations.astype(float), upright.poses[0].rotations.astype(float))
    np.testing.assert_allclose(turn, 0, atol=1e-3)
    kept = read(tiny(person(up="z"), "z.bvh"), ReadOptions(up="y"))
    assert np.ptp(kept.poses[0].positions[0, :, 2]) > 1500
    assert "up is one of" in problems(tiny(person()), ReadOptions(up="sky"))


@pytest.mark.parametrize(("height", "verb"), [(92, "replace"), (0, "add")])
def test_the_root_offset_is_replaced_or_added_as_the_floor_says(height: float, verb: str, tiny) -> None:  # type: ignore[no-untyped-def]
    path = tiny(person(root="0 92 0", height=height))
    found = read(path, ReadOptions())
    lowest = found.poses[0].positions[..., 1].min()
    assert abs(lowest) < 60
    assert any(f"root positions {verb}" in n for n in found.notes)
    other = read(path, ReadOptions(root_position="replace" if verb == "add" else "add", scale_mm=10.0))
    assert abs(other.poses[0].positions[..., 1].min()) > 800
    assert not any("root positions" in n for n in other.notes)


def test_root_position_takes_two_words_only(tiny) -> None:  # type: ignore[no-untyped-def]
    assert "'replace' or 'add'" in problems(tiny(), ReadOptions(root_position="both"))


def test_an_artificial_t_pose_is_dropped_and_kept_as_neutral(tiny) -> None:  # type: ignore[no-untyped-def]
    found = read(tiny(person(pose=True)), ReadOptions())
    pose = found.poses[0]
    assert len(pose.frame) == 59
    assert pose.time_s[0] == 0
    assert pose.frame[0] == 0
    assert any("artificial T-pose" in n for n in found.notes)
    hand = pose.skeleton.index("LeftHand")
    np.testing.assert_allclose(found.neutral.positions[hand] - found.neutral.positions[0], [710, 450, 0], atol=0.1)
    np.testing.assert_allclose(found.neutral.rotations[:, 0], 1, atol=1e-6)
    kept = read(tiny(person(pose=True)), ReadOptions(drop_frames=0))
    assert len(kept.poses[0].frame) == 60


def test_a_first_rest_pose_of_joints_without_telling_names_is_dropped(tiny) -> None:  # type: ignore[no-untyped-def]
    names: dict[str, str] = {}
    found = read(tiny(person(pose=True, rename=lambda n: names.setdefault(n, f"bone{len(names)}"))), ReadOptions())
    assert len(found.poses[0].frame) == 59
    assert any("artificial rest pose" in n for n in found.notes)
    assert found.neutral is None
    assert any("no neutral pose" in n for n in found.notes)
    assert 1600 < found.steps[1].parameters["standing_height_m"] * 1000 < 2000


def test_without_a_t_pose_frame_nothing_is_dropped_and_the_rest_pose_is_neutral(tiny) -> None:  # type: ignore[no-untyped-def]
    found = read(tiny(person()), ReadOptions())
    assert len(found.poses[0].frame) == 60
    assert {"from": "rest pose of the hierarchy"} in [s.parameters for s in found.steps if s.name == "neutral_pose"]
    assert found.neutral.positions[found.poses[0].skeleton.index("LeftHand"), 0] == pytest.approx(710, abs=0.1)


def test_a_first_frame_that_jumps_but_is_not_a_t_pose_is_kept_and_noted(tiny) -> None:  # type: ignore[no-untyped-def]
    lines = person(pose=True).split("\n")
    first = next(k for k, line in enumerate(lines) if line.startswith("Frame Time")) + 1
    row = lines[first].split()
    row[5] = "80"  # bowing
    found = read(
        tiny(
            "\n".join(
                [
                    *lines[:first],
                    " ".join(row[:3]) + " 20 0 80 " + " ".join(row[6:12]) + " 0 0 60 " + " ".join(row[15:]),
                    *lines[first + 1 :],
                ]
            )
        ),
        ReadOptions(),
    )
    assert len(found.poses[0].frame) == 60
    assert any("drop_frames = 1" in n for n in found.notes)


def test_leading_frames_and_a_range_are_cut(tiny) -> None:  # type: ignore[no-untyped-def]
    path = tiny(person())
    whole = read(path, CM).poses[0]
    cut = read(path, ReadOptions(scale_mm=10.0, drop_frames=5, frames=(10, 19))).poses[0]
    np.testing.assert_array_equal(cut.positions, whole.positions[15:25])
    np.testing.assert_array_equal(cut.frame, range(10))
    np.testing.assert_allclose(cut.time_s, np.arange(10, 20) / 100)
    assert "there are 55 frames after the drop" in problems(path, ReadOptions(drop_frames=5, frames=(0, 55)))
    assert "drop_frames is 60, but the file has 60 frames" in problems(path, ReadOptions(drop_frames=60))


def test_a_shared_prefix_is_dropped_from_the_names(tiny) -> None:  # type: ignore[no-untyped-def]
    found = read(tiny(person(rename=lambda n: f"mixamorig:{n}")), ReadOptions())
    assert found.poses[0].skeleton.source_names[:2] == ("Hips", "Spine")
    assert any("'mixamorig:'" in n for n in found.notes)
    assert found.poses[0].skeleton.name == read(tiny(person(), "b.bvh"), ReadOptions()).poses[0].skeleton.name


def test_names_with_spaces_and_repeated_names(tiny) -> None:  # type: ignore[no-untyped-def]
    found = read(tiny(TINY.replace("Hips", "the left hip").replace("Knee", "the left hip")))
    skeleton = found.poses[0].skeleton
    assert skeleton.source_names == ("the left hip", "the left hip_2", "the left hip_end")
    assert skeleton.joints == ("the_left_hip", "the_left_hip_2", "the_left_hip_end")
    assert any("occurs again" in n for n in found.notes)


def test_many_renamed_joints_are_one_note(tiny) -> None:  # type: ignore[no-untyped-def]
    found = read(tiny(person(rename=lambda n: f"{n}.x")), ReadOptions())
    (said,) = (n for n in found.notes if "columns of another name" in n)
    assert "'Hips.x' is 'Hips_x'" in said
    assert "more, all in the table skeletons" in said


@pytest.mark.parametrize("mark", ["#", "//"])
def test_lines_of_comment_in_the_head_are_passed_over(mark: str, tiny) -> None:  # type: ignore[no-untyped-def]
    comment = f"{mark} exported by a program, MOTION {{ }}\n"
    found = read(tiny(comment + TINY.replace("MOTION", comment + "MOTION")), CM)
    np.testing.assert_array_equal(found.poses[0].positions, read(tiny(name="b.bvh"), CM).poses[0].positions)
    assert "2 comment lines were ignored" in found.notes


def test_a_t_pose_behind_the_motion_is_named_and_kept(tiny) -> None:  # type: ignore[no-untyped-def]
    lines = person(pose=True).splitlines()
    at = lines.index("Frame Time: 0.01") + 1
    found = read(tiny("\n".join([*lines[:at], *lines[at + 1 :], lines[at]])), ReadOptions())
    assert len(found.poses[0].frame) == 60
    assert any("frames = [0, 58]" in n for n in found.notes)
    assert not any("frames = [" in n for n in read(tiny(person()), ReadOptions()).notes)


def test_names_that_are_not_utf8_are_read(tiny) -> None:  # type: ignore[no-untyped-def]
    found = read(tiny(TINY.replace("Knee", "Knié").encode("latin-1")))
    assert found.poses[0].skeleton.source_names[1] == "Knié"
    assert any("Latin-1" in n for n in found.notes)
    assert "Kni" in read(tiny(TINY.replace("Knee", "Knié"))).poses[0].skeleton.joints[1]


def test_missing_values_reach_only_their_joints(tiny) -> None:  # type: ignore[no-untyped-def]
    pose = read(tiny(TINY.replace("1 90 0 0 0 90 0 90 0", "1 90 0 0 0 90 nan 90 0"))).poses[0]
    assert np.isfinite(pose.positions[1, :2]).all()
    assert np.isnan(pose.positions[1, 2]).all()
    assert np.isfinite(pose.positions[[0, 2]]).all()


def test_a_skeleton_by_option_must_fit(tiny) -> None:  # type: ignore[no-untyped-def]
    assert "needs the joints" in problems(tiny(), ReadOptions(skeleton="cmu_31"))
    assert "no skeleton named" in problems(tiny(), ReadOptions(skeleton="cmu_32"))
    own = tiny('name = "mine"\njoints = ["Knee", "Hips", "Ankle"]\nrequired = ["Hips"]\nscale_mm = 2.0\n', "mine.toml")
    found = read(tiny(), ReadOptions(skeleton=str(own), drop_frames=0))
    assert found.poses[0].skeleton.joints == ("Knee", "Hips", "Ankle")
    assert np.isnan(found.poses[0].positions[:, 2]).all()
    np.testing.assert_allclose(found.poses[0].positions[0, :2], [[0, 100, 0], [0, 180, 0]])


def test_rate_by_option(tiny) -> None:  # type: ignore[no-untyped-def]
    found = read(tiny(), ReadOptions(rate_hz=50, scale_mm=1.0))
    assert found.rate_hz == 50
    assert any("50 Hz by option" in n for n in found.notes)


def test_blocks_do_not_change_the_result(tiny, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    from neurostore.ingest.readers.trees import numbers as text

    path = tiny(person(frames=200))
    whole = read(path, CM)
    monkeypatch.setattr(text, "BLOCK", 7001)
    parts = read(path, CM)
    np.testing.assert_array_equal(whole.poses[0].positions, parts.poses[0].positions)
    np.testing.assert_array_equal(whole.poses[0].rotations, parts.poses[0].rotations)


def table(folder: str) -> list[dict[str, str]]:
    with (SHARED / folder / "trials.tsv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@needs_shared
def test_every_cmu_file_reads_as_its_table_says() -> None:
    for row in table("cmu"):
        found = read(SHARED / "cmu" / row["file"], ReadOptions())
        pose = found.poses[0]
        assert pose.skeleton.name == "cmu_31"
        assert len(pose.frame) == int(row["frames"]) - 1, row["file"]  # frame 0 is the T-pose
        assert found.rate_hz == float(row["fps"])
        assert found.length_basis == "measured"
        assert np.isfinite(pose.positions).all()
        hip, knee = pose.skeleton.index("LeftUpLeg"), pose.skeleton.index("LeftLeg")
        turned = rotations.angle(found.neutral.rotations[0].astype(float), found.neutral.rotations.astype(float))
        assert np.degrees(turned[hip]) == pytest.approx(21, abs=1e-3)
        assert 350 < np.linalg.norm(pose.positions[0, hip] - pose.positions[0, knee]) < 480
        assert -200 < np.percentile(pose.positions[..., 1].min(axis=1), 10) < 150  # feet near the floor


@needs_shared
def test_every_cc_base_file_reads_as_its_table_says() -> None:
    for row in table("cc_base"):
        found = read(SHARED / "cc_base" / row["file"], ReadOptions())
        pose = found.poses[0]
        has_bone_root = row["root_joint"] == "RL_BoneRoot"
        is_posed = row["frame_0"] == "T-pose"
        assert pose.skeleton.name == "cc_base"
        assert ("RL_BoneRoot" in pose.skeleton.joints) is has_bone_root
        assert len(pose.frame) == int(row["frames"]) - is_posed, row["file"]
        assert found.rate_hz == 60
        assert found.length_basis == "nominal"
        hip = pose.positions[:, pose.skeleton.index("CC_Base_Hip")]
        assert 400 < np.median(hip[:, 1]) < 1300  # at hip height, so the OFFSET was added
        assert any("vertical motion" in n for n in found.notes) is has_bone_root
        assert found.neutral is not None
        feet = [pose.skeleton.index(f"CC_Base_{side}_Foot") for side in "LR"]
        down = found.neutral.positions[feet] - found.neutral.positions[pose.skeleton.index("CC_Base_Hip")]
        assert (down[:, 1] < -800).all()


@needs_shared
@pytest.mark.parametrize(
    ("file", "adds"),
    [("cmu/S02/walk_01.bvh", False), ("cc_base/CC007/007_04.bvh", True), ("cc_base/CC002/002_03.bvh", False)],
)
def test_real_files_agree_with_the_naive_twin(file: str, adds: bool, tmp_path: Path) -> None:
    lines = (SHARED / file).read_text().split("\n")
    first = next(k for k, line in enumerate(lines) if line.startswith("Frame Time")) + 1
    short = tmp_path / "short.bvh"
    lines[first - 2] = "Frames: 12"
    short.write_text("\n".join([*lines[:first], *lines[first + 1 : first + 13]]))
    pose = read(short, ReadOptions(scale_mm=1.0, drop_frames=0, root_position="add" if adds else "replace")).poses[0]
    names, places, turns = naive(short, adds)
    column = [pose.skeleton.source_names.index(n) for n in names]
    np.testing.assert_allclose(pose.positions[:, column], places, atol=2e-4)
    np.testing.assert_allclose(matrices_of(pose.rotations[:, column].astype(float)), turns, atol=1e-6)


def test_the_declared_skeletons_are_trees() -> None:
    for name in ("cmu_31", "cc_base"):
        declared = skeletons.load(name)
        children = [b for _, b in declared.bones]
        assert len(set(children)) == len(children) == len(declared.joints) - 1
        assert set(declared.declaration["neutral"]["rotations_deg"]) <= set(declared.joints)
        for left, right in declared.pairs:
            assert left != right


def test_a_row_more_than_stated_is_left_out_and_noted(tmp_path: Path) -> None:
    whole, more = tmp_path / "whole.bvh", tmp_path / "more.bvh"
    whole.write_text(TINY)
    more.write_text(TINY + "0 0 0 0 0 0 0 0 0\n")
    expected, recording = read(whole), read(more)
    np.testing.assert_array_equal(recording.poses[0].positions, expected.poses[0].positions)
    assert any("Frames says 3, the file holds 4 rows; the first 3 were read" in n for n in recording.notes)
