"""The analog channels and force platforms of a trial, cut to the frames of its points, as C3D and Motion-BIDS need them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore.arrays import Floats
from neurostore.wording import listed

if TYPE_CHECKING:
    from neurostore.export.trial import Points, Trial

#: Channels that a platform of each C3D type needs.
N_CHANNELS = {1: 6, 2: 6, 3: 8, 4: 6}


@dataclass(frozen=True)
class Analog:
    """Channels of a trial, as stored: numbers in the source (from 1), labels, units; samples (c, n) float32, NaN where missing.

    per_frame : samples per frame of the points; the first sample is at the time of the first frame.
    kinds, muscles, sides : as in the table ``analog``, None if unknown.
    """

    numbers: list[int]
    labels: list[str]
    units: list[str]
    kinds: list[str]
    muscles: list[str | None]
    sides: list[str | None]
    samples: Floats
    rate_hz: float
    per_frame: int


@dataclass(frozen=True)
class Plate:
    """A platform with its place and channels: positions of its channels in an :class:`Analog`, from 0.

    corners : (4, 3) mm, lab, Y up. origin : (3,) mm and matrix : (6, 6) in the platform's axes, None if it has none.
    zero : how ingest removed the baseline, in the words of ``force_plates``.
    """

    number: int
    type_: int
    corners: Floats
    origin: Floats
    matrix: Floats | None
    channels: list[int]
    zero: str


def read_analog(trial: Trial, points: Points, notes: list[str]) -> Analog | None:
    """Every channel on the frames of the points; None if there is none or they do not fit, which the notes say."""
    if trial.person or "analog" not in trial.lake.tables():
        return None
    columns = "channel_index, channel, kind, muscle, side, unit, rate_hz, start_s, samples"
    rows = trial.rows("analog", columns, order="channel_index")
    if rows.is_empty():
        return None
    rates = sorted(set(rows["rate_hz"]))
    rate, frames_hz = rates[0], float(trial.row["rate_hz"] or 0)
    per_frame = round(rate / frames_hz) if frames_hz > 0 else 0
    if len(rates) > 1 or not per_frame or abs(rate / frames_hz - per_frame) > 1e-3 * per_frame:
        rates_text = ", ".join(f"{r:g}" for r in rates)
        notes.append(
            f"the analog channels are left out: {rates_text} samples per second are not a multiple of {frames_hz:g} frames"
        )
        return None
    n = per_frame * len(points.frame)
    samples = np.full((rows.height, n), np.nan, np.float32)
    lacking = 0
    for i, (start_s, values) in enumerate(rows.select("start_s", "samples").iter_rows()):
        first = round((float(points.time_s[0]) - start_s) * rate)
        recorded = np.array(values, np.float32)  # NULL becomes NaN
        kept = recorded[max(first, 0) : max(first + n, 0)]
        at = max(-first, 0)
        samples[i, at : at + len(kept)] = kept[: n - at]
        lacking = max(lacking, n - len(kept))
    if lacking:
        notes.append(f"the analog channels lack {lacking} of {n} samples, which are written as missing")
    return Analog(
        rows["channel_index"].to_list(),
        rows["channel"].to_list(),
        [unit or "" for unit in rows["unit"]],
        rows["kind"].to_list(),
        rows["muscle"].to_list(),
        rows["side"].to_list(),
        samples,
        per_frame * frames_hz,
        per_frame,
    )


def read_plates(trial: Trial, analog: Analog | None, notes: list[str]) -> list[Plate]:
    """The platforms whose channels are in ``analog``; the notes name the others."""
    if trial.person or "force_plates" not in trial.lake.tables():
        return []
    rows = trial.rows("force_plates", order="plate").to_dicts()
    position = {number: i for i, number in enumerate(analog.numbers)} if analog else {}
    plates, left_out = [], []
    for row in rows:
        channels = [position.get(int(c), -1) for c in row["channels"] or []]
        if row["type"] not in N_CHANNELS or row["corners"] is None or len(channels) != N_CHANNELS[row["type"]]:
            left_out.append(f"{row['plate']} (forces alone, without a platform: export …_grf.mot)")
        elif min(channels) < 0:
            left_out.append(f"{row['plate']} (its channels are not there)")
        else:
            plates.append(_plate(row, channels))
    if left_out:
        notes.append(f"force platforms left out: {listed(left_out, 6)}")
    if plates and [p.number for p in plates] != list(range(1, len(plates) + 1)):
        notes.append(f"force platforms {', '.join(str(p.number) for p in plates)} are numbered from 1 in the file")
    return plates


def _plate(row: dict[str, Any], channels: list[int]) -> Plate:
    matrix = row["cal_matrix"]
    return Plate(
        number=row["plate"],
        type_=row["type"],
        corners=np.array(row["corners"], np.float64).reshape(4, 3),
        origin=np.array([row["origin"][axis] for axis in "xyz"], np.float64),
        matrix=None if matrix is None else np.array(matrix, np.float64).reshape(6, 6),
        channels=channels,
        zero=row["zero"] or "",
    )
