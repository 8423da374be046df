"""`hp-portal staff …`: accounts and roles of the payer's staff."""

from __future__ import annotations

from collections.abc import Callable, Collection

import click
from flask import Flask

from hp_portal.core.identity.directory import only_by_directory
from hp_portal.core.identity.passwords import WeakPassword, check_acceptable
from hp_portal.core.openid import linking
from hp_portal.core.openid.provider import provider
from hp_portal.core.openid.refusals import Refused
from hp_portal.core.staff import roles
from hp_portal.core.staff.accounts import NameTaken, NoSuchStaff, create_staff, ensure_role, restore_staff
from hp_portal.core.web.links import absolute_url
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
        if settings.staff_sign_in == "oidc":
            click.echo(
                "As HP_PORTAL_STAFF_SIGN_IN is oidc, not before `hp-portal staff link`: no password opens the account."
            )

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
    _add_directory(staff, the_app, new_session)
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
                person = restore_staff(session, username=username, password=password, reason=reason)
                elsewhere = only_by_directory(session, settings, person)
                session.commit()
        except (WeakPassword, NoSuchStaff) as error:
            raise click.ClickException(str(error)) from error
        click.echo(f"{username} can sign in with {settings.directory_name if elsewhere else 'the new password'}.")


def _add_directory(
    staff: click.Group, the_app: Callable[[], Flask], new_session: Callable[[str], PortalSession]
) -> None:
    @staff.command("link")
    @click.argument("username")
    @click.option("--subject", required=True, help="What the directory calls the person (sub), as the refusal says.")
    def link(username: str, subject: str) -> None:
        """Have the payer's directory open the account of the member of staff USERNAME, which was there before.

        Their sessions end, and their password and passkeys here open it no longer. Be sure that it is the same person.
        """
        settings = the_app().extensions["hp_portal.settings"]
        if settings.staff_sign_in == "local":
            raise click.ClickException("HP_PORTAL_STAFF_SIGN_IN is local: there is no directory to link with.")
        if not 0 < len(subject) <= 255:
            raise click.ClickException("a subject has 1 to 255 characters")
        try:
            with new_session("staff link") as session:
                linking.link_staff(session, settings, username, subject)
                session.commit()
        except (NoSuchStaff, linking.LinkedAlready) as error:
            raise click.ClickException(str(error)) from error
        click.echo(f"{username} signs in with {settings.directory_name} from now on.")

    @staff.command("unlink")
    @click.argument("username")
    def unlink(username: str) -> None:
        """Have the payer's directory open the account of the member of staff USERNAME no longer."""
        try:
            with new_session("staff unlink") as session:
                linking.unlink_staff(session, username)
                session.commit()
        except NoSuchStaff as error:
            raise click.ClickException(str(error)) from error
        click.echo(f"The directory no longer opens the account of {username}.")

    @staff.command("directory")
    def directory() -> None:
        """Check that the payer's directory answers as the settings say, and that the roles of its groups are there."""
        app = the_app()
        settings = app.extensions["hp_portal.settings"]
        with app.app_context():
            known = provider()
            if known is None:
                raise click.ClickException("HP_PORTAL_STAFF_SIGN_IN is local: there is no directory to ask.")
            try:
                keys = known.check()
            except Refused as error:
                raise click.ClickException(error.words(settings.directory_name)) from error
            back = absolute_url("openid.answer")
        click.echo(f"{settings.oidc_issuer} answers, with {keys} keys.")
        click.echo(f"Register there as the address to come back to: {back}")
        with new_session("staff directory") as session:
            missing = linking.roles_missing(session, settings)
        if missing:
            raise click.ClickException(
                f"there are no roles {', '.join(missing)}, so their groups give nothing. Make them with hp-portal staff role."
            )
