"""Who is signed in, read with one statement: the person, the organization, what is given and what is enabled.

Of somebody with several organizations it is first found which one the request is for.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute, aliased
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from hp_portal import clock, passes
from hp_portal.core.agreements.kinds import first_version
from hp_portal.core.agreements.models import AgreementVersion
from hp_portal.core.identity.actor import DELEGATE_AGREEMENT, TERMS_OF_USE, Actor, Limits, hash_token
from hp_portal.core.identity.applications import ApplicationSetting, PersonApplication
from hp_portal.core.identity.factors import factor_by, owns_factor
from hp_portal.core.identity.models import Acceptance, AccessReason, Person, SignIn
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


def _accepted(agreement: str, first: str, whose: InstrumentedAttribute[int]) -> sa.ScalarSelect[Any]:
    """Something where this row has accepted the version that applies today: the one published last, or else the first."""
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
            Acceptance.person_id == whose,
            Acceptance.agreement == key,
            Acceptance.version == sa.func.coalesce(published, sa.bindparam(first)),
        )
        .correlate(Person, SignIn)
        .scalar_subquery()
    )


_OPEN = (
    SignIn.token_hash == sa.bindparam("token_hash"),
    SignIn.ended_at.is_(None),
    SignIn.last_seen_at > sa.bindparam("idle_since"),
    SignIn.created_at > sa.bindparam("oldest"),
)


def _who_is(
    whose: sa.ColumnElement[bool],
    account_since: sa.SQLColumnExpression[dt.datetime],
    reason: sa.SQLColumnExpression[str],
) -> sa.Select[*tuple[Any, ...]]:
    """`whose`: which row of the sign-in's account; `account_since`: when that was made; `reason`: that of the session for it."""
    return (
        sa.select(
            SignIn.id,
            SignIn.created_at,
            SignIn.last_seen_at,
            reason,
            Person.id,
            Person.name,
            Person.username,
            Person.is_staff,
            Person.is_delegate,
            Person.organization_id,
            Organization.name,
            Organization.audience,
            Organization.validated_at,
            _accepted(TERMS_OF_USE, "terms_version", SignIn.person_id),
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
            _accepted(DELEGATE_AGREEMENT, "delegate_version", Person.id),
            account_since,
            owns_factor(),
            SignIn.confirmed_at,
            SignIn.by_directory,
            Person.delegate_since,
            sa.and_(SignIn.elsewhere_id.is_not(None), SignIn.elsewhere_seen_at.is_(None)),
            SignIn.person_id,
            # After everything that is asked of the account, which may be another organization's row.
            passes.entering(Person.organization_id),
        )
        .select_from(SignIn)
        .join(Person, whose)
        .outerjoin(Organization, Organization.id == Person.organization_id)
        .where(*_OPEN, Person.deactivated_at.is_(None))
    )


_account, _other = aliased(Person), aliased(Person)
# Nearly everybody: an account of one organization, or of none.
_who_alone = _who_is(Person.id == SignIn.person_id, Person.created_at, SignIn.access_reason).where(
    ~sa.exists().where(_other.account_id == SignIn.person_id).correlate(SignIn)
)
_who_there = _who_is(
    sa.and_(Person.id == sa.bindparam("row"), Person.root_id == SignIn.person_id),
    sa.select(_account.created_at).where(_account.id == SignIn.person_id).correlate(SignIn).scalar_subquery(),
    sa.case(
        (Person.id == SignIn.person_id, SignIn.access_reason),
        else_=sa.func.coalesce(
            sa.select(AccessReason.reason)
            .where(AccessReason.sign_in_id == SignIn.id, AccessReason.person_id == Person.id)
            .correlate(SignIn, Person)
            .scalar_subquery(),
            sa.literal(""),
        ),
    ),
)
_rows_of_account = (
    sa.select(Person.id, Person.organization_id, Organization.name, Person.deactivated_at, SignIn.chosen_id)
    .select_from(SignIn)
    .join(Person, sa.or_(Person.id == SignIn.person_id, Person.account_id == SignIn.person_id))
    .join(Organization, Organization.id == Person.organization_id)
    .where(*_OPEN)
    .order_by(sa.func.lower(Organization.name), Person.id)
)


def _words(text: str | None) -> frozenset[str]:
    return frozenset(text.split(",")) if text else frozenset()


def find_actor(
    session: PortalSession, token: str, limits: Limits, settings: Settings, organization_id: int | None = None
) -> Actor | None:
    """The person behind a sign-in's token, or None when it has ended or run out. Needs a whole scope.

    `organization_id` is the organization that the request is for, where it says. Whoever works for several and not for that one
    is found in the one chosen last, or else in any: it is for the caller to refuse.
    """
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
    place = _Place()
    row = connection.execute(_who_alone, values).one_or_none()
    if row is None:
        found = _find_place(connection, values, organization_id)
        if found is None:
            return None
        place = found
        row = connection.execute(_who_there, {**values, "row": place.row}).one_or_none()
    if row is None:
        return None
    passes.entered(connection, row[25])
    by_directory = row[21]
    if row[7] and settings.staff_sign_in == ("local" if by_directory else "oidc"):
        return None  # the payer has changed how staff sign in
    asked_as_delegate = row[8] and not row[7]
    by = None
    if not by_directory:
        by = factor_by(settings, is_staff=row[7], is_delegate=row[8], since=row[18], delegate_since=row[22])
    return Actor(
        token,
        *row[:10],
        organization_name=row[10] or "",
        audience=row[11] or "",
        validated=row[12] is not None,
        terms_accepted=row[13] is not None and (row[17] is not None or not asked_as_delegate),
        given=_words(row[14]),
        enabled=_words(row[15]),
        permissions=_words(row[16]),
        has_factor=row[19],
        factor_missing=by is not None and by <= now and not row[19],
        factor_by=by,
        confirmed_at=row[20],
        by_directory=by_directory,
        elsewhere=bool(row[23]),
        account_id=row[24],
        organizations=place.organizations,
        undecided=place.undecided,
        left=place.left,
    )


@dataclass(frozen=True)
class _Place:
    """The row of an account that a request is for, and what an Actor says of the others."""

    row: int = 0
    organizations: tuple[tuple[int, str], ...] = ()
    undecided: bool = False
    left: str = ""


def _find_place(connection: sa.Connection, values: dict[str, Any], organization_id: int | None) -> _Place | None:
    rows = connection.execute(_rows_of_account, values).all()
    active = [row for row in rows if row[3] is None]
    if not active:
        return None
    asked = next((row for row in active if row[1] == organization_id), None)
    chosen = next((row for row in active if row[0] == row[4]), None)
    several = len(active) > 1
    return _Place(
        (asked or chosen or active[0])[0],
        tuple((row[1] or 0, row[2]) for row in active) if several else (),
        several and asked is None and chosen is None,
        next((row[2] for row in rows if row[3] is not None and row[1] == organization_id), ""),
    )


@in_whole("one's own sign-in")
def note_chosen(session: PortalSession, actor: Actor) -> bool:
    """Remember for which of their organizations somebody opened the home page; whether there is something to commit."""
    mine = sa.update(SignIn).where(
        SignIn.id == actor.sign_in_id, sa.or_(SignIn.chosen_id.is_(None), SignIn.chosen_id != actor.person_id)
    )
    changed = mine.values(chosen_id=actor.person_id).returning(SignIn.id)
    return session.execute(changed).first() is not None


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
