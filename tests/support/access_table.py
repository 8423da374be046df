"""The access table: every route and who may open it. `python -m tests.support.access_table > tests/access-table.txt`"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from flask import Flask

from hp_portal.app import create_app
from hp_portal.core.access.rules import rule_of

from .databases import database_of, settings_for, sqlite_url

TABLE = Path(__file__).parents[1] / "access-table.txt"
HEADER = ("METHODS", "URL", "ENDPOINT", "RULE", "APPLICATION")


def access_table(app: Flask) -> str:
    """One line a route, sorted by URL; tabs between the columns, so that a new route changes no other line."""
    directory = app.extensions["hp_portal.directory"]
    rows = []
    for route in app.url_map.iter_rules():
        application = directory.application_of_blueprint.get(route.endpoint.rpartition(".")[0])
        rows.append(
            (
                ",".join(sorted((route.methods or set()) - {"HEAD", "OPTIONS"})),
                route.rule,
                route.endpoint,
                str(rule_of(app.view_functions[route.endpoint])),
                application.key if application else "-",
            )
        )
    rows.sort(key=lambda row: (row[1], row[0]))
    return "".join("\t".join(row) + "\n" for row in [HEADER, *rows])


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(settings_for(sqlite_url(Path(folder) / "none.sqlite"), Path(folder)))
        sys.stdout.write(access_table(app))
        database_of(app).engine.dispose()


if __name__ == "__main__":
    main()
