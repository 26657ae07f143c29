"""A user's own OpenSim model fitted to a trial's points: common markers, inverse kinematics, and notes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import InputError
from neurostore.wording import listed

from .ik_setup import IkSetup, read_ik_setup
from .inverse import Fit, fit
from .model import Model
from .osim import read_model
from .targets import Targets

LEAST_MARKERS = 3
#: an unscaled adult model misses the markers of a child by about 60 mm
FAR_MM = 100.0


def fit_own(
    model: Model, points_mm: Mapping[str, Floats], time_s: Floats, setup: IkSetup | None = None
) -> tuple[Fit, list[str]]:
    """The model's coordinates in every frame, and notes.

    points_mm : points (T, 3) of the trial; those of a marker's name are its targets. setup : without it every marker
    weighs 1; with it, markers that it does not name are left out, as OpenSim's tool does.

    Raises
    ------
    InputError : fewer than three markers in common.
    UsageError : the set-up draws a coordinate that the model does not have.
    """
    common = markers_in_common(model, points_mm, setup)
    metres = {n: p / 1000 for n, p in common.items()}
    fitted = fit(model, Targets(metres) if setup is None else setup.targets(model, metres), time_s)
    return fitted, [*_left_out(model, points_mm, setup), *_notes(model, fitted, setup)]


def markers_in_common(model: Model, points_mm: Mapping[str, Floats], setup: IkSetup | None) -> dict[str, Floats]:
    """Points of the model's markers, those of the set-up alone where one is given. Raises as :func:`fit_own` does."""
    common = {
        m.name: points_mm[m.name]
        for m in model.markers
        if m.name in points_mm and (setup is None or m.name in setup.markers)
    }
    check_enough(model, len(common), points_mm, setup)
    return common


def check_enough(model: Model, n_common: int, labels: Iterable[str], setup: IkSetup | None = None) -> None:
    """Raise InputError if fewer than three markers are in common. labels : what the points of the trial are called."""
    if n_common >= LEAST_MARKERS:
        return
    raise InputError(
        f"body {model.name}",
        f"{n_common} of its markers are in the trial{'' if setup is None else ' and in the set-up'}; expected at "
        f"least {LEAST_MARKERS} of the same name. The model has {_listed([m.name for m in model.markers])}; the trial "
        f"has {_listed(labels)}",
    )


def _left_out(model: Model, points_mm: Mapping[str, Floats], setup: IkSetup | None) -> list[str]:
    """Notes on markers of the set-up that the model or the trial does not have."""
    wanted, known = (setup.markers if setup is not None else {}), {m.name for m in model.markers}
    strangers = [n for n in wanted if n not in known]
    missing = [n for n in wanted if n in known and n not in points_mm]
    return [
        f"markers of the set-up that {where} does not have are left out: {listed(names)}"
        for where, names in (("the model", strangers), ("the trial", missing))
        if names
    ]


def _notes(model: Model, fitted: Fit, setup: IkSetup | None) -> list[str]:
    notes = []
    if setup is not None and model.couplers and np.isfinite(setup.constraint_weight):
        notes.append(
            f"the set-up's constraint_weight is {setup.constraint_weight:g}; here coupled coordinates follow exactly, as "
            "with the weight Inf"
        )
    if 3 * len(fitted.markers) < model.n_freedoms:
        notes.append(
            f"{len(fitted.markers)} markers for {model.n_freedoms} degrees of freedom: those that they do not determine "
            "are left out"
        )
    off_mm = 1000 * float(np.sqrt(np.nanmean(fitted.rms_m**2))) if np.isfinite(fitted.rms_m).any() else 0.0
    if off_mm > FAR_MM:
        notes.append(
            f"the model misses its markers by {off_mm:.0f} mm (RMS), so its angles are not this person's: is it scaled to the "
            "person, in metres, and do its markers mean the same places?"
        )
    is_fitted = (fitted.steps > 0)[:, None]
    weak = [n for n, lost in zip(fitted.names, (np.isnan(fitted.values) & is_fitted).any(axis=0), strict=True) if lost]
    if weak:
        notes.append(
            f"hardly determined by the markers (1 mm in them turns it by more than 3°, or nothing does): {', '.join(weak)}"
        )
    return notes


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def read_own(osim: Path, markers: Path | None, setup: Path | None) -> tuple[Model, IkSetup | None]:
    """The model with its marker set, and the set-up. Raises InputError with everything wrong in one of the files."""
    model = read_model(osim, markers)
    if setup is None:
        return model, None
    wanted = read_ik_setup(setup)
    strangers = sorted(set(wanted.coordinates) - set(model.coordinate_names))
    if strangers:
        raise InputError(setup, f"has a task of {', '.join(strangers)}, which is not a coordinate of {model.name}")
    return model, wanted
