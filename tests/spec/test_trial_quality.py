"""trial_quality: each kind of bad data raises its own flag, and good data none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurostore.walker import gait
from neurostore.walker import walk as walker
from tests.builders import view_builder

FLAGS = (
    "has_changing_bones", "has_unequal_legs", "has_unequal_segments", "has_gaps", "has_frozen_frames", "has_swaps", "is_upside_down",
    "has_floor_drift", "is_off_floor", "has_knee_crosstalk", "is_up_guessed", "is_fov_guessed", "is_length_nominal",
    "has_impossible_joints", "is_mirrored", "has_impossible_size", "has_unequal_stance",
    "has_impossible_rate", "is_out_of_reach", "is_lying", "has_mixed_up", "has_doubtful_rate", "has_doubtful_unit",
    "has_exchanged_events", "has_contradicted_names", "has_moved_markers", "has_misplaced_markers", "is_cut_off", "has_jumps", "has_doubtful_plates",
)  # fmt: skip


REMARKS = {"is_up_guessed", "is_fov_guessed", "is_length_nominal"}  # on what is known, not on what is wrong


def _good(points, rng):
    pass


def _bones(points, rng):
    for side in gait.SIDES:
        points[f"{side}_knee"] = points[f"{side}_knee"] + rng.normal(0, 60, points[f"{side}_knee"].shape)


def _legs(points, rng):
    points["left_ankle"] = points["left_knee"] + 0.6 * (points["left_ankle"] - points["left_knee"])


def _high_knee(points, rng):
    """The left knee 40 mm up: the whole leg is hardly shorter."""
    points["left_knee"][:, 1] += 40


def _gaps(points, rng):
    points["right_ankle"][40:160] = np.nan


def _frozen(points, rng):
    for p in points.values():
        p[-80:] = p[-80]


def _flattened(points, rng):
    for p in points.values():
        p[:, 0] *= 0.4


def _in_a_plane(points, rng):
    for p in points.values():
        p[:, 0] = 0.0


def _swaps(points, rng):
    n = len(points["pelvis"]) // 2
    for joint in ("hip", "knee", "ankle", "heel", "toe"):
        left, right = points[f"left_{joint}"], points[f"right_{joint}"]
        left[n:], right[n:] = right[n:].copy(), left[n:].copy()


def _upside_down(points, rng):
    for p in points.values():
        p[:, 1] = 1800 - p[:, 1]


def _drift(points, rng):
    for p in points.values():
        p[:, 1] += np.linspace(0, 200, len(p))


def _tilted(points, rng):
    """A laboratory's floor that was calibrated 0.8 degrees askew: 70 mm over the walk."""
    for p in points.values():
        p[:, 1] += np.linspace(0, 70, len(p))


def _floating(points, rng):
    for p in points.values():
        p[:, 1] += 1000


def _mirrored_without_heels(points, rng):
    _mirrored(points, rng)
    del points["left_heel"], points["right_heel"]


def _without_heels(points, rng):
    del points["left_heel"], points["right_heel"]


def _high(points, rng):
    for p in points.values():
        p[:, 1] += 400


def _mirrored(points, rng):
    """Left and right exchanged over the whole trial."""
    for joint in [name.removeprefix("left_") for name in points if name.startswith("left_")]:
        left, right = points[f"left_{joint}"].copy(), points[f"right_{joint}"].copy()
        points[f"left_{joint}"][:], points[f"right_{joint}"][:] = right, left


def _giant(points, rng):
    for p in points.values():
        p[:] *= 2.0


def _dwarf(points, rng):
    for p in points.values():
        p[:] *= 0.25


def _long_shanks(points, rng):
    """A metre further down, as no thigh or shank is."""
    for side in gait.SIDES:
        for joint in ("ankle", "heel", "toe"):
            points[f"{side}_{joint}"][:, 1] -= 600


def _long_leg(points, rng):
    """The right thigh and shank 0.7 m each, which a tall person's are one by one, and never both."""
    for p in points.values():
        p[:, 1] += 560
    points["right_knee"][:, 1] -= 260
    for joint in ("ankle", "heel", "toe"):
        points[f"right_{joint}"][:, 1] -= 560


