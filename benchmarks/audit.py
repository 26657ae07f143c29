"""Known vulnerabilities of every installed package, by pip-audit; ends with 1 if any is known or any package was skipped.

Only neurostore itself, which is installed from this folder, may be skipped. What was found is kept in the user's cache
folder. Where the database cannot be reached, the answers kept are used for the same versions of the same packages, and
their age is printed; a package or version that was never looked up counts as not audited.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import platformdirs

from neurostore.release import distribution

OURS = {distribution()}
KEPT = platformdirs.user_cache_path("neurostore") / "audit.json"


def main() -> int:
    found, problem = online()
    if found is not None:
        keep(found)
    else:
        print(f"the database could not be reached: {problem}", file=sys.stderr)
        found = kept()
        if found is None:
            print(f"nothing could be audited: no earlier answers in {KEPT}", file=sys.stderr)
            return 1
    skipped = [f"{p['name']}: {p['skip_reason']}" for p in found if "skip_reason" in p and p["name"] not in OURS]
    holes = [
        f"{p['name']} {p['version']}: {v['id']}, fixed in {', '.join(v['fix_versions']) or 'no version'}"
        for p in found
        for v in p.get("vulns", ())
    ]
    for line in (*(f"not audited: {s}" for s in skipped), *holes):
        print(line)
    print(f"{len(found)} packages, {len(skipped)} not audited, {len(holes)} known vulnerabilities")
    return 1 if skipped or holes or not found else 0


def online() -> tuple[list[dict[str, Any]] | None, str]:
    """What pip-audit says of each package, or None and why it says nothing."""
    done = subprocess.run(
        [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off"],
        capture_output=True,
        text=True,
    )
    try:
        return json.loads(done.stdout)["dependencies"], ""
    except (ValueError, KeyError):
        lines = done.stderr.strip().splitlines()
        return None, lines[-1][:300] if lines else f"pip-audit ended with {done.returncode}"


def keep(found: list[dict[str, Any]], path: Path = KEPT) -> None:
    """Keep the answers, with the time of asking."""
    said = {"asked": time.time(), "packages": [p for p in found if "skip_reason" not in p]}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(said))
    temporary.replace(path)


def kept(path: Path = KEPT, installed: dict[str, str] | None = None) -> list[dict[str, Any]] | None:
    """The answers kept for what is installed now (name to version); None where there are none."""
    try:
        said = json.loads(path.read_text())
        known = {(p["name"].lower(), p["version"]): p for p in said["packages"]}
        age_days = (time.time() - said["asked"]) / 86_400
    except (OSError, ValueError, KeyError):
        return None
    print(
        f"answers of {time.strftime('%Y-%m-%d', time.gmtime(said['asked']))}, {age_days:.1f} days old; newer holes are unknown"
    )
    if installed is None:
        installed = {d.metadata["Name"]: d.version for d in metadata.distributions()}
    unknown = "this version was not installed when the database was last reached"
    return [
        known.get((name.lower(), version), {"name": name, "version": version, "skip_reason": unknown})
        for name, version in sorted(installed.items())
    ]


if __name__ == "__main__":
    sys.exit(main())
