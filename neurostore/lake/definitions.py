"""What results depend on besides the rows: the SQL of the views, the published norm, and the versions of software."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib import metadata, resources

from neurostore.release import VERSION

# packages whose version may change the numbers
PACKAGES = ("duckdb", "numpy", "scipy", "numba", "pyarrow", "polars", "deltalake")


@cache
def definitions_sha256() -> str:
    """SHA-256 of the SQL of views and macros (thresholds among them) and of the published norm."""
    hashed = hashlib.sha256()
    for package, folder in (("neurostore.queries", ""), ("neurostore.queries", "macros"), ("neurostore.normative", "")):
        place = resources.files(package)
        place = place / folder if folder else place
        for file in sorted(place.iterdir(), key=lambda f: f.name):
            if file.name.endswith((".sql", ".csv")):
                text = file.read_text(encoding="utf-8").replace("\r\n", "\n")
                hashed.update(f"{folder}/{file.name}\0{len(text)}\0{text}".encode())
    return hashed.hexdigest()


@cache
def software() -> dict[str, str]:
    """Versions of neurostore, Python and the packages that compute; those that are not installed are absent."""
    versions = {"neurostore": VERSION, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