def _curled_up(points, rng):
    """Head and ankles 0.3 m apart: a posture, and no size."""
    for name in ("head", "neck", "thorax"):
        if name in points:
            points[name][:] = (points["left_ankle"] + points["right_ankle"]) / 2 + [0, 300, 0]


def _far_away(points, rng):
    for p in points.values():
        p[:, 0] += 150_000


def _on_its_side(points, rng):
    """The walk turned by 90 degrees about the direction of walking: up is taken for an axis that is not."""
    for p in points.values():
        p[:] = np.stack([p[:, 1], -p[:, 0], p[:, 2]], axis=-1)


def _wide(points, rng):
    """One axis in another unit than the others."""
    for p in points.values():
        p[:, 2] *= 6.0


def _small(points, rng):
    for p in points.values():
        p[:] *= 0.5


def _large(points, rng):
    for p in points.values():
        p[:] *= 1.35


def _tall(points, rng):
    for p in points.values():
        p[:] *= 1.15


CASES = [
    (_on_its_side, {}, {"is_lying"}),
    (_wide, {}, {"has_impossible_size"}),
    (_small, {"length_basis": "judged"}, {"has_doubtful_unit"}),
    (_small, {}, set()),
    (_small, {"height_m": 0.85}, set()),
    (_small, {"height_m": 1.7}, {"has_doubtful_unit"}),
    (_small, {"height_m": 1.7, "length_basis": "nominal"}, {"is_length_nominal"}),
    (_large, {}, {"has_doubtful_unit"}),
    (_large, {"length_basis": "nominal"}, {"has_doubtful_unit"}),
    (_tall, {"height_m": 1.96}, set()),
    (_good, {"height_m": 1.7}, set()),
    (_good, {"length_basis": "judged"}, set()),
    (_good, {"quality": {"rate_claims_ratio": 2.0}}, {"has_doubtful_rate"}),
    (_good, {"quality": {"cluster_residual_mm": 2.0}}, set()),
    (_good, {"quality": {"contradicted_names": 2.0}}, {"has_contradicted_names"}),
    (_good, {"quality": {"marker_shift_mm": 80.0}}, {"has_moved_markers"}),
    (_good, {"quality": {"misplaced_markers": 1.0}}, {"has_misplaced_markers"}),
    (_good, {"quality": {"knee_offset_deg": 11.0}}, {"has_misplaced_markers"}),
    (_good, {"quality": {"marker_jump_mm": 30.0}}, {"has_moved_markers"}),
    (_good, {"quality": {"body_jumps": 1.0}}, {"has_jumps"}),
    (_good, {"quality": {"doubtful_plates": 1.0}}, {"has_doubtful_plates"}),
    (_good, {"quality": {"missing_frames_pct": 3.0}}, set()),
    (_good, {"quality": {"missing_frames_pct": 30.0}}, {"is_cut_off"}),
    (_dwarf, {}, {"has_impossible_size"}),
    (_long_shanks, {}, {"has_impossible_size"}),
    (_long_leg, {}, {"has_impossible_size", "has_unequal_legs", "has_unequal_segments"}),
    (_far_away, {}, {"is_out_of_reach"}),
    (_good, {"rate_hz": 12_000.0}, {"has_impossible_rate"}),
    (_good, {"rate_hz": 0.0}, {"has_impossible_rate"}),
    (_good, {"rate_hz": float("nan")}, {"has_impossible_rate"}),
    (_curled_up, {}, set()),
    (_mirrored, {}, {"is_mirrored"}),
    (_giant, {}, {"has_impossible_size"}),
    (_good, {}, set()),
    (_bones, {}, {"has_changing_bones"}),
    (_legs, {}, {"has_unequal_legs", "has_unequal_segments"}),
    (_high_knee, {}, {"has_unequal_segments"}),
    (_gaps, {}, {"has_gaps"}),
    (_frozen, {}, {"has_frozen_frames"}),
    (_without_heels, {"quality": {"repeated_frames_pct": 50.0}}, {"has_frozen_frames"}),
    (_in_a_plane, {}, {"has_impossible_size"}),
    (_flattened, {}, {"has_impossible_size"}),
    (_swaps, {}, {"has_swaps"}),
    (_upside_down, {}, {"is_upside_down"}),
    (_drift, {}, {"has_floor_drift"}),
    (_high, {}, {"is_off_floor"}),
    (_tilted, {}, set()),
    (_floating, {}, {"is_off_floor"}),
    (_mirrored_without_heels, {}, {"is_mirrored"}),
    (_without_heels, {}, set()),
    (_high, {"position_basis": "root_relative"}, set()),
    (_drift, {"position_basis": "root_relative"}, set()),
    (_good, {"up_source": "camera_level"}, {"is_up_guessed"}),
    (_good, {"position_basis": "camera_fov_guessed"}, {"is_fov_guessed"}),
    (_good, {"length_basis": "nominal"}, {"is_length_nominal"}),
    (_good, {"quality": {"depth_bone_cv_before_pct": 11.0}}, {"has_changing_bones"}),
    (_good, {"quality": {"depth_bone_cv_before_pct": 2.0}}, set()),
]


