"""Where the frames of an OpenSim document are: each physical frame as a placement in one body."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

import numpy as np

from neurostore.arrays import Floats

from .elements import numbers, text_of
from .model import GROUND, Placement


def components(element: Element, at: str = "") -> Iterator[tuple[str, Element]]:
    """Every component inside a <Model> and its path, outer ones first."""
    for child in element:
        if child.tag == "Ground":
            yield from components(child, f"/{GROUND}")
            continue
        parts, place = list(child) if child.tag in ("components", "frames") else [], at
        if child.tag.endswith("Set"):
            parts, place = child.findall("objects/*"), f"{at}/{child.tag.lower()}"
        for part in parts:
            path = f"{place}/{part.get('name', '')}"
            yield path, part
            yield from components(part, path)


class Frames:
    """Frames of a <Model> by their path: bodies, the ground, and offset frames wherever they are written."""

    def __init__(self, model: Element, problems: list[str]):
        self.problems = problems
        self.parts = list(components(model))
        self.bodies = {path: e.get("name", "") for path, e in self.parts if e.tag == "Body"}
        self.bodies[f"/{GROUND}"] = GROUND
        self.offsets = {path: e for path, e in self.parts if e.tag == "PhysicalOffsetFrame"}
        self._known = {**self.bodies, **self.offsets}

    def of_joint(self, joint: Element, path: str, end: str) -> tuple[str, Placement] | None:
        """(body, placement) of the parent's or child's frame of the joint at a path."""
        return self.resolve(text_of(joint, f"socket_{end}_frame"), path, f"joint {joint.get('name', '')}")

    def resolve(self, path: str, owner: str, what: str, depth: int = 0) -> tuple[str, Placement] | None:
        """(body, placement in it) of the frame a socket names, seen from the component ``owner``; None: a problem."""
        at = self._find(path, owner)
        if at is None or depth > 20:
            self.problems.append(f"{what}: its frame {path!r} is not in the model")
            return None
        if at in self.bodies:
            return self.bodies[at], Placement.identity()
        element = self.offsets[at]
        outer = self.resolve(text_of(element, "socket_parent"), at, what, depth + 1)
        if outer is None:
            return None
        try:
            turn = numbers(element, "orientation", 3, (0.0, 0.0, 0.0))
            origin = np.array(numbers(element, "translation", 3, (0.0, 0.0, 0.0)))
        except ValueError as error:
            self.problems.append(f"{what}: frame {path}: {error}")
            return None
        return outer[0], Placement(body_fixed_xyz(turn), origin).after(outer[1])

    def _find(self, path: str, owner: str) -> str | None:
        if path.startswith("/"):
            steps = path.split("/")[1:]
        else:
            steps = owner.split("/")[1:]
            for step in path.split("/"):
                steps = steps[:-1] if step == ".." else [*steps, *([step] if step not in ("", ".") else [])]
        whole = "/" + "/".join(steps)
        if whole in self._known:
            return whole
        # earlier documents begin with the model's name or leave the set out
        tails = [k for k in self._known if k.rsplit("/", 1)[-1] == steps[-1]] if steps and steps[-1] else []
        return tails[0] if len(tails) == 1 else None


def body_fixed_xyz(angles: tuple[float, ...]) -> Floats:
    """Rotation matrix (3, 3) of turns about the frame's own x, then y, then z, in radians."""
    out = np.eye(3)
    for axis, angle in enumerate(angles):
        c, s, turn = np.cos(angle), np.sin(angle), np.eye(3)
        i, j = (axis + 1) % 3, (axis + 2) % 3
        turn[i, i] = turn[j, j] = c
        turn[i, j], turn[j, i] = -s, s
        out = out @ turn
    return out


def body_fixed_angles(turn: Floats) -> Floats:
    """The angles (3,) in radians that :func:`body_fixed_xyz` makes a rotation matrix (3, 3) of."""
    y = np.arcsin(np.clip(turn[0, 2], -1.0, 1.0))
    return np.array([np.arctan2(-turn[1, 2], turn[2, 2]), y, np.arctan2(-turn[0, 1], turn[0, 0])])
