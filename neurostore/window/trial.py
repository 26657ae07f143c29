"""What the trial page shows of one trial, as plain values: curves, events, cycles, parameters, forces, EMG, skeleton."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore.arrays import Floats
from neurostore.report.clips import read_clips
from neurostore.report.panels import BY_COLUMN
from neurostore.reviews.checks import SAME_EVENT_S
from neurostore.schema import components_of
from neurostore.sql.views import thresholds

if TYPE_CHECKING:
    import polars as pl

    from neurostore.trial_key import Key
    from neurostore.window.bench import Bench

MOST_SAMPLES = 4000  # samples of a curve; longer trials are thinned, and the page says so
FIRST_SHOWN = ("hip_flexion", "knee_flexion", "ankle_dorsiflexion")
PARAMETERS = tuple(
    name
    for name in BY_COLUMN
    if name in ("walking_speed_m_s", "cadence_steps_min", "stride_length_m", "step_length_m", "step_width_m",
                "stride_time_s", "step_time_s", "stance_pct", "swing_pct", "single_support_pct",
                "initial_double_support_pct", "terminal_double_support_pct", "foot_clearance_mm")
)  # fmt: skip
_WHERE = "subject = $subject AND session = $session AND trial = $trial AND person = 0"


def bound(key: Key) -> dict[str, str]:
    """The key as parameters of a query."""
    return dict(zip(("subject", "session", "trial"), key, strict=True))


def angles(bench: Bench, key: Key) -> pl.DataFrame:
    """time_s and every angle of the trial that is not empty, one row per frame."""
    frame = bench.sql(f"SELECT * FROM joint_angles WHERE {_WHERE} ORDER BY frame", bound(key))
    names = [c for c in frame.columns if c.endswith("_deg") and frame[c].null_count() < frame.height]
    return frame.select("time_s", *names)


def opening(bench: Bench, key: Key, row: Mapping[str, Any]) -> dict[str, Any]:
    """What is needed to draw the first curves: the trial, the names of its curves and those first shown."""
    frame = angles(bench, key)
    names = [name for name in frame.columns if name != "time_s"]
    return {
        **bound(key),
        "kind": row["kind"],
        "condition": row["condition"],
        "rate_hz": row["rate_hz"],
        "duration_s": row["duration_s"],
        "n_frames": row["n_frames"],
        "skeleton": row["skeleton"],
        "position_basis": row["position_basis"],
        "notes": list(row["notes"] or ()),
        "curves": names,
        "shown": [a for a in FIRST_SHOWN if any(a in name for name in names)],
        "angles": encoded(frame, names),
    }


def encoded(frame: pl.DataFrame, names: Sequence[str]) -> dict[str, Any]:
    """Times and curves as base64 of little-endian float32, NaN where missing; every n-th row of a long frame."""
    step = -(-frame.height // MOST_SAMPLES) or 1
    thin = frame.gather_every(step)
    return {
        "time_s": _packed(thin["time_s"].to_numpy()),
        "values": {name: _packed(thin[name].to_numpy()) for name in names},
        "step": step,
    }


def _packed(values: Any) -> str:
    return base64.b64encode(np.asarray(values, dtype="<f4").tobytes()).decode("ascii")


def gait(bench: Bench, key: Key) -> dict[str, Any]:
    """Events, cycles and medians over the steady cycles of the trial, with the decisions made or drafted."""
    given = bound(key)
    events = bench.sql(
        "SELECT side, event, time_s, source, method, spread_ms, confidence, near_end "
        f"FROM gait_events WHERE {_WHERE} ORDER BY time_s, side",
        given,
    )
    cycles = bench.sql(
        "SELECT side, cycle, start_s, end_s, foot_off_s, is_steady, reason, event_source "
        f"FROM gait_cycles WHERE {_WHERE} ORDER BY side, cycle",
        given,
    )
    used = set(cycles["event_source"].drop_nulls())
    parameters = bench.sql(f"SELECT side, is_steady, {', '.join(PARAMETERS)} FROM spatiotemporal WHERE {_WHERE}", given)
    return {
        "events": _shown_events(events.to_dicts(), used),
        "cycles": cycles.to_dicts(),
        "parameters": {side: _medians(parameters.filter(side=side)) for side in sorted(parameters["side"].unique())},
    }


def _medians(cycles: pl.DataFrame) -> dict[str, Any]:
    """How many cycles are steady, and the medians over these. In SQL they would take longer to plan than all the rest."""
    steady = cycles.filter("is_steady")
    return {"n_cycles": steady.height, **{name: steady[name].median() for name in PARAMETERS}}


def _shown_events(events: Sequence[dict[str, Any]], used: set[str]) -> list[dict[str, Any]]:
    """The events, those of the source that the cycles were made of first among several at one place.

    A review acts on every source at one time, so events of one foot and kind within 25 ms are one handle; of two
    sources within 0.1 s (`_same_event_s`), the one that the cycles are made of is shown.
    """
    order = {source: i for i, source in enumerate([*sorted(used), "force", "computed", "file"])}
    kept: list[dict[str, Any]] = []
    for event in sorted(events, key=lambda e: (order.get(e["source"], 9), e["time_s"])):
        same = (k for k in kept if (k["side"], k["event"]) == (event["side"], event["event"]))
        if event["source"] == "file" and "file" not in used:
            continue  # shown as marks of the file, not as events that can be dragged
        if not any(abs(k["time_s"] - event["time_s"]) <= _apart_s(k, event) for k in same):
            kept.append(event)
    return sorted(kept, key=lambda e: (e["time_s"], e["side"]))


def _apart_s(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    return SAME_EVENT_S if one["source"] == other["source"] else thresholds()["same_event_s"][0]


def file_events(bench: Bench, key: Key) -> list[dict[str, Any]]:
    """Events as the source file has them, to compare with."""
    rows = bench.sql(
        "SELECT side, event, time_s FROM source_events WHERE subject = $subject AND session = $session "
        "AND trial = $trial AND event IN ('foot_strike', 'foot_off') ORDER BY time_s",
        bound(key),
    )
    return rows.to_dicts()


def decisions(bench: Bench, key: Key) -> list[dict[str, Any]]:
    """Every decision on the trial with its state, the latest first."""
    rows = bench.sql(
        "SELECT * FROM review_state WHERE subject = $subject AND session = $session AND trial = $trial "
        "ORDER BY reviewed_at DESC, review_id DESC",
        bound(key),
    )
    return [{**r, "reviewed_at": r["reviewed_at"].isoformat(timespec="seconds")} for r in rows.to_dicts()]


def forces(bench: Bench, key: Key) -> dict[str, Any] | None:
    """Vertical ground reaction of each foot, N/kg where the mass is known, else N; None without platforms."""
    rows = bench.sql(
        f"SELECT time_s, side, is_valid, force, vertical_force_n_kg FROM ground_reaction WHERE {_WHERE} ORDER BY frame, side",
        bound(key),
    )
    if not rows.height:
        return None
    is_scaled = rows["vertical_force_n_kg"].null_count() < rows.height
    time_s = rows.filter(rows["side"] == "left")["time_s"].to_numpy()
    forces_by_plate = {}
    for side in ("left", "right"):
        part = rows.filter(rows["side"] == side)
        values = part["vertical_force_n_kg"].to_numpy() if is_scaled else components_of(part["force"].to_arrow())[:, 1]
        forces_by_plate[f"{side}_vertical_force"] = np.asarray(values, float)
    return {"unit": "N/kg" if is_scaled else "N", **_thinned(time_s, forces_by_plate)}


def kinetics(bench: Bench, key: Key) -> dict[str, Any] | None:
    """Moments (Nm/kg) and powers (W/kg) per frame that the trial has; None without them."""
    frame = bench.sql(f"SELECT * FROM joint_kinetics WHERE {_WHERE} ORDER BY frame", bound(key))
    names = [c for c in frame.columns if c.endswith(("_nm_kg", "_w_kg")) and frame[c].null_count() < frame.height]
    return {"names": names, **encoded(frame.select("time_s", *names), names)} if names else None


def emg(bench: Bench, key: Key) -> list[dict[str, Any]]:
    """Linear envelope of every EMG channel with its own clock, and why a channel is not reliable."""
    rows = bench.sql(
        "SELECT channel, muscle, side, unit, start_s, rate_hz, envelope, on_s, off_s, problem FROM emg "
        "WHERE subject = $subject AND session = $session AND trial = $trial ORDER BY channel_index",
        bound(key),
    )
    shown = []
    for row in rows.to_dicts():
        values = np.asarray(row.pop("envelope") or (), float)
        time_s = row.pop("start_s") + np.arange(len(values)) / row.pop("rate_hz")
        bursts = list(zip(row.pop("on_s") or (), row.pop("off_s") or (), strict=False))
        shown.append({**row, "bursts": bursts, **_thinned(time_s, {"envelope": values})})
    return shown


def _thinned(time_s: Floats, values: Mapping[str, Floats]) -> dict[str, Any]:
    step = -(-len(time_s) // MOST_SAMPLES) or 1
    return {
        "time_s": _packed(time_s[::step]),
        "values": {name: _packed(v[::step]) for name, v in values.items()},
        "step": step,
    }


def clip(bench: Bench, key: Key, row: Mapping[str, Any]) -> dict[str, Any] | None:
    """The skeleton for the player, 25 frames per second, the first minute; None if the trial has no points."""
    import polars as pl

    about = {**bound(key), "kind": row["kind"], "duration_s": float(row["duration_s"] or 0), "n_steady_cycles": 0}
    clips = read_clips(bench, pl.DataFrame([about]))
    return clips[0].to_json() if clips else None
