"""Analog channels and force platforms of a C3D file, as a recording holds them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from neurostore.ingest.readers.c3d.analog import read_analog
from neurostore.ingest.readers.c3d.kinetics import GRAVITY_M_S2
from neurostore.ingest.readers.c3d.layout import Layout
from neurostore.ingest.readers.c3d.plates import force_plate_channels, read_plates
from neurostore.ingest.readers.channels import name_channels
from neurostore.ingest.recording import AnalogChannel, Calibration, ForcePlate, ReadOptions

_WEIGHT_SHARE = 0.02  # largest relative difference between mean vertical force and weight
_STANDS_WHOLLY = 0.75  # with a smaller share of the weight on the platforms, a foot is on the floor


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
    """(channels, platforms) of the frames ``keep``; the notes say what cannot be read.

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


def standing_weight(plates: Iterable[ForcePlate], measures: Iterable[Calibration]) -> list[str]:
    """A note if a person who stands still does not weigh what the file's body mass says."""
    mass_kg = next((c.value for c in measures if c.parameter == "body_mass" and c.value > 0), None)
    carried_n = sum(float(np.median(p.force[:, 1])) for p in plates if len(p.force))
    if mass_kg is None or carried_n < _STANDS_WHOLLY * mass_kg * GRAVITY_M_S2:
        return []
    share = carried_n / (mass_kg * GRAVITY_M_S2) - 1
    if abs(share) <= _WEIGHT_SHARE:
        return []
    return [
        f"the force platforms carry {carried_n / GRAVITY_M_S2:.1f} kg in standing, {abs(100 * share):.1f} % "
        f"{'more' if share > 0 else 'less'} than the body mass of {mass_kg:.1f} kg: the mass may be of another day, or a foot "
        "may be partly beside its platform"
    ]
