"""A trial's body out of a lake as OpenSim's files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import UsageError
from neurostore.ingest.recording import Step
from neurostore.ingest.stored_trials import poses_of, steps_of, trial_rows
from neurostore.release import VERSION
from neurostore.wording import near

from . import exchange
from .fitting import shares_of
from .ik_setup import IkSetup
from .lake_apply import landmarks_of
from .model import Model
from .osim import parse_model
from .own_model import FAR_MM, fit_own, read_own
from .own_trial import points_by_label

FEET = ("right_foot", "left_foot")  # coordinates of Neurostore's own model

if TYPE_CHECKING:
    from neurostore.lake.version import Version


def export_body(lake: Version, subject: str, trial: str, out: Path, session: str = "") -> list[Path]:
    """Write the scaled model, its motion, the trial's landmarks and an IK set-up into a folder; return the paths.

    Raises
    ------
    UsageError : no such trial, or one without a body.
    """
    row = trial_row(lake, subject, trial, session)
    if not dict(row["table_rows"]).get("body_models"):
        raise UsageError(f"{subject} {trial}: has no body; `neurostore body apply {subject}` fits one")
    name = f"{subject}_{trial}"
    model = parse_model(trial_rows(lake, "body_models", row)["osim"][0].as_py(), f"body of {subject} {trial}")
    if dict(row["table_rows"]).get("body_coordinates"):
        return _write_own(lake, row, model, out, name)
    angles = trial_rows(lake, "body_angles", row)
    units = {c.name: "deg" if c.is_rotational else "m" for c in model.coordinates}
    coordinates = {n: angles[f"{n}_{u}"].to_numpy() for n, u in units.items() if f"{n}_{u}" in angles.column_names}
    landmarks = landmarks_of(trial_rows(lake, "landmarks", row), json.loads(row["landmark_methods"] or "{}"))
    own = landmarks.person == 0
    known = {m.name for m in model.markers}
    points = {n: p[own] for n, p in landmarks.points.items() if n in known}
    wanted = IkSetup(shares_of(points), {})
    return _write(model, angles["time_s"].to_numpy(), coordinates, points, wanted, row["rate_hz"], out, name)


def _write_own(lake: Version, row: dict[str, Any], model: Model, out: Path, name: str) -> list[Path]:
    """The files of a trial with the user's own model, which is fitted again for what its markers hardly determine."""
    rows = trial_rows(lake, "body_coordinates", row)
    names, values = rows["coordinate"].to_numpy(zero_copy_only=False), rows["value"].to_numpy()
    coordinates = {str(n): values[names == n] for n in dict.fromkeys(names)}
    about = next(s["parameters"] for s in steps_of(row) if s["name"] == "body_fit")
    points, time_s = _points(lake, row)
    met = {n: points[about["named"].get(n, n)] for n in about["markers"]}
    wanted = IkSetup.of_step(about)
    fitted, _ = fit_own(model, met, time_s, wanted)
    is_believed = (fitted.steps > 0) & ~(1000 * fitted.rms_m > FAR_MM)
    of_fit = _in_degrees(model, np.where(is_believed[:, None], fitted.filled, np.nan))
    return _write(model, time_s, coordinates, met, wanted, row["rate_hz"], out, name, of_fit)


def _in_degrees(model: Model, values: Floats) -> dict[str, Floats]:
    """Coordinate -> (T,) degrees or metres of values (T, Q) in radians or metres."""
    return {
        c.name: values[:, i] * (np.degrees(1.0) if c.is_rotational else 1.0) for i, c in enumerate(model.coordinates)
    }


def write_id_setup(lake: Version, subject: str, trial: str, out: Path, session: str = "") -> Path:
    """Write the set-up of OpenSim's InverseDynamicsTool over the files of :func:`export_body` and the forces beside them."""
    name = f"{subject}_{trial}"
    times = trial_rows(lake, "body_angles", trial_row(lake, subject, trial, session))["time_s"]
    path = out / f"{name}_id_setup.xml"
    exchange.write_all({path: exchange.id_setup_text(name, (times[0].as_py(), times[-1].as_py()))})
    return path


