"""`hp-portal db roles`: the roles of PostgreSQL, printed for an administrator or made."""

from __future__ import annotations

import click
import sqlalchemy as sa

from hp_portal import roles
from hp_portal.database import make_engine
from hp_portal.settings import load_database_url


@click.command("roles")
@click.option("--owner", default=roles.OWNER, show_default=True, help="Owns the tables; for `db upgrade` and backups.")
@click.option("--runtime", default=roles.RUNTIME, show_default=True, help="For the web server and the worker.")
@click.option("--run", is_flag=True, help="Do it, as the role in HP_PORTAL_DATABASE_URL, instead of printing the SQL.")
def roles_command(owner: str, runtime: str, run: bool) -> None:
    """Print the SQL that makes the portal's two roles in PostgreSQL, for an administrator to run in the portal's database.

    It can be run again at any time. Then run `hp-portal db upgrade` as the owner.
    """
    if owner == runtime:
        raise click.ClickException("the two roles must not be the same")
    url = sa.make_url(load_database_url())
    if url.get_backend_name() != "postgresql":
        raise click.ClickException("HP_PORTAL_DATABASE_URL names no PostgreSQL database; SQLite has no roles")
    statements = roles.setup_statements(owner, runtime, url.database or "")
    if not run:
        click.echo(
            f"-- For an administrator, in the database {url.database}. Give both roles a password, as with \\password."
        )
        for statement in statements:
            click.echo(f"{statement};")
        return
    engine = make_engine(url.render_as_string(hide_password=False))
    try:
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement.replace("%", "%%"))
    except sa.exc.DBAPIError as error:
        raise click.ClickException(f"the roles were not made: {error.orig}") from error
    finally:
        engine.dispose()
    click.echo(
        f"The roles {owner} and {runtime} are set up. Give them passwords and run `hp-portal db upgrade` as {owner}."
    )
