"""Whom the directory has signed in, as somebody of the staff here: found, made, given their roles, let in or refused."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Collection

import sqlalchemy as sa

from hp_portal import clock, scopes
from hp_portal.core.account.signing_in import NewSignIn, start_sign_in
from hp_portal.core.audit.record import Who, get_who, record
from hp_portal.core.audit.refusals import record_refusal
from hp_portal.core.delivery.mail import is_email
from hp_portal.core.identity.actor import Actor, hash_token
from hp_portal.core.identity.directory import DirectoryAccount, UsedState
from hp_portal.core.identity.models import Person, SignIn
from hp_portal.core.identity.staff_roles import StaffRole, StaffRoleMember
from hp_portal.core.limits.attempts import check_attempts, count_failure
from hp_portal.core.openid.provider import LEEWAY, Told
from hp_portal.core.openid.refusals import Refused
from hp_portal.core.people.accounts import USERNAME, end_sessions, suggest_username
from hp_portal.core.staff.accounts import create_staff
from hp_portal.database import PortalSession, lock
from hp_portal.settings import Settings

TTL = dt.timedelta(minutes=10)
KIND = "directory"
_WHY = "nobody is known before signing in"


def check_address(session: PortalSession, settings: Settings, address: str) -> None:
    """Raises TooManyAttempts for an address from which too many answers were refused."""
    window = dt.timedelta(minutes=settings.attempts_window_minutes)
    check_attempts(session, KIND, f"at:{address}", limit=settings.attempts_per_address, window=window)


def note_blocked(session: PortalSession) -> None:
    """Record that an answer was not even looked at. The caller commits."""
    record_refusal(session, "identity.directory.blocked")


def note_refusal(session: PortalSession, refused: Refused, address: str) -> None:
    """Count and record a refusal. The caller commits."""
    if refused.why not in ("silent", "settings"):  # whoever signs in is not to blame
        count_failure(session, KIND, f"at:{address}")
    record_refusal(
        session,
        "identity.directory.refused",
        why=refused.why,
        account=refused.account,
        subject=refused.subject,
    )


def use_state(session: PortalSession, state: str) -> None:
    """The answer to this sign-in is taken now, and never again; the caller commits at once. Raises Refused."""
    with scopes.whole(session, _WHY):
        state_hash = hash_token(state)
        lock(session, f"directory state:{state_hash.hex()}")
        if session.scalar(sa.select(UsedState.id).where(UsedState.state_hash == state_hash)) is not None:
            raise Refused("gone")
        session.add(UsedState(state_hash=state_hash, used_at=clock.now()))
        session.flush()


def forget_states(session: PortalSession) -> None:
    """Remove what is too old to be answered anyway. The worker does it."""
    session.execute(sa.delete(UsedState).where(UsedState.used_at <= clock.now() - 2 * TTL))


def enter_by_directory(
    session: PortalSession, settings: Settings, told: Told, *, address: str, user_agent: str
) -> NewSignIn:
    """Start a sign-in of whom the directory has signed in, with the roles of their groups; their first one makes the account.

    Raises Refused, after which the caller commits all the same: whoever has no group any more loses their roles and sessions.
    """
    with scopes.whole(session, _WHY):
        person = _find(session, settings.oidc_issuer, told.subject)
        wanted = _roles_of(session, settings, told.groups)
        if person is not None:
            lock(session, f"account:{person.root_id}")
            session.refresh(person)
            if _find(session, settings.oidc_issuer, told.subject) is not person:  # unlinked meanwhile
                raise _refused("unlinked", told)
            if person.deactivated_at is not None:
                raise _refused("deactivated", told)
            if not wanted:
                _hold_roles(session, person, ())
                end_sessions(session, person)
        if not wanted:
            raise _refused("group", told)
        if person is None:
            person = _make(session, settings, told, wanted)
        _hold_roles(session, person, wanted)
        started = start_sign_in(session, person, address, user_agent, by_directory=True)
        record(session, "identity.directory.used", who=started.who)
        return started


def _refused(why: str, told: Told) -> Refused:
    return Refused(why, told.username or told.email[:80], told.subject)


def _find(session: PortalSession, issuer: str, subject: str) -> Person | None:
    whose = sa.select(DirectoryAccount.person_id).where(
        DirectoryAccount.issuer == issuer, DirectoryAccount.subject == subject
    )
    return session.scalars(sa.select(Person).where(Person.id.in_(whose), Person.is_staff)).one_or_none()


def _roles_of(session: PortalSession, settings: Settings, groups: Collection[str]) -> list[StaffRole]:
    names = {role for group, role in settings.oidc_roles.items() if group in groups}
    return list(session.scalars(sa.select(StaffRole).where(StaffRole.name.in_(names)).order_by(StaffRole.id)))


def _make(session: PortalSession, settings: Settings, told: Told, wanted: list[StaffRole]) -> Person:
    """An account for somebody who has none: only where nothing here is called like them, so that nobody becomes another."""
    lock(session, "names of accounts")
    if (made := _find(session, settings.oidc_issuer, told.subject)) is not None:  # in another window, just now
        return made
    if not is_email(told.email) or len(told.email) > 254:
        raise _refused("email", told)
    base = told.username.partition("@")[0]
    names = {told.email, told.username, base} - {""}
    same = session.scalars(sa.select(Person).where(sa.or_(Person.username.in_(names), Person.email.in_(names)))).all()
    if any(one.is_staff for one in same):
        raise _refused("unlinked", told)
    if any(one.email == told.email or one.username == told.email for one in same):
        raise _refused("organization", told)
    free = USERNAME.fullmatch(base) and not same
    person = create_staff(
        session,
        username=base if free else suggest_username(session, told.name or base),
        email=told.email,
        name=told.name or base or told.email,
        # Of a password that nobody has ever seen.
        password=secrets.token_urlsafe(32),
        role=wanted[0],
    )
    session.flush()
    record(session, "staff.person.made-by-directory", person=person.id, role=wanted[0].name)
    link(session, settings, person, told.subject)
    return person


def link(session: PortalSession, settings: Settings, person: Person, subject: str) -> None:
    """From now on the directory opens this account for that subject. Needs a whole scope."""
    session.add(
        DirectoryAccount(person_id=person.id, issuer=settings.oidc_issuer, subject=subject, linked_at=clock.now())
    )
    session.flush()
    record(session, "staff.person.linked", person=person.id, subject=subject)


def _hold_roles(session: PortalSession, person: Person, wanted: Collection[StaffRole]) -> None:
    """Give exactly these roles: what the groups do not give is taken away."""
    lock(session, "staff roles")
    held = {
        role.id: role
        for role in session.scalars(
            sa.select(StaffRole)
            .join(StaffRoleMember, StaffRoleMember.role_id == StaffRole.id)
            .where(StaffRoleMember.person_id == person.id)
        )
    }
    for role in wanted:
        if role.id not in held:
            session.add(StaffRoleMember(role_id=role.id, person_id=person.id, given_at=clock.now()))
            record(session, "staff.person.role-given", person=person.id, role=role.name)
    for role in held.values():
        if role.id not in {one.id for one in wanted}:
            one = (StaffRoleMember.role_id == role.id, StaffRoleMember.person_id == person.id)
            session.execute(sa.delete(StaffRoleMember).where(*one))
            record(session, "staff.person.role-taken", person=person.id, role=role.name)
    session.flush()


def confirm_by_directory(
    session: PortalSession, settings: Settings, actor: Actor, told: Told, begun_at: dt.datetime
) -> None:
    """The actor has shown the directory again who they are, since `begun_at`. Raises Refused."""
    with scopes.whole(session, "one's own account"):
        person = _find(session, settings.oidc_issuer, told.subject)
        if person is None or person.id != actor.person_id:
            raise _refused("somebody-else", told)
        # Some directories do not know max_age and answer from the session they have.
        if told.signed_in_at is None or told.signed_in_at < begun_at - dt.timedelta(seconds=LEEWAY):
            raise _refused("not-again", told)
        session.execute(sa.update(SignIn).where(SignIn.id == actor.sign_in_id).values(confirmed_at=clock.now()))
        here = get_who(session)
        who = Who(person.id, None, actor.sign_in_id, here.request_id, here.address)
        record(session, "identity.confirmed", who=who, kind=KIND)
