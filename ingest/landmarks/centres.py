"""The points of a person to which joint centres are added: shared by the computations for legs and arms."""

from __future__ import annotations

from dataclasses import dataclass, field

from neurostore.arrays import Floats
from neurostore.ingest.landmarks.calibration import DEFAULT_MARKER_DIAMETER_MM, Parameters
from neurostore.ingest.landmarks.names import Marks


@dataclass(slots=True)
class Centres:
    """The points of one person's trial, to which computed points are added.

    points : landmark to (n, 3) mm, skin points and joint centres. parameters : the body's; estimates are added to them.
    methods : joint to the method that gave it. lateral : ``left_thigh``, ``left_shank``, … to the (n, 3) unit lateral
    axis (pointing right) of segments that three points define, and ``pelvis`` (n, 3, 3), or ``pelvis_line`` where only the hips
    are known.
    trunk, trunk_method : (n, 3, 3) axes and how they arose; None and '' if nothing gives them.
    torsion : side to tibial torsion, rad, where the file states it: from the knee's lateral axis to the ankle's, which is the
    shank's. Not in the trial that measures it, whose ankle has a medial marker: as in Plug-in Gait its shank is turned with
    the ankle.
    """

    points: Marks
    parameters: Parameters
    methods: dict[str, str] = field(default_factory=dict)
    lateral: Marks = field(default_factory=dict)
    trunk: Floats | None = None
    trunk_method: str = ""
    torsion: dict[str, float] = field(default_factory=dict)

    def put(self, name: str, values: Floats, method: str) -> None:
        """Store points (n, 3) mm under a name, with the method that computed them."""
        self.points[name] = values
        self.methods[name] = method

    def has(self, *names: str) -> bool:
        """Whether all these points exist."""
        return self.points.keys() >= set(names)

    def marker_radius(self) -> float:
        """Radius of the markers in mm; a default if the diameter is unknown."""
        return (self.parameters.get("marker_diameter") or DEFAULT_MARKER_DIAMETER_MM) / 2
