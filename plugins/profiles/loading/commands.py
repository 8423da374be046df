"""`hp-portal profiles …`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import click

from hp_portal.api import db_session, show_count, whole

from ..blueprint import IN_PART, blueprint
from .exporting import export_record
from .importing import LoadReport, load_file
from .specialties import load_specialties
from .tables import UnusableFile

UNREADABLE = 1


@blueprint.cli.command("import")
@click.argument("files", metavar="FILE...", type=click.File("rb"), nargs=-1, required=True)
@click.option("--sheet", default="", help="The sheet of the workbooks to read, by its name.")
@click.option("--dry-run", is_flag=True, help="Check everything and say what would change; load nothing.")
def import_command(files: tuple[BinaryIO, ...], sheet: str, dry_run: bool) -> None:
    """Load practitioners, locations and affiliations from each FILE, CSV or .xlsx with one fact a row.

    Rows that cannot be used are listed and left out; the others are loaded, each file as one change. The exit status is 3 with
    rows left out, 1 with a file that cannot be read at all.
    """
    session, status = db_session(), 0
    with whole(session, "loading practitioners and locations"):
        for file in files:
            name = Path(file.name).name
            try:
                report = load_file(session, file, name, sheet=sheet)
            except UnusableFile as error:
                session.rollback()
                click.echo(f"{name}: {error}", err=True)
                status = UNREADABLE
                continue
            if not dry_run:
                session.commit()
            _say(name, report, dry_run)
            status = status or (IN_PART if report.refused else 0)
        # A dry run goes on with what the files before would have brought.
        session.rollback()
    if status:
        raise click.exceptions.Exit(status)


def _say(name: str, report: LoadReport, dry_run: bool) -> None:
    for note in report.notes:
        click.echo(f"{name}: {note}", err=True)
    for refused in report.refused:
        click.echo(f"{name}, line {refused.line}, {refused.column}: {refused.message}", err=True)
    new = f"{show_count(report.practitioners, 'new practitioner')}, {show_count(report.locations, 'new location')}"
    click.echo(
        f"{name}: {show_count(report.added, 'new fact')}, {report.corrected:,} corrected, {report.unchanged:,} unchanged; "
        f"{new}; {show_count(len(report.refused), 'row')} refused.{' Nothing was loaded: a dry run.' if dry_run else ''}"
    )


@blueprint.cli.command("specialties")
@click.argument("file", type=click.File("rb"))
def specialties_command(file: BinaryIO) -> None:
    """Load the payer's copy of the specialty codes from FILE, CSV with columns code, classification, specialization.

    It replaces the list that was loaded before. With a row that cannot be used nothing is loaded.
    """
    session = db_session()
    try:
        with whole(session, "loading specialties"):
            rows = load_specialties(session, file)
            session.commit()
    except UnusableFile as error:
        session.rollback()
        raise click.ClickException(f"{error} Nothing was loaded.") from error
    click.echo(f"{show_count(rows, 'specialty', 'specialties')} loaded.")


@blueprint.cli.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def export_command(file: Path) -> None:
    """Write the whole record to FILE, with the columns that `import` reads.

    It holds Tax IDs, dates of birth and DEA numbers: nobody else on this machine can read the file.
    """
    session = db_session()
    with whole(session, "exporting practitioners and locations"):
        body, facts = export_record(session)
        session.commit()
    file.unlink(missing_ok=True)
    with open(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as out:
        out.write(body)
    click.echo(f"{file.name}: {show_count(facts, 'fact')} written.")
