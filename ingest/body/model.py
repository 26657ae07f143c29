"""An OpenSim model of a body: joints, coordinates, couplers and markers, independent of the file format.

A joint connects a frame fixed to its parent body with a frame fixed to its child body. Every kind of joint is held in
one form: three rotations about axes one after another, each axis turned by those before it, and three
translations along axes of the parent's frame, each a function of the joint's coordinates.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np

from neurostore.arrays import Floats

from .functions import Function

GROUND = "ground"
ROTATIONAL, TRANSLATIONAL, COUPLED = "rotational", "translational", "coupled"


@dataclass(frozen=True, slots=True)
class Placement:
    """A frame in another one: rotation (3, 3), columns are its axes, and origin (3,) in metres."""

    rotation: Floats
    origin: Floats

    def after(self, outer: Placement) -> Placement:
        """The frame, relative to the frame in which ``outer`` is placed."""
        return Placement(outer.rotation @ self.rotation, outer.rotation @ self.origin + outer.origin)

    def inverse(self) -> Placement:
        """The inverse transformation."""
        return Placement(self.rotation.T, -self.rotation.T @ self.origin)

    @property
    def is_identity(self) -> bool:
        """Whether it changes nothing."""
        return not self.origin.any() and bool((self.rotation == np.eye(3)).all())

    @classmethod
    def identity(cls) -> Placement:
        """The placement that changes nothing."""
        return cls(np.eye(3), np.zeros(3))


@dataclass(frozen=True, slots=True)
class Axis:
    """A turn about or a move along an axis (3,) by a function of coordinates, named in the function's order."""

    axis: Floats
    function: Function
    coordinates: tuple[str, ...]
    is_rotation: bool


@dataclass(frozen=True, slots=True)
class Joint:
    """A joint; ``axes`` holds what can differ from zero, rotations first, in their order."""

    name: str
    kind: str
    parent: str
    child: str
    parent_frame: Placement
    child_frame: Placement
    axes: tuple[Axis, ...]
    coordinates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Coordinate:
    """A coordinate. Values in radians or metres; minimum and maximum bind only where it is clamped."""

    name: str
    joint: str
    motion: str
    default: float = 0.0
    minimum: float = -np.inf
    maximum: float = np.inf
    is_clamped: bool = False
    is_locked: bool = False
    prescribed: Function | None = None

    @property
    def is_rotational(self) -> bool:
        """Whether the coordinate is an angle."""
        return self.motion == ROTATIONAL


@dataclass(frozen=True, slots=True)
class Coupler:
    """A coordinate that follows others: dependent = function(independents)."""

    name: str
    dependent: str
    independents: tuple[str, ...]
    function: Function


@dataclass(frozen=True, slots=True)
class Marker:
    """A marker: its body and place (3,) in metres in the body's frame."""

    name: str
    body: str
    location: Floats
    is_fixed: bool = False


@dataclass(frozen=True, slots=True)
class Model:
    """An OpenSim model, joints in an order in which each places one further body.

    Attributes
    ----------
    bodies : without the ground. reversed_joints : joints whose child is nearer to the ground than their parent.
    text : the ``.osim`` document it was read from.
    """

    name: str
    bodies: tuple[str, ...]
    joints: tuple[Joint, ...]
    coordinates: tuple[Coordinate, ...]
    couplers: tuple[Coupler, ...]
    markers: tuple[Marker, ...]
    reversed_joints: frozenset[str] = frozenset()
    masses_kg: dict[str, float] = field(default_factory=dict)
    text: str = ""

    @property
    def sha256(self) -> str:
        """Hash of the document."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def coordinate_names(self) -> tuple[str, ...]:
        """Names of all coordinates, in the order of the model."""
        return tuple(c.name for c in self.coordinates)

    @property
    def n_freedoms(self) -> int:
        """Coordinates that may move by themselves: neither locked, prescribed nor coupled."""
        dependent = {c.dependent for c in self.couplers}
        return sum(not c.is_locked and c.prescribed is None and c.name not in dependent for c in self.coordinates)
