"""The kinds of documents that the core and the installed applications make."""

from __future__ import annotations

from collections.abc import Iterator

from flask import current_app

from hp_portal.hookspecs import DocumentKind
from hp_portal.plugins import Plugins


def kinds() -> Iterator[DocumentKind]:
    """Every kind that the core or an installed application declares."""
    yield from current_app.extensions["hp_portal.core_documents"]
    plugins: Plugins = current_app.extensions["hp_portal.plugins"]
    for application in plugins.applications:
        yield from application.documents


def find_kind(key: str) -> DocumentKind | None:
    """The kind, or None for one of a plugin that is gone."""
    return next((kind for kind in kinds() if kind.key == key), None)
