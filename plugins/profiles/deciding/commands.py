"""`hp-portal profiles delta …`."""

from __future__ import annotations

import glob
import io
import os
import tempfile
import time
from pathlib import Path
from typing import BinaryIO

import click

from hp_portal.api import db_session, show_count, whole

from ..blueprint import IN_PART, blueprint
from ..loading.tables import UnusableFile, read_table
from .delta import Answer, acknowledge, answers_in, export_delta

LEFT_AFTER = 3600
"""Seconds after which nobody writes a file any more."""


@blueprint.cli.group("delta")
def delta() -> None:
    """Changes that wait for the claims system, where it decides what stands in the record."""


@delta.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def export_command(file: Path) -> None:
    """Write every accepted change that waits to FILE: JSON when its name ends with .json, else CSV.

    A line stands in every file until it is acknowledged. It may hold dates of birth and DEA numbers: nobody else on this
    machine can read the file.
    """
    session = db_session()
    with whole(session, "exporting changes"):
        body, lines = export_delta(session, as_json=file.suffix.lower() == ".json")
        session.commit()
    _replace(file, body)
    click.echo(f"{file.name}: {show_count(lines, 'line')} written.")


def _replace(file: Path, body: bytes) -> None:
    """Write a file that is there as a whole or not at all, and remove what runs before left that were killed."""
    prefix = f".{file.name}."
    for left in file.parent.glob(f"{glob.escape(prefix)}*"):
        if left.stat().st_mtime < time.time() - LEFT_AFTER:
            left.unlink(missing_ok=True)
    handle, beside = tempfile.mkstemp(prefix=prefix, dir=file.parent)  # for its owner alone
    with open(handle, "wb") as out:
        out.write(body)
        out.flush()
        os.fsync(out.fileno())
    Path(beside).replace(file)


@delta.command("acknowledge")
@click.argument("file", type=click.File("rb"))
def acknowledge_command(file: BinaryIO) -> None:
    """Read from FILE what the claims system has done: columns id, answer (taken or refused), words.

    What was taken is recorded, and the office is told. The columns practitioner and location may give the claims system's own
    numbers for who and what was new. The same file again changes nothing. Answers that cannot be used are listed, and the exit
    status is 3.
    """
    session = db_session()
    try:
        answers = _read(file)
    except (UnusableFile, ValueError) as error:
        raise click.ClickException(f"{error} Nothing was done.") from error
    with whole(session, "answers of the claims system"):
        done = acknowledge(session, answers)
    for place, problem in done.problems:
        click.echo(f"{place}: {problem}", err=True)
    click.echo(
        f"{show_count(done.taken, 'line')} taken, {done.refused:,} refused, {done.before:,} answered before; "
        f"{show_count(len(done.problems), 'answer')} not used."
    )
    if done.problems:
        raise click.exceptions.Exit(IN_PART)


def _read(file: BinaryIO) -> list[Answer]:
    body = file.read()
    if Path(file.name).suffix.lower() == ".json":
        return answers_in(body.decode("utf-8-sig"))
    rows = read_table(io.BytesIO(body), ("id", "answer"), ("words", "practitioner", "location"))
    return [Answer(f"Line {line}", **values) for line, values in rows]
