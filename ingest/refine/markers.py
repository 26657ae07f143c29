"""The marker set ``landmarks`` of the refinement: joint centres, heels, toes, head, and their bones, limbs and mirror image."""

from __future__ import annotations

from neurostore.ingest.landmarks.names import SIDES
from neurostore.ingest.refine.marker_set import MarkerSet

_OF_A_SIDE = ("hip", "knee", "ankle", "heel", "toe", "shoulder", "elbow", "wrist")
# bones of a side: (marker nearer the trunk, marker farther from it)
_BONES_OF_A_SIDE = (
    ("hip", "knee"),
    ("knee", "ankle"),
    ("ankle", "toe"),
    ("ankle", "heel"),
    ("shoulder", "elbow"),
    ("elbow", "wrist"),
    ("hip", "shoulder"),
)


def marker_set(name: str) -> MarkerSet:
    """``landmarks`` (17 points of the table landmarks) or ``opencap`` (59 of the 65 OpenCap markers)."""
    if name == "landmarks":
        return _landmarks()
    if name == "opencap":
        from neurostore.ingest.refine.opencap import opencap_set

        return opencap_set()
    from neurostore.errors import UsageError

    raise UsageError(f"no marker set {name!r}; there are landmarks and opencap")


def _landmarks() -> MarkerSet:
    names = (*(f"{side}_{part}" for side in SIDES for part in _OF_A_SIDE), "head")
    at = {n: i for i, n in enumerate(names)}
    rigid = [("left_hip", "right_hip"), ("left_shoulder", "right_shoulder")]
    rigid += [(f"{s}_{a}", f"{s}_{b}") for s in SIDES for a, b in _BONES_OF_A_SIDE[:-1]]
    loose = [(f"{s}_hip", f"{s}_shoulder") for s in SIDES]
    bones = tuple((at[a], at[b]) for a, b in rigid + loose)
    ends = {b: i for i, (a, b) in enumerate(bones) if i >= 2}
    limb = {"hip": 0, "knee": 0, "ankle": 0, "heel": 0, "toe": 0, "shoulder": 2, "elbow": 2, "wrist": 2}
    return MarkerSet(
        name="landmarks",
        names=names,
        bones=bones,
        n_loose=len(loose),
        limbs=(*(limb[p] + (s == "right") for s in SIDES for p in _OF_A_SIDE), 4),
        mirror=tuple(at[_other(n)] for n in names),
        parent_bone=tuple(ends.get(i, -1) for i in range(len(names))),
        hips=(at["left_hip"], at["right_hip"]),
    )


def _other(name: str) -> str:
    if name.startswith("left_"):
        return "right_" + name[5:]
    return "left_" + name[6:] if name.startswith("right_") else name
