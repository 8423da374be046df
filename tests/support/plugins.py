"""Plugins written by a test: a package in a folder of its own, imported under a name nobody else has."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from flask import Flask

from hp_portal.plugins import Plugins

APPLICATION = """
from flask import Blueprint
from hp_portal.api import Application, Permission, access, hookimpl

blueprint = Blueprint("{key}", __name__)


@blueprint.get("/")
@access.requires("{key}:thing:read")
def index():
    return "{key} answers"


@hookimpl
def portal_application():
    return Application(
        key="{key}",
        label="Trial of {key}",
        summary="",
        weight=50,
        blueprint=blueprint,
        index="{key}.index",
        permissions=(Permission("{key}:thing:read", "Read"),),
    )
"""

REVISION = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {after!r}
{more}

def upgrade():
    {upgrade}

def downgrade():
    pass
"""


def revision(revision: str, upgrade: str = "pass", *, after: str | None = None, more: str = "") -> str:
    """The text of a migration; `upgrade` is one line."""
    return REVISION.format(revision=revision, after=after, upgrade=upgrade, more=more)


def table(name: str) -> str:
    """A migration's line that makes a table."""
    return f'op.create_table("{name}", sa.Column("id", sa.Integer(), primary_key=True))'


def write_plugin(
    folder: Path,
    key: str,
    *,
    migrations: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
    body: str = "",
) -> ModuleType:
    """Write and import a plugin: an application called `key`, then `body`. `migrations` and `files` are texts by name."""
    package = folder / key.replace("-", "_")
    for name, text in {
        "__init__.py": APPLICATION.format(key=key) + body,
        **{f"migrations/{name}": text for name, text in (migrations or {}).items()},
        **(files or {}),
    }.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    name = f"trial_plugin_{abs(hash(package))}_{package.name}"
    spec = importlib.util.spec_from_file_location(
        name, package / "__init__.py", submodule_search_locations=[str(package)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def plugins_of(app: Flask) -> Plugins:
    found: Plugins = app.extensions["hp_portal.plugins"]
    return found