def asked(columns, *cases):
    """Columns of trial_quality of each case, a person each: (walk, landmarks or None for all, angles, row of trials)."""
    parts = []
    for i, (walk, points, angles, row) in enumerate(cases):
        key = {"subject": f"S{i:02d}"}
        height = {"height_m": row["height_m"]} if "height_m" in row else {}
        row = {k: v for k, v in row.items() if k != "height_m"}
        points = view_builder.walk_points(walk) if points is None else points
        parts.append({
            "landmarks": view_builder.landmarks(walk.time_s, points, **key),
            "trials": view_builder.table("trials", [view_builder.trial_row(**row, **key)]),
            "subjects": view_builder.table("subjects", [{**key, **height}]),
            "joint_angles": view_builder.joint_angles(walk.time_s if angles else np.zeros(0), angles, **key),
        })  # fmt: skip
    connection = view_builder.connect(**view_builder.together(*parts), only=["trial_quality", "joint_angles"])
    return connection.execute(f"SELECT {columns} FROM trial_quality ORDER BY subject").fetchall()


@pytest.fixture(scope="module")
def flags_of_cases():
    walk = walker.walk(gait.normal(), n_strides=5)
    cases = []
    for spoil, trial, _ in CASES:
        points = {k: v.astype(float).copy() for k, v in view_builder.walk_points(walk).items()}
        spoil(points, np.random.default_rng(0))
        cases.append((walk, points, {}, trial))
    return asked(", ".join((*FLAGS, "verdict")), *cases)


@pytest.mark.parametrize("place", range(len(CASES)), ids=[f"{c[0].__name__}{[*c[1]]}" for c in CASES])
def test_each_fault_raises_its_flag(flags_of_cases, place):
    row, expected = flags_of_cases[place], CASES[place][2]
    raised = {flag for flag, value in zip(FLAGS, row, strict=False) if value}
    assert expected <= raised
    if not expected:
        assert raised == set()
        assert row[-1] == "Usable."
    else:
        assert row[-1] != "Usable."
        assert row[-1].startswith("Usable.") == (expected <= REMARKS)


def test_cross_talk_is_adduction_that_follows_flexion():
    walk = walker.walk(gait.normal(), n_strides=4)
    knee = walk.angles["left_knee_flexion_deg"]
    cases = [
        (walk, None, {"left_knee_flexion_deg": knee, "left_knee_adduction_deg": adduction}, {})
        for adduction in (0.4 * knee, 8 * np.sin(9 * walk.time_s))
    ]
    assert asked("has_knee_crosstalk", *cases) == [(True,), (False,)]


def test_a_knee_axis_that_is_turned_or_a_cluster_that_moved_is_checked_first():
    """A tangent of 0.3 is 17 degrees; the shank's rotation of one leg is that of a cluster that slipped."""
    walk = walker.walk(gait.normal(), n_strides=4)
    knee = walk.angles["left_knee_flexion_deg"]
    slopes, rotations = (0.25, 0.4, -0.4, 0.0, 0.0), (0.0, 0.0, 0.0, 20.0, -35.0)
    cases = []
    for slope, rotation in zip(slopes, rotations, strict=True):
        angles = {"left_knee_flexion_deg": knee, "left_knee_adduction_deg": slope * knee}
        angles |= {"left_knee_rotation_deg": 5 + rotation + 0 * knee, "right_knee_rotation_deg": 5 + 0 * knee}
        cases.append((walk, None, angles, {}))
    flags, verdicts = zip(*asked("has_turned_knee, verdict", *cases), strict=True)
    assert flags == (False, True, True, False, True)
    assert [v.split(".")[0] for v in verdicts] == ["Check first" if flag else "Usable" for flag in flags]
    assert ["a wand or a cluster may have moved" in v for v in verdicts] == [abs(r) > 25 for r in rotations]


