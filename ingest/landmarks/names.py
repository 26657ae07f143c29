"""Which joint of a skeleton is which landmark: from its declaration, else from the table of common names.

Also which markers form a cluster on a segment, by their names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from neurostore.arrays import Floats, Ints
from neurostore.errors import SkeletonError
from neurostore.ingest.recording import Poses
from neurostore.schemas import common_names
from neurostore.skeleton import Skeleton

_NOT_LETTERS = re.compile(r"[^a-z0-9]+")
_SIDE_WITHIN = re.compile(r"(waist)([lr])(front|back)")  # WaistLFront of Qualisys and OptiTrack
_SEPARATORS = " _.:-"
SIDES = ("left", "right")
#: least number of markers that determine a rigid body
LEAST_OF_CLUSTER = 3
_PART = r"(?:UPPER|UPP|UP|LOWER|LOW|FRONT|REAR|BACK|PROX|DIST|POST|ANT|LAT|MED|TOP|BOT|SUP|INF|CL|[A-F]|\d)+"
_CLUSTERS = {
    # TA, TB and TC are on the thigh; TB with a number or a second letter (TB1, TBA) is on the tibia
    "thigh": re.compile(rf"(?!TB[A-F\d])T(?:H(?:I(?:GH)?)?)?{_PART}|THI|THIGH"),
    "shank": re.compile(rf"(?:SHANK|SHNK|SHK|SHN|SHA|SH|SK|TIB|TB|CALF){_PART}|TIB|SHA|SHN|SHANK"),
    "foot": re.compile(rf"(?:FOOT|FT|FO){_PART}"),
}
#: landmark to (n, 3) positions in mm; also segment to (n, 3) axis
Marks: TypeAlias = dict[str, Floats]


@dataclass(frozen=True, slots=True)
class Names:
    """What the names of a skeleton's joints mean.

    sources : landmark to the indices of the joints whose mean it is. clusters : ``left_thigh`` … to the indices of the
    markers of a cluster there. is_skin : whether the landmarks are markers on the skin. notes : given if no name is known.
    """

    sources: dict[str, tuple[int, ...]]
    clusters: dict[str, list[int]]
    is_skin: bool
    notes: list[str]


def names_of(poses: Poses, rows: Ints, not_measured: frozenset[str]) -> Names:
    """What the joints of one person are called. rows : the person's; not_measured : joints that a model computed.

    Raises
    ------
    SkeletonError : see :func:`landmark_sources`.
    """
    skeleton = poses.skeleton
    seen = np.isfinite(poses.positions[rows[0]]).all(axis=1)
    if not seen.all():
        values = poses.positions if len(rows) == len(poses.positions) else poses.positions[rows]
        seen[~seen] = np.isfinite(values[:, ~seen]).all(axis=2).any(axis=0)
    present = frozenset(joint for joint, s in zip(skeleton.joints, seen, strict=True) if s)
    sources = landmark_sources(skeleton, present - not_measured)
    unknown = [
        "no name of a joint or marker is known, so there are no landmarks, angles and cycles: "
        "assign the names in a skeleton file ([landmarks]) and name that file in cohort.toml"
    ]
    return Names(sources, cluster_columns(skeleton.joints), is_skin_set(sources), [] if sources else unknown)


def landmark_sources(skeleton: Skeleton, present: frozenset[str] | None = None) -> dict[str, tuple[int, ...]]:
    """Landmark to the indices of the joints whose mean it is.

    Parameters
    ----------
    skeleton : its ``[landmarks]`` table (landmark = joint, list of joints, or "" for none) takes precedence over the common names; ``only_these = true`` leaves the common names out.
    present : joints that hold data; others are skipped where a name has alternatives. None: all.

    Returns
    -------
    Names are those of schemas/tables/landmarks.toml and the helpers of common_names.toml (``pelvis_bone``,
    ``left_wrist_radial`` …).

    Raises
    ------
    SkeletonError : the declaration names a joint that the skeleton does not have.
    """
    declared = skeleton.declaration.get("landmarks", {})
    key = (skeleton.joints, skeleton.source_names, present, repr(declared), skeleton.name)
    if key not in _known:
        if len(_known) > 64:
            _known.clear()
        _known[key] = _resolve(skeleton, present, declared)
    return dict(_known[key])


_known: dict[Any, dict[str, tuple[int, ...]]] = {}  # the trials of a cohort share a few skeletons


def _resolve(
    skeleton: Skeleton, present: frozenset[str] | None, declared: dict[str, Any]
) -> dict[str, tuple[int, ...]]:
    usable = skeleton.joints if present is None else tuple(j for j in skeleton.joints if j in present)
    index = {joint: i for i, joint in enumerate(skeleton.joints)}
    sources: dict[str, tuple[int, ...]] = {}
    column = dict(zip(skeleton.source_names, skeleton.joints, strict=False))
    if not declared.get("only_these", False):
        spoken_for = {
            column.get(name, name)
            for joints in declared.values()
            if isinstance(joints, str | list)
            for name in ([joints] if isinstance(joints, str) else joints)
        }
        free = [j for j in reversed(usable) if j not in spoken_for]
        labels = dict(zip(skeleton.joints, skeleton.source_names or skeleton.joints, strict=True))
        spelt = list(labels.values())
        start, stop = len(_shared_beginning(spelt)), len(_shared_ending(spelt))
        joints_left = {_plain(labels[j][start : -stop or None]): index[j] for j in free}
        sources = _from_common_names(
            joints_left,
            _declared_and_there(declared, column, usable),
            any(s in declared for s in common_names.table()["skin_signs"]),
        )
    for landmark, joints in declared.items():
        if landmark in ("only_these", "bell_pelvis", "sacrum_marker_first"):
            continue
        names = [joints] if isinstance(joints, str) else list(joints)
        names = [column.get(name, name) for name in names if name]
        unknown = [name for name in names if name not in index]
        if unknown:
            raise SkeletonError(
                f"skeleton {skeleton.name}: [landmarks] {landmark} names {', '.join(unknown)}, not among its joints"
            )
        if names and all(name in usable for name in names):
            sources[landmark] = tuple(index[name] for name in names)
        elif not names:
            # declared without landmarks; otherwise the landmarks found by common names stay
            sources.pop(landmark, None)
    return sources


def _declared_and_there(declared: dict[str, Any], column: dict[str, str], usable: tuple[str, ...]) -> set[str]:
    """Landmarks whose declared joints all hold data."""
    there = set()
    for landmark, joints in declared.items():
        names = [joints] if isinstance(joints, str) else joints if isinstance(joints, list) else []
        if names and all(column.get(name, name) in usable for name in names):
            there.add(landmark)
    return there


def is_skin_set(sources: dict[str, tuple[int, ...]]) -> bool:
    """Whether these landmarks come from markers on the skin."""
    return any(sign in sources for sign in common_names.table()["skin_signs"])


@lru_cache(maxsize=64)
def cluster_columns(columns: tuple[str, ...]) -> dict[str, list[int]]:
    """``left_thigh`` … to the indices of the columns whose names say that they belong to a cluster there; three at least."""
    by_cluster: dict[str, list[int]] = {}
    for index, column in enumerate(columns):
        name = re.sub(r"[^A-Z0-9]", "", re.sub(r"^(.*)[._ -](L|R|LEFT|RIGHT)$", r"\2\1", column.upper()))
        for side, starts in (("left", ("LEFT", "L")), ("right", ("RIGHT", "R"))):
            start = next((s for s in starts if name.startswith(s)), None)
            if start is None:
                continue
            for segment, pattern in _CLUSTERS.items():
                if pattern.fullmatch(name.removeprefix(start)):
                    by_cluster.setdefault(f"{side}_{segment}", []).append(index)
            break
    return {segment: indices for segment, indices in by_cluster.items() if len(indices) >= LEAST_OF_CLUSTER}


def named_sides(name: str) -> list[tuple[str, str]]:
    """Every (side, rest) that the name of a joint or marker can mean, the likeliest first; none for the middle."""
    return [(side, rest) for side, rest in _sides(*_plain(name)) if rest]


def _shared_beginning(names: list[str]) -> str:
    """What all names begin with, up to a separator, where it names no side: 'Character1_', 'm_avg_', 'Bip01 '."""
    low, high = (min(names), max(names)) if len(names) > 2 else ("", "")
    shared = low[: next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))]
    end = max(shared.rfind(separator) for separator in _SEPARATORS) + 1
    words = re.split(rf"[{_SEPARATORS}]", shared[:end].lower())
    return "" if {"l", "r", *SIDES} & set(words) else shared[:end]


def _shared_ending(names: list[str]) -> str:
    """What all names end with, from a separator on, where it names no side: '_1', '.pos', ' position', '_M'."""
    if len(names) < 3:
        return ""
    low, high = (sorted(name[::-1] for name in names)[at] for at in (0, -1))
    n_shared = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    shared = low[:n_shared][::-1]
    starts = [i for i, letter in enumerate(shared) if letter in _SEPARATORS]
    ending = shared[starts[0] :] if starts else ""
    return "" if {"l", "r", *SIDES} & set(re.split(rf"[{_SEPARATORS}]", ending.lower())) else ending


def _from_common_names(
    joints: dict[tuple[str, str], int], declared: set[str], is_marker_set: bool
) -> dict[str, tuple[int, ...]]:
    """joints : (name without side, side or '') to index, from :func:`_plain` and both readings of a side letter.

    declared : landmarks whose joints the skeleton names. is_marker_set : known to be on the skin, whatever these names say.
    """
    table = common_names.table()
    names: dict[tuple[str, str], int] = {}
    for (name, suffix_side), i in joints.items():
        if not suffix_side:  # "hip left" is not the hip of the middle
            names[(name, "")] = i
        for side, rest in _sides(name, suffix_side):
            names.setdefault((rest, side), i)
    sources = _look_up(names, table["skin"], table["skin_sided"])
    for medial in [name for name in sources if name.endswith("_medial")]:
        lateral = medial.replace("medial", "lateral")
        if lateral not in declared and sources[medial] == sources.get(lateral):  # one marker, such as LKNEM, for both
            del sources[medial]
    if is_marker_set or is_skin_set(sources):
        # Joint centres in a marker set are a model's output and are not used if skin points give them. A marker called
        # LHIP or L.Elbow is on the skin, so only explicit names of joint centres count here.
        stated = set(table["stated_centres"])
        sided = {k: [n for n in v if isinstance(n, str) and n in stated] for k, v in table["joint_sided"].items()}
        centres = _look_up(names, table["joint"], sided)
        sources = {**_look_up(names, {}, table["skin_sided_or_bone"]), **sources}
        taken = {i for indices in sources.values() for i in indices}
        return {**{k: v for k, v in centres.items() if not taken & set(v)}, **sources}
    return _look_up(names, table["joint"], table["joint_sided"])


def _look_up(
    names: dict[tuple[str, str], int], middle: dict[str, list[Any]], sided: dict[str, list[Any]]
) -> dict[str, tuple[int, ...]]:
    sources: dict[str, tuple[int, ...]] = {}
    for side, entries in (("", middle), ("left", sided), ("right", sided)):
        for landmark, alternatives in entries.items():
            for alternative in alternatives:
                members = [alternative] if isinstance(alternative, str) else alternative
                if all((m, side) in names for m in members):
                    indices = tuple(names[(m, side)] for m in members)
                    if landmark == "toe" and indices == sources.get(f"{side}_ankle"):
                        # "foot" is the ankle in most skeletons; in skeletons with an ankle it is the ball of the foot
                        continue
                    sources[f"{side}_{landmark}".strip("_")] = indices
                    break
    return sources


def _plain(name: str) -> tuple[str, str]:
    """Lower-case letters and digits of a name, prefixes and suffixes off, and the side a separated last letter gives."""
    table = common_names.table()
    name = common_names.without_accents(name)
    name = re.sub(r"^p(?=[A-Z])", "", name.rsplit(":", 1)[-1].strip()).lower()  # pRightASI is a name of Xsens
    name = re.sub(r"(?<=kne|ank|elb)[._\- ]m$", "model", name)  # LKNE_m is a model's point, LKNEM a medial marker
    suffix_side = ""
    last = re.search(r"[._\- ](l|r|left|right)$", name)
    if last:
        suffix_side = "left" if last.group(1).startswith("l") else "right"
        name = name[: last.start()]
    plain = _NOT_LETTERS.sub("", name)
    for prefix in table["prefixes"]:
        if plain.startswith(prefix) and len(plain) > len(prefix):
            plain = plain[len(prefix) :]
            break
    for suffix in table["suffixes"]:
        if plain.endswith(suffix) and len(plain) > len(suffix):
            plain = plain[: -len(suffix)]
            break
    return plain, suffix_side


def _sides(plain: str, suffix_side: str) -> list[tuple[str, str]]:
    """Every (side, rest) a name can mean, likeliest first."""
    if suffix_side:
        return [(suffix_side, plain)]
    if within := _SIDE_WITHIN.fullmatch(plain):
        return [("left" if within[2] == "l" else "right", within[1] + within[3])]
    for word in SIDES:
        if plain.startswith(word):
            return [(word, plain[len(word) :])]
        if plain.endswith(word):
            return [(word, plain[: -len(word)])]
    return [("left" if plain[0] == "l" else "right", plain[1:])] if plain[:1] in ("l", "r") else []


def labels_of(skeleton: Skeleton, present: frozenset[str]) -> list[tuple[str, str, str | None]]:
    """(label in the skeleton's spelling, column in the lake, landmark it became or None) of every column in ``present``."""
    became: dict[int, list[str]] = {}
    for landmark, indices in landmark_sources(skeleton, present).items():
        for index in indices:
            became.setdefault(index, []).append(landmark)
    names = skeleton.source_names or skeleton.joints
    return [
        (label, column, ", ".join(sorted(became[i])) if i in became else None)
        for i, (label, column) in enumerate(zip(names, skeleton.joints, strict=True))
        if column in present
    ]
