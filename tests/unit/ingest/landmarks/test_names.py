"""Joint names of the programs that people capture with: each of the joints that gait needs is found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from neurostore.ingest.landmarks.names import landmark_sources
from neurostore.skeleton import adhoc

LEG, ARM = ("hip", "knee", "ankle", "toe"), ("shoulder", "elbow", "wrist")


def sided(pattern, leg, arm):
    """Names of both sides, in the order of LEG and ARM; pattern : how a side is put to a name."""
    return {
        f"{side}_{joint}": pattern(side, name)
        for side in ("left", "right")
        for joint, name in zip((*LEG, *ARM), (*leg, *arm), strict=True)
        if name
    }


def before(left, right):
    return lambda side, name: (left if side == "left" else right) + name


def after(left, right):
    return lambda side, name: name + (left if side == "left" else right)


HABITS = {
    "MotionBuilder": sided(before("Left", "Right"), ("UpLeg", "Leg", "Foot", "ToeBase"), ("Arm", "ForeArm", "Hand"))
    | {"pelvis_bone": "Hips", "trunk_bone": "Spine2", "head": "Head"},
    "Maya with a name before each joint": sided(
        before("Character1_Left", "Character1_Right"), ("UpLeg", "Leg", "Foot", "ToeBase"), ("Arm", "ForeArm", "Hand")
    )
    | {"pelvis_bone": "Character1_Hips", "trunk_bone": "Character1_Spine1", "head": "Character1_Head"},
    "Motive": sided(before("Skeleton_L", "Skeleton_R"), ("Thigh", "Shin", "Foot", "Toe"), ("UArm", "FArm", "Hand"))
    | {"pelvis_bone": "Skeleton_Hip", "trunk_bone": "Skeleton_Chest", "head": "Skeleton_Head"},
    "MVN": sided(before("Left", "Right"), ("Hip", "Knee", "Ankle", "Toe"), ("Shoulder", "Elbow", "Wrist"))
    | {"pelvis_bone": "Hips", "trunk_bone": "Chest4", "head": "Head"},
    "Perception Neuron, no toe joint": sided(
        before("Left", "Right"), ("UpLeg", "Leg", "Foot", "Foot_end"), ("Arm", "ForeArm", "Hand")
    )
    | {"pelvis_bone": "Hips", "trunk_bone": "Spine3", "head": "Head"},
    "Biovision, no toe joint": sided(
        before("Left", "Right"), ("Hip", "Knee", "Ankle", "Ankle_end"), ("Shoulder", "Elbow", "Wrist")
    )
    | {"pelvis_bone": "Hips", "trunk_bone": "Chest", "head": "Head"},
    "SMPL": sided(before("left_", "right_"), ("hip", "knee", "ankle", "foot"), ("shoulder", "elbow", "wrist"))
    | {"pelvis_bone": "pelvis", "trunk_bone": "spine3", "head": "head"},
    "SMPL in Unity": sided(
        before("m_avg_L_", "m_avg_R_"), ("Hip", "Knee", "Ankle", "Foot"), ("Shoulder", "Elbow", "Wrist")
    )
    | {"pelvis_bone": "m_avg_Pelvis", "trunk_bone": "m_avg_Spine3", "head": "m_avg_Head"},
    "Daz and Poser": sided(before("l", "r"), ("Thigh", "Shin", "Foot", "Toe"), ("Shldr", "ForeArm", "Hand"))
    | {"pelvis_bone": "hip", "trunk_bone": "chest", "head": "head"},
    "Daz Genesis": sided(
        before("l", "r"), ("ThighBend", "Shin", "Foot", "Toe"), ("ShldrBend", "ForearmBend", "Hand")
    )
    | {"pelvis_bone": "pelvis", "trunk_bone": "chestUpper", "head": "head"},
    "DeepMotion": sided(
        lambda side, name: f"{side[0]}_{name}_JNT", ("upleg", "leg", "foot", "toebase"), ("arm", "forearm", "hand")
    )
    | {"pelvis_bone": "hips_JNT", "trunk_bone": "spine1_JNT", "head": "head_JNT"},
    "Unreal": sided(after("_l", "_r"), ("thigh", "calf", "foot", "ball"), ("upperarm", "lowerarm", "hand"))
    | {"pelvis_bone": "pelvis", "trunk_bone": "spine_03", "head": "head"},
    "Blender": sided(after(".L", ".R"), ("thigh", "shin", "foot", "toe"), ("upper_arm", "forearm", "hand"))
    | {"pelvis_bone": "hips", "trunk_bone": "chest", "head": "head"},
    "Rigify": sided(
        lambda side, name: f"DEF-{name}.{side[0].upper()}",
        ("thigh", "shin", "foot", "toe"),
        ("upper_arm", "forearm", "hand"),
    )
    | {"pelvis_bone": "DEF-pelvis", "trunk_bone": "DEF-chest", "head": "DEF-head"},
    "MakeHuman": sided(
        after(".L", ".R"), ("upperleg01", "lowerleg01", "foot", "toe1-1"), ("upperarm01", "lowerarm01", "wrist")
    )
    | {"pelvis_bone": "root", "trunk_bone": "spine01", "head": "head"},
    "VRM and Unity": sided(
        before("Left", "Right"), ("UpperLeg", "LowerLeg", "Foot", "Toes"), ("UpperArm", "LowerArm", "Hand")
    )
    | {"pelvis_bone": "Hips", "trunk_bone": "UpperChest", "head": "Head"},
    "3ds Max": sided(
        before("Bip01 L ", "Bip01 R "), ("Thigh", "Calf", "Foot", "Toe0"), ("UpperArm", "Forearm", "Hand")
    )
    | {"pelvis_bone": "Bip01 Pelvis", "trunk_bone": "Bip01 Spine1", "head": "Bip01 Head"},
    "Vicon": sided(before("l", "r"), ("femur", "tibia", "foot", "toes"), ("humerus", "radius", "wrist"))
    | {"pelvis_bone": "root", "trunk_bone": "thorax", "head": "head"},
    "iPi": sided(before("L", "R"), ("Thigh", "Shin", "Foot", "Toe"), ("Shoulder", "Forearm", "Hand"))
    | {"pelvis_bone": "Hip", "trunk_bone": "Chest", "head": "Head"},
    "Bandai Namco": sided(
        after("_L", "_R"), ("UpperLeg", "LowerLeg", "Foot", "Toes"), ("UpperArm", "LowerArm", "Hand")
    )
    | {"pelvis_bone": "Hips", "trunk_bone": "Chest", "head": "Head"},
}  # fmt: skip


@pytest.mark.parametrize("program", HABITS)
def test_joints_of_each_program_are_found(program):
    habit = HABITS[program]
    skeleton = adhoc("tree", list(dict.fromkeys(habit.values())))
    found = landmark_sources(skeleton)
    column = dict(zip(skeleton.source_names, range(len(skeleton.joints)), strict=True))
    assert {k: tuple(skeleton.source_names[i] for i in found.get(k, ())) for k in habit} == {
        k: (skeleton.source_names[column[v]],) for k, v in habit.items()
    }


def test_a_foot_alone_is_an_ankle_and_no_toe():
    names = ["Hips", "Spine", "Head", "LeftUpLeg", "LeftLeg", "LeftFoot", "RightUpLeg", "RightLeg", "RightFoot"]
    found = landmark_sources(adhoc("tree", names))
    assert found["left_ankle"] == (5,)
    assert "left_toe" not in found


def test_a_side_that_every_name_has_is_not_taken_for_a_prefix():
    found = landmark_sources(adhoc("leg", ["L_Hip", "L_Knee", "L_Ankle"]))
    assert found["left_knee"] == (1,)


#: what seven gait laboratories of one country call the same markers (settings of c3d-parser 1.6.1)
LABORATORIES = {
    "left_knee_medial": ["LMed_kn", "LKNEMED", "LMKNE", "LMKN"],
    "right_ankle_medial": ["RMed_ank", "RMED", "RMMAL"],
    "clavicle": ["STER_NOTCH", "CLAV", "MAN"],
}


@pytest.mark.parametrize(("landmark", "name"), [(key, name) for key, names in LABORATORIES.items() for name in names])
def test_names_of_laboratories_for_one_marker(landmark, name):
    names = ["LASI", "RASI", "SACR", "LKNE", "RKNE", "LANK", "RANK", name]
    assert landmark_sources(adhoc("made_up", names)).get(landmark) == (7,)


#: landmark of the left side to the label(s) of the marker set; {s} is the letter of the side
MARKER_SETS = {
    "Qualisys animation": {"asis": "Waist{s}Front", "psis": "Waist{s}Back", "knee_lateral": "{s}KneeOut", "thigh": "{s}Thigh",
        "shank": "{s}Shin", "ankle_lateral": "{s}AnkleOut", "heel": "{s}HeelBack", "metatarsal_1": "{s}ForefootIn",
        "metatarsal_5": "{s}ForefootOut", "acromion": "{s}ShoulderTop"},
    "Qualisys sports": {"asis": "Q_Waist{s}Front", "knee_lateral": "Q_{s}KneeOut", "knee_medial": "Q_{s}KneeIn",
        "ankle_lateral": "Q_{s}AnkleOut", "heel": "Q_{s}HeelBack", "toe": "Q_{s}Forefoot2", "metatarsal_5": "Q_{s}Forefoot5"},
    "OptiTrack baseline": {"asis": "Waist{s}Front", "psis": "Waist{s}Back", "knee_lateral": "{s}KneeOut",
        "ankle_lateral": "{s}AnkleOut", "metatarsal_1": "{s}ToeIn", "metatarsal_5": "{s}ToeOut"},
    "Human Body Model": {"asis": "{s}ASIS", "psis": "{s}PSIS", "trochanter": "{s}GTRO", "knee_lateral": "{s}LEK",
        "knee_medial": "{s}MEK", "ankle_lateral": "{s}LM", "ankle_medial": "{s}MM", "toe": "{s}MT2"},
    "Duarte and Fukuchi": {"asis": "{s}.ASIS", "knee_lateral": "{s}.Knee", "knee_medial": "{s}.Knee.Medial", "heel": "{s}.Heel.Top"},
    "French": {"asis": "EIAS_{s}", "psis": "EIPS_{s}", "knee_lateral": "COND_EXT_{s}", "knee_medial": "COND_INT_{s}",
        "ankle_lateral": "MAL_EXT_{s}", "ankle_medial": "MAL_INT_{s}", "heel": "TALON_{s}", "metatarsal_5": "META5_{s}"},
    "German": {"asis": "{s}_SIAS", "knee_lateral": "{s}_Knie_lat", "knee_medial": "{s}_Knie_med", "heel": "{s}_Ferse",
        "ankle_lateral": "{s}_Knoechel_lat", "toe": "{s}_Zeh"},
    "outer and inner": {"knee_lateral": "{s}KNO", "knee_medial": "{s}KNI", "ankle_lateral": "{s}ANO", "ankle_medial": "{s}ANI", "asis": "{s}FHIP"},
    "one letter": {"knee_lateral": "{s}KNEL", "knee_medial": "{s}KNEM", "ankle_lateral": "{s}ANKL", "ankle_medial": "{s}ANKM", "asis": "{s}ASI"},
    "Japanese": {"knee_lateral": "{s}KNL", "knee_medial": "{s}KNM", "ankle_lateral": "{s}ANL", "ankle_medial": "{s}ANM", "toe": "{s}MP2", "asis": "{s}ASI"},
    "M for marker": {"knee_lateral": "{s}KNEM", "ankle_lateral": "{s}ANKM", "asis": "{s}ASI"},
    "CODA": {"asis": "{s} ASIS", "knee_lateral": "{s} Knee", "heel": "{s} Heel", "metatarsal_1": "{s} 1st Met", "metatarsal_5": "{s} 5th Met"},
    "both orders": {"knee_lateral": "{side} lat knee", "ankle_lateral": "{side} lat mal", "ankle_medial": "{side} mal inner", "asis": "{side} ASIS"},
    "short ankle": {"asis": "{s}_asis", "knee_lateral": "{s}_kne_out", "ankle_lateral": "{s}_ank_lat", "ankle_medial": "{s}_ank_med"},
    "accents": {"asis": "{s}_EIAS", "knee_lateral": "{s}_Rodilla_ext", "ankle_lateral": "{s}_Knöchel_außen", "heel": "{s}_Talón"},
    "SIMI": {"hip": "hip joint {side}", "knee": "knee joint {side}", "ankle": "ankle joint {side}", "toe": "foot tip {side}"},
    "one ending": {"asis": "{s}ASI_M", "psis": "{s}PSI_M", "knee_lateral": "{s}KNE_M", "ankle_lateral": "{s}ANK_M"},
}  # fmt: skip


@pytest.mark.parametrize("maker", MARKER_SETS)
def test_markers_of_each_set_are_found(maker):
    labels = {
        f"{side}_{landmark}": label.format(s=side[0].upper(), side=side)
        for side in ("left", "right")
        for landmark, label in MARKER_SETS[maker].items()
    }
    skeleton = adhoc("markers", list(labels.values()))
    found = landmark_sources(skeleton)
    assert {k: [skeleton.source_names[i] for i in found.get(k, ())] for k in labels} == {
        k: [label] for k, label in labels.items()
    }
    assert "pelvis_bone" not in found  # "hip joint left" is no hip of the middle
    if maker == "M for marker":
        assert not any("medial" in landmark for landmark in found)


@pytest.mark.parametrize(("there", "is_medial"), [("LKNE", True), ("", False)])
def test_a_marker_that_may_be_both_is_the_medial_one_beside_a_declared_lateral_one(there, is_medial):
    labels = ["LASI", "RASI", "LPSI", "RPSI", "LANK", "RANK", "LKNEM", *filter(None, [there])]
    declared = {"landmarks": {"left_knee_lateral": "LKNE"}} if there else {}
    skeleton = replace(adhoc("made_up", labels), declaration=declared)
    found = landmark_sources(skeleton)
    assert found["left_knee_lateral"] == ((7,) if there else (6,))
    assert found.get("left_knee_medial") == ((6,) if is_medial else None)
