"""`python -m bench`: every figure, in one run; the exit code is 1 when a bound is missed."""

from __future__ import annotations

import sys

from bench import (
    answers,
    costly,
    crowded,
    directory,
    documents,
    importing,
    mail,
    parse,
    persons,
    requests,
    rosters,
    silent,
    tables,
)
from bench.figures import show


def main() -> None:
    figures = [
        *parse.run(),
        *importing.run(),
        *crowded.run(),
        *persons.run(),
        *requests.run(),
        *silent.run(),
        *documents.run(),
        *mail.run(),
        *answers.run(),
        *costly.run(),
        *tables.run(),
        *directory.run(),
        *rosters.run(),
    ]
    show(figures)
    sys.exit(0 if all(figure.ok for figure in figures) else 1)


main()
