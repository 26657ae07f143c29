"""The HIERARCHY section of a BVH file: joints, End Sites, offsets and channels, whatever their layout."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from neurostore.ingest.geometry.kinematics import MOVE, TURN, Tree
from neurostore.ingest.readers.trees.numbers import number
from neurostore.wording import listed

MOST_NODES = 5000
_LONGEST_KEPT = 200_000  # longest header that is stored, in characters
_WORD = re.compile(r"[{}]|[^\s{}]+")


@dataclass(slots=True)
class Hierarchy:
    """What the section says. problems : everything wrong with it; tree is meaningful only when there are none."""

    tree: Tree
    problems: list[str]
    joints_without_channels: list[str] = field(default_factory=list)


def parse_hierarchy(text: str) -> Hierarchy:
    """Parse the text before MOTION.

    Keywords in any case; names may hold spaces and colons; a joint may have no CHANNELS; several statements may share a
    line. Positions in channels are marked as replacing OFFSET; the reader decides. An End Site becomes a node named
    ``<parent>_end``.
    """
    parsed = _parse(text) if len(text) < _LONGEST_KEPT else _Parser(text).run()
    return Hierarchy(replace(parsed.tree), list(parsed.problems), parsed.joints_without_channels)


@lru_cache(maxsize=32)
def _parse(text: str) -> Hierarchy:
    """The same skeleton heads many files of a cohort."""
    return _Parser(text).run()


class _Parser:
    """Walks the words once; no recursion, so depth of nesting costs nothing."""

    def __init__(self, text: str) -> None:
        self.words = [
            (word.group(), line)
            for line, content in enumerate(re.split(r"\r\n|\n|\r", text), start=1)
            for word in _WORD.finditer(content)
        ]
        self.at = 0
        self.problems: list[str] = []
        self.names: list[str] = []
        self.parents: list[int] = []
        self.offsets: list[list[float] | None] = []
        self.ends: list[bool] = []
        self.operations: list[list[tuple[int, int]]] = []
        self.has_channels: list[bool] = []
        self.n_channels = 0
        self.roots: list[str] = []

    def run(self) -> Hierarchy:
        open_nodes: list[int] = []
        if not self.words or self.words[0][0].upper() != "HIERARCHY":
            begins = self.words[0][0][:30] if self.words else "nothing"
            self.problems.append(f"not a BVH file: it begins with {begins!r}, expected HIERARCHY")
            return self._result()
        self.at = 1
        while self.at < len(self.words) and len(self.problems) < 10:
            word, line = self.words[self.at]
            keyword = word.upper()
            self.at += 1
            if keyword in ("ROOT", "JOINT", "END"):
                self._node(keyword, line, open_nodes)
            elif keyword == "OFFSET" and open_nodes:
                self._offset(open_nodes[-1], line)
            elif keyword == "CHANNELS" and open_nodes:
                self._channels(open_nodes[-1], line)
            elif keyword == "}":
                if not open_nodes:
                    self.problems.append(f"line {line}: a closing brace without an open joint")
                else:
                    open_nodes.pop()
            else:
                where = "" if open_nodes else " outside of any joint"
                self.problems.append(
                    f"line {line}: {word[:30]!r}{where}; expected ROOT, JOINT, End Site, OFFSET, CHANNELS or a brace"
                )
        if open_nodes and not self.problems:
            self.problems.append(
                f"{len(open_nodes)} braces are not closed before MOTION (joint {self.names[open_nodes[-1]]!r})"
            )
        if not self.names and not self.problems:
            self.problems.append("the hierarchy has no ROOT")
        if len(self.roots) > 1:
            self.problems.append(
                f"{len(self.roots)} ROOTs ({listed(self.roots, 5)}); a trial is one person: "
                "save each ROOT with its channels as a file of its own"
            )
        for name, offset in zip(self.names, self.offsets, strict=True):
            if offset is None and len(self.problems) < 10:
                self.problems.append(f"joint {name!r} has no OFFSET")
        if self.names and not self.problems and self.n_channels == 0:
            self.problems.append("no joint has channels, so there is no motion")
        return self._result()

    def _node(self, keyword: str, line: int, open_nodes: list[int]) -> None:
        words = []
        while self.at < len(self.words) and self.words[self.at][0] not in "{}":
            words.append(self.words[self.at][0])
            self.at += 1
        name = " ".join(words)
        if self.at >= len(self.words) or self.words[self.at][0] != "{" or any(w.upper() == "OFFSET" for w in words):
            self.problems.append(f"line {line}: {keyword} {name[:40]!r} is not followed by an opening brace")
            return
        self.at += 1
        if keyword == "ROOT":
            self.roots.append(name)
        elif not open_nodes:
            self.problems.append(f"line {line}: {keyword} {name[:40]!r} stands outside of any ROOT")
        if keyword == "ROOT" and open_nodes:
            self.problems.append(f"line {line}: ROOT {name[:40]!r} inside of joint {self.names[open_nodes[-1]]!r}")
        if len(self.names) >= MOST_NODES:
            self.problems.append(f"line {line}: more than {MOST_NODES} joints, which no recording of a person has")
            self.at = len(self.words)
            return
        parent = open_nodes[-1] if open_nodes else -1
        if keyword == "END":
            name = f"{self.names[parent]}_end" if open_nodes else "end"
        self.names.append(name or f"joint {len(self.names) + 1}")
        self.parents.append(parent)
        self.offsets.append(None)
        self.ends.append(keyword == "END")
        self.operations.append([])
        self.has_channels.append(False)
        open_nodes.append(len(self.names) - 1)

    def _offset(self, node: int, line: int) -> None:
        words = [w for w, _ in self.words[self.at : self.at + 3]]
        values = [number(w) for w in words]
        if len(values) < 3 or None in values:
            self.problems.append(
                f"line {line}: OFFSET of {self.names[node]!r} is {' '.join(words)[:40]!r}, expected three numbers"
            )
        else:
            self.offsets[node] = [float(v) for v in values if v is not None]
        self.at += len(words) if None not in values else 0
        while self.at < len(self.words) and self.words[self.at][1] == line and None in values:
            self.at += 1

    def _channels(self, node: int, line: int) -> None:
        name = self.names[node]
        word = self.words[self.at][0] if self.at < len(self.words) else "nothing"
        if not word.isdecimal() or len(word) > 2:
            self.problems.append(f"line {line}: CHANNELS of {name!r} begins with {word[:20]!r}, expected a count")
            return
        count = int(word)
        self.at += 1
        if self.has_channels[node]:
            self.problems.append(f"line {line}: a second CHANNELS of {name!r}")
        self.has_channels[node] = True
        for _ in range(count):
            word = self.words[self.at][0] if self.at < len(self.words) else ""
            match = re.fullmatch(r"([xyz])(position|rotation)", word.lower())
            if match is None:
                self.problems.append(
                    f"line {line}: CHANNELS of {name!r} announces {count}, then comes {word[:30]!r}; "
                    "expected Xposition … Zposition and Xrotation … Zrotation"
                )
                return
            code = (MOVE if match.group(2) == "position" else TURN)[match.group(1)]
            if code < 3 and any(c == code for _, c in self.operations[node]):
                self.problems.append(f"line {line}: {name!r} has {word} twice")
            self.operations[node].append((self.n_channels, code))
            self.n_channels += 1
            self.at += 1

    def _result(self) -> Hierarchy:
        offsets = np.array([o or [0.0, 0.0, 0.0] for o in self.offsets], dtype=float).reshape(-1, 3)
        tree = Tree(
            names=self.names,
            parents=np.array(self.parents, dtype=np.int64),
            offsets=offsets,
            is_end=np.array(self.ends, dtype=np.bool_),
            operations=self.operations,
            n_channels=self.n_channels,
        )
        silent = [n for n, o, e in zip(self.names, self.operations, self.ends, strict=True) if not o and not e]
        return Hierarchy(tree, self.problems, silent)
