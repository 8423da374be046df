"""`hp-portal remittance import …`."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import click
import sqlalchemy as sa

from hp_portal.api import db_session, show_count, show_money

from ..blueprint import blueprint
from . import reading_again, reports
from .importing import import_in_steps
from .loading import CannotStore
from .models import ReadingAgain
from .reports import ImportReport, totals
from .statistics import refresh_after
from .steps import Busy

_LOOK_EVERY = 0.5  # seconds, while another import goes on


@blueprint.cli.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def import_command(files: tuple[Path, ...], as_json: bool) -> None:
    """Import 835 remittance FILES.

    Each file is stored as a whole or not at all; what is there already stays as it is. Ends with 1 when a file was not
    imported, with 3 when one was imported in part: something in it could not be imported or seems to be missing.
    """
    found = []
    for path in files:
        report = _import_path(path, show_progress=not as_json)
        found.append(report)
        if not as_json:
            _print(report)
    if as_json:
        click.echo(json.dumps({"files": [report.as_dict() for report in found], "totals": totals(found)}))
    if any(report.outcome in (reports.REFUSED, reports.FAILED) for report in found):
        raise click.exceptions.Exit(1)
    if any(report.outcome == reports.PARTIAL for report in found):
        raise click.exceptions.Exit(3)


@blueprint.cli.command("read-again")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
def read_again_command(as_json: bool) -> None:
    """Read all payments again from their kept text.

    For what an earlier version did not work out: what is odd about a payment, what of it does not balance, and which claims say
    otherwise what the patient owes. The worker does it by itself after an upgrade that needs it. Ends with 3 when payments could
    not be read: they stay as they are, and are named with the reason.
    """
    with click.progressbar(
        length=1, label="payments", file=sys.stderr, hidden=as_json or not sys.stderr.isatty()
    ) as bar:

        def progress(done: int, of: int) -> None:
            bar.length = max(of, 1)
            bar.update(done - bar.pos)

        try:
            found = reading_again.read_now(db_session(), progress)
        except reading_again.Busy as error:
            raise click.ClickException("The worker is reading the payments again at the moment.") from error
    if as_json:
        counts = {"payments": found.done, "changed": found.changed, "unreadable": found.unreadable}
        click.echo(json.dumps(counts | {"unreadable_payments": [asdict(one) for one in reading_again.named(found)]}))
    else:
        _print_read_again(found)
    if found.unreadable:
        raise click.exceptions.Exit(3)


def _print_read_again(found: ReadingAgain) -> None:
    said = f"{show_count(found.done, 'payment')} read again: {found.changed:,} changed"
    if found.unreadable:
        stay = "and stays as it is" if found.unreadable == 1 else "and stay as they are"
        said += f", {found.unreadable:,} cannot be read any more {stay}"
    click.echo(f"{said}.")
    named = reading_again.named(found)
    for one in named:
        click.echo(f"  payment {one.number} (id {one.id}): {one.why}")
    if found.unreadable > len(named):
        click.echo(f"  … and {found.unreadable - len(named):,} more")


def _import_path(path: Path, *, show_progress: bool) -> ImportReport:
    """Import one file in a transaction of its own; what goes wrong with it is its report, so that others still go in."""
    session = db_session()
    try:
        report = _when_free(path, show_progress=show_progress)
        refresh_after(session, report)
    except OSError as error:
        session.rollback()
        reason = error.strerror or type(error).__name__
        return ImportReport(path.name, reports.FAILED, f"The file cannot be read: {reason}.")
    except (CannotStore, sa.exc.SQLAlchemyError) as error:
        session.rollback()
        # Not SQLAlchemy's message: it may quote a row.
        reason = str(error) if isinstance(error, CannotStore) else type(error).__name__
        return ImportReport(path.name, reports.FAILED, f"The database refused: {reason}.")
    return report


def _when_free(path: Path, *, show_progress: bool) -> ImportReport:
    """Import when no other import goes on; says once for which one it waits."""
    told = ""
    while True:
        try:
            with path.open("rb") as stream:
                return _with_bar(stream, path, hidden=not (show_progress and sys.stderr.isatty()))
        except Busy as busy:
            if busy.name != told:
                told = busy.name
                click.echo(f"{path.name}: waits for the import of {busy.name} ({busy.percent}%).", err=True)
            time.sleep(_LOOK_EVERY)


def _with_bar(stream: BinaryIO, path: Path, *, hidden: bool) -> ImportReport:
    """Import under a progress bar on a terminal."""
    size = path.stat().st_size
    with click.progressbar(length=size, label=path.name, file=sys.stderr, hidden=hidden) as bar:
        return import_in_steps(
            db_session(), stream, path.name, size=size, progress=lambda read, _payments: bar.update(read - bar.pos)
        )


def _said(report: ImportReport) -> list[str]:
    """`940000050001 (other payee and amount)`."""
    return [f"{found.number} (other {' and '.join(found.differs)})" for found in report.same_number]


def _print(report: ImportReport) -> None:
    click.echo(f"{report.file}: {reports.OUTCOMES[report.outcome]}. {report.message}".rstrip())
    if report.payments:
        counts = [
            f"{show_count(report.payments, 'payment')} ({show_money(report.amount)})",
            show_count(report.claims, "claim"),
            show_count(report.lines, "line"),
            show_count(report.adjustments, "adjustment"),
            show_count(report.provider_adjustments, "provider-level adjustment"),
            *(f"{show_money(amount, currency)} besides" for currency, amount in report.other_currencies.items()),
        ]
        click.echo(f"  {', '.join(counts)}")
    for count, what, numbers in (
        (report.already_known_count, "already known", report.already_known),
        (report.same_number_count, "stored with the number of another payment", _said(report)),
        (report.unbalanced_count, "do not balance", report.unbalanced),
        (report.skipped, "could not be imported", []),
        (report.unknown_payees, "paid to a payee who is not in the payer's record", []),
    ):
        if count:
            some = f": {', '.join(numbers[:10])}{' …' if count > 10 else ''}" if numbers else ""
            click.echo(f"  {count:,} {what}{some}")
    for finding in report.diagnostics:
        of = f", payment {finding.payment}" if finding.payment else ""
        click.echo(f"  {finding.severity}: {finding.message} ({finding.rule}, segment {finding.segment}{of})")
    if report.diagnostics_count > len(report.diagnostics):
        click.echo(f"  … and {report.diagnostics_count - len(report.diagnostics):,} more findings")
