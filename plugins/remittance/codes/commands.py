"""`hp-portal remittance codes …`."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from hp_portal.api import db_session, show_count, whole

from ..blueprint import blueprint
from . import lists


@blueprint.cli.group("codes")
def codes() -> None:
    """The code lists that the plan has licensed."""


@codes.command("load")
@click.argument("name", metavar="LIST", type=click.Choice(list(lists.LISTS), case_sensitive=False))
@click.argument("file", type=click.File("rb"))
def load_command(name: str, file: BinaryIO) -> None:
    """Load LIST (CARC or RARC) from FILE, CSV or XLSX with columns Code, Description, Start, Stop."""
    session = db_session()
    source = Path(file.name).name
    try:
        with whole(session, "loading a code list"):
            report = lists.load_list(session, name, lists.read_list(file, source), source)
            session.commit()
    except lists.UnusableList as error:
        for line in error.errors:
            click.echo(line, err=True)
        raise click.ClickException("Nothing was loaded.") from error
    click.echo(
        f"{report.list}: {show_count(report.rows, 'row')} ({report.added:,} new, {report.changed:,} changed, "
        f"{report.removed:,} no longer there)."
    )
