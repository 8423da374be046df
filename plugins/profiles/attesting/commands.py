"""`hp-portal profiles told`."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from hp_portal.api import db_session, show_count, whole

from ..blueprint import IN_PART, blueprint
from ..loading.tables import UnusableFile
from .telling import tell_file


@blueprint.cli.command("told")
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Check everything and say what would be kept; keep nothing.")
def told_command(file: BinaryIO, dry_run: bool) -> None:
    """Read from FILE, CSV or .xlsx, what speaks against the record, such as claims from an address that is not on record.

    Columns npi, place, what, seen_on; and location or tin (with payee_npi) for whose location it is; source. The offices see it
    when they attest, and staff under Attestations. Rows that cannot be used are listed and left out, and the exit status is 3.
    """
    session, name = db_session(), Path(file.name).name
    with whole(session, "what speaks against the record"):
        try:
            report = tell_file(session, file)
        except UnusableFile as error:
            session.rollback()
            raise click.ClickException(f"{name}: {error} Nothing was kept.") from error
        if dry_run:
            session.rollback()
        else:
            session.commit()
    for note in report.notes:
        click.echo(f"{name}: {note}", err=True)
    for line, column, message in report.refused:
        click.echo(f"{name}, line {line}, {column}: {message}", err=True)
    click.echo(
        f"{name}: {show_count(report.new, 'new row')}, {report.known:,} known; "
        f"{show_count(len(report.refused), 'row')} refused.{' Nothing was kept: a dry run.' if dry_run else ''}"
    )
    if report.refused:
        raise click.exceptions.Exit(IN_PART)
