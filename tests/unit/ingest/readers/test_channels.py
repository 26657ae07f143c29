"""What a channel is, by labels of laboratories, makers and languages. A wrong muscle is worse than none."""

from __future__ import annotations

import pytest

from neurostore.ingest.readers.channels import Channel, name_channels


def named(*labels: str, given: dict[str, str] | None = None) -> list[Channel]:
    """Channels in volts."""
    return name_channels(list(labels), ["V"] * len(labels), [""] * len(labels), [], given or {}, [])


@pytest.mark.parametrize(
    ("label", "side", "muscle"),
    [
        ("L_RF", "left", "rectus_femoris"),
        ("Voltage.RTA", "right", "tibialis_anterior"),
        ("LT TIB.ANT., uV", "left", "tibialis_anterior"),
        ("L VASTUS LATERALIS: EMG 2", "left", "vastus_lateralis"),
        ("Tibiale anteriore dx", "right", "tibialis_anterior"),
        ("Retto femorale destro", "right", "rectus_femoris"),
        ("Bicipite femorale sinistro", "left", "biceps_femoris"),
        ("Gastrocnemio mediale sx", "left", "gastrocnemius_medialis"),
        ("Gemelo interno derecho", "right", "gastrocnemius_medialis"),
        ("Reto femoral esquerdo", "left", "rectus_femoris"),
        ("M. glutaeus medius li", "left", "gluteus_medius"),
        ("Droit antérieur G", "left", "rectus_femoris"),
        ("Analog.LSOL", "left", "soleus"),
        ("Myon.R_TA", "right", "tibialis_anterior"),
        ("Noraxon LT TIB.ANT.", "left", "tibialis_anterior"),
        ("right TA EMG", "right", "tibialis_anterior"),
        ("LMHAM", "left", "medial_hamstring"),
        ("Bizeps femoris re", "right", "biceps_femoris"),
        ("Gastro med li", "left", "gastrocnemius_medialis"),
        ("Kuitspier R", "right", "calf"),
    ],
)
def test_a_label_gives_muscle_and_side(label, side, muscle):
    assert named(label) == [Channel("emg", muscle, side)]


@pytest.mark.parametrize(
    ("label", "muscle"),
    [
        ("R Rectus Abdom.", "rectus_abdominis"),
        ("R Peroneus Brevis", "peroneus_brevis"),
        ("Court péronier D", "peroneus_brevis"),
        ("R Wrist Extensor", "wrist_extensors"),
        ("R Finger Extensor", "extensors"),
        ("R Extensor digitorum brevis", "extensor_digitorum_brevis"),
    ],
)
def test_a_muscle_whose_name_holds_that_of_another_is_not_the_other(label, muscle):
    assert named(label)[0].muscle == muscle


def test_acceleration_of_an_emg_sensor_is_not_emg():
    labels = ("R SOLEUS: Acc 7.X", "L RECTUS FEMORIS: Gyro.Y 3", "LTA_ACCX")
    assert named(*labels) == [Channel("other")] * 3


@pytest.mark.parametrize(
    ("others", "muscle"),
    [
        (["RGL"], "gastrocnemius_medialis"),
        (["RGMED", "RTA"], "gastrocnemius_medialis"),
        (["RMG"], "gluteus_medius"),
        (["RGAS", "RTA"], "gluteus_medius"),
        (["RTA"], None),
        ([], None),
    ],
)
def test_gm_is_what_the_other_channels_leave(others, muscle):
    assert named("RGM", *others)[0] == Channel("emg", muscle, "right")


def test_what_cohort_toml_says_of_gm_holds():
    assert named("RGM", given={"RGM": "right gastrocnemius_medialis"})[0].muscle == "gastrocnemius_medialis"
