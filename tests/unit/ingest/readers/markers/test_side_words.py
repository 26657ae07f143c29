"""Labels that name their side in another language or place than L and R in front."""

from __future__ import annotations

import pytest

from neurostore.ingest.landmarks.names import landmark_sources
from neurostore.ingest.readers.markers.assemble import renamed, squeezed
from neurostore.ingest.readers.markers.side_words import in_letters
from neurostore.ingest.readers.markers.up import is_above, is_foot
from neurostore.ingest.recording import ReadOptions
from neurostore.skeleton import adhoc

LANDMARKS = ("asis", "psis", "knee_lateral", "ankle_lateral", "heel")
#: words of left and right, how they are put to a name, and the names of LANDMARKS
LABORATORIES = {
    "French": (("G", "D"), "{name}_{side}", ("EIAS", "EIPS", "GENOU_EXT", "MAL_EXT", "TALON")),
    "French words": (("gauche", "droit"), "{name} {side}", ("eias", "eips", "genou ext", "malléole externe", "talon")),
    "French, joined": (("G", "D"), "{name}{side}", ("EIAS", "EIPS", "GENOUEXT", "MALEXT", "TALON")),
    "German": (("links", "rechts"), "{name} {side}", ("SIAS", "SIPS", "Knie aussen", "Knöchel aussen", "Ferse")),
    "German, short": (("li", "re"), "{side}_{name}", ("SIAS", "SIPS", "Knie_lat", "OSG_lat", "Ferse")),
    "Italian": (("SX", "DX"), "{name}{side}", ("SIAS", "SIPS", "GINOCCHIOLAT", "MALLEOLOLAT", "TALLONE")),
    "Italian letters": (("S", "D"), "{name}_{side}", ("SIAS", "SIPS", "GINOCCHIO_LAT", "MALLEOLO_EXT", "TALLONE")),
    "Spanish": (("izq", "der"), "{name}_{side}", ("EIAS", "EIPS", "rodilla_ext", "maleolo_ext", "talón")),
    "Portuguese": (("E", "D"), "{side}_{name}", ("EIAS", "EIPS", "joelho_lat", "tornozelo_lat", "calcanhar")),
    "English, behind": (("L", "R"), "{name}{side}", ("ASIS", "PSIS", "KNEE", "ANK", "HEEL")),
    "English, case": (("L", "R"), "{name}{side}", ("asis", "psis", "knee", "ank", "heel")),
    "short words": (("Lt", "Rt"), "{side} {name}", ("ASIS", "PSIS", "Knee", "Ankle", "Heel")),
}  # fmt: skip


@pytest.mark.parametrize("lab", LABORATORIES)
def test_sides_in_the_languages_of_laboratories(lab: str) -> None:
    words, pattern, names = LABORATORIES[lab]
    labels = [pattern.format(side=side, name=name) for side in words for name in names] + ["C7"]
    notes: list[str] = []
    read = renamed(labels, ReadOptions(), notes)
    skeleton = adhoc("markers", read)
    found = landmark_sources(skeleton)
    column = {name: i for i, name in enumerate(skeleton.source_names)}
    expected = [f"{side}_{landmark}" for side in ("left", "right") for landmark in LANDMARKS]
    assert [found.get(landmark) for landmark in expected] == [(column[name],) for name in read[:-1]]
    assert len(notes) == 1
    assert f"{labels[0]} as {read[0]}" in notes[0]
    assert all(is_above(squeezed(name)) for name in (*read[:2], *read[5:7]))
    assert all(is_foot(squeezed(name)) for name in (*read[3:5], *read[8:10]))


@pytest.mark.parametrize(
    "labels",
    [
        ["LASI", "RASI", "LPSI", "RPSI", "LKNE", "RKNE", "LANK", "RANK", "LHEE", "RHEE", "D5M", "T10", "C7"],
        ["L.ASIS", "R.ASIS", "L.Heel", "R.Heel", "L.Knee", "R.Knee", "V.Sacral"],
        ["asis_l", "asis_r", "heel_l", "heel_r", "knee_l", "knee_r", "ankle_l", "ankle_r"],
        ["LeftHeel", "RightHeel", "LeftToe", "RightToe", "LeftKnee", "RightKnee", "Sacrum"],
        ["GT_D", "GT_G", "C7", "T10"],  # two labels prove nothing
        ["D", "G", "DX", "SX", "links"],
        ["RKneeL", "RKneeR", "LKneeL", "LKneeR", "RAnkL", "RAnkR", "LAnkL", "LAnkR", "LHEE", "RHEE", "LTOE", "RTOE"],
        [],
    ],
)  # fmt: skip
def test_labels_that_are_left_as_they_are(labels: list[str]) -> None:
    assert in_letters(tuple(labels)) == (tuple(labels), "")
