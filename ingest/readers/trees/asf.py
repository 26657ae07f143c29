"""ASF: the skeleton of an AMC motion, as Acclaim's format defines it.

Facts on the format: M. Meredith and S. Maddock (2001), Motion Capture File Formats Explained. A bone turns by
C · R · C⁻¹ against its parent, with C its `axis` and R its degrees of freedom, the first listed applied first; all is
given in the axes of the rest pose, so a bone's rotation to the lab is the identity at rest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError
from neurostore.ingest.geometry.kinematics import MOVE, TURN, Tree
from neurostore.ingest.geometry.rotations import IDENTITY, conjugate, from_euler
from neurostore.ingest.readers.trees.numbers import number
from neurostore.wording import listed

_MOST_BONES = 1000
_SECTIONS = ("version", "name", "units", "documentation", "root", "bonedata", "hierarchy", "skin")


@dataclass(slots=True)
class Bone:
    """direction (3,) unit vector in the rest pose, length in source units, axis (4,) quaternion C, dof as listed."""

    name: str
    direction: Floats | None = None
    length: float | None = None
    axis: Floats = field(default_factory=lambda: IDENTITY.copy())
    dof: tuple[str, ...] = ()


@dataclass(slots=True)
class AsfSkeleton:
    """bones by name; children : parent name -> names in order; root_order : TX … RZ as the AMC lists them."""

    bones: dict[str, Bone]
    children: dict[str, list[str]]
    root_order: tuple[str, ...]
    root_axis: Floats
    length_unit: float | None
    is_degrees: bool


def read_asf(path: Path) -> AsfSkeleton:
    """Read an ASF file.

    Raises
    ------
    InputError : with every problem, each with its line.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror or error}") from None
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    lines = [(n, line.partition("#")[0].split()) for n, line in enumerate(re.split(r"\r\n|\n|\r", text), start=1)]
    if not any(words and words[0].startswith(":") for _, words in lines):
        raise InputError(path, "not an ASF file: no line begins with a colon, expected :root, :bonedata, :hierarchy")
    return _Parser(path).run([(n, words) for n, words in lines if words])


