"""Who is signed in, read with one statement: the person, the organization, what is given and what is enabled."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from hp_portal import clock, passes
from hp_portal.core.agreements.kinds import first_version
from hp_portal.core.agreements.models import AgreementVersion
from hp_portal.core.identity.actor import DELEGATE_AGREEMENT, TERMS_OF_USE, Actor, Limits, hash_token
from hp_portal.core.identity.applications import ApplicationSetting, PersonApplication
from hp_portal.core.identity.factors import factor_by, owns_factor
from hp_portal.core.identity.models import Acceptance, Person, SignIn
from hp_portal.core.identity.staff_roles import StaffRoleMember, StaffRolePermission
from hp_portal.core.organizations.models import Organization
from hp_portal.database import PortalSession
from hp_portal.scopes import in_whole
from hp_portal.settings import Settings


class _comma_list(FunctionElement[str]):
    """A column's texts with commas between. `sa.func.aggregate_strings` writes its comma into the statement anew each time."""

    inherit_cache = True
    type = sa.String()


@compiles(_comma_list)
def _string_agg(element: _comma_list, compiler: SQLCompiler, **options: Any) -> str:
    return f"string_agg({compiler.process(element.clauses, **options)}, ',')"


@compiles(_comma_list, "sqlite")
def _group_concat(element: _comma_list, compiler: SQLCompiler, **options: Any) -> str:
    return f"group_concat({compiler.process(element.clauses, **options)})"


def _accepted(agreement: str, first: str) -> sa.ScalarSelect[Any]:
    """Something where the person has accepted the version that applies today: the one published last, or else the first."""
    key = sa.literal_column(f"'{agreement}'", sa.String())
    published = (
        sa.select(AgreementVersion.version)
        .where(AgreementVersion.agreement == key, AgreementVersion.applies_on <= sa.bindparam("today"))
        .order_by(AgreementVersion.applies_on.desc(), AgreementVersion.id.desc())
        .limit(sa.literal_column("1"))
        .scalar_subquery()
    )
    return (
        sa.select(sa.literal_column("1"))
        .where(
            Acceptance.person_id == Person.id,
            Acceptance.agreement == key,
            Acceptance.version == sa.func.coalesce(published, sa.bindparam(first)),
        )
        .correlate(Person)
        .scalar_subquery()
    )


_who_is = (
    sa.select(
        SignIn.id,
        SignIn.created_at,
        SignIn.last_seen_at,
        SignIn.access_reason,
        Person.id,
        Person.name,
        Person.username,
        Person.is_staff,
        Person.is_delegate,
        Person.organization_id,
        Organization.name,
        Organization.audience,
        Organization.validated_at,
        _accepted(TERMS_OF_USE, "terms_version"),
        sa.select(_comma_list(PersonApplication.application))
        .where(PersonApplication.person_id == Person.id)
        .correlate(Person)
        .scalar_subquery(),
        sa.select(_comma_list(ApplicationSetting.application))
        .where(ApplicationSetting.audience == Organization.audience, ApplicationSetting.enabled)
        .correlate(Organization)
        .scalar_subquery(),
        sa.select(_comma_list(StaffRolePermission.permission))
        .where(
            StaffRolePermission.role_id.in_(
                sa.select(StaffRoleMember.role_id).where(StaffRoleMember.person_id == Person.id).correlate(Person)
            ),
            Person.is_staff,
        )
        .correlate(Person)
        .scalar_subquery(),
        passes.entering(Person.organization_id),
        _accepted(DELEGATE_AGREEMENT, "delegate_version"),
        Person.created_at,
        owns_factor(),
        SignIn.confirmed_at,
        SignIn.by_directory,
        Person.delegate_since,
        sa.and_(SignIn.elsewhere_id.is_not(None), SignIn.elsewhere_seen_at.is_(None)),
    )
    .join(Person, Person.id == SignIn.person_id)
    .outerjoin(Organization, Organization.id == Person.organization_id)
    .where(
        SignIn.token_hash == sa.bindparam("token_hash"),
        SignIn.ended_at.is_(None),
        SignIn.last_seen_at > sa.bindparam("idle_since"),
        SignIn.created_at > sa.bindparam("oldest"),
        Person.deactivated_at.is_(None),
    )
)


def _words(text: str | None) -> frozenset[str]:
    return frozenset(text.split(",")) if text else frozenset()


def find_actor(session: PortalSession, token: str, limits: Limits, settings: Settings) -> Actor | None:
    """The person behind a sign-in's token, or None when it has ended or run out. Needs a whole scope."""
    now = clock.now()
    # Asked of the connection: nothing of the session is needed, and every request pays for it.
    connection = session.connection()
    values = {
        "token_hash": hash_token(token),
        "idle_since": now - limits.idle,
        "oldest": now - limits.absolute,
        "today": clock.today(settings.payer.zone),
        "terms_version": first_version(settings, TERMS_OF_USE),
        "delegate_version": first_version(settings, DELEGATE_AGREEMENT),
    }
    row = connection.execute(_who_is, values).one_or_none()
    if row is None:
        return None
    passes.entered(connection, row[17])
    by_directory = row[22]
    if row[7] and settings.staff_sign_in == ("local" if by_directory else "oidc"):
        return None  # the payer has changed how staff sign in
    asked_as_delegate = row[8] and not row[7]
    by = None
    if not by_directory:
        by = factor_by(settings, is_staff=row[7], is_delegate=row[8], since=row[19], delegate_since=row[23])
    return Actor(
        token,
        *row[:10],
        organization_name=row[10] or "",
        audience=row[11] or "",
        validated=row[12] is not None,
        terms_accepted=row[13] is not None and (row[18] is not None or not asked_as_delegate),
        given=_words(row[14]),
        enabled=_words(row[15]),
        permissions=_words(row[16]),
        has_factor=row[20],
        factor_missing=by is not None and by <= now and not row[20],
        factor_by=by,
        confirmed_at=row[21],
        by_directory=by_directory,
        elsewhere=bool(row[24]),
    )


@in_whole("one's own sign-in")
def touch(session: PortalSession, actor: Actor, idle: dt.timedelta, *, at_once: bool = False) -> bool:
    """Note activity, at most once in a fifteenth of the idle time so that reading does not mean writing.

    Returns whether there is something to commit.
    """
    now = clock.now()
    if not at_once and now - actor.last_seen_at < idle / 15:
        return False
    session.execute(sa.update(SignIn).where(SignIn.id == actor.sign_in_id).values(last_seen_at=now))
    return True
