"""Baselines and figures against what they are by definition; the proof as a table."""

import csv
import io

import numpy as np
import pytest

pytest.importorskip("torch")
from neurostore.errors import UsageError
from neurostore.ingest.refine.paths import shipped
from neurostore.ingest.refine.refiner import Refiner
from neurostore.ingest.refine.training import measures
from neurostore.ingest.refine.training.baselines import BASELINES, bone_lock, butterworth
from neurostore.ingest.refine.training.evaluate import evaluate
from neurostore.ingest.refine.training.motions import Camera, filmed
from tests.builders.filmed_walks import MARKERS, walk
from tests.shared_data import SHARED, needs_shared

AT = {n: i for i, n in enumerate(MARKERS.names)}
UP = np.array([0.0, -1.0, 0.0])


@pytest.fixture(scope="module")
def truth():
    return filmed(walk(rate_hz=30.0, n_strides=3.0).points, Camera(75.0, 0.0, 4000.0), MARKERS).astype(float)


def _noisy(truth, sd=40.0):
    rays = truth / np.linalg.norm(truth, axis=-1, keepdims=True)
    return truth + np.random.default_rng(2).normal(0, sd, truth.shape[:2])[..., None] * rays


def test_locked_bones_have_the_median_length_of_the_first_50_frames_and_keep_their_directions(truth):
    noisy = _noisy(truth)
    locked = bone_lock(noisy, 30.0, MARKERS)
    for a, b in MARKERS.rigid:
        expected = np.median(np.linalg.norm(noisy[:50, a] - noisy[:50, b], axis=-1))
        assert np.linalg.norm(locked[:, a] - locked[:, b], axis=-1) == pytest.approx(
            np.full(len(noisy), expected), 1e-4
        )
        before, after = noisy[:, b] - noisy[:, a], locked[:, b] - locked[:, a]
        cos = (before * after).sum(-1) / np.linalg.norm(before, axis=-1) / np.linalg.norm(after, axis=-1)
        assert cos.min() > 0.99999


def test_butterworth_is_scipys(truth):
    from scipy.signal import butter, sosfiltfilt

    from neurostore.ingest.landmarks.filters import design_frequency

    sos = butter(2, design_frequency(6.0, 30.0), fs=30.0, output="sos")
    expected = sosfiltfilt(sos, _noisy(truth), axis=0)
    found = butterworth(_noisy(truth), 30.0, MARKERS)
    assert found[15:-15] == pytest.approx(expected[15:-15], abs=0.3)  # ends are extended differently


def test_the_truth_has_no_error(truth):
    floor = (truth @ UP).min()
    found = measures.measure(truth, truth, UP, floor, 30.0, MARKERS)
    for name in ("depth_error_mean_mm", "depth_jitter_mm", "knee_flexion_rmse_deg", "hip_flexion_rmse_deg",
                 "ground_violation_pct", "pelvis_rom_excess_deg", "event_error_ms", "event_missed_pct"):  # fmt: skip
        assert found[name] == pytest.approx(0.0, abs=1e-6), name
    assert found["bone_length_cv"] < 0.03


def test_a_constant_distance_is_not_a_depth_error_and_a_drift_is(truth):
    rays = truth / np.linalg.norm(truth, axis=-1, keepdims=True)
    assert np.abs(measures.depth_residual(truth + 300.0 * rays, truth)).max() < 1e-6
    drift = np.linspace(-50, 50, len(truth))[:, None, None]
    assert np.abs(measures.depth_residual(truth + drift * rays, truth)).mean() == pytest.approx(25.0, rel=0.02)


def test_depth_jitter_is_the_sd_of_white_noise(truth):
    found = measures.measure(_noisy(truth, 40.0), truth, UP, 0.0, 30.0, MARKERS)
    assert found["depth_jitter_mm"] == pytest.approx(40.0, rel=0.05)
    assert found["depth_error_mean_mm"] == pytest.approx(40.0 * np.sqrt(2 / np.pi), rel=0.05)


def test_angles_are_those_of_the_walker():
    from neurostore.walker import gait, walk

    made = walk.walk(gait.normal(), n_strides=3.0, rate_hz=60.0)
    points = np.stack([made.joints[n] for n in MARKERS.names], axis=1)
    found = measures.angles(points, MARKERS)
    for side in ("left", "right"):
        knee = np.abs(made.angles[f"{side}_knee_flexion_deg"])
        assert found[f"{side}_knee_flexion"] == pytest.approx(knee, abs=3.0)
        # against the trunk, not the pelvis: the same but for a constant
        hip = found[f"{side}_hip_flexion"] - made.angles[f"{side}_hip_flexion_deg"]
        assert np.std(hip) < 3.0


def test_feet_below_the_floor_are_counted(truth):
    floor = (truth[:, [AT["left_heel"]]] @ UP).min() - 500.0
    sunk = truth.copy()
    half = len(truth) // 2
    feet = [AT[n] for n in ("left_heel", "left_toe", "right_heel", "right_toe")]
    sunk[:half, AT["left_toe"]] = -UP * (-(floor - 11.0))  # 11 mm below
    sunk[:half, AT["left_heel"]] = -UP * (-(floor - 9.0))  # 9 mm: within the slack
    share = 100.0 * half / (len(truth) * len(feet))
    assert measures.ground_violation_pct(sunk, UP, floor, MARKERS) == pytest.approx(share)


