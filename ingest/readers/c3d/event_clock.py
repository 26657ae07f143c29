"""In which clock EVENT:TIMES are. The format has one (below), and some software writes others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from neurostore.arrays import Bools, Floats
from neurostore.ingest.readers.c3d.parameters import Parameters, two_words

_LEAST_STEP_S = 0.08  # mean time between two events; a run at 200 steps per minute has 0.15 s


def in_clock_of_frames(
    seconds: Floats, parameters: Parameters, first_frame: int, n_frames: int, rate_hz: float, notes: list[str]
) -> Floats:
    """Times (n,) on the clock in which frame k (from 0) has (first_frame − 1 + k)/rate_hz, in seconds.

    That is the clock of the format. Where fewer than half of the events are within the frames in it, and all of them
    are in one other clock alone, the file's times are read in that clock, and a note says so.
    """
    start, end = (first_frame - 1) / rate_hz, (first_frame - 1 + n_frames) / rate_hz

    def are_within(times: Floats) -> Bools:
        within: Bools = (times >= start - 0.5 / rate_hz) & (times <= end)
        return within

    is_known = np.isfinite(seconds)
    seen = seconds[is_known]
    if len(seen) < 2 or are_within(seen).mean() >= 0.5:
        return seconds
    least_span = _LEAST_STEP_S * (len(seen) - 1)
    fitting = [
        (clock, times)
        for clock, times in _other_clocks(seconds, parameters, first_frame, rate_hz)
        if are_within(times[is_known]).all() and np.ptp(times[is_known]) >= min(least_span, np.ptp(seen))
    ]
    if len(fitting) == 1:
        clock, times = fitting[0]
        notes.append(
            f"EVENT:TIMES are {clock}, not seconds of the clock of the frames, "
            f"in which {np.sum(~are_within(seen))} of {len(seen)} events would be outside the frames; they were read as such"
        )
        return times
    if fitting:
        kinds = " or ".join(clock for clock, _ in fitting)
        notes.append(f"EVENT:TIMES may be {kinds}; nothing decides, so that they were left as they are")
    return seconds


def _other_clocks(
    seconds: Floats, parameters: Parameters, first_frame: int, rate_hz: float
) -> Iterator[tuple[str, Floats]]:
    """(what the numbers of EVENT:TIMES mean, times on the clock of the frames) for every clock that software writes."""
    start = (first_frame - 1) / rate_hz
    seen = seconds[np.isfinite(seconds)]
    are_whole = bool((seen == np.round(seen)).all())
    yield "milliseconds", seconds / 1000
    if are_whole:
        yield "numbers of frames", (seconds - 1) / rate_hz
    if first_frame > 1:
        yield "seconds since the first frame", seconds + start
        yield "milliseconds since the first frame", seconds / 1000 + start
        if are_whole:
            yield "numbers of frames counted from the first one", (seconds - 1) / rate_hz + start
    of_trial = two_words(parameters.numbers("TRIAL", "ACTUAL_START_FIELD"))
    if of_trial and of_trial != first_frame:
        yield (
            f"seconds of a recording whose frame {of_trial} is the first one here (TRIAL:ACTUAL_START_FIELD)",
            seconds - (of_trial - first_frame) / rate_hz,
        )