def fit_model(
    lake_path: Path | str,
    subject: str,
    trial: str,
    out: Path,
    osim: Path,
    markers: Path | None = None,
    session: str = "",
    setup: Path | None = None,
) -> tuple[list[Path], list[str]]:
    """Fit a user's own OpenSim model, as it is, to the markers of a trial; returns the paths written and notes.

    The model's markers are met by the trial's source markers of the same name, then by landmarks. ``setup`` is an IK
    set-up whose weights of markers and coordinates are used; markers that it does not name are left out, as OpenSim
    does.

    Raises
    ------
    UsageError : no such trial. InputError : a file that cannot be read, or fewer than three markers in common.
    """
    from neurostore.lake.version import open as open_lake

    model, wanted = read_own(osim, markers, setup)
    lake = open_lake(lake_path)
    row = trial_row(lake, subject, trial, session)
    points, time_s = _points(lake, row)
    fitted, notes = fit_own(model, points, time_s, wanted)
    # a motion has the values of the fit, like the motion of OpenSim's tool
    of_fit = _in_degrees(model, np.where((fitted.steps > 0)[:, None], fitted.filled, np.nan))
    notes.append(f"residual {1000 * float((fitted.rms_m[fitted.steps > 0] ** 2).mean() ** 0.5):.1f} mm RMS")
    used = {n: points[n] for n in fitted.markers}
    tasks = wanted.coordinates if wanted is not None else {}
    weights = wanted.markers if wanted is not None else {}
    met = IkSetup({n: weights.get(n, 1.0) for n in used}, tasks)
    known, name = _in_degrees(model, fitted.values), f"{subject}_{trial}"
    return _write(model, time_s, known, used, met, row["rate_hz"], out, name, of_fit), notes


def trial_row(lake: Version, subject: str, trial: str, session: str) -> dict[str, Any]:
    """The trial's row in ``trials``."""
    rows = lake.trials_table().to_pylist()
    for row in rows:
        if (row["subject"], row["session"], row["trial"]) == (subject, session, trial):
            return dict(row)
    names = [" ".join(k for k in (r["subject"], r["session"], r["trial"]) if k) for r in rows]
    raise UsageError(
        f"no trial {' '.join(k for k in (subject, session, trial) if k)}{near(f'{subject} {trial}', names)}"
    )


def _points(lake: Version, row: dict[str, Any]) -> tuple[dict[str, Floats], Floats]:
    """Every landmark and source marker (T, 3) of the subject in mm, as an ingest fits them, and the times (T,)."""
    name, has = f"poses/{row['skeleton']}", dict(row["table_rows"])
    if not (has.get(name) and has.get("landmarks")):
        raise UsageError(f"{row['subject']} {row['trial']}: has only angles and no points to fit a body to")
    stored = {table: trial_rows(lake, table, row) for table in (name, "landmarks")}
    landmarks = landmarks_of(stored["landmarks"], {})
    landmarks.steps = [Step(s["name"], s["version"], s["parameters"]) for s in steps_of(row)]
    points = points_by_label(landmarks, poses_of(lake, row, stored), row["rate_hz"])
    return points, landmarks.time_s[landmarks.person == 0]


def _write(
    model: Model,
    time_s: Floats,
    coordinates: dict[str, Floats],
    points: dict[str, Floats],
    wanted: IkSetup,
    rate_hz: float,
    out: Path,
    name: str,
    of_fit: dict[str, Floats] | None = None,
) -> list[Path]:
    at = {kind: out / f"{name}{end}" for kind, end in (
        ("model", ".osim"), ("motion", ".mot"), ("markers", ".trc"), ("setup", "_ik_setup.xml"),
    )}  # fmt: skip
    span = (float(time_s[0]), float(time_s[-1]))
    exchange.write_all(
        {
            at["model"]: model.text,
            at["motion"]: exchange.motion_text(model, time_s, coordinates, f"{name} (neurostore {VERSION})", of_fit),
            at["markers"]: exchange.markers_text(points, time_s, rate_hz, at["markers"].name),
            at["setup"]: exchange.setup_text(at["model"].name, at["markers"].name, f"{name}_opensim.mot", wanted, span),
        }
    )
    return list(at.values())
