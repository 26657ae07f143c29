"""Where the frames of an OpenSim document are: each physical frame as a placement in one body."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import numpy as np

from neurostore.arrays import Floats

from .model import GROUND, Placement


class Frames:
    """Frames of a <Model> by their path: bodies, the ground, and the offset frames of joints, bodies and the model."""

    def __init__(self, model: Element, problems: list[str]):
        self.problems = problems
        self.bodies = {
            f"/bodyset/{b.get('name', '')}": b.get("name", "") for b in model.findall("BodySet/objects/Body")
        }
        self.bodies[f"/{GROUND}"] = GROUND
        self.offsets: dict[str, Element] = {}
        for joint in [*model.findall("JointSet/objects/*"), *model.findall("components/*")]:
            at = "/jointset" if joint in list(model.findall("JointSet/objects/*")) else ""
            self._add(f"{at}/{joint.get('name', '')}", joint.findall("frames/PhysicalOffsetFrame"))
        for body in model.findall("BodySet/objects/Body"):
            self._add(f"/bodyset/{body.get('name', '')}", body.findall("components/PhysicalOffsetFrame"))
        self._add("", model.findall("components/PhysicalOffsetFrame"))

    def of_joint(self, joint: Element, end: str) -> tuple[str, Placement] | None:
        """(body, placement) of the parent's or child's frame of a joint."""
        name = joint.get("name", "")
        return self.resolve(text_of(joint, f"socket_{end}_frame"), f"/jointset/{name}", f"joint {name}")

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

    def _add(self, at: str, elements: list[Element]) -> None:
        for element in elements:
            self.offsets[f"{at}/{element.get('name', '')}"] = element

    def _find(self, path: str, owner: str) -> str | None:
        known = {**self.bodies, **self.offsets}
        if path.startswith("/"):
            steps = path.split("/")[1:]
        else:
            steps = owner.split("/")[1:]
            for step in path.split("/"):
                steps = steps[:-1] if step == ".." else [*steps, *([step] if step not in ("", ".") else [])]
        whole = "/" + "/".join(steps)
        if whole in known:
            return whole
        # earlier documents begin with the model's name or leave the set out
        tails = [k for k in known if k.rsplit("/", 1)[-1] == steps[-1]] if steps and steps[-1] else []
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


def text_of(element: Element, name: str) -> str:
    """The stripped text of a child element, '' if there is none."""
    return (element.findtext(name) or "").strip()


def numbers(element: Element, name: str, n: int, default: tuple[float, ...] | None = None) -> tuple[float, ...]:
    """n numbers of a child element.

    Raises
    ------
    ValueError : another count, or what is not a number.
    """
    text = text_of(element, name)
    if not text and default is not None:
        return default
    try:
        values = tuple(float(word) for word in text.split())
    except ValueError:
        values = ()
    if len(values) != n or any(np.isnan(v) for v in values):
        raise ValueError(f"<{name}> holds {text!r}; expected {n} number(s)")
    return values
