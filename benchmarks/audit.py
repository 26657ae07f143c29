"""Known vulnerabilities of every installed package, by pip-audit; ends with 1 if any is known or any package was skipped.

Only neurostore itself, which is installed from this folder, may be skipped.
"""

from __future__ import annotations

import json
import subprocess
import sys

OURS = {"neurostore"}


def main() -> int:
    done = subprocess.run(
        [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off"],
        capture_output=True,
        text=True,
    )
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(f"nothing could be audited: {done.stderr.strip()[-2000:]}", file=sys.stderr)
        return 1
    skipped = [f"{p['name']}: {p['skip_reason']}" for p in found if "skip_reason" in p and p["name"] not in OURS]
    holes = [
        f"{p['name']} {p['version']}: {v['id']}, mended in {', '.join(v['fix_versions']) or 'no version'}"
        for p in found
        for v in p.get("vulns", ())
    ]
    for line in (*(f"not audited: {s}" for s in skipped), *holes):
        print(line)
    print(f"{len(found)} packages, {len(skipped)} not audited, {len(holes)} known vulnerabilities")
    return 1 if skipped or holes or not found else 0


if __name__ == "__main__":
    sys.exit(main())
