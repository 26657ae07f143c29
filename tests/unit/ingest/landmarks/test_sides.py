"""Left and right of a recording exchanged: twice is nothing, and names are paired as people pair them."""

from __future__ import annotations

import numpy as np
import pytest

from neurostore import skeleton
from neurostore.errors import SkeletonError
from neurostore.ingest.landmarks.sides import counterparts, exchanged
from neurostore.ingest.recording import AnalogChannel, Poses, Recording, SourceAngle, SourceEvent


def paired(*names):
    order = counterparts(skeleton.adhoc("made_up", names))
    return {name: names[i] for name, i in zip(names, order, strict=True) if names[i] != name}


@pytest.mark.parametrize(
    ("left", "right"),
    [("LASI", "RASI"), ("Left_Knee", "Right_Knee"), ("foot_l", "foot_r"), ("mixamorig:LeftUpLeg", "mixamorig:RightUpLeg"),
     ("L.Heel", "R.Heel"), ("lfemur", "rfemur"), ("Hip.L", "Hip.R")],
)  # fmt: skip
def test_names_that_differ_by_the_side_are_a_pair(left, right):
    assert paired("root", left, "ribs", "lumbar", right, "Reference") == {left: right, right: left}


def test_every_declared_pair_is_a_pair():
    for name in skeleton.names():
        one = skeleton.load(name)
        order = counterparts(one)
        assert (order[order] == np.arange(len(order))).all()
        assert all(one.joints[order[one.joints.index(left)]] == right for left, right in one.pairs)


def recording(names=("pelvis", "left_hip", "right_hip"), n=4, **more):
    rng = np.random.default_rng(3)
    positions = rng.normal(size=(n, len(names), 3)).astype(np.float32)
    poses = Poses(
        skeleton.adhoc("made_up", names),
        np.zeros(n, np.int32),
        np.arange(n, dtype=np.int32),
        np.arange(n) / 50.0,
        positions,
    )
    return Recording("mocap", 50.0, [poses], **more)


def test_points_and_events_change_sides_and_electrodes_do_not():
    channel = AnalogChannel(0, "L TA", "emg", "tibialis_anterior", "left", "V", 1000.0, 0.0, np.zeros(3, np.float32))
    angle = SourceAngle("LKneeAngles", "x", "left_knee_flexion_deg", 1, np.zeros(1), np.zeros(1))
    event = SourceEvent("foot_strike", "left", 0.04, "Foot Strike")
    before = recording(events=[event], angles=[angle], analog=[channel])
    after = exchanged(before)
    np.testing.assert_array_equal(after.poses[0].positions, before.poses[0].positions[:, [0, 2, 1]])
    assert [e.side for e in after.events] == ["right"]
    assert (after.angles, after.analog) == ([], [channel])
    assert [s.name for s in after.steps] == ["exchange_sides"]
    assert len(after.notes) == 3
    np.testing.assert_array_equal(exchanged(after).poses[0].positions, before.poses[0].positions)


def test_angles_alone_change_their_names():
    angles = [
        SourceAngle("knee_angle_l", "", n, 1, np.zeros(1), np.ones(1))
        for n in ("left_knee_flexion_deg", "pelvis_tilt_deg", None)
    ]
    after = exchanged(Recording("angles", 100.0, [], angles=angles))
    assert [a.angle for a in after.angles] == ["right_knee_flexion_deg", "pelvis_tilt_deg", None]


def test_a_skeleton_without_sides_is_refused():
    with pytest.raises(SkeletonError, match="no joint has a counterpart"):
        exchanged(recording(("a", "b", "c")))
