"""The versions of a lake."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from neurostore.lake import delta, releases
from neurostore.lake.version import Version

if TYPE_CHECKING:
    import polars as pl


def history(lake: Version) -> pl.DataFrame:
    """The versions up to the lake's own, newest first.

    Returns
    -------
    DataFrame of version, time (UTC), operation, trials_in, trials_replaced, trials_removed, software, message, release.
    """
    import polars as pl

    released: dict[int, list[str]] = {}
    for release in releases.every(lake.path):
        released.setdefault(release.lake_version, []).append(release.name)
    rows = []
    for entry in delta.open_table(lake.path, "trials").history():
        if entry["version"] <= lake.version:
            content = json.loads(entry.get("neurostore") or "{}")
            other = "create" if entry["version"] == 0 else entry["operation"].lower()
            rows.append(
                {
                    "version": entry["version"],
                    "time": datetime.fromtimestamp(entry["timestamp"] / 1000, UTC),
                    "operation": content.get("operation", other),
                    **{n: content.get(n, 0) for n in ("trials_in", "trials_replaced", "trials_removed")},
                    "software": content.get("software"),
                    "message": content.get("message", ""),
                    "release": ", ".join(released.get(entry["version"], ())),
                }
            )
    columns: dict[str, Any] = {
        "version": pl.Int64,
        "time": pl.Datetime("us", "UTC"),
        "operation": pl.String,
        "trials_in": pl.Int64,
        "trials_replaced": pl.Int64,
        "trials_removed": pl.Int64,
        "software": pl.String,
        "message": pl.String,
        "release": pl.String,
    }
    return pl.DataFrame(rows, schema=columns).sort("version", descending=True)
