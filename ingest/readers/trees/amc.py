"""AMC: motion of an ASF skeleton; a frame is its number, then a line for each bone with degrees of freedom.

The file states no rate: `:SAMPLES-PER-SECOND` is used if it is present, else ``rate_hz`` of the options, else the
120 Hz of the CMU database, with a note.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from neurostore.arrays import Floats
from neurostore.compiled import kernel
from neurostore.errors import InputError
from neurostore.ingest.geometry.kinematics import forward
from neurostore.ingest.readers.trees import up_and_unit
from neurostore.ingest.readers.trees.asf import AsfSkeleton, read_asf, to_tree
from neurostore.ingest.readers.trees.assemble import Source, assemble
from neurostore.ingest.readers.trees.numbers import BLOCK, POWERS, number, parse_number
from neurostore.ingest.recording import ReadOptions, Recording, Step
from neurostore.wording import listed

VERSION = 1
CMU_HZ = 120.0
#: bone of a CMU ASF -> joint of cmu_31 at the start of the bone, which turns with it
CMU_JOINTS = {"root": "Hips", "lowerback": "LowerBack", "upperback": "Spine", "thorax": "Spine1"}
CMU_JOINTS |= {"lowerneck": "Neck", "upperneck": "Neck1", "head": "Head"}
for _letter, _side in (("l", "Left"), ("r", "Right")):
    CMU_JOINTS |= {f"{_letter}hipjoint": f"{_letter.upper()}HipJoint", f"{_letter}thumb": f"{_letter.upper()}Thumb"}
    CMU_JOINTS |= {
        f"{_letter}femur": f"{_side}UpLeg",
        f"{_letter}tibia": f"{_side}Leg",
        f"{_letter}foot": f"{_side}Foot",
    }
    CMU_JOINTS |= {f"{_letter}toes": f"{_side}ToeBase", f"{_letter}clavicle": f"{_side}Shoulder"}
    CMU_JOINTS |= {f"{_letter}humerus": f"{_side}Arm", f"{_letter}radius": f"{_side}ForeArm"}
    CMU_JOINTS |= {f"{_letter}wrist": f"{_side}Hand", f"{_letter}hand": f"{_side}FingerBase"}
    CMU_JOINTS |= {f"{_letter}fingers": f"{_side}HandIndex1"}
_N_ERRORS = 8
_TEXTS = {
    1: "bone {name!r} is not in the ASF or not in the first frame",
    2: "bone {name!r} has {found} values, expected {expected}",
    3: "bone {name!r} has a field that is not a number",
    4: "bone {name!r} occurs twice in frame {expected}",
    5: "frame number {found} follows {expected}; frames must be consecutive",
    6: "frame {expected} has {found} of its bones",
    7: "a line of a bone before the first frame number",
}


def read(path: Path, options: ReadOptions) -> Recording:
    """Read one AMC file with its ASF: positions in mm, unit quaternions bone to lab (identity in the rest pose).

    A CMU skeleton comes as ``cmu_31``, joint for joint as in the BVH conversion, its neutral pose being the T-pose of
    that conversion on the bones of this ASF; any other as a skeleton of its own with its rest pose.

    Raises
    ------
    InputError : with everything found wrong in the AMC, or the ASF missing, ambiguous or wrong.
    """
    path = Path(path)
    asf_path = find_asf(path, options.companions)
    asf = read_asf(asf_path)
    try:
        with path.open("rb") as file:
            return _read(path, file, asf, asf_path, options)
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror or error}") from None


def find_asf(path: Path, companions: tuple[str, ...] = ()) -> Path:
    """The ASF of an AMC: of the same stem, of the stem up to its last '_', or the only one of the folder."""
    if companions:
        others = [Path(c) if Path(c).is_file() else path.parent / c for c in companions]
    else:
        others = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
    skeletons = {p.stem.lower(): p for p in others if p.suffix.lower() == ".asf"}
    stem = path.stem.lower()
    for wanted in (stem, stem.rpartition("_")[0]):
        if wanted in skeletons:
            return skeletons[wanted]
    if len(skeletons) == 1:
        return next(iter(skeletons.values()))
    if not skeletons:
        raise InputError(path, f"no ASF beside it; expected {path.stem}.asf, its skeleton, in the same folder")
    raise InputError(
        path,
        f"{len(skeletons)} ASF files beside it ({listed((p.name for p in skeletons.values()), 5)}) and none has its name; name it {path.stem}.asf",
    )


def _read(path: Path, file: BinaryIO, asf: AsfSkeleton, asf_path: Path, options: ReadOptions) -> Recording:
    size = path.stat().st_size
    head = file.read(1 << 18)
    if not head.strip():
        raise InputError(path, "the file is empty")
    notes: list[str] = []
    start, line, is_degrees, rate = _header(path, head, asf.is_degrees)
    if rate is None or options.rate_hz is not None:
        rate = options.rate_hz or CMU_HZ
        if options.rate_hz is None:
            notes.append(
                f"the file states no frame rate: {CMU_HZ:.0f} Hz, that of the CMU database; set rate_hz in cohort.toml if this is wrong"
            )
    bone_order, is_only = _first_frame(path, head[start:], line, asf)
    is_cmu = set(CMU_JOINTS) - {"root"} <= set(asf.bones)
    tree = to_tree(asf, bone_order, CMU_JOINTS if is_cmu else {})
    tree.angle_scale = np.pi / 180 if is_degrees else 1.0
    silent = [n for n, b in asf.bones.items() if b.dof and n not in bone_order]
    if silent and is_only:
        what = f"the only frame has no {listed(silent, 5)}, which have degrees of freedom"
        raise InputError(path, f"{what}; the file may be truncated")
    if silent:
        notes.append(
            f"{len(silent)} bones with degrees of freedom have no motion and stay at rest: {listed(silent, 5)}"
        )
    scale = _scale(asf, tree, options)
    counts = [len(asf.root_order) if n == "root" else len(asf.bones[n].dof) for n in bone_order]
    file.seek(start)
    blocks = frames(file, path, bone_order, counts, line)
    steps = [Step("read_amc", VERSION, {"asf": asf_path.name, "length": asf.length_unit, "degrees": is_degrees})]
    most = size // (2 * tree.n_channels) + 1
    source = Source(path, tree, blocks, None, most, rate, scale, settled=True)
    return assemble(source, options, steps, notes)


def _scale(asf: AsfSkeleton, tree, options: ReadOptions) -> float | None:  # type: ignore[no-untyped-def]
    """Millimetres per unit by the ASF's `length` (inches over it), where the rest pose is then a person's height."""
    if asf.length_unit is None or options.scale_mm is not None:
        return None
    scale = 25.4 / asf.length_unit
    rest, _ = forward(tree, np.zeros((1, tree.n_channels)), scale)
    tall = up_and_unit.standing_height(rest, up_and_unit.find_roles(tree.names))
    return scale if 800 <= tall <= 2400 else None


def _header(path: Path, head: bytes, is_degrees: bool) -> tuple[int, int, bool, float | None]:
    """(byte and line where frames begin, whether angles are degrees, rate or None)."""
    rate, line, at = None, 1, 0
    for match in re.finditer(rb"([^\r\n]*)(\r\n|\n|\r|$)", head.removeprefix(b"\xef\xbb\xbf")):
        text = match.group(1).partition(b"#")[0].strip().decode("ascii", "backslashreplace")
        key = text.upper()
        if text and not text.startswith(":"):
            if not text.isdecimal():
                raise InputError(
                    path, f"not an AMC file: line {line} is {text[:30]!r}, expected :keywords and a frame number"
                )
            return at, line, is_degrees, rate
        if key in (":DEGREES", ":RADIANS"):
            is_degrees = key == ":DEGREES"
        elif key.startswith(":SAMPLES-PER-SECOND"):
            rate = number(key.split()[-1])
            if rate is None or rate <= 0:
                raise InputError(path, f"line {line}: {text[:40]!r}, expected a positive rate")
        at, line = match.end(), line + 1
    raise InputError(path, "no frame of motion")


def _first_frame(path: Path, text: bytes, first_line: int, asf: AsfSkeleton) -> tuple[list[str], bool]:
    """Names of the bones of the first frame, in order, checked against the ASF; whether no other frame follows."""
    bone_order: list[str] = []
    problems, is_only = [], True
    for k, content in enumerate(re.split(rb"\r\n|\n|\r", text)[1:], start=1):
        words = content.decode("utf-8", "replace").partition("#")[0].split()
        if words and words[0].isdecimal() and len(words) == 1:
            is_only = False
            break
        if words:
            if words[0] != "root" and words[0] not in asf.bones:
                problems.append(f"line {first_line + k}: bone {words[0][:30]!r} is not in the ASF")
            elif words[0] in bone_order:
                problems.append(f"line {first_line + k}: bone {words[0]!r} occurs twice in the first frame")
            else:
                bone_order.append(words[0])
    if problems:
        raise InputError(path, *problems[:10])
    if not bone_order:
        raise InputError(path, "the first frame has no bone; the file may be truncated")
    return bone_order, is_only


def frames(file: BinaryIO, path: Path, bone_order: list[str], counts: list[int], first_line: int) -> Iterator[Floats]:
    """Whole frames as (k, sum of counts) float64, block by block, columns in the order of `bone_order`.

    Raises
    ------
    InputError : unknown, missing or repeated bones, wrong counts, non-numbers, frame numbers that jump.
    """
    encoded = [n.encode("utf-8") for n in bone_order]
    names = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    ends = np.cumsum([len(e) for e in encoded]).astype(np.int64)
    columns = np.cumsum([0, *counts]).astype(np.int64)
    state = np.array([first_line, -1, 0, 0, 0], dtype=np.int64)  # line, frame number, bones seen, errors, expected bone
    seen = np.zeros(len(bone_order), dtype=np.int64)
    errors = np.zeros((_N_ERRORS, 5), dtype=np.int64)
    current = np.full(columns[-1], np.nan)
    problems: list[str] = []
    carried = b""
    while True:
        read = file.read(BLOCK)
        data = carried + read
        if not data:
            break
        cut = len(data) if not read else max(data.rfind(b"\n"), data.rfind(b"\r", 0, -1)) + 1
        data, carried = data[:cut], data[cut:]
        if len(carried) > 1 << 16:
            raise InputError(path, f"line {state[0]}: a line of over 65536 characters, not AMC")
        buffer = np.frombuffer(data, dtype=np.uint8)
        most = (data.count(b"\n") + data.count(b"\r")) // len(bone_order) + 2  # one line per bone
        out = np.empty((most, columns[-1]))
        before = int(state[3])
        n = _frames(buffer, out, names, ends, columns, POWERS, state, seen, errors, current)
        problems += [_problem(data, errors[k]) for k in range(before, min(int(state[3]), _N_ERRORS))]
        if n and not problems:
            yield out[:n]
    if state[2] == len(bone_order) and not problems:
        yield current[None].copy()
    elif state[1] >= 0 and not problems:
        problems.append(
            f"the last frame, {state[1]}, has {state[2]} of its {len(bone_order)} bones; the file may be truncated"
        )
    if state[3] > _N_ERRORS:
        problems.append(f"and {state[3] - _N_ERRORS} more")
    if problems:
        raise InputError(path, *problems)


def _problem(data: bytes, error: Floats) -> str:
    code, position, line, found, expected = (int(v) for v in error)
    match = re.compile(rb"[^\s]{1,30}").match(data, position)
    name = match.group().decode("utf-8", "backslashreplace") if match else ""
    return f"line {line}: " + _TEXTS[code].format(name=name, found=found, expected=expected)


@kernel
def _frames(buffer, out, names, ends, columns, powers, state, seen, errors, current):  # type: ignore[no-untyped-def]
    """Parse a block of whole lines into out; the frame still open at its end stays in current and state."""
    n, i, rows, bones = buffer.size, np.int64(0), 0, ends.size
    while i < n:
        c = buffer[i]
        if c <= 32:
            if c == 10 or (c == 13 and not (i + 1 < n and buffer[i + 1] == 10)):
                state[0] += 1
            i += 1
            continue
        start = i
        while i < n and buffer[i] > 32:
            i += 1
        if c == 35 or c == 58:  # comment or keyword
            while i < n and buffer[i] != 10 and buffer[i] != 13:
                i += 1
            continue
        if 48 <= c <= 57:
            value, _, is_number = parse_number(buffer, start, powers)
            frame = int(value) if is_number else -2
            if state[1] >= 0:
                if state[2] == bones:
                    if rows < out.shape[0]:
                        for k in range(current.size):  # compiles faster than an assignment of arrays
                            out[rows, k] = current[k]
                        rows += 1
                else:
                    _error(errors, state, np.int64(6), start, np.int64(state[2]), state[1])
                if frame != state[1] + 1:
                    _error(errors, state, np.int64(5), start, np.int64(frame), state[1])
            state[1] = frame
            state[2] = 0
            state[4] = 0
            for k in range(bones):
                seen[k] = 0
            continue
        bone = state[4] % bones
        if not _same(buffer, start, i, names, ends, bone):
            bone = np.int64(-1)
            for k in range(bones):
                if _same(buffer, start, i, names, ends, k):
                    bone = k
                    break
        if bone < 0 or state[1] < 0:
            _error(errors, state, np.int64(1 if bone < 0 else 7), start, np.int64(0), state[1])
            while i < n and buffer[i] != 10 and buffer[i] != 13:
                i += 1
            continue
        if seen[bone] == 1:
            _error(errors, state, np.int64(4), start, np.int64(0), state[1])
        seen[bone] = 1
        state[2] += 1
        state[4] = bone + 1
        expected = columns[bone + 1] - columns[bone]
        count = 0
        is_good = True
        while i < n and buffer[i] != 10 and buffer[i] != 13:
            if buffer[i] <= 32:
                i += 1
                continue
            value, i, is_number = parse_number(buffer, i, powers)
            is_good = is_good and is_number
            if count < expected:
                current[columns[bone] + count] = value
            count += 1
        if not is_good:
            _error(errors, state, np.int64(3), start, np.int64(count), expected)
        elif count != expected:
            _error(errors, state, np.int64(2), start, np.int64(count), expected)
    return rows


@kernel
def _same(buffer, start, end, names, ends, bone):  # type: ignore[no-untyped-def]
    first = ends[bone - 1] if bone > 0 else 0
    if end - start != ends[bone] - first:
        return False
    for k in range(end - start):  # noqa: SIM110 (compiled)
        if buffer[start + k] != names[first + k]:
            return False
    return True


@kernel
def _error(errors, state, code, position, found, expected):  # type: ignore[no-untyped-def]
    if state[3] < errors.shape[0]:
        k = state[3]
        errors[k, 0] = code
        errors[k, 1] = position
        errors[k, 2] = state[0]
        errors[k, 3] = found
        errors[k, 4] = expected
    state[3] += 1
