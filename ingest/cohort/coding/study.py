"""The keys of a study and what is made with them: names of files and folders, cells, labels, remarks."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neurostore import schema
from neurostore.errors import UsageError
from neurostore.ingest.cohort.coding import dates
from neurostore.ingest.cohort.coding.words import classified, unknown_words
from neurostore.storage import temporary

_MOST_DAYS = 365
_ANYWHERE = 4  # keys with at least this many characters are also found inside words
Keys = dict[str, dict[str, Any]]


def read_keys(path: Path) -> Keys:
    """The key file: subject -> pseudonym, shift_days and, where names of files had them, words.

    Raises
    ------
    UsageError : it is not a key file.
    """
    if not path.exists():
        return {}
    try:
        keys: Keys = json.loads(path.read_text(encoding="utf-8"))
        for key in keys.values():
            schema.check_key("pseudonym", key["pseudonym"])
            int(key["shift_days"])
            dict(key.get("words", {}))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path}: not a key file ({error})") from None
    return keys


def write_keys(path: Path, keys: Keys) -> None:
    """Write the key file, complete or not at all, readable only by its owner."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary.replacing(path, mode=0o600) as work:
        work.write_text(json.dumps(keys, indent=1, sort_keys=True), encoding="utf-8")


def new_key(taken: set[str]) -> dict[str, Any]:
    """A random pseudonym and a number of days, 1 to 365, by which the dates of one subject are moved back."""
    while (pseudonym := "P" + secrets.token_hex(4).upper()) in taken:
        continue
    return {"pseudonym": pseudonym, "shift_days": -1 - secrets.randbelow(_MOST_DAYS)}


