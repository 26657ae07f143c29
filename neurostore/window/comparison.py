"""The comparison page: trials or single cycles over each other, the band of a group, and the nearest neighbours."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from neurostore.arrays import Floats
from neurostore.errors import UsageError
from neurostore.report.panels import PANELS, PLANES
from neurostore.trial_key import key_text
from neurostore.window.cohort import SIDES
from neurostore.wording import is_whole

if TYPE_CHECKING:
    from neurostore.trial_key import Key
    from neurostore.window.bench import Bench
    from neurostore.window.cohort import Figures
    from neurostore.window.shelf import Shelf

MOST_ITEMS = 12
N_NEIGHBOURS = 10
LEAST_IN_BAND = 3
SAGITTAL = ("hip_flexion", "knee_flexion", "ankle_dorsiflexion")
_compiling = threading.Lock()
Item = tuple[str, str, str, str | None, int | None]


def item_of(text: str) -> Item:
    """What is compared: ``subject/session/trial``, or with ``/side/cycle`` one cycle of it. A session may be empty.

    Raises UsageError for another form.
    """
    parts = text.split("/")
    if len(parts) == 3:
        return parts[0], parts[1], parts[2], None, None
    if len(parts) == 5 and parts[3] in SIDES and is_whole(parts[4]):
        return parts[0], parts[1], parts[2], parts[3], int(parts[4])
    raise UsageError(f"{text!r} is not an item; expected subject/session/trial or subject/session/trial/side/cycle")


def curves(shelf: Shelf, items: Sequence[Item], group: str | None) -> dict[str, Any]:
    """Curves of the items at 101 points in each panel, and the mean and SD between people of a group.

    Raises UsageError for too many items, one that is not there, or an unknown group.
    """
    if len(items) > MOST_ITEMS:
        raise UsageError(f"{len(items)} items; at most {MOST_ITEMS} are drawn over each other")
    if group is not None:
        shelf.cohort.check_group(group)
    figures = shelf.cohort.figures()
    shown = []
    for subject, session, trial, side, cycle in items:
        key = (subject, session, trial)
        shelf.trial(key)
        about: dict[str, Any] = {"subject": subject, "session": session, "trial": trial, "side": side, "cycle": cycle}
        if side is None or cycle is None:
            one = figures.get(key)
            about["is_pending"] = one is None
            about["curves"] = {} if one is None else _named(one.curves)
            about["relative"] = [] if one is None else _relative(one)
        else:
            with shelf.bench(subject, session) as bench:
                about["curves"] = _cycle(bench, key, side, cycle)
        shown.append(about)
    panels = [
        {"angle": p.angle, "title": p.title, "up": p.up, "down": p.down, "low": p.low, "high": p.high} for p in PANELS
    ]
    return {"panels": panels, "planes": PLANES, "items": shown, "group": group, "band": _band(shelf, figures, group)}


def _named(values: Floats) -> dict[str, dict[str, list[float | None]]]:
    named: dict[str, dict[str, list[float | None]]] = {}
    for j, side in enumerate(SIDES):
        for i, panel in enumerate(PANELS):
            if np.isfinite(values[j, i]).any():
                named.setdefault(panel.angle, {})[side] = _plain(values[j, i])
    return named


def _plain(curve: Floats) -> list[float | None]:
    return [round(float(v), 2) if np.isfinite(v) else None for v in curve]


def _relative(one: Figures) -> list[str]:
    return [panel.angle for i, panel in enumerate(PANELS) if one.is_relative[:, i].any()]


def _cycle(bench: Bench, key: Key, side: str, cycle: int) -> dict[str, dict[str, list[float | None]]]:
    rows = bench.sql(
        "SELECT * FROM cycle_curves WHERE subject = $subject AND session = $session AND trial = $trial "
        "AND person = 0 AND side = $side AND cycle = $cycle ORDER BY percent",
        {"subject": key[0], "session": key[1], "trial": key[2], "side": side, "cycle": cycle},
    )
    if rows.height != 101:
        raise UsageError(f"{key_text(key)} has no {side} cycle {cycle}")
    of_cycle: dict[str, dict[str, list[float | None]]] = {}
    for panel in PANELS:
        for is_relative in (False, True) if panel.may_be_relative else (False,):
            column = rows[panel.column(side, is_relative)]
            if column.null_count() < rows.height:
                of_cycle[panel.angle] = {side: _plain(np.array(column.to_numpy(), float))}
                break
    return of_cycle


def _band(shelf: Shelf, figures: dict[Key, Figures], group: str | None) -> dict[str, Any]:
    """Mean of the people's means and SD between people in each panel and side; empty with fewer than three people."""
    groups = shelf.cohort.groups()
    by_subject: dict[str, list[Floats]] = {}
    for key, one in figures.items():
        if group in (None, groups.get(key[0])):
            by_subject.setdefault(key[0], []).append(np.where(one.is_relative[:, :, None], np.nan, one.curves))
    if len(by_subject) < LEAST_IN_BAND:
        return {}
    means = np.stack([_mean_over(np.stack(curves)) for curves in by_subject.values()])
    n_people = np.isfinite(means).sum(axis=0)
    mean = _mean_over(means)
    squares = np.where(np.isfinite(means), (means - mean) ** 2, 0).sum(axis=0)
    is_shown = n_people >= LEAST_IN_BAND
    sd = np.where(is_shown, np.sqrt(squares / np.maximum(n_people - 1, 1)), np.nan)
    mean = np.where(is_shown, mean, np.nan)
    return {"mean": _named(mean), "sd": _named(sd), "n": int(n_people.max())}


