"""Rows of the tables of forces, analog channels and the source's own kinetics (columns as arrays), without the keys."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from neurostore.ingest.kinetics.emg import envelopes
from neurostore.ingest.kinetics.frames import at_frames
from neurostore.ingest.recording import Recording
from neurostore.lake.columns import repeated_texts
from neurostore.schema import point_array


def force_plates(recording: Recording) -> dict[str, Any]:
    """Columns of the table force_plates, one row per platform; empty if the recording has none."""
    plates = recording.plates
    if not plates:
        return {}
    missing = np.full(3, np.nan)
    plain = (
        "plate",
        "type",
        "rate_hz",
        "start_s",
        "threshold_n",
        "baseline_n",
        "zero",
        "is_flipped",
        "returns_to_zero",
        "contradicts_body",
        "side",
    )
    return {
        **{name: [getattr(p, name) for p in plates] for name in plain},
        "corners": [None if p.corners is None else p.corners.astype(np.float32).ravel().tolist() for p in plates],
        "centre": point_array(np.stack([p.centre for p in plates])),
        "origin": point_array(np.stack([missing if p.origin is None else p.origin for p in plates])),
        "cal_matrix": [None if p.matrix is None else p.matrix.ravel().tolist() for p in plates],
        "channels": [[float(c) for c in p.channels] for p in plates],
        "units": [list(p.units) for p in plates],
    }


def forces(recording: Recording) -> dict[str, Any]:
    """Columns of the table forces, one row per sample of a platform; empty if the recording has none."""
    plates = recording.plates
    if not plates or not sum(len(p.force) for p in plates):
        return {}
    lengths = [len(p.force) for p in plates]
    free = np.concatenate([p.free_moment for p in plates]).astype(np.float32)
    return {
        "plate": np.repeat(np.array([p.plate for p in plates], np.int32), lengths),
        "sample": np.concatenate([np.arange(n, dtype=np.int32) for n in lengths]),
        "time_s": np.concatenate([p.start_s + np.arange(len(p.force)) / p.rate_hz for p in plates]),
        "force": point_array(np.concatenate([p.force for p in plates])),
        "cop": point_array(np.concatenate([p.cop for p in plates])),
        "free_moment_nm": pa.array(free, mask=np.isnan(free)),
    }


def plate_frames(recording: Recording, cutoff_hz: float) -> dict[str, Any]:
    """A platform's samples at the frames of the subject's poses."""
    if not recording.plates or not recording.poses:
        return {}
    poses = recording.poses[0]
    is_subject = poses.person == 0
    frame, time_s = poses.frame[is_subject], poses.time_s[is_subject]
    if len(time_s) < 2 or recording.rate_hz <= 0:
        return {}
    n = len(frame)
    wrenches = at_frames(recording.plates, time_s, recording.rate_hz, cutoff_hz)
    peak = np.concatenate([f.peak for f in wrenches]).astype(np.float32)
    return {
        "plate": np.repeat(np.array([p.plate for p in recording.plates], np.int32), n),
        "frame": np.tile(frame.astype(np.int32), len(wrenches)),
        "time_s": np.tile(time_s, len(wrenches)),
        "force": point_array(np.concatenate([f.force for f in wrenches])),
        "moment": point_array(np.concatenate([f.moment for f in wrenches])),
        "filtered_force": point_array(np.concatenate([f.filtered_force for f in wrenches])),
        "filtered_moment": point_array(np.concatenate([f.filtered_moment for f in wrenches])),
        "centre": point_array(np.repeat([p.centre for p in recording.plates], n, axis=0)),
        "peak_n": pa.array(peak, mask=np.isnan(peak)),
    }


def analog(recording: Recording) -> dict[str, Any]:
    """Columns of the table analog, one row per channel; empty if the recording has none."""
    channels = recording.analog
    if not channels:
        return {}
    plain = ("channel", "kind", "muscle", "side", "unit", "rate_hz", "start_s")
    offsets = np.concatenate([[0], np.cumsum([len(c.samples) for c in channels])]).astype(np.int32)
    flat = np.concatenate([c.samples for c in channels])
    samples = pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat, mask=np.isnan(flat)))
    return {
        "channel_index": [c.index + 1 for c in channels],
        **{name: [getattr(c, name) for c in channels] for name in plain},
        "samples": samples,
    }


def emg(recording: Recording) -> dict[str, Any]:
    """The envelope of each EMG channel."""
    channels = [c for c in recording.analog if c.kind == "emg"]
    if not channels:
        return {}
    computed = envelopes(channels)
    return {
        "channel_index": [c.index + 1 for c in channels],
        **{name: [getattr(c, name) for c in channels] for name in ("channel", "muscle", "side", "unit", "start_s")},
        "rate_hz": [e.rate_hz for e in computed],
        "envelope": [e.values.astype(np.float32) for e in computed],
        "on_s": [e.on_s.astype(np.float32) for e in computed],
        "off_s": [e.off_s.astype(np.float32) for e in computed],
        "saturated_share": [e.saturated for e in computed],
        "hum_share": [e.hum for e in computed],
        "problem": [e.problem for e in computed],
    }


def source_kinetics(recording: Recording) -> dict[str, Any]:
    """Columns of the table source_kinetics, one row per value; empty if the recording has none."""
    curves = recording.kinetics
    if not curves:
        return {}
    lengths = [len(c.time_s) for c in curves]
    values = np.concatenate([c.values for c in curves])
    return {
        "frame": np.concatenate([np.arange(n, dtype=np.int32) for n in lengths]),
        "time_s": np.concatenate([np.asarray(c.time_s, np.float64) for c in curves]),
        **{
            name: repeated_texts([getattr(c, name) for c in curves], lengths)
            for name in ("source_name", "component", "quantity", "unit")
        },
        "value": pa.array(values, mask=np.isnan(values)),
    }