class _Parser:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[str] = []
        self.is_degrees = True
        self.length_unit: float | None = None
        self.bones: dict[str, Bone] = {}
        self.raw_axes: list[tuple[Bone, list[float], str]] = []
        self.children: dict[str, list[str]] = {}
        self.root: dict[str, list[str]] = {}

    def run(self, lines: list[tuple[int, list[str]]]) -> AsfSkeleton:
        section, bone = "", None
        seen = set()
        for line, words in lines:
            key = words[0].lower()
            if key.startswith(":"):
                section, bone = key[1:], None
                seen.add(section)
                if section not in _SECTIONS:
                    self.problems.append(f"line {line}: unknown section {words[0][:30]!r}")
            elif section == "units":
                self._units(line, words)
            elif section == "root":
                self.root[key] = words[1:]
            elif section == "bonedata":
                bone = self._bone(line, key, words, bone)
            elif section == "hierarchy" and key not in ("begin", "end"):
                self.children.setdefault(words[0], []).extend(words[1:])
        for needed in ("root", "bonedata", "hierarchy"):
            if needed not in seen:
                self.problems.append(f"no section :{needed}; the file may be truncated")
        scale = np.pi / 180 if self.is_degrees else 1.0
        for turned, angles, order in self.raw_axes:
            turned.axis = from_euler(order[::-1], np.array(angles[::-1]) * scale)
        root_order = tuple(w.upper() for w in self.root.get("order", ["TX", "TY", "TZ", "RX", "RY", "RZ"]))
        if not set(root_order) <= {"TX", "TY", "TZ", "RX", "RY", "RZ"} or len(set(root_order)) != len(root_order):
            self.problems.append(f":root order is {' '.join(root_order)!r}, expected TX TY TZ RX RY RZ in some order")
        self._check_bones()
        if self.problems:
            raise InputError(self.path, *self.problems[:10])
        return AsfSkeleton(
            self.bones, self.children, root_order, self._root_axis(scale), self.length_unit, self.is_degrees
        )

    def _units(self, line: int, words: list[str]) -> None:
        key, text = words[0].lower(), words[1] if len(words) > 1 else ""
        if key == "angle":
            if text.lower() not in ("deg", "degrees", "rad", "radians"):
                self.problems.append(f"line {line}: angle unit {text!r}, expected deg or rad")
            self.is_degrees = text.lower().startswith("deg")
        elif key == "length":
            value = number(text)
            if value is None or value <= 0:
                self.problems.append(f"line {line}: length unit {text!r}, expected a positive number")
            self.length_unit = value

    def _bone(self, line: int, key: str, words: list[str], bone: Bone | None) -> Bone | None:
        if key == "begin":
            if len(self.bones) >= _MOST_BONES:
                raise InputError(self.path, f"line {line}: more than {_MOST_BONES} bones, more than a person has")
            return Bone("")
        if bone is None:
            if not key.startswith("("):
                self.problems.append(f"line {line}: {words[0][:30]!r} outside of begin and end")
            return None
        if key == "end":
            if not bone.name:
                self.problems.append(f"line {line}: a bone without a name ends here")
            return None
        keys = {
            "name": self._name,
            "direction": self._direction,
            "length": self._length,
            "axis": self._axis,
            "dof": self._dof,
        }
        if key in keys:
            keys[key](line, words, bone)
        return bone

    def _name(self, line: int, words: list[str], bone: Bone) -> None:
        bone.name = " ".join(words[1:])
        if bone.name in ("", "root"):
            self.problems.append(f"line {line}: a bone is named {bone.name!r}, which no bone can be")
        elif bone.name in self.bones:
            self.problems.append(f"line {line}: bone {bone.name!r} occurs twice")
        self.bones[bone.name] = bone

    def _direction(self, line: int, words: list[str], bone: Bone) -> None:
        direction = self._numbers(line, words, 3)
        size = float(np.linalg.norm(direction)) if direction else 0.0
        if direction and size > 0:
            bone.direction = np.array(direction) / size
        elif direction:
            self.problems.append(f"line {line}: bone {bone.name!r} has a direction of length zero")

    def _length(self, line: int, words: list[str], bone: Bone) -> None:
        length = self._numbers(line, words, 1)
        bone.length = length[0] if length else None

    def _axis(self, line: int, words: list[str], bone: Bone) -> None:
        angles = self._numbers(line, words, 3)
        order = (words[4] if len(words) > 4 else "XYZ").upper()
        if sorted(order) != ["X", "Y", "Z"]:
            self.problems.append(f"line {line}: axis order {order[:10]!r}, expected X, Y and Z in some order")
        elif angles:
            self.raw_axes.append((bone, angles, order))

    def _dof(self, line: int, words: list[str], bone: Bone) -> None:
        bone.dof = tuple(w.upper() for w in words[1:])
        for word in bone.dof:
            if word not in ("RX", "RY", "RZ"):
                self.problems.append(
                    f"line {line}: bone {bone.name!r} has the degree of freedom {word[:10]!r}; rx, ry and rz can be read"
                )

    def _numbers(self, line: int, words: list[str], count: int) -> list[float]:
        values = [number(w) for w in words[1 : 1 + count]]
        if len(values) < count or None in values:
            self.problems.append(f"line {line}: {' '.join(words)[:50]!r}, expected {count} numbers after {words[0]}")
            return []
        return [float(v) for v in values if v is not None]

    def _check_bones(self) -> None:
        for bone in self.bones.values():
            for what in ("direction", "length"):
                if getattr(bone, what) is None:
                    self.problems.append(f"bone {bone.name!r} has no {what}")
        parent: dict[str, str] = {}
        for above, names in self.children.items():
            for name in (above, *names):
                if name != "root" and name not in self.bones:
                    self.problems.append(f":hierarchy names {name!r}, which :bonedata does not have")
            for name in names:
                if name in parent:
                    self.problems.append(f":hierarchy gives {name!r} the parents {parent[name]!r} and {above!r}")
                parent[name] = above
        reached, todo = set(), ["root"]
        while todo:
            name = todo.pop()
            if name not in reached:
                reached.add(name)
                todo += self.children.get(name, [])
        lost = [n for n in self.bones if n not in reached]
        if lost and "hierarchy" not in str(self.problems):
            self.problems.append(f":hierarchy does not connect {listed(lost, 5)} to the root")

    def _root_axis(self, scale: float) -> Floats:
        angles = [number(w) for w in self.root.get("orientation", ["0", "0", "0"])[:3]]
        order = "".join(self.root.get("axis", ["XYZ"])[:1]).upper()
        if None in angles or len(angles) < 3 or sorted(order) != ["X", "Y", "Z"]:
            raise InputError(self.path, ":root needs `axis XYZ` and `orientation` with three numbers")
        return from_euler(order[::-1], np.array([float(a or 0) for a in angles[::-1]]) * scale)