def _mean_over(stack: Floats) -> Floats:
    """Mean over the first axis of what is finite; NaN where nothing is."""
    known = np.isfinite(stack)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, stack, 0).sum(axis=0) / np.maximum(count, 1), np.nan)


def neighbours(shelf: Shelf, key: Key) -> dict[str, Any]:
    """The trials whose mean curves are most like those of one, by exact DTW of sagittal hip, knee and ankle.

    Distance: root of the summed squared differences along the best warping path, the mean of both sides. Trials of the
    same person are marked, not left out. Only trials with the same kind of hip angle are compared.
    """
    from neurostore.dtw.distance import cross

    figures = shelf.cohort.figures()
    own = figures.get(key)
    if own is None:
        return {"is_pending": True, "neighbours": []}
    chosen = [next(i for i, p in enumerate(PANELS) if p.angle == angle) for angle in SAGITTAL]
    sides = [s for s in range(2) if np.isfinite(own.curves[s, chosen]).all()]
    keys, curves = _alike(figures, key, sides, chosen) if sides else ([], np.empty(0))
    if not keys:
        why = "no other trial has hip, knee and ankle curves of steady cycles" if sides else _lacking(key)
        return {"is_pending": False, "why": why, "neighbours": []}
    total = np.zeros(len(keys))
    with _compiling:
        for place, side in enumerate(sides):
            query = own.curves[side, chosen].T.astype(float)[None]
            of_others = curves[:, place].transpose(0, 2, 1).astype(float)
            total += np.asarray(cross(query, of_others))[0]
    total /= len(sides)
    groups = shelf.cohort.groups()
    nearest = np.argsort(total, kind="stable")[:N_NEIGHBOURS]
    rows = [
        {**dict(zip(("subject", "session", "trial"), keys[i], strict=True)), "group": groups.get(keys[i][0]),
         "distance": float(total[i]), "is_same_person": keys[i][0] == key[0]}
        for i in nearest
    ]  # fmt: skip
    return {"is_pending": False, "neighbours": rows, "n_compared": len(keys)}


def _alike(
    figures: Mapping[Key, Figures], key: Key, sides: Sequence[int], panels: Sequence[int]
) -> tuple[list[Key], Floats]:
    """The other trials with curves of the same kinds on these sides, and these curves: (trials, sides, panels, 101)."""
    others = [other for other in figures if other != key]
    if not others:
        return [], np.empty(0)
    kinds = np.stack([figures[k].is_relative for k in others])[:, :, panels]
    curves = np.stack([figures[k].curves[:, panels] for k in others])[:, sides]
    is_alike = (kinds == figures[key].is_relative[:, panels]).all(axis=(1, 2)) & np.isfinite(curves).all(axis=(1, 2, 3))
    return [other for other, alike in zip(others, is_alike, strict=True) if alike], curves[is_alike]


def _lacking(key: Key) -> str:
    return f"{key_text(key)} has no steady cycle with hip, knee and ankle on one side"
