"""Change the guards one line at a time and see that the tests notice: `make mutate`, about an hour on two cores.

What to change and which tests must notice stands in pyproject.toml under `tool.mutmut`. Prints every change that no test
noticed and the share that was, of those that the type checker lets pass; ends with 1 below the figure of docs/figures.md.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from sysconfig import get_path

from tests.support.postgresql import remove_run_folder, run_folder

WANTED = 0.9
COPY = Path("mutants")


def mutmut(*arguments: str, environment: dict[str, str], quiet: bool = False) -> str:
    """Run mutmut; returns what it printed when it is `quiet`."""
    command = [sys.executable, "-m", "mutmut", *arguments]
    done = subprocess.run(command, env=environment, text=True, check=True, stdout=subprocess.PIPE if quiet else None)
    return done.stdout or ""


def unnoticed(environment: dict[str, str]) -> Iterator[str]:
    """Every change that no test noticed, as a difference."""
    for line in mutmut("results", environment=environment, quiet=True).splitlines():
        name, _, state = line.strip().partition(": ")
        if state in ("survived", "no tests", "suspicious"):
            shown = mutmut("show", name, environment=environment, quiet=True).splitlines()
            changed = [text for text in shown if text[:1] in "+-" and not text.startswith(("+++", "---"))]
            yield "\n".join([f"{name}: {state}", *changed])


def main() -> None:
    """`--again` keeps what an earlier run found and asks only what is new or has changed."""
    if "--again" not in sys.argv:
        shutil.rmtree(COPY, ignore_errors=True)
    folder = run_folder()
    # The type checker is found by name; the tests of every change share one template of the database.
    path = os.pathsep.join([get_path("scripts"), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": path, "PORTAL_TEST_FOLDER": str(folder)}
    try:
        mutmut("run", environment=environment)
    finally:
        remove_run_folder(folder)
    for text in unnoticed(environment):
        print(text)
    mutmut("export-cicd-stats", environment=environment, quiet=True)
    counts = json.loads((COPY / "mutmut-cicd-stats.json").read_text(encoding="utf-8"))
    noticed = counts["killed"] + counts["timeout"] + counts["segfault"]
    # The export does not count what the type checker has refused.
    asked = noticed + counts["survived"] + counts["no_tests"] + counts["suspicious"]
    print(
        f"{counts['total']} changes of the guards: {counts['total'] - counts['skipped'] - asked} refused by the type checker, "
        f"{noticed} of the other {asked} noticed by the tests: {noticed / asked:.1%} (wanted: {WANTED:.0%})"
    )
    sys.exit(0 if noticed / asked >= WANTED else 1)


if __name__ == "__main__":
    main()
