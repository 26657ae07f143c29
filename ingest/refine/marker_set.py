"""A marker set that a refinement knows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MarkerSet:
    """Names and structure of M markers; every index refers to ``names``.

    bones : (near, far) pairs, the last ``n_loose`` of which are not rigid (trunk). limbs : limb number of each
    marker.
    mirror : index of the marker on the other side. parent_bone : for each marker the bone it ends, or -1.
    """

    name: str
    names: tuple[str, ...]
    bones: tuple[tuple[int, int], ...]
    n_loose: int
    limbs: tuple[int, ...]
    mirror: tuple[int, ...]
    parent_bone: tuple[int, ...]
    hips: tuple[int, int]

    @property
    def rigid(self) -> tuple[tuple[int, int], ...]:
        """Pairs of markers whose distance is constant: the bones without the loose ones."""
        return self.bones[: len(self.bones) - self.n_loose]
