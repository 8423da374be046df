"""`hp-portal keys …`: the data keys of the database, and sealing everything again with a new one."""

from __future__ import annotations

from collections.abc import Callable

import click
import sqlalchemy as sa
from flask import Flask

from hp_portal.core.activity.retiring import retire_keys
from hp_portal.core.activity.sealing import ChainLost
from hp_portal.core.keys.models import DataKey
from hp_portal.core.keys.rotating import Rotation, rotate
from hp_portal.database import Database
from hp_portal.scopes import WholeScope
from hp_portal.settings import Settings, new_data_key


def key_commands(the_app: Callable[[], Flask]) -> click.Group:
    """The group; `the_app` makes the app when a command needs it."""
    keys = click.Group("keys", help="The data keys.")

    @keys.command("new")
    def new() -> None:
        """Print a new data key."""
        click.echo(new_data_key())

    @keys.command("list")
    def listed() -> None:
        """The data keys that this database knows, by their ids."""
        app = the_app()
        database: Database = app.extensions["hp_portal.database"]
        with database.new_session(WholeScope("keys list")) as session:
            rows = list(session.scalars(sa.select(DataKey).order_by(DataKey.first_used_at, DataKey.id)))
        first = database.vault.marks[0].id
        for row in rows:
            state = (
                f"retired on {row.retired_at:%Y-%m-%d}"
                if row.retired_at
                else "seals"
                if row.id == first
                else "opens what it has sealed"
            )
            whole = ", and everything is sealed with it" if row.complete_at and row.id == first else ""
            click.echo(f"{row.id}  since {row.first_used_at:%Y-%m-%d}  {state}{whole}")

    @keys.command("rotate")
    @click.option("--also-retired", is_flag=True, help="Also what was sealed with a retired key that is still listed.")
    def rotated(also_retired: bool) -> None:
        """Seal everything again with the first key of HP_PORTAL_DATA_KEY, while the portal runs, and retire the others.

        A rotation that was stopped goes on where it was. Restart every web server and worker with the new key first;
        --also-retired is for what one of them sealed that was forgotten.
        """
        app = the_app()
        settings: Settings = app.extensions["hp_portal.settings"]
        database: Database = app.extensions["hp_portal.database"]
        with app.app_context(), database.new_session(WholeScope("keys rotate")) as session:
            if also_retired:
                database.vault.follow((), bound=database.vault.bound_alone)
            try:
                done = rotate(
                    session, lambda column, sealed: click.echo(f"{column}: {sealed:,}", err=True), retire_keys
                )
            except ChainLost as error:
                raise click.ClickException(
                    f"The audit record is broken: {error}. Everything was sealed again, and no key was retired. "
                    "See docs/operating.md on the audit record."
                ) from error
        _tell(done, len(settings.data_keys))

    return keys


def _tell(done: Rotation, listed: int) -> None:
    click.echo(f"{done.sealed:,} values were sealed again.")
    if done.finished:
        click.echo("Everything is sealed with the first key and bound to its place.")
        if done.retired:
            click.echo(
                f"Retired: {', '.join(done.retired)}. Values sealed with them are refused from the next start on."
            )
        if listed > 1:
            click.echo("Take the other keys out of HP_PORTAL_DATA_KEY, and keep them with the backups made until now.")
        return
    for line in done.broken:
        click.echo(f"It does not open: {line}", err=True)
    if done.expire:
        click.echo(
            f"{done.expire:,} values of the time before the upgrade expire by themselves, the last by "
            f"{done.expired_at:%Y-%m-%d %H:%M} UTC. Run this again then."
        )
    for name, count in done.left.items():
        click.echo(f"{name}: {count:,} values are left.", err=True)
    raise click.ClickException(
        "No key was retired, and every value stays readable. Restart every web server and worker with the new key first, mend "
        "what does not open, and run this again."
    )
