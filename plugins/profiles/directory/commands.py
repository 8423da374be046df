"""`hp-portal profiles directory …`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import cast

import click

from hp_portal.api import db_session, show_count, show_date, whole

from ..blueprint import blueprint
from ..record.fields import BadValue, read_day
from .building import build_whole, clean, publish
from .exporting import Format, Moving, NotBuilt, read_directory, record_export, write_file


@blueprint.cli.group("directory")
def directory() -> None:
    """Publish and export the directory that members see."""


@directory.command("build")
@click.option("--whole", "everything", is_flag=True, help="Build everything again, not only what has changed.")
def build_command(everything: bool) -> None:
    """Publish the directory from the record, as the worker does by itself every minute."""
    session = db_session()
    with whole(session, "publishing the directory"):
        build = build_whole(session) if everything else publish(session)
        rows, hidden, day, digest = build.rows, build.hidden, build.as_of, build.digest
        clean(session)
    click.echo(f"{show_count(rows, 'row')} shown, {hidden:,} not shown, as of {show_date(day)}. Digest {digest}.")


@directory.command("export")
@click.option("--format", "kind", type=click.Choice(["json", "csv"]), required=True)
@click.option("--as-of", "day", metavar="DAY", help="What members saw on this day, such as 2026-03-01.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def export_command(kind: str, day: str | None, file: Path) -> None:
    """Write what members see to FILE; with --as-of what they saw on a day, from the record as it was known then."""
    session = db_session()
    try:
        wanted = read_day(day) if day else None
        with whole(session, "exporting the directory"):
            found = read_directory(session, wanted)
            record_export(session, kind, found.as_of.isoformat(), len(found.rows))
            session.commit()
    except BadValue as error:
        raise click.ClickException(str(error)) from None
    except NotBuilt:
        raise click.ClickException("There is no directory yet. Run `hp-portal profiles directory build`.") from None
    except Moving:
        raise click.ClickException("The directory is being published again and again. Try once more.") from None
    with write_file(found, cast("Format", kind)) as body, file.open("wb") as out:
        shutil.copyfileobj(body, out)
    click.echo(f"{file.name}: {show_count(len(found.rows), 'row')} as of {show_date(found.as_of)}.")
