"""`hp-portal profiles nppes-import`."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import BinaryIO

import click

from hp_portal.api import db_session, show_count, show_date, whole

from ..blueprint import IN_PART, blueprint
from ..record.fields import STATES
from .loading import RegistryReport, Wanted, known_npis, load_registry
from .reading import UnreadableFile, last_day_of, open_table


def _states(_context: object, _option: object, values: tuple[str, ...]) -> frozenset[str]:
    found = frozenset(one.strip().upper() for one in values)
    if unknown := sorted(found - set(STATES)):
        raise click.BadParameter(f"use the two letters of a state, such as MN, in place of {', '.join(unknown)}")
    return found


@blueprint.cli.command("nppes-import")
@click.argument("file", type=click.File("rb"))
@click.option("--known", is_flag=True, help="Keep the NPIs of practitioners and payees on record.")
@click.option(
    "--state",
    "states",
    multiple=True,
    callback=_states,
    help="Keep providers who practice, or have a license, in this state; can be given several times.",
)
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Until when the file says how things stand; without it, the last day in the name of the file.",
)
@click.option("--dry-run", is_flag=True, help="Read everything and say what would change; load nothing.")
def nppes_import_command(
    file: BinaryIO, known: bool, states: frozenset[str], as_of: dt.datetime | None, dry_run: bool
) -> None:
    """Load the public FILE of the national registry of NPIs (NPPES): the monthly one or a weekly one, each as .zip or as the .csv
    in it, or the report of deactivations as CSV.

    With --known, --state or both, only those providers are kept; without, all of them. Entries that are on record from a later
    day stay. An interrupted load is gone on with by loading the file again. The exit status is 3 when rows could not be used.
    """
    name = Path(file.name).name
    session = db_session()
    with whole(session, "loading the national registry of NPIs"):
        try:
            with open_table(file, name) as (table, table_name):
                day = as_of.date() if as_of else last_day_of(table_name) or last_day_of(name)
                if day is None:
                    raise UnreadableFile("Its name does not say until when it is: give --as-of, such as 2026-11-08.")
                wanted = Wanted(known_npis(session) if known else frozenset(), states)
                if known and not wanted.npis and not states:
                    raise UnreadableFile(
                        "No NPI is on record yet. Load practitioners or payees first, or give --state."
                    )
                report = load_registry(session, table, day, wanted, dry_run=dry_run)
        except UnreadableFile as error:
            session.rollback()
            raise click.ClickException(f"{name}: {error}") from error
        session.rollback()
    _say(name, day, report, dry_run)
    if report.refused:
        raise click.exceptions.Exit(IN_PART)


def _say(name: str, day: dt.date, report: RegistryReport, dry_run: bool) -> None:
    for line, words in report.told:
        click.echo(f"{name}, line {line}: {words}", err=True)
    if report.refused > len(report.told):
        click.echo(f"{name}: and {show_count(report.refused - len(report.told), 'more row')} like these.", err=True)
    older = f" {report.older:,} kept as they are, from a later day." if report.older else ""
    click.echo(
        f"{name}, as of {show_date(day)}: {show_count(report.rows, 'row')} read, {report.left_out:,} left out, "
        f"{report.refused:,} refused; {show_count(report.added, 'new entry', 'new entries')}, {report.changed:,} changed, "
        f"{report.unchanged:,} unchanged, {report.deactivated:,} of them deactivated.{older}"
        f"{' Nothing was loaded: a dry run.' if dry_run else ''}"
    )
