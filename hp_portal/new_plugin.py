"""`hp-portal plugins new KEY`: the files of a small plugin that works, to be changed into one's own."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from hp_portal import clock
from hp_portal.migrations.chains import core_tables, prefix_of
from hp_portal.plugins import KEY
from hp_portal.settings import ConfigurationError

# Where each file of skeleton/ goes.
FILES = {
    "pyproject.toml.txt": "pyproject.toml",
    "init.py.txt": "@package@/__init__.py",
    "models.py.txt": "@package@/models.py",
    "notes.py.txt": "@package@/notes.py",
    "forms.py.txt": "@package@/forms.py",
    "views.py.txt": "@package@/views.py",
    "index.html.txt": "@package@/templates/@key@/index.html",
    "help.md.txt": "@package@/help/@key@.md",
    "migration.py.txt": "@package@/migrations/@revision@_notes.py",
    "test.py.txt": "tests/test_@package@.py",
}


def write_skeleton(key: str, folder: Path) -> list[Path]:
    """Write a plugin called `key` into `folder`/`key`; returns the files. Raises ConfigurationError."""
    if not KEY.fullmatch(key):
        raise ConfigurationError(f"{key!r} is no key; use lower-case words and hyphens, such as claim-status.")
    if taken := [table for table in core_tables() if table.startswith(prefix_of(key))]:
        raise ConfigurationError(f"The portal's own table {min(taken)!r} starts like that; choose another key.")
    target = folder / key
    if target.exists():
        raise ConfigurationError(f"{target} is there already.")
    words = {
        "@key@": key,
        "@package@": key.replace("-", "_"),
        "@label@": key.replace("-", " ").capitalize(),
        "@revision@": str(int(clock.now().timestamp())),
    }
    written = []
    for source, place in FILES.items():
        text = (files("hp_portal") / "skeleton" / source).read_text(encoding="utf-8")
        for word, value in words.items():
            text, place = text.replace(word, value), place.replace(word, value)
        path = target / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written
