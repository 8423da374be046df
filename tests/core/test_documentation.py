"""What operators read is complete: every setting with its default, every command, every file that is named."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from flask import Flask
from pydantic_core import PydanticUndefined

from hp_portal import api, cli
from hp_portal.settings import Payer, Settings
from tests.conftest import MakeApp
from tests.support.databases import Databases
from tests.support.plugins import plugins_of
from tests.tools import api_page

ROOT = Path(__file__).parents[2]
OPERATING = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
NONE = ("none", "–")


def as_written(default: Any) -> str:
    """A default as the table of settings writes it."""
    if hasattr(default, "get_secret_value"):
        default = default.get_secret_value()
    if isinstance(default, dict):  # groups, some with a day
        default = tuple(f"{group}:{day}" if day else group for group, day in default.items())
    if default in (None, "", (), {}):
        return ""
    if isinstance(default, tuple):
        return ",".join(default)
    return str(default).lower() if isinstance(default, bool) else str(default)


def test_every_setting_is_documented_with_its_default(sqlite_app: Flask) -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.+?) \| (.+) \|$", OPERATING, flags=re.MULTILINE)
    documented = {name.lower(): "" if default in NONE else default.strip("`") for name, default, _ in rows}
    fields = {name: field for name, field in Settings.model_fields.items() if name != "payer"}
    for application in plugins_of(sqlite_app).applications:
        if application.settings is not None:
            prefix = application.key.replace("-", "_")
            fields |= {f"{prefix}__{name}": field for name, field in application.settings.model_fields.items()}
    assert documented == {name: as_written(field.default) for name, field in fields.items()}
    assert PydanticUndefined not in [field.default for field in fields.values()]


def test_the_payer_s_profile_is_documented() -> None:
    example = re.search(r"```toml\n(\[payer\]\n.*?)```", OPERATING, flags=re.DOTALL)
    assert example is not None
    profile = tomllib.loads(example[1])["payer"]
    assert profile.keys() == Payer.model_fields.keys()
    Payer(**profile)


def commands(group: click.Group, *before: str) -> Iterator[str]:
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            if isinstance(command, click.Group):
                yield from commands(command, *before, name)
            else:
                yield " ".join((*before, name))


def test_every_command_is_documented(
    databases: Databases, make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "_app", [make_app(databases.new_sqlite(tmp_path / "portal.sqlite"))])
    found = set(commands(cli.cli))
    assert "remittance import" in found, "the commands of plugins are among them"
    hooks = (ROOT / "docs/plugin-hooks.md").read_text(encoding="utf-8")  # of those for who writes plugins
    assert {command for command in found if f"hp-portal {command}" not in OPERATING + hooks} == set()


def test_the_readme_leads_to_every_page() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = [str(page.relative_to(ROOT)) for page in PAGES if page.name != "README.md"]
    assert [page for page in pages if f"]({page})" not in readme] == []


def test_the_table_of_folders_names_every_one_of_the_core() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `hp_portal/core/(\w+)/` \|", page, flags=re.MULTILINE))
    assert named == {path.parent.name for path in (ROOT / "hp_portal/core").glob("*/__init__.py")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_is_linked_is_there(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|mailto:)([^)#]*)", page.read_text(encoding="utf-8"))
    assert [link for link in links if link and not (page.parent / link).exists()] == []


def test_what_is_named_is_there() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = set(re.findall(r"`((?:deploy|docs|hp_portal|plugins|templates|tests|bench)/[\w./-]+)`", text))
    assert named, "the pages name files of the project"
    assert {path for path in named if not (ROOT / path).exists()} == set()


def test_the_api_page_is_complete_and_true() -> None:
    assert api_page.undescribed() == [], "every name of hp_portal.api says in its docstring what it is"
    parts = {
        f"{module}.{name}"
        for module in ("cases", "printing", "sheets", "signing")
        for name in getattr(api, module).__all__
    }
    assert {entry.name for entry in api_page.entries()} == set(api.__all__) | parts
    page = (ROOT / "docs/plugin-api.md").read_text(encoding="utf-8")
    assert page == "\n".join(api_page.write()).rstrip() + "\n", (
        "run: python -m tests.tools.api_page > docs/plugin-api.md"
    )
