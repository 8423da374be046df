"""The committed access table is the app's: a changed rule shows in the change that is reviewed."""

from __future__ import annotations

from flask import Flask

from tests.support.access_table import TABLE, access_table


def test_the_table_is_current(sqlite_app: Flask) -> None:
    assert TABLE.read_text(encoding="utf-8") == access_table(sqlite_app), (
        "a route or its rule has changed: look at it, then run "
        "python -m tests.support.access_table > tests/access-table.txt"
    )