@dataclass(slots=True)
class Coder:
    """Codes texts. ``seen`` are names found so far (lower case), ``dates`` and ``moved`` by subject the dates that were moved and what they became.

    Attributes
    ----------
    keep : words that, according to the user, name nobody, in lower case.
    words : word -> its code, for words of names of files and folders that may name somebody. used : those met in this run.
    """

    keys: Keys
    keep: frozenset[str] = frozenset()
    words: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    dates: dict[str, set[str]] = field(default_factory=dict)
    moved: dict[str, set[str]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    n_dates: int = 0
    notes: list[str] = field(default_factory=list)
    _pattern: re.Pattern[str] | None = None

    def __post_init__(self) -> None:
        for key in self.keys.values():
            self.words |= key.get("words", {})
        self._pattern = _names_pattern(self.keys)
        self.seen |= {n.lower() for n in self.keys if not n.isdigit()}

    def days(self, subject: str) -> int:
        """By how many days the dates of a subject are moved."""
        return int(self.keys[subject]["shift_days"])

    def pseudonym(self, subject: str) -> str:
        """The random key of a subject, with ``sub-`` where the name has it."""
        bare = subject.removeprefix("sub-")
        return ("sub-" if bare != subject else "") + str(self.keys[bare]["pseudonym"])

    def learn(self, text: str) -> None:
        """Remember the words of a text that a file calls a name, to search for them afterwards."""
        whole = text.strip().lower()
        if unknown_words(whole, self.keep):
            self.seen |= {w.lower() for w in re.findall(r"[^\W_]{4,}", whole) if unknown_words(w, self.keep)}

    def name(self, text: str, subject: str) -> str:
        """A name of a file, folder, session or trial: dates moved, people's names and unknown words coded.

        The same text of one subject always gives the same code, so that tables and files still fit together.
        """
        own = self.keys.get(subject)
        if own is not None and subject.isdigit():
            text = re.sub(rf"^(sub-)?{subject}(?!\d)", lambda m: f"{m[1] or ''}\0{subject}\0", text)
        out = []
        for piece, is_done in self._pieces(text, subject):
            out.append(piece if is_done else self._coded_words(piece, subject))
        return "".join(out)

    def _pieces(self, text: str, subject: str) -> list[tuple[str, bool]]:
        """The text cut at names and dates, these replaced: (piece, whether it is done with)."""
        done: list[tuple[str, bool]] = []

        def cut(pattern: re.Pattern[str], text: str, make: Callable[[re.Match[str]], str]) -> list[tuple[str, bool]]:
            pieces, at = [], 0
            for match in pattern.finditer(text):
                pieces += [(text[at : match.start()], False), (make(match), True)]
                at = match.end()
            return [p for p in (*pieces, (text[at:], False)) if p[0]]

        for piece, is_done in cut(re.compile("\0(.*?)\0"), text, lambda m: self.pseudonym(m[1])):
            if is_done:
                done.append((piece, True))
                continue
            for inner, is_name in cut(self._pattern, piece, self._of_name) if self._pattern else [(piece, False)]:
                done += [(inner, True)] if is_name else cut(dates.IN_TEXT, inner, lambda m: self._of_date(m, subject))
        return done

    def _of_name(self, match: re.Match[str]) -> str:
        however = {n.lower(): n for n in self.keys}
        self.seen.add(match[0].lower())
        return str(self.keys[match[0] if match[0] in self.keys else however[match[0].lower()]]["pseudonym"])

    def _of_date(self, match: re.Match[str], subject: str) -> str:
        moved = dates.moved_match(match, self.days(subject)) if subject in self.keys else None
        if moved is None:
            return self._code(match[0], subject)
        self._moved(match[0], moved, subject)
        return moved

    def _moved(self, text: str, moved: str, subject: str) -> None:
        self.n_dates += 1
        self.dates.setdefault(subject, set()).add(text)
        self.moved.setdefault(subject, set()).add(moved)

    def _coded_words(self, text: str, subject: str) -> str:
        out: list[str] = []
        unknown = ""
        for part, names_nobody in classified(text, self.keep):
            if not names_nobody:
                unknown += part
                continue
            out += [self._code(unknown, subject)] if unknown else []
            unknown = ""
            out.append(part)
        return "".join([*out, self._code(unknown, subject)] if unknown else out)

    def _code(self, word: str, subject: str) -> str:
        """The code of a word that may name somebody: the same in the whole study, kept in the key file."""
        low = word.lower()
        self.seen |= {low} if len(low) >= 4 and not low.isdigit() else set()
        if low not in self.words:
            while (code := "x" + secrets.token_hex(3)) in self.words.values() or code[1:].isdigit():
                continue
            self.words[low] = code
            owner = self.keys.get(subject) or next(iter(self.keys.values()))
            owner.setdefault("words", {})[low] = code
        self.used.add(low)
        return self.words[low]

    def cell(self, value: str, subject: str | None) -> str:
        """A cell that may stay: a whole date moved, dates and names inside of a text replaced."""
        value = value.strip()
        if not value:
            return ""
        days = self.days(subject) if subject in self.keys else 0
        moved = dates.moved_iso(value, days)
        if moved is not None and subject is not None:
            if moved:
                self._moved(value[:10], moved[:10], subject)
            return moved
        if re.fullmatch(r"[-+]?\d*[.,]?\d*([eE][-+]?\d+)?", value):
            return value
        return "".join(piece for piece, _ in self._pieces(value, subject or ""))

    def remark(self, value: str, subject: str) -> str:
        """A text inside a recording: a date moved, plain words kept; '' if a word may name somebody."""
        if dates.ISO.fullmatch(value.strip()):
            return self.cell(value, subject) if subject in self.keys else ""
        if dates.spoken(value) or self.has_name(value):
            return ""
        return "" if unknown_words(value, self.keep) else value

    def has_name(self, text: str) -> bool:
        """Whether a text contains the name of a subject, or a word that some file called a name."""
        low = text.lower()
        if self._pattern is not None and self._pattern.search(text):
            return True
        return any(re.search(rf"(?<![a-z]){re.escape(n)}(?![a-z])", low) for n in self.seen if n in low)


def _names_pattern(keys: Iterable[str]) -> re.Pattern[str] | None:
    names = [n for n in sorted(keys, key=len, reverse=True) if not n.isdigit()]
    return re.compile("|".join(map(_name_pattern, names)), re.IGNORECASE) if names else None


def _name_pattern(name: str) -> str:
    """Where a subject's name is found: anywhere, if it is long and no plain word; short ones as words of their own."""
    plain = re.escape(name)
    if len(name) >= _ANYWHERE and unknown_words(name):
        return (r"(?<!\d)" if name[0].isdigit() else "") + plain + (r"(?!\d)" if name[-1].isdigit() else "")
    if any(c.isdigit() for c in name) and any(c.isalpha() for c in name):
        before = r"(?<!\d)" if name[0].isdigit() else r"(?<![A-Za-z])"
        return before + plain + (r"(?!\d)" if name[-1].isdigit() else r"(?![A-Za-z])")
    return rf"(?<![A-Za-z0-9]){plain}(?![A-Za-z0-9])"
