"""Analog channels and force platforms of a C3D file, as a recording holds them."""

from __future__ import annotations

from pathlib import Path

from neurostore.ingest.readers.c3d.analog import read_analog
from neurostore.ingest.readers.c3d.layout import Layout
from neurostore.ingest.readers.c3d.plates import force_plate_channels, read_plates
from neurostore.ingest.readers.channels import name_channels
from neurostore.ingest.recording import AnalogChannel, ForcePlate, ReadOptions


def read_forces(
    path: Path,
    layout: Layout,
    options: ReadOptions,
    keep: slice,
    scale_mm: float,
    up: str,
    start_s: float,
    notes: list[str],
) -> tuple[list[AnalogChannel], list[ForcePlate]]:
    """(channels, platforms) of the frames ``keep``; what cannot be read is said in the notes.

    scale_mm : millimetres per unit of the file's lengths. up : its axis that points up. start_s : time of the first frame kept.
    """
    analog = read_analog(path, layout, keep, notes)
    plates = read_plates(layout.parameters, analog, scale_mm, up, start_s, notes)
    if analog is None:
        return [], plates
    wired = force_plate_channels(layout.parameters)
    named = name_channels(analog.labels, analog.units, analog.descriptions, wired, options.emg, notes)
    channels = [
        AnalogChannel(
            index=i,
            channel=analog.labels[i],
            kind=what.kind,
            muscle=what.muscle,
            side=what.side,
            unit=analog.units[i],
            rate_hz=analog.rate_hz,
            start_s=start_s,
            samples=analog.samples[i],
        )
        for i, what in enumerate(named)
    ]
    return channels, plates
