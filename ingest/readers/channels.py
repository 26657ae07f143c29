"""What an analog channel holds, by its label: a muscle and side, a force platform, or something else.

A table of common names (schemas/muscles.toml) is used after the names that the user gives in cohort.toml.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from importlib import resources
from typing import Any, NamedTuple

_EMG = re.compile(r"(?i)(?<![a-z])emgs?(?![a-z])|(?<![a-z])emg[_ .:-]?\d+|electromyo")
_PREFIX = re.compile(
    r"(?i)^(im[ _-]+emg|semg|emg|voltage|electric[ _]potential|analog(?:[ _]emg)?"
    r"|(?:noraxon|delsys|cometa)\w*(?: (?:\d+|ultium|dts|telemyo|desktop|trigno|im|avanti|sensor|wave|mini)\w*)*|wave[ _]?plus[\w ]*|myon(?:[ _]?\d+)?|myomotion|(?:bts[ _]?)?freeemg(?:[ _]?\d+)?|zebris)"
    r"[ ._:-]+(?=\S)"
)
_SIDES = {
    "l": "left", "left": "left", "lt": "left", "gauche": "left", "g": "left", "izq": "left", "izquierdo": "left",
    "links": "left", "li": "left", "sx": "left", "r": "right", "right": "right", "rt": "right", "droit": "right",
    "droite": "right", "d": "right", "der": "right", "derecho": "right", "rechts": "right", "re": "right", "dx": "right", "sinistro": "left",
    "sinistra": "left", "esq": "left", "esquerdo": "left", "esquerda": "left", "izquierda": "left", "destro": "right",
    "destra": "right", "dir": "right", "direito": "right", "direita": "right", "derecha": "right",
}  # fmt: skip
_VOLTS = {"v", "mv", "uv", "µv", "μv", "volt", "volts", "millivolt", "microvolt"}
_FORCE_LABEL = re.compile(
    r"(?i)^(force|moment)[. _]|^(f|m)\d?[xyz]\d{0,2}$|^(f|m)[xyz]\d*$|^f\d+[xyz]\d$|^f?z?[1-4]f[xyz]$"
)
_SHORT = 4


class Channel(NamedTuple):
    """kind : emg, force, other. muscle, side : None if not known."""

    kind: str
    muscle: str | None = None
    side: str | None = None


@cache
def muscles() -> dict[str, tuple[str, ...]]:
    """Names of each muscle, from schemas/muscles.toml."""
    text = (resources.files("neurostore.schemas") / "muscles.toml").read_text("utf-8")
    return {muscle: tuple(entry["names"]) for muscle, entry in tomllib.loads(text).items()}


def name_channels(
    labels: list[str],
    units: list[str],
    descriptions: list[str],
    of_plates: Iterable[int],
    given: Mapping[str, Any],
    notes: list[str],
) -> list[Channel]:
    """What each channel is.

    Parameters
    ----------
    of_plates : indices (from 0) of the channels that force platforms name. given : ``[emg]`` of cohort.toml.
    """
    plates = set(of_plates)
    channels = [_channel(label, units[i], descriptions[i], i in plates, given) for i, label in enumerate(labels)]
    channels = _told_apart(labels, channels, given)
    emg = [f"{labels[i]} = {_words(c)}" for i, c in enumerate(channels) if c.kind == "emg"]
    if emg:
        notes.append(f"{len(emg)} EMG channels by their labels: {', '.join(emg[:20])}{' …' if len(emg) > 20 else ''}")
    unnamed = [labels[i] for i, c in enumerate(channels) if c.kind == "emg" and c.muscle is None]
    if unnamed:
        notes.append(
            f"the muscle of {len(unnamed)} EMG channels is not known ({', '.join(unnamed[:8])}"
            f"{' …' if len(unnamed) > 8 else ''}); name them under [emg] in cohort.toml"
        )
    missed = [pattern for pattern in given if not any(_matches(label, pattern) for label in labels)]
    if missed:
        notes.append(f"[emg] of cohort.toml names channels that this file does not have: {', '.join(missed)}")
    return channels


def _told_apart(labels: list[str], channels: list[Channel], given: Mapping[str, Any]) -> list[Channel]:
    """'GM' is the gastrocnemius medialis in some laboratories, the gluteus medius in others: the file's other channels decide.

    Where they do not, the muscle is not known.
    """
    unclear = {
        i
        for i, label in enumerate(labels)
        if channels[i].muscle == "gastrocnemius_medialis"
        and re.search(r"(?:^|[^a-z])[lr]?[ _.-]?gm(?:[ _.-]?[lr])?(?![a-z])", label.lower())
        and not any(_matches(label, pattern) for pattern in given)
    }
    known = {c.muscle for i, c in enumerate(channels) if i not in unclear}
    has_calf = bool(known & {"gastrocnemius", "gastrocnemius_medialis"})
    if "gastrocnemius_lateralis" in known or ("gluteus_medius" in known and not has_calf):
        return channels
    muscle = "gluteus_medius" if has_calf and "gluteus_medius" not in known else None
    return [c._replace(muscle=muscle) if i in unclear else c for i, c in enumerate(channels)]


def _words(channel: Channel) -> str:
    return " ".join(part for part in (channel.side, channel.muscle) if part) or "muscle not known"


def _channel(label: str, unit: str, description: str, is_plate: bool, given: Mapping[str, Any]) -> Channel:
    for pattern, given_name in given.items():
        if _matches(label, pattern):
            return parse_muscle(str(given_name))
    if is_plate:
        return Channel("force")
    if "::raw" in description.lower() or label.lower().startswith("raw."):
        return Channel("other")
    if re.search(r"(?i)force|kistler|amti|bertec", description) and "emg" not in description.lower():
        return Channel("force" if unit.lower() in ("n", "nmm", "nm") else "other")
    if _is_spare(label) and not _EMG.search(label):
        return Channel("other")  # such as 'R Soleus: Acc 7.X' of a sensor that also measures EMG
    is_voltage = unit.strip().lower() in _VOLTS or not unit.strip()
    if not is_voltage:
        return Channel("force") if _FORCE_LABEL.match(label) else Channel("other")
    says_emg = bool(_EMG.search(label) or (_EMG.search(description) and re.search(r"(?i)emg", description)))
    bare = label
    while _PREFIX.match(bare):
        bare = _PREFIX.sub("", bare, count=1)
    bare = re.sub(r"(?i)[ ._-]+emg$", "", bare)
    muscle, side = find_muscle(bare)
    if muscle is None and says_emg and (side is None or _is_spare(bare)) and not _EMG.search(label):
        return Channel("other")  # such as 'Voltage.15' or 'FootswitchA' of an EMG device: no muscle is named
    if muscle is not None and (says_emg or side is not None or len(_plain(bare)) > _SHORT):
        return Channel("emg", muscle, side)
    return Channel("emg", None, side) if says_emg and _EMG.search(label) else Channel("other")


def _is_spare(label: str) -> bool:
    return bool(re.search(r"(?i)switch|trigger|sync|acc|gyro|(?<![a-z])mag(?![a-z])", label))


def _matches(label: str, pattern: str) -> bool:
    return fnmatchcase(label.lower(), pattern.lower()) or fnmatchcase(label.lower(), f"*.{pattern.lower()}")


def parse_muscle(text: str) -> Channel:
    """'left rectus_femoris', 'right soleus', 'other' as cohort.toml writes them."""
    words = text.strip().lower().replace("-", " ").split()
    if words in (["other"], ["none"]):
        return Channel("other")
    side = next((_SIDES[w] for w in words if w in _SIDES), None)
    name = "_".join(w for w in words if w not in _SIDES)
    if name in muscles():
        return Channel("emg", name, side)
    muscle, found_side = find_muscle(text)
    return Channel("emg", muscle or name or None, side or found_side)


def _plain(text: str) -> str:
    bare = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z]", "", bare)


@lru_cache(maxsize=4096)  # the files of a laboratory have the same labels
def find_muscle(label: str) -> tuple[str | None, str | None]:
    """(muscle, side) of a label such as 'L_RF', 'LRectFem', 'Rectus Femoris Gauche', 'RGAS'."""
    bare = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode()
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", bare)
    words = [w for w in re.split(r"[^a-z]+", spaced.lower()) if w]
    whole = "".join(words)
    candidates: list[tuple[str, str | None]] = []
    for i in (0, len(words) - 1) if words else ():
        if words[i] in _SIDES and len(words) > 1:
            rest = "".join(words[:i] + words[i + 1 :])
            # such as 'droit antérieur', a muscle whose name contains the word for a side
            if not _named(whole, exact=True):
                candidates.append((rest, _SIDES[words[i]]))
    if whole[:1] in ("l", "r") and len(whole) > 2:
        candidates.append((whole[1:], _SIDES[whole[0]]))
    if whole[-1:] in ("l", "r") and len(whole) > 2:
        candidates.append((whole[:-1], _SIDES[whole[-1]]))
    for word, of_word in (("left", "left"), ("right", "right"), ("gauche", "left"), ("droite", "right")):
        if word in whole and whole != word:
            candidates.append((whole.replace(word, "", 1), of_word))
    for exact in (True, False):
        for text, of_text in candidates:
            if muscle := _named(text, exact=exact):
                return muscle, of_text
    muscle = _named(whole, exact=True) or _named(whole, exact=False)
    side = candidates[0][1] if candidates and words[0] in _SIDES else None
    return muscle, side


def _named(text: str, *, exact: bool) -> str | None:
    """The muscle of a plain name; not exact: the longest name of five letters or more that the text holds."""
    best, length = None, _SHORT
    for muscle, names in muscles().items():
        for name in names:
            if exact and text in (name, name.replace("_", "")):
                return muscle
            if not exact and len(name) > length and name in text:
                best, length = muscle, len(name)
    return best
