"""`hp-portal …`: the commands of the core; a plugin's are those of its blueprint's `cli` group, under its key."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa
from flask import Flask

from hp_portal import (
    audit_commands,
    backup,
    db_commands,
    delivery_commands,
    forgetting,
    key_commands,
    migrations,
    new_plugin,
    plugin_commands,
    plugin_help,
    serving,
    staff_commands,
    worker,
)
from hp_portal import roles as database_roles
from hp_portal.app import create_app
from hp_portal.core.applications.menu import start_settings
from hp_portal.core.payees import importing as payee_files
from hp_portal.database import Database, PortalSession
from hp_portal.hookspecs import LANES
from hp_portal.migrations import comparing
from hp_portal.plugins import Plugins
from hp_portal.scopes import WholeScope
from hp_portal.settings import ConfigurationError

MOST_NAMED = 50


class PortalGroup(click.Group):
    """Adds the commands of plugins: `hp-portal remittance import`, …"""

    def _plugin_commands(self, app: Flask | None = None) -> dict[str, click.Command]:
        app = app or the_app()
        plugins: Plugins = app.extensions["hp_portal.plugins"]
        return {
            application.key: plugin_commands.in_app_context(app, application.blueprint.cli)
            for application in plugins.applications
            if application.blueprint.cli.commands
        }

    def list_commands(self, ctx: click.Context) -> list[str]:
        try:
            return sorted({*super().list_commands(ctx), *self._plugin_commands()})
        except ConfigurationError:
            return sorted(super().list_commands(ctx))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, cmd_name) or self._plugin_commands().get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except ConfigurationError as error:
            return args[0], plugin_help.command_of(self._plugin_commands, args, error), args[1:]

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except sa.exc.SQLAlchemyError as error:
            if told := migrations.upgrade_first(the_app()):
                raise click.ClickException(told) from error
            raise


_app: list[Flask] = []


def the_app() -> Flask:
    """The app of this process, made when first needed."""
    if not _app:
        _app.append(create_app())
    return _app[0]


def new_session(reason: str) -> PortalSession:
    database: Database = the_app().extensions["hp_portal.database"]
    return database.new_session(WholeScope(reason))


@click.group(cls=PortalGroup)
@click.version_option(package_name="hp-portal")
def cli() -> None:
    """A provider portal that a health plan runs itself."""


def main() -> None:
    """Entry point: configuration errors are for people, not tracebacks."""
    try:
        cli(standalone_mode=True)
    except ConfigurationError as error:
        click.echo(f"hp-portal: {error}", err=True)
        sys.exit(2)


@cli.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8350, show_default=True, type=click.IntRange(1, 65535))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1), help="Processes.")
@click.option("--threads", default=4, show_default=True, type=click.IntRange(1), help="Threads in each process.")
def serve_command(host: str, port: int, workers: int, threads: int) -> None:
    """Start the web server."""
    # A missing setting or a wrong data key is told here, once, instead of by every worker.
    the_app().extensions["hp_portal.database"].check_keys_if_there()
    serving.serve_portal(the_app(), host, port, workers, threads)


@cli.command("worker")
@click.option("--once", is_flag=True, help="Run every job once and end.")
@click.option("--lane", "lanes", multiple=True, type=click.Choice(LANES), help="Only jobs of this lane; default: all.")
def worker_command(once: bool, lanes: tuple[str, ...]) -> None:
    """Run the periodic jobs: sealing the audit, imports, what plugins add.

    Short jobs do not wait for long ones. Several workers may run side by side, on one machine or more.
    """
    if once:
        sys.exit(0 if worker.run_once(the_app(), lanes or LANES) else 1)
    worker.run_forever(the_app(), lanes or LANES)


@cli.group("db")
def db() -> None:
    """The database's schema."""


db.add_command(db_commands.roles_command)


@db.command("upgrade")
def db_upgrade() -> None:
    """Bring the database to the newest schema, of the core and of every installed plugin.

    Each plugin's upgrade stands alone: one that fails is undone and named, and the others go on.
    """
    app = the_app()
    app.extensions["hp_portal.database"].check_keys()
    done = migrations.upgrade(app)
    with new_session("the matrix's cells of new applications") as session:
        start_settings(session, app.extensions["hp_portal.plugins"].applications)
        session.commit()
    for note in done.notes:
        click.echo(note, err=True)
    if done.failed:
        for key, reason in done.failed.items():
            click.echo(f"The plugin {key} was not upgraded: {reason}", err=True)
        raise click.ClickException("The database is up to date but for the plugins named above.")
    click.echo("The database is up to date.")