def test_what_no_joint_can_do_is_never_usable() -> None:
    """In 10 % of the frames; in 2 % it passes."""
    impossible = [
        ("left_knee_rotation_deg", 70.0, "Knee rotation is beyond 60 degrees."),
        ("right_knee_adduction_deg", -35.0, "Knee adduction is beyond 30 degrees."),
        ("right_knee_flexion_deg", -17.0, "A knee bends backwards."),
        ("left_elbow_flexion_deg", -15.0, "An elbow bends backwards."),
        ("left_ankle_dorsiflexion_deg", 65.0, "An ankle is beyond 60 degrees."),
    ]
    walk = walker.walk(gait.normal(), n_strides=4)
    n = len(walk.time_s)
    cases = [
        (walk, None, {angle: np.where(np.arange(n) < round(share * n), value, 0.0)}, {})
        for share in (0.1, 0.02)
        for angle, value, _ in impossible
    ]
    rows = asked("has_impossible_joints, verdict", *cases)
    for (_, _, says), often, seldom in zip(impossible, rows[:5], rows[5:], strict=True):
        assert often[0] is True
        assert says in often[1]
        assert often[1].startswith("Check first.")
        assert seldom[0] is False
        assert says not in seldom[1]
        assert not seldom[1].startswith("Check first.")


def test_genu_recurvatum_is_a_posture():
    """Laboratory LABQ of the shared captures: 11 degrees in standing, in its own angles too."""
    walk = walker.walk(gait.normal(), n_strides=4)
    bent = {"left_knee_flexion_deg": np.full(len(walk.time_s), -13.0)}
    assert asked("has_impossible_joints", (walk, None, bent, {})) == [(False,)]


def test_nobody_walks_at_twice_the_usual_cadence():
    """A file that states twice its frame rate: 224 steps per minute with an adult's legs."""
    walk = walker.walk(gait.normal(), n_strides=5)
    cases = [(replace(walk, time_s=walk.time_s / faster), None, {}, {}) for faster in (1.0, 1.25, 2.0)]
    n_steady, flags, verdicts = zip(*asked("n_steady_cycles, has_doubtful_rate, verdict", *cases), strict=True)
    assert min(n_steady) > 2
    assert flags == (False, False, True)
    assert ["Nobody walks at" in v for v in verdicts] == [False, False, True]


def test_trials_of_a_session_that_differ_on_up_are_reported():
    walk = walker.walk(gait.normal(), n_strides=3)
    sessions = {
        "S1": (("up_axis_c3d", 3.0), ("up_axis_c3d", 2.0)),
        "S2": (("up_axis_c3d", 3.0), ("up_axis_trc", 2.0)),  # two formats
        "S3": (("up_axis_trc", 3.0), ("up_axis_trc", -3.0)),
    }
    parts = [
        view_builder.of_walk(walk, row={"quality": {name: value}}, subject=subject, trial=f"t{k}")
        for subject, axes in sessions.items()
        for k, (name, value) in enumerate(axes)
    ]
    connection = view_builder.connect(
        **view_builder.together(*parts),
        joint_angles=view_builder.joint_angles(np.zeros(0), {}),
        only=["trial_quality", "joint_angles"],
    )
    rows = connection.execute("SELECT has_mixed_up, verdict FROM trial_quality ORDER BY subject, trial").fetchall()
    assert [mixed for mixed, _ in rows[:4]] == [True, True, False, False]
    assert "do not agree on which axis" in rows[4][1]


