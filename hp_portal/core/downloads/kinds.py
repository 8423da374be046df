"""The kinds of documents that the installed applications make."""

from __future__ import annotations

from flask import current_app

from hp_portal.hookspecs import DocumentKind
from hp_portal.plugins import Plugins


def find_kind(key: str) -> DocumentKind | None:
    """The kind, or None for one of a plugin that is gone."""
    plugins: Plugins = current_app.extensions["hp_portal.plugins"]
    for application in plugins.applications:
        for kind in application.documents:
            if kind.key == key:
                return kind
    return None