@db.command("check")
def db_check() -> None:
    """Fail when the migrated database and the models differ."""
    app = the_app()
    notes = [*migrations.rolled_back(app).values(), *map(migrations.left_behind_note, migrations.left_behind(app))]
    for note in (*notes, *migrations.owner_notes(app)):
        click.echo(note, err=True)
    for warning in migrations.weaknesses(app, owner_may=True):
        click.echo(f"Warning: {warning}", err=True)
    reasons, found = migrations.unready(app), comparing.differences(app)
    for difference in (*reasons, *found):
        click.echo(str(difference), err=True)
    if reasons:
        raise click.ClickException("the database is not ready for this portal")
    if migrations.wrong_policies(app):
        raise click.ClickException("row-level security is not what it should be; see the warnings")
    if found:
        raise click.ClickException("the migrations do not lead to the models")
    click.echo("Migrations and models match.")


@db.command("revision")
@click.argument("branch")
@click.argument("message")
def db_revision(branch: str, message: str) -> None:
    """Write a migration for what BRANCH (core, or a plugin's name) changed in its models."""
    click.echo(comparing.make_revision(the_app(), branch, message))


@cli.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
def backup_command(file: Path) -> None:
    """Write the whole database to FILE, a new file, while the portal runs."""
    database: Database = the_app().extensions["hp_portal.database"]
    try:
        backup.back_up(database.engine, file)
    except backup.BackupFailed as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{file} holds the whole database, {file.stat().st_size:,} bytes.")
    click.echo(
        "HP_PORTAL_DATA_KEY and HP_PORTAL_SECRET_KEY are not in it. Keep them somewhere else: without the data key"
    )
    click.echo("neither Tax IDs nor remittance files can be read.")


@cli.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
def restore_command(file: Path) -> None:
    """Fill an empty database with a backup, then check its schema and its audit record."""
    app = the_app()  # settings that are wrong are told in their own words, before anything is restored
    try:
        found = backup.restore(app, file)
    except backup.BackupFailed as error:
        raise click.ClickException(str(error)) from error
    except ConfigurationError as error:
        raise click.ClickException(f"{file} is restored, but it cannot be used with these settings. {error}") from error
    click.echo(f"{file} is restored.")
    if found.audit is None:
        for reason in found.unready:
            click.echo(reason, err=True)
        click.echo("Run `hp-portal db upgrade`, then `hp-portal audit verify`.")
    elif found.audit.broken:
        raise click.ClickException(
            f"the audit record does not hold: {found.audit.broken}. Either it was changed, or HP_PORTAL_DATA_KEY does "
            "not list the key that sealed it."
        )
    else:
        click.echo(f"Schema: up to date. Audit: {found.audit.sealed} events sealed. Head: {found.audit.head}")


cli.add_command(key_commands.key_commands(lambda: the_app()))
cli.add_command(audit_commands.audit_commands(lambda reason: new_session(reason)))
cli.add_command(staff_commands.staff_commands(lambda: the_app(), lambda reason: new_session(reason)))
cli.add_command(delivery_commands.delivery_commands(lambda reason: new_session(reason)))


@cli.group("payees")
def payees() -> None:
    """The payer's record of whom it pays."""


