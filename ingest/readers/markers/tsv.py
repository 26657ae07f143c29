"""Files that end in .tsv and hold a capture: those of Qualisys Track Manager by their first line, else Motion-BIDS."""

from __future__ import annotations

from pathlib import Path

from neurostore.ingest.readers.markers import motion_bids, qtm_tsv
from neurostore.ingest.recording import ReadOptions, Recording


def read(path: Path, options: ReadOptions) -> Recording:
    """Read a TSV of Qualisys Track Manager or of Motion-BIDS. Raises InputError if it is neither."""
    return (qtm_tsv if qtm_tsv.is_qtm(path) else motion_bids).read(path, options)