def test_few_strides_are_those_of_a_session_in_a_condition():
    """Trials as (condition, strides, seconds after which the ground rises)."""
    sessions = [
        ([("", 3, None)], [False]),  # a short trial by itself is no fault of the trial
        ([("", 3, None), ("", 3, None)], [False, False]),
        ([("", 7, 2.5)], [True]),
        ([("slow", 7, 2.5), ("fast", 7, None)], [True, False]),
        ([("", 7, 2.5), ("", 7, None)], [False, False]),
    ]
    walks = {n: walker.walk(gait.normal(), n_strides=n) for n in (3, 7)}
    parts = []
    for i, (trials, _) in enumerate(sessions):
        for k, (condition, n_strides, climbs_at) in enumerate(trials):
            walk, key = walks[n_strides], {"subject": f"S{i}", "trial": f"t{k}"}
            rise = 0 if climbs_at is None else 300 * np.clip(walk.time_s - climbs_at, 0, None)
            raised = {name: p + np.outer(rise * np.ones(len(p)), [0, 1, 0]) for name, p in walk.joints.items()}
            row = {"condition": condition or None}
            parts.append(view_builder.of_walk(replace(walk, joints=raised), row=row, **key))
    connection = view_builder.connect(
        **view_builder.together(*parts),
        joint_angles=view_builder.joint_angles(np.zeros(0), {}),
        only=["trial_quality", "joint_angles"],
    )
    rows = connection.execute(
        "SELECT n_steady_cycles, has_few_strides, verdict FROM trial_quality ORDER BY subject, trial"
    ).fetchall()
    expected = [few for _, of_trials in sessions for few in of_trials]
    assert all(n > 0 for n, *_ in rows)
    assert [few for _, few, _ in rows] == expected
    assert ["fewer than 3 steady cycles" in verdict for *_, verdict in rows] == expected


def test_standing_and_trials_without_points_have_a_verdict_too():
    walk = walker.walk(gait.normal(), n_strides=2)
    still = {k: np.repeat(v[:1], len(v), axis=0) for k, v in view_builder.walk_points(walk).items()}
    trials = [
        view_builder.trial_row(trial="still", kind="static"),
        view_builder.trial_row(trial="angles", kind="angles", skeleton=None),
    ]
    connection = view_builder.connect(
        landmarks=view_builder.landmarks(walk.time_s, still, trial="still"),
        trials=view_builder.table("trials", trials),
        only=["trial_quality"],
    )
    verdicts = dict(connection.execute("SELECT trial, verdict FROM trial_quality").fetchall())
    assert verdicts["still"].startswith("A static trial")
    assert verdicts["angles"].startswith("No points in this trial")


def test_events_of_the_file_with_exchanged_sides():
    """All marks exchanged, two of them, one of them, none; a mark that is 0.2 s late belongs to no computed event."""
    walk = walker.walk(gait.normal(), n_strides=5)
    other = {"left": "right", "right": "left"}
    n = len(walk.events)

    def marks(exchanged, late=0.0):
        return [
            view_builder.KEY
            | {"event": event, "side": other[side] if i in exchanged else side, "time_s": time_s + late, "label": "x"}
            for i, (side, event, time_s) in enumerate(walk.events)
        ]

    cases = [
        (marks(range(n)), True),
        (marks({n // 2, n // 2 + 1}), True),
        (marks({n // 2}), False),
        (marks(()), False),
        (marks((), late=0.2), False),
    ]
    parts, given = [], []
    for i, (rows, _) in enumerate(cases):
        parts.append(view_builder.of_walk(walk, subject=f"S{i}"))
        given += [{**row, "subject": f"S{i}"} for row in rows]
    connection = view_builder.connect(
        **view_builder.together(*parts),
        source_events=view_builder.table("source_events", given),
        joint_angles=view_builder.joint_angles(np.zeros(0), {}),
        only=["trial_quality", "joint_angles"],
    )
    rows = connection.execute(
        "SELECT has_exchanged_events, n_exchanged_events, verdict FROM trial_quality ORDER BY subject"
    ).fetchall()
    for (flag, number, verdict), (_, flagged) in zip(rows, cases, strict=True):
        assert flag is flagged
        assert verdict.startswith("Check first." if flagged else "Usable.")
        assert (f" {number} foot strikes and offs of the file" in verdict) is flagged
