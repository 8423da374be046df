"""Which row an address asks for: `<id:note_id>` of a plugin's page is the id of its model Note.

A plugin whose parameter is called otherwise says so: `Application(rows={"number": Note})`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from flask import Flask, Request, current_app
from sqlalchemy.orm import Mapper

from hp_portal import scopes
from hp_portal.core.access.enforce import directory
from hp_portal.database import Base
from hp_portal.hookspecs import Application

# Those of the core's own pages.
_OWN: Mapping[str, Mapping[str, str]] = {"cases": {"case_id": "portal_case"}, "drafts": {"draft_id": "portal_draft"}}
# What any application may attach, and draft.
_ATTACHED = {"attached_id": "attached_file", "draft_id": "portal_draft"}
_EXTENSION = "hp_portal.rows_of_addresses"


def table_of(asked: Request) -> tuple[str, int | None]:
    """The table and id of the row that a page of an application or of cases was asked for; nothing where its address has none."""
    blueprint = (asked.endpoint or "").rpartition(".")[0]
    application = directory().application_of_blueprint.get(blueprint)
    known = _models(current_app, application) if application else _OWN.get(blueprint, {})
    for name, value in (asked.view_args or {}).items():
        if name in known and isinstance(value, int):
            return known[name], value
    return "", None


def _models(app: Flask, application: Application) -> Mapping[str, str]:
    """The tables that an application's addresses have ids of, by the name of the parameter."""
    found: dict[str, Mapping[str, str]] = app.extensions.setdefault(_EXTENSION, {})
    if application.key not in found:
        own = {name: str(model.__tablename__) for name, model in _by_name(app, application).items()}
        found[application.key] = {**_ATTACHED, **own}
    return found[application.key]


def _by_name(app: Flask, application: Application) -> dict[str, Any]:
    states = app.extensions["hp_portal.plugins"].states.values()
    packages = {state.package for state in states if state.application is application and state.package}
    own = {}
    for mapper in Base.registry.mappers:
        model: Any = mapper.class_
        if issubclass(model, scopes.Scoped) and any(f"{model.__module__}.".startswith(f"{one}.") for one in packages):
            own[_parameter(model.__name__)] = model
    return {**own, **application.rows}


def _parameter(name: str) -> str:
    """`PaymentFile` → `payment_file_id`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_") + "_id"


def mapper_of(table: str) -> Mapper[Any] | None:
    """The model of a scoped table with a key of one column; None when there is none any more."""
    for mapper in Base.registry.mappers:
        local = mapper.local_table
        if isinstance(local, sa.Table) and local.name == table and len(mapper.primary_key) == 1:
            return mapper
    return None
