"""Ids in addresses: `<id:note_id>`."""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import IntegerConverter, Map


class IdConverter(IntegerConverter):
    """A key as the databases take it: a whole number of 64 bits, `<id(32):line>` of 32 bits.

    Anything larger is no such address, 404, and never reaches the database.
    """

    def __init__(self, url_map: Map, bits: int = 64) -> None:
        super().__init__(url_map, max=2 ** (bits - 1) - 1)


def install(app: Flask) -> None:
    """Let addresses of the app have ids; before any of them is added."""
    app.url_map.converters["id"] = IdConverter
