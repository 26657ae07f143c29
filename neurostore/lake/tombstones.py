"""What a lake stores of erased people: salted hashes, so that nobody is ingested again by mistake.

The key of a subject is short, so its hash is a slow one (scrypt); anyone who has the lake can still find it by trying
every possible key. Hashes of source files cannot be guessed, HMAC is enough for them.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from neurostore import storage
from neurostore.errors import DamagedLakeError
from neurostore.lake import contents

FILE = "_neurostore/tombstones.json"
RECEIPTS = "_neurostore/erasures"
_SCRYPT = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}


@dataclass(frozen=True, slots=True)
class Stone:
    """One erased subject. subject, sources : hashes.  erased : the day."""

    subject: str
    sources: frozenset[str]
    erased: str


@dataclass(frozen=True, slots=True)
class Tombstones:
    """All tombstones of a lake."""

    salt: bytes
    stones: tuple[Stone, ...] = ()

    def of_subject(self, subject: str) -> Stone | None:
        """The tombstone of a subject's key."""
        if not self.stones:
            return None
        hashed = _slow_hash(self.salt, subject)
        return next((s for s in self.stones if s.subject == hashed), None)

    def of_source(self, source_sha256: str) -> Stone | None:
        """The tombstone of the person of this recording, whatever its key is now."""
        hashed = _hash(self.salt, source_sha256)
        return next((s for s in self.stones if hashed in s.sources), None)

    def refusal(self, subject: str, source_sha256: str) -> str | None:
        """Why a trial may not be ingested; None if it may."""
        stones = ((self.of_subject(subject), "its subject"), (self.of_source(source_sha256), "its recording"))
        for stone, what in stones:
            if stone is not None:
                return (
                    f"{what} was erased from this lake on {stone.erased}; if consent was given again (or the key now "
                    "stands for another person), ingest it with --consent-renewed"
                )
        return None


def read(root: str) -> Tombstones:
    """The tombstones of a lake; none if no one was erased.

    Raises
    ------
    DamagedLakeError : they are damaged, or gone though somebody was erased.
    """
    content = storage.read_json(storage.join(root, FILE))
    if content is None:
        if are_missing(root):
            raise DamagedLakeError(
                f"{root}: {FILE} is missing, so that erased people could come back; restore it from a backup, or, where "
                f"there is none, remove the receipts in {RECEIPTS} to go on without it"
            )
        return Tombstones(b"")
    stones = tuple(Stone(s["subject"], frozenset(s["sources"]), s["erased"]) for s in content["stones"])
    return Tombstones(bytes.fromhex(content["salt"]), stones)


def are_missing(root: str) -> bool:
    """Whether somebody was erased, by the receipts, and the tombstones are gone."""
    return bool(contents.own_files(root, RECEIPTS)) and not storage.exists(storage.join(root, FILE))


def add(root: str, subject: str, sources: Iterable[str]) -> None:
    """Remember that a subject was erased, with the SHA-256 of its sources; under the lake's lock."""
    known = read(root)
    salt = known.salt or secrets.token_bytes(16)
    hashed = _slow_hash(salt, subject)
    old = next((s for s in known.stones if s.subject == hashed), None)
    today = datetime.now(UTC).date().isoformat()
    hashes = frozenset(_hash(salt, s) for s in sources) | (old.sources if old else frozenset())
    others = [s for s in known.stones if s.subject != hashed]
    _write(root, salt, [*others, Stone(hashed, hashes, today)])


def lift(root: str, trials: Sequence[tuple[str, str]]) -> int:
    """Remove the tombstones of these (subject, source_sha256), because consent was renewed. Returns how many were removed."""
    from neurostore.lake import writing

    with writing.writing(root, "renewing consent"), storage.named_errors(root, "renewing consent"):
        known = read(root)
        if not known.stones:
            return 0
        subjects = {_slow_hash(known.salt, subject) for subject in {s for s, _ in trials}}
        sources = {_hash(known.salt, source) for _, source in trials}
        kept = [s for s in known.stones if s.subject not in subjects and not s.sources & sources]
        if len(kept) < len(known.stones):
            _write(root, known.salt, kept)
        return len(known.stones) - len(kept)


def _write(root: str, salt: bytes, stones: Sequence[Stone]) -> None:
    records = [{"subject": s.subject, "sources": sorted(s.sources), "erased": s.erased} for s in stones]
    storage.write_json(storage.join(root, FILE), {"salt": salt.hex(), "stones": records})


@cache
def _slow_hash(salt: bytes, subject: str) -> str:
    return hashlib.scrypt(subject.encode(), salt=salt, **_SCRYPT).hex()  # type: ignore[arg-type]


def _hash(salt: bytes, source_sha256: str) -> str:
    return hmac.new(salt or b"none", source_sha256.encode(), hashlib.sha256).hexdigest()
