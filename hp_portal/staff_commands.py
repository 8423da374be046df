"""`hp-portal staff …`: accounts and roles of the payer's staff."""

from __future__ import annotations

from collections.abc import Callable, Collection

import click
from flask import Flask

from hp_portal.core.identity.passwords import WeakPassword, check_acceptable
from hp_portal.core.staff import roles
from hp_portal.core.staff.accounts import NameTaken, NoSuchStaff, create_staff, ensure_role, restore_staff
from hp_portal.database import PortalSession


def _known(app: Flask, permissions: Collection[str]) -> Collection[str]:
    """Every permission there is. Raises ClickException when one of those wanted is not among them."""
    known: Collection[str] = app.extensions["hp_portal.directory"].staff_permissions
    if unknown := set(permissions) - set(known):
        raise click.ClickException(
            f"unknown permissions: {', '.join(sorted(unknown))}. Known: {', '.join(sorted(known))}"
        )
    return known


def _give(session: PortalSession, name: str, permissions: Collection[str]) -> list[str]:
    """Give a role permissions, commit, and return those that are new. With none, raises ClickException for an unknown role."""
    there = [role.name for role in roles.roles(session)]
    if not (permissions or name in there):
        raise click.ClickException(
            f"there is no role {name!r}. Roles: {', '.join(there) or 'none'}. With --permission or --all a new one is made."
        )
    role = ensure_role(session, name, ())
    given = [one for one in permissions if roles.set_permission(session, role, one, wanted=True)]
    session.commit()
    return given


def staff_commands(the_app: Callable[[], Flask], new_session: Callable[[str], PortalSession]) -> click.Group:
    """The group; `the_app` makes the app when a command needs it, `new_session` a session in a whole scope, for the reason it
    is given."""
    staff = click.Group("staff", help="Accounts of the payer's staff.")

    @staff.command("create")
    @click.argument("username")
    @click.option("--name", required=True, help="The person's own name.")
    @click.option("--email", required=True)
    @click.option("--role", default="Administrator", show_default=True, help="A role's name; made when it is new.")
    @click.option(
        "--permission",
        "permissions",
        multiple=True,
        help="Give the role this permission; none for a new role: all of them.",
    )
    @click.password_option(envvar="HP_PORTAL_NEW_PASSWORD")
    def create(username: str, name: str, email: str, role: str, permissions: tuple[str, ...], password: str) -> None:
        """Create an account for a member of the payer's staff."""
        known, settings = _known(the_app(), permissions), the_app().extensions["hp_portal.settings"]
        about = (username, email, name, settings.payer.name, settings.payer.short_name)
        try:
            check_acceptable(password, min_length=settings.password_min_length, about=about)
            with new_session("staff create") as session:
                held = ensure_role(session, role, permissions or known)
                create_staff(session, username=username, email=email, name=name, password=password, role=held)
                session.commit()
        except (WeakPassword, NameTaken) as error:
            raise click.ClickException(str(error)) from error
        click.echo(f"{username} can sign in as {role}.")

    @staff.command("role")
    @click.argument("name")
    @click.option("--permission", "permissions", multiple=True, help="Give the role this permission.")
    @click.option("--all", "everything", is_flag=True, help="Give the role every permission there is.")
    def role(name: str, permissions: tuple[str, ...], everything: bool) -> None:
        """Give the role NAME permissions, such as those that an update or a new plugin brought; made when it is new."""
        known = _known(the_app(), permissions)
        with new_session("staff role") as session:
            given = _give(session, name, known if everything else permissions)
        click.echo(f"{name} was given: {', '.join(given) or 'nothing new'}.")

    _add_restore(staff, the_app, new_session)
    return staff


def _add_restore(staff: click.Group, the_app: Callable[[], Flask], new_session: Callable[[str], PortalSession]) -> None:
    @staff.command("restore")
    @click.argument("username")
    @click.option("--reason", required=True, help="Why; kept with the record.")
    @click.password_option(envvar="HP_PORTAL_NEW_PASSWORD")
    def restore(username: str, reason: str, password: str) -> None:
        """Let the member of staff USERNAME in again, who has locked the account or lost the second factor.

        They get a new password and have to set up a second factor anew. Be sure that it is them.
        """
        settings = the_app().extensions["hp_portal.settings"]
        about = (username, settings.payer.name, settings.payer.short_name)
        try:
            check_acceptable(password, min_length=settings.password_min_length, about=about)
            with the_app().app_context(), new_session("staff restore") as session:
                restore_staff(session, username=username, password=password, reason=reason)
                session.commit()
        except (WeakPassword, NoSuchStaff) as error:
            raise click.ClickException(str(error)) from error
        click.echo(f"{username} can sign in with the new password.")