def test_pelvis_rotation_is_the_walkers():
    from neurostore.walker import gait, walk

    made = walk.walk(gait.normal(), n_strides=3.0, rate_hz=60.0)
    points = np.stack([made.joints[n] for n in MARKERS.names], axis=1)
    found = np.ptp(measures.pelvis_rotation(points, np.array([0.0, 1.0, 0.0]), MARKERS))
    assert found == pytest.approx(np.ptp(made.angles["left_pelvis_rotation_deg"]), abs=0.5)


def test_strikes_are_where_zeni_puts_them(truth):
    from neurostore.walker import gait, walk

    made = walk.walk(gait.normal(), n_strides=4.0, rate_hz=60.0)
    points = np.stack([made.joints[n] for n in MARKERS.names], axis=1)
    found = measures.strikes(points, np.array([0.0, 0.0, 1.0]), "left", 60.0, MARKERS)
    true = [
        t
        for side, kind, t in made.events
        if (side, kind) == ("left", "foot_strike") and 0.2 < t < made.time_s[-1] - 0.2
    ]
    assert len(true) >= 2
    for t in true:  # the heel is farthest ahead a little before it lands
        assert np.abs(found - t).min() < 0.07


@pytest.fixture(scope="module")
def refiner():
    return Refiner.load()


SHARES = {
    "correlated": {"depth_error_mean_mm": 0.85, "knee_flexion_rmse_deg": 1.0, "hip_flexion_rmse_deg": 1.0},
    "measured": {"depth_error_mean_mm": 0.75, "knee_flexion_rmse_deg": 0.95, "hip_flexion_rmse_deg": 0.95},
}


@pytest.mark.parametrize("protocol", SHARES)
def test_the_shipped_checkpoint_beats_every_baseline_on_an_unknown_walker(refiner, protocol):
    """An analytic walk of a body nobody recorded: less depth error and better knees than the best baseline."""
    rows = evaluate([walk("x", "test", n_strides=5.0, height_m=1.66)], refiner, protocols=[protocol], rates_hz=[30.0],
                    n_cameras=4)  # fmt: skip
    value = {(r.method, r.metric): r.value for r in rows}
    for metric, share in SHARES[protocol].items():
        best = min(value[m, metric] for m in BASELINES)
        assert value["refined", metric] < share * best, metric
    assert 50 < value["refined", "coverage_68_pct"] < 85
    assert value["refined", "coverage_95_pct"] > (88 if protocol == "correlated" else 84)


def test_the_model_card_names_the_shipped_checkpoint(refiner):
    card = shipped().with_name("MODEL_CARD.md").read_text(encoding="utf-8")
    digest = refiner.about["sha256"]
    assert f"{digest[:8]}…{digest[-6:]}" in card
    assert set(refiner.about["noise"]) == {"independent", "correlated", "measured"}


def test_the_same_evaluation_gives_the_same_figures(refiner):
    motion = [walk("x", "test", n_strides=2.0)]
    options = {"protocols": ["independent"], "rates_hz": [30.0], "n_cameras": 1}
    assert evaluate(motion, refiner, **options) == evaluate(motion, refiner, **options)


def test_unknown_protocols_and_empty_data_are_named(refiner):
    with pytest.raises(UsageError, match="no protocol loud"):
        evaluate([walk()], refiner, protocols=["loud"])
    with pytest.raises(UsageError, match="no motion to evaluate"):
        evaluate([], refiner)


@needs_shared
def test_the_command_prints_long_rows_of_people_not_trained_on(capsys):
    from typer.testing import CliRunner

    from neurostore.cli import command_line

    call = ["refine", "evaluate", "--data", str(SHARED / "cmu"), "--format", "csv", "--every", "9", "--cameras", "1"]
    result = CliRunner().invoke(command_line(), [*call, "--rate", "30", "--protocol", "correlated"])
    assert result.exit_code == 0, result.output
    text = result.stdout
    rows = list(csv.DictReader(io.StringIO(text[text.index("protocol,") :])))
    assert list(rows[0]) == ["protocol", "rate_hz", "method", "metric", "value"]
    assert {r["method"] for r in rows} == {"none", "butterworth", "bone_lock", "butterworth+bone_lock", "refined"}
    needed = {"depth_error_mean_mm", "depth_error_p95_mm", "bone_length_cv", "depth_jitter_mm", "knee_flexion_rmse_deg",
              "hip_flexion_rmse_deg", "ground_violation_pct", "pelvis_rom_error_deg"}  # fmt: skip
    assert needed <= {r["metric"] for r in rows}
    assert "GENW" not in result.stderr
    assert "cmu_39" in result.stderr


@needs_shared
def test_people_trained_on_are_found_under_other_names(tmp_path):
    import shutil

    from neurostore.ingest.refine.training.proof import prove

    (tmp_path / "lab" / "X").mkdir(parents=True)
    shutil.copy(next((SHARED / "cmu" / "GENW04").glob("*.bvh")), tmp_path / "lab" / "X" / "a.bvh")
    with pytest.raises(UsageError, match="all people here were used in training or validation"):
        prove(tmp_path / "lab")
