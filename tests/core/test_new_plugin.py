"""`hp-portal plugins new`: what it writes is installed, migrated and tested by its own test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hp_portal.new_plugin import write_skeleton
from hp_portal.settings import ConfigurationError
from tests.support.databases import DATA_KEY, SECRET_KEY, sqlite_url
from tests.support.processes import PATIENCE

ROOT = Path(__file__).parents[2]


def test_what_it_writes_works(tmp_path: Path) -> None:
    """Installed as a package is: by an entry point in a folder of its own on the path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HP_PORTAL_"))}
    site = tmp_path / "site"
    environment = kept | {
        "HP_PORTAL_SECRET_KEY": SECRET_KEY,
        "HP_PORTAL_DATA_KEY": DATA_KEY,
        "HP_PORTAL_DATABASE_URL": sqlite_url(tmp_path / "portal.sqlite"),
        "HP_PORTAL_INSTANCE_PATH": str(tmp_path / "instance"),
        "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)]),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
    }

    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    assert "claim-status/tests/test_claim_status.py" in run("hp_portal", "plugins", "new", "claim-status")
    install = ("install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(site))
    run("pip", *install, "./claim-status")
    assert "claim-status" in run("hp_portal", "plugins", "list")
    run("hp_portal", "db", "upgrade")
    assert "match" in run("hp_portal", "db", "check")
    assert "2 passed" in run("pytest", "-q", "-p", "no:cacheprovider", "--rootdir", "claim-status", "claim-status")
    style = subprocess.run(
        [
            sys.executable,
            "-m",
            "ruff",
            "check",
            "--config",
            str(ROOT / "pyproject.toml"),
            "--ignore",
            "S,I",
            "claim-status",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert style.returncode == 0, style.stdout


@pytest.mark.parametrize("key", ["", "Claims", "../x", "claim_status", "person", "staff"])
def test_keys_that_will_not_do(key: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        write_skeleton(key, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "claims").mkdir()
    with pytest.raises(ConfigurationError, match="there already"):
        write_skeleton("claims", tmp_path)
