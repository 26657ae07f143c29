"""neurostore model and overlay from the command line, with the marker model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from neurostore.cli import command_line
from neurostore.errors import ModelError, UsageError
from tests.builders import scene

runner = CliRunner()


def run(*arguments: object) -> str:
    result = runner.invoke(command_line(), [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def chosen(model: dict[str, str]) -> list[str]:
    return ["--model", model["model"], "--models", model["models_toml"]]


def test_verify_and_inspect(model: dict[str, str]) -> None:
    run("model", "verify", *chosen(model))
    said = run("model", "inspect", *chosen(model))
    assert "detect_poses_batched(images, intrinsic_matrix, distortion_coeffs" in said
    assert "RGBToHSV" in said.split("not in the record:")[1].splitlines()[0]
    assert "ops this TensorFlow does not know: none" in said


def test_fetch_from_a_wrong_file(model: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEUROSTORE_MODELS", str(tmp_path / "models"))
    (tmp_path / "x.tar.gz").write_bytes(b"no model")
    with pytest.raises(ModelError, match="SHA-256 is"):
        run("model", "fetch", "--from", tmp_path / "x.tar.gz", *chosen(model))


def test_bench_measures(model: dict[str, str], tmp_path: Path) -> None:
    scene.film(tmp_path / "walk.mp4", [scene.Walk()], 12)
    report = json.loads(
        run("model", "bench", tmp_path / "walk.mp4", "--batch-size", 4, "--compare-cpu", *chosen(model))
    )
    assert report["frames"] == 12
    assert report["latency_ms"]["p50"] <= report["latency_ms"]["p99"]
    assert report["frames_per_s"] > 0
    assert report["largest_difference_mm"] < 0.01
    assert report["frames_with_other_persons"] == 0
    assert len(report["model_sha256"]) == 64


def test_ingest_options_reach_the_estimator_and_overlay_draws(model: dict[str, str], tmp_path: Path) -> None:
    cohort = tmp_path / "cohort"
    (cohort / "S01").mkdir(parents=True)
    scene.film(cohort / "S01" / "walk.mp4", [scene.Walk()], 30)
    lake = tmp_path / "lake"
    run("ingest", cohort, "--lake", lake, "--fps", 15, "--num-aug", 1, "--skeletons", "smpl_24", *chosen(model))
    rows = run("sql", "SELECT skeleton, n_frames, rate_hz FROM trials", "--lake", lake, "--format", "csv")
    assert rows.splitlines()[1].startswith("smpl_24,15,15")
    run("overlay", "S01", "walk", tmp_path / "out.mp4", "--lake", lake, "--cohort", cohort)
    assert (tmp_path / "out.mp4").stat().st_size > 0
    assert (tmp_path / "out.png").stat().st_size > 0
    with pytest.raises(UsageError):
        run("overlay", "S01", "run", tmp_path / "out.mp4", "--lake", lake, "--cohort", cohort)
