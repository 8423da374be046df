"""The tutorial works: its files are taken from the page, its commands are run as they stand, and what it builds is used."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import DATA_KEY, SECRET_KEY, sqlite_url
from tests.support.processes import PATIENCE

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/plugin-tutorial.md").read_text(encoding="utf-8")
JOURNEY = Path(__file__).with_name("tutorial_journey.py")
FILE = re.compile(r"^`([\w./]+)`\n\n```\w+\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
COMMANDS = re.compile(r"^```sh\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


def files() -> dict[str, str]:
    """The files of the page: a name in a line of its own, and what stands in it."""
    return dict(FILE.findall(TEXT))


def commands() -> Iterator[list[str]]:
    for block in COMMANDS.findall(TEXT):
        for line in block.splitlines():
            yield shlex.split(line)


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A virtual environment on top of this one, so that the plugin is installed nowhere else; its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True, timeout=PATIENCE)
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    below = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    lines = [f"import site; site.addsitedir({path!r})" for path in below]
    (site / "below.pth").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path / "venv" / "bin" / "python"


def test_the_tutorial_s_plugin_works(environment: Path, tmp_path: Path) -> None:
    folder = tmp_path / "callbacks"
    for name, text in files().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HP_PORTAL_"))}
    settings = {
        "HP_PORTAL_SECRET_KEY": SECRET_KEY,
        "HP_PORTAL_DATA_KEY": DATA_KEY,
        "HP_PORTAL_DATABASE_URL": sqlite_url(tmp_path / "portal.sqlite"),
        "HP_PORTAL_INSTANCE_PATH": str(tmp_path / "instance"),
        "HP_PORTAL_HTTPS": "false",
        "HP_PORTAL_CALLBACKS__KEPT_DAYS": "30",
        "PYTHONPATH": str(ROOT),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
    }
    programs = {
        "pip": [str(environment), "-m", "pip"],
        "hp-portal": [str(environment), "-m", "hp_portal"],
        "mkdir": ["mkdir"],
    }
    said = []
    for program, *arguments in [*commands(), ["journey"]]:
        command = [*programs[program], *arguments] if program != "journey" else [str(environment), str(JOURNEY)]
        done = subprocess.run(
            command, cwd=folder, env=kept | settings, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == 0, f"{program} {arguments}\n{done.stdout}\n{done.stderr}"
        said.append(done.stdout)
    assert "callbacks" in said[1]
    assert "Migrations and models match." in said[-2]
    assert said[-1] == "The journey is over.\n"


def test_the_page_names_every_file_it_lists() -> None:
    listed = re.search(r"^```\n(callbacks/\n.*?)```$", TEXT, flags=re.MULTILINE | re.DOTALL)
    assert listed is not None
    named = set(re.findall(r"\w+\.(?:py|toml)", listed[1]))
    assert named == {Path(name).name for name in files() if name.endswith((".py", ".toml"))}
