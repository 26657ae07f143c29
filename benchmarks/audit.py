"""Known vulnerabilities of every installed package, by pip-audit; ends with 1 if any is known or any package was skipped.

Only neurostore itself, which is installed from this folder, may be skipped. The answers for each version of a package
are kept in the user's cache folder. If the database cannot be reached, or does not answer for a package, the kept
answer is used, and the age of the oldest one is printed. A package or version that was never looked up counts as not
audited.
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
from neurostore.storage import temporary

OURS = {distribution()}
KEPT = platformdirs.user_cache_path("neurostore") / "audit.json"
Answers = dict[str, dict[str, Any]]  # "name==version" to {"asked": seconds, "vulns": [...]}


def main(path: Path = KEPT) -> int:
    """Ask the database, keep the answers and print them. path : where answers are kept."""
    installed = {f"{d.metadata['Name'].lower()}=={d.version}" for d in metadata.distributions()}
    installed -= {package for package in installed if package.partition("==")[0] in OURS}
    fresh, problem = online()
    answers = kept(path) | fresh
    if fresh:
        keep(answers, path)
    missing = sorted(installed - answers.keys())
    older = sorted((installed & answers.keys()) - fresh.keys())
    if older:
        days = (time.time() - min(answers[package]["asked"] for package in older)) / 86_400
        print(f"{problem or 'the database did not answer for all packages'}")
        print(f"{len(older)} answers are kept ones, up to {days:.1f} days old; vulnerabilities found since are unknown")
    elif problem:
        print(problem)
    holes = [
        f"{package}: {v['id']}, fixed in {', '.join(v['fix_versions']) or 'no version'}"
        for package in sorted(installed & answers.keys())
        for v in answers[package]["vulns"]
    ]
    for line in (*(f"not audited: {package}" for package in missing), *holes):
        print(line)
    print(f"{len(installed)} packages, {len(missing)} not audited, {len(holes)} known vulnerabilities")
    return 1 if missing or holes or not installed else 0


def online() -> tuple[Answers, str]:
    """What the database says about each package that it knows; the reason if it cannot be asked."""
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        lines = done.stderr.strip().splitlines()
        last_line = lines[-1][:300] if lines else f"pip-audit ended with {done.returncode}"
        if "No module named pip_audit" in last_line:
            return {}, "pip-audit is not installed, and could not be: nothing new was looked up"
        return {}, f"the database could not be reached: {last_line}"
    now = time.time()
    found = {
        f"{p['name'].lower()}=={p['version']}": {"asked": now, "vulns": p["vulns"]}
        for p in packages
        if "skip_reason" not in p
    }
    return found, "" if found else "the database answers, and knows none of the packages"


def keep(answers: Answers, path: Path = KEPT) -> None:
    """Keep answers, each with the time of asking."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary.replacing(path) as work:
        work.write_text(json.dumps(answers))


def kept(path: Path = KEPT) -> Answers:
    """The answers kept so far; none if the file is missing, damaged or in another format."""
    try:
        answers = json.loads(path.read_text())
        return {name: {"asked": float(a["asked"]), "vulns": list(a["vulns"])} for name, a in answers.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


if __name__ == "__main__":
    sys.exit(main())
