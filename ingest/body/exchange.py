"""Write a fit so that OpenSim opens and replays it: the model, a motion, the markers and a set-up of its IK tool."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np

from neurostore.arrays import Floats
from neurostore.storage import temporary
from neurostore.wording import counted

from .ik_setup import DEFAULT, MANUAL, IkSetup
from .model import Model

_NOTE = "Note: "


def motion_text(
    model: Model,
    time_s: Floats,
    coordinates: Mapping[str, Floats],
    title: str,
    of_fit: Mapping[str, Floats] | None = None,
) -> str:
    """A ``.mot`` of coordinates (T,) in degrees and metres. All of the model's are written: OpenSim needs them.

    NaN is replaced by the value ``of_fit``, which the targets hardly determine but which goes with the others; without one by
    that of the nearest frame that has one, or by the model's default if none has. The header lists these coordinates and
    the number of their frames.
    """
    columns, missing, unsure = [], {}, {}
    for c in model.coordinates:
        values = np.asarray(coordinates.get(c.name, np.full(len(time_s), np.nan)), dtype=float)
        if of_fit is not None:
            n_before = int(np.isnan(values).sum())
            values = np.where(np.isnan(values), of_fit[c.name], values)
            unsure[c.name] = n_before - int(np.isnan(values).sum())
        known = np.flatnonzero(np.isfinite(values))
        n_missing = len(values) - len(known)
        if not len(known):
            values = np.full(len(time_s), np.degrees(c.default) if c.is_rotational else c.default)
        elif n_missing:
            every = np.arange(len(values))
            after = np.clip(np.searchsorted(known, every), 0, len(known) - 1)
            before = np.maximum(after - 1, 0)
            nearer = np.where(every - known[before] <= known[after] - every, known[before], known[after])
            values = values[np.where(every >= known[-1], known[-1], nearer)]
        if n_missing:
            missing[c.name] = n_missing
        columns.append(values)
    hardly = [f"{name} ({counted(n, 'frame')})" for name, n in unsure.items() if n]
    notes = [f"hardly determined, the value of the fit is written: {', '.join(hardly)}"] if hardly else []
    notes += _missing_notes(missing, len(time_s))
    head = [
        title,
        "version=1",
        f"nRows={len(time_s)}",
        f"nColumns={len(columns) + 1}",
        "inDegrees=yes",
        "",
        *(f"{_NOTE}{note}" for note in notes),
        "endheader",
        "\t".join(["time", *model.coordinate_names]),
    ]
    table = np.column_stack([time_s, *columns])
    lines = ["\t".join([f"{row[0]:.6f}", *(f"{v:.8f}" for v in row[1:])]) for row in table]
    return "\n".join([*head, *lines, ""])


def _missing_notes(missing: Mapping[str, int], n_frames: int) -> list[str]:
    """What a motion fills. missing : coordinate -> the number of frames in which it is not known."""
    never = [name for name, n in missing.items() if n == n_frames]
    notes = [f"not known, the default of the model is written: {', '.join(never)}"] if never else []
    some = [f"{name} ({counted(n, 'frame')})" for name, n in missing.items() if n < n_frames]
    return notes + (
        [f"not known in some frames, the nearest known value is written: {', '.join(some)}"] if some else []
    )


def notes_of_motion(path: Path) -> list[str]:
    """What the header of a motion says that it fills."""
    lines = path.read_text(encoding="utf-8").split("endheader\n", 1)[0].splitlines()
    return [line.removeprefix(_NOTE) for line in lines if line.startswith(_NOTE)]


def markers_text(points: Mapping[str, Floats], time_s: Floats, rate_hz: float, name: str) -> str:
    """A ``.trc`` of points (T, 3) in mm, Y up; a missing one is an empty cell."""
    n = len(time_s)
    head = [
        f"PathFileType\t4\t(X/Y/Z)\t{name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"{rate_hz:g}\t{rate_hz:g}\t{n}\t{len(points)}\tmm\t{rate_hz:g}\t1\t{n}",
        "Frame#\tTime\t" + "\t".join(f"{p}\t\t" for p in points),
        "\t\t" + "\t".join(f"X{k}\tY{k}\tZ{k}" for k in range(1, len(points) + 1)),
        "",
    ]
    table = np.stack([np.asarray(v, dtype=float) for v in points.values()], axis=1).reshape(n, -1)
    lines = [
        "\t".join([str(t + 1), f"{time_s[t]:.6f}", *("" if np.isnan(v) else f"{v:.4f}" for v in table[t])])
        for t in range(n)
    ]
    return "\n".join([*head, *lines, ""])


def setup_text(model_file: str, marker_file: str, motion_file: str, wanted: IkSetup, span: tuple[float, float]) -> str:
    """The set-up of OpenSim's InverseKinematicsTool over these files. wanted : its markers and coordinates with their weights."""
    tasks = "".join(
        f'<IKMarkerTask name="{escape(m)}"><apply>true</apply><weight>{w:g}</weight></IKMarkerTask>\n'
        for m, w in wanted.markers.items()
    )
    for name, task in wanted.coordinates.items():
        value = "" if task.value is None else f"<value>{task.value!r}</value>"
        kind = DEFAULT if task.value is None else MANUAL
        tasks += (
            f'<IKCoordinateTask name="{escape(name)}"><apply>true</apply><weight>{task.weight:g}</weight>'
            f"<value_type>{kind}</value_type>{value}</IKCoordinateTask>\n"
        )
    return (
        '<?xml version="1.0" encoding="UTF-8" ?>\n<OpenSimDocument Version="40600">\n<InverseKinematicsTool name="ik">\n'
        f"<model_file>{escape(model_file)}</model_file>\n<marker_file>{escape(marker_file)}</marker_file>\n"
        f"<output_motion_file>{escape(motion_file)}</output_motion_file>\n"
        f"<time_range>{span[0]:.6f} {span[1]:.6f}</time_range>\n<accuracy>1e-05</accuracy>\n"
        f"<IKTaskSet><objects>\n{tasks}</objects></IKTaskSet>\n</InverseKinematicsTool>\n</OpenSimDocument>\n"
    )


def id_setup_text(name: str, span: tuple[float, float]) -> str:
    """The set-up of OpenSim's InverseDynamicsTool: coordinates low-pass filtered at 6 Hz, like the landmarks.

    span : first and last time in seconds. Without it the tool (4.6) also writes the frames that its filter pads with.
    """
    return (
        '<?xml version="1.0" encoding="UTF-8" ?>\n<OpenSimDocument Version="40600">\n<InverseDynamicsTool name="id">\n'
        f"<model_file>{escape(name)}.osim</model_file>\n<coordinates_file>{escape(name)}.mot</coordinates_file>\n"
        f"<time_range>{span[0]:.6f} {span[1]:.6f}</time_range>\n"
        f"<external_loads_file>{escape(name)}_grf_ExternalLoads.xml</external_loads_file>\n"
        "<lowpass_cutoff_frequency_for_coordinates>6</lowpass_cutoff_frequency_for_coordinates>\n"
        f"<output_gen_force_file>{escape(name)}_id.sto</output_gen_force_file>\n"
        "</InverseDynamicsTool>\n</OpenSimDocument>\n"
    )


def write_all(files: Mapping[Path, str]) -> None:
    """Write all files or none: each is written under a temporary name first, then renamed."""
    for path, text in files.items():
        with temporary.named(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.replacing(path) as work:
                work.write_bytes(text.encode())
