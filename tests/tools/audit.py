"""Ask an advisory database for known vulnerabilities of the locked packages: `make audit`.

pip-audit asks, and ends well also when it has learned nothing about a package; here that is no success.
Ends with 0 when every package was looked up and has none, with 1 when one has, and with 2 when some could not be looked up.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

LOCK = "requirements-dev.lock"  # has everything of requirements.lock in it
PIP_AUDIT = "pip-audit@2.10.1"
CLEAN, VULNERABLE, UNKNOWN = 0, 1, 2


def verdict(answer: dict[str, Any]) -> tuple[int, list[str]]:
    """The exit code, and what to print, of pip-audit's answer in JSON."""
    packages = answer["dependencies"]
    found = [
        f"{package['name']} {package['version']}: {one['id']}, mended in {', '.join(one['fix_versions']) or 'no version yet'}"
        for package in packages
        for one in package.get("vulns", ())
    ]
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    asked = len(packages) - len(unknown)
    lines = [*found, f"{asked} of {len(packages)} locked packages looked up, {len(found)} known vulnerabilities."]
    if not asked:
        lines = [
            f"None of the {len(packages)} locked packages was looked up: the advisory database cannot be reached from here."
        ]
    elif unknown:
        lines.append(f"Not looked up: {', '.join(unknown)}.")
    return VULNERABLE if found else UNKNOWN if unknown or not packages else CLEAN, lines


def main() -> int:
    """Runs pip-audit by uv, in an environment of its own."""
    command = [sys.executable, "-m", "uv", "tool", "run", "--quiet", PIP_AUDIT]
    options = [
        "--requirement",
        LOCK,
        "--require-hashes",
        "--disable-pip",
        "--format",
        "json",
        "--progress-spinner",
        "off",
    ]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    try:
        answer = json.loads(done.stdout)
    except json.JSONDecodeError:
        reason = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        print(f"No package was looked up: the advisory database cannot be reached from here ({reason[:200]}).")
        return UNKNOWN
    code, lines = verdict(answer)
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main())