def to_tree(asf: AsfSkeleton, bone_order: list[str], rename: dict[str, str]) -> Tree:
    """The kinematic tree: a node per bone, standing where the bone begins, and End nodes at the free tips.

    bone_order : the bones of the AMC in the order of its channels, 'root' among them. rename : bone -> joint name.
    """
    first, n_channels = {}, 0
    for name in bone_order:
        first[name] = n_channels
        n_channels += len(asf.root_order) if name == "root" else len(asf.bones[name].dof)
    tree: dict[str, list[Any]] = {k: [] for k in ("names", "parents", "offsets", "ends", "operations", "before")}

    def add(
        name: str, parent: int, offset: Floats, end: bool, operations: list[tuple[int, int]], before: Floats
    ) -> int:
        for key, value in zip(tree, (name, parent, offset, end, operations, before), strict=True):
            tree[key].append(value)
        return len(tree["names"]) - 1

    todo = [("root", -1)]
    while todo:
        name, parent = todo.pop()
        if name == "root":
            words, axis, above = asf.root_order, asf.root_axis, None
        else:
            words, axis = asf.bones[name].dof, asf.bones[name].axis
            above = asf.bones.get(_bone_above(tree["names"], parent, rename))
        operations = []
        if name in first:
            codes = [(MOVE if w[0] == "T" else TURN)[w[1].lower()] for w in words]
            operations = [(first[name] + k, code) for k, code in enumerate(codes)][
                ::-1
            ]  # first bone_order is innermost
        node = add(rename.get(name, name), parent, _end(above), False, operations, axis)
        children = asf.children.get(name, [])
        todo += [(child, node) for child in reversed(children)]
        if not children and name != "root":
            add(f"{rename.get(name, name)}_end", node, _end(asf.bones[name]), True, [], IDENTITY)
    before = np.array(tree["before"])
    return Tree(
        names=tree["names"],
        parents=np.array(tree["parents"], dtype=np.int64),
        offsets=np.array(tree["offsets"], dtype=float),
        is_end=np.array(tree["ends"], dtype=np.bool_),
        operations=tree["operations"],
        n_channels=n_channels,
        before=before,
        after=conjugate(before),
    )


def _bone_above(names: list[str], parent: int, rename: dict[str, str]) -> str:
    back = {joint: bone for bone, joint in rename.items()}
    return back.get(names[parent], names[parent])


def _end(bone: Bone | None) -> Floats:
    """Where a bone ends, from where it begins, in the axes of the rest pose; source units."""
    if bone is None or bone.direction is None or bone.length is None:
        return np.zeros(3)
    return bone.direction * bone.length