@payees.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--sheet", default="", help="The sheet of a workbook to read, by its name.")
@click.option("--dry-run", is_flag=True, help="Check and count, but change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def payees_import(file: Any, sheet: str, dry_run: bool, as_json: bool) -> None:
    """Load payees from a CSV file or an Excel workbook: all rows, or none when one has an error."""
    with new_session("payees import") as session:
        try:
            with payee_files.reading(file, sheet) as rows:
                report = payee_files.load_payees(session, rows)
        except payee_files.UnusableFile as error:
            raise click.ClickException(str(error)) from error
        if report.errors or dry_run:
            session.rollback()
        else:
            session.commit()
    if as_json:
        told = {"errors": [vars(row) for row in report.errors], "warnings": [vars(row) for row in report.warnings]}
        click.echo(json.dumps({**vars(report), **told, "notes": rows.notes, "dry_run": dry_run}))
    else:
        for note in rows.notes:
            click.echo(note, err=True)
        said: list[payee_files.RowError | payee_files.RowWarning] = [*report.errors, *report.warnings]
        for problem in said:
            click.echo(f"line {problem.line}, {problem.column or 'row'}: {problem.message}", err=True)
        click.echo(f"{report.added} added, {report.changed} changed, {report.unchanged} unchanged.")
    if report.errors:
        click.echo(f"Nothing was loaded: {len(report.errors)} errors.", err=True)
        sys.exit(1)
    if dry_run and not as_json:
        click.echo("Dry run: nothing was changed.")


@cli.group("plugins")
def plugins() -> None:
    """The installed plugins."""


@plugins.command("list")
@click.option("--json", "as_json", is_flag=True)
def plugins_list(as_json: bool) -> None:
    """Name, version, application and state of every installed plugin."""
    app = the_app()
    found: Plugins = app.extensions["hp_portal.plugins"]
    try:
        rows = found.listed(migrations.rolled_back(app))
    except sa.exc.SQLAlchemyError:
        click.echo("The database does not answer: whether a plugin was rolled back is not known.", err=True)
        rows = found.listed({})
    for name in found.unknown:
        click.echo(f"HP_PORTAL_PLUGINS_LEFT_OUT names {name}, which is not installed.", err=True)
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        click.echo(
            f"{row['name']:<14} {row['version']:<10} {row['state']:<11} {row['application']}  {row['error']}".rstrip()
        )


@plugins.command("new")
@click.argument("key")
@click.option("--folder", default=".", type=click.Path(path_type=Path, file_okay=False), help="Where; default: here.")
def plugins_new(key: str, folder: Path) -> None:
    """Write a small plugin that works, with a table, a form, a list and a test, into the folder KEY."""
    for path in new_plugin.write_skeleton(key, folder):
        click.echo(str(path))
    click.echo(
        f"Install it: pip install --no-deps --no-build-isolation -e {folder / key}\n"
        "Make its table: hp-portal db upgrade\n"
        f"Try it: python -m pytest {folder / key}"
    )


@plugins.command("forget")
@click.argument("key")
@click.option("--yes", is_flag=True, help="Do not ask.")
def plugins_forget(key: str, yes: bool) -> None:
    """Drop what the plugin KEY left after it was uninstalled: tables, files, settings, and who it was given to.

    Files that were attached to its cases and drafts are listed, and removed with it. Its audit events and the history of its
    cases stay.
    """
    app = the_app()
    try:
        with new_session(f"forget the plugin {key}") as session:
            database_roles.refuse_runtime(migrations.engine_of(app))
            found = forgetting.what_is_left(session, app, key)
            click.echo(f"Tables: {', '.join(found.tables) or 'none'}.")
            click.echo(f"Settings: {found.settings}. Given to people: {found.given}.")
            _say_files(found)
            if not yes:
                click.confirm(f"Drop all of this for good? Make a backup first. Forget {key}", abort=True)
            forgetting.forget(session, app, key)
            session.commit()
    except forgetting.CannotForget as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{key} is forgotten.")


def _say_files(found: forgetting.Left) -> None:
    click.echo(f"Attached files: {len(found.files):,} ({found.size:,} bytes).")
    for one in found.files[:MOST_NAMED]:
        click.echo(f"  {one.about}: {one.name}")
    if len(found.files) > MOST_NAMED:
        click.echo(f"  and {len(found.files) - MOST_NAMED:,} more")


@cli.command("demo")
@click.option("--port", default=8350, show_default=True, type=click.IntRange(0, 65535), help="0: any free port.")
@click.option("--seed-only", is_flag=True, help="Make the demo's data and end.")
@click.option("--json", "as_json", is_flag=True, help="Print address, people and payments as JSON.")
def demo_command(port: int, seed_only: bool, as_json: bool) -> None:
    """Run a demo payer: database, data, web server and worker."""
    # Only this command needs it: a production process never imports the demo.
    from hp_portal import demo, demo_serving

    os.environ.update(demo.environment())
    demo_serving.run(the_app(), port=port, seed_only=seed_only, as_json=as_json)
