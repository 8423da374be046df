"""Asking for a way back in, and the worker's answer.

What is typed is only kept by the request, and looked up by the worker: so the page says the same, and takes the same time, for
every account and for none. The answer goes to the address of the account alone.
"""

from __future__ import annotations

import secrets
from typing import Any

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import Who, get_who, record
from hp_portal.core.audit.refusals import record_refusal
from hp_portal.core.delivery.mail import is_email
from hp_portal.core.delivery.outbox import Outgoing, add_message
from hp_portal.core.identity.accounts import by_name, hold_account, is_open, row_at_work, rows_of
from hp_portal.core.identity.delegates import delegates_of
from hp_portal.core.identity.directory import only_by_directory
from hp_portal.core.identity.factors import has_factor
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.unconfirmed import is_unconfirmed
from hp_portal.core.limits import lookups as limits
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.lookups import DAY, HOUR, Limit
from hp_portal.core.people.accounts import password_links_about
from hp_portal.core.people.password_links import make_own_link
from hp_portal.core.recovery.models import RecoveryAsk
from hp_portal.core.web.links import absolute_url
from hp_portal.database import PortalSession
from hp_portal.scopes import in_whole
from hp_portal.seals import seat
from hp_portal.settings import Settings
from hp_portal.vault import SealBroken

TYPED = seat(RecoveryAsk.typed_sealed)
ASK, ANSWER, NOBODY = "recovery", "recovery-answer", "recovery-nobody"
MOST_AT_ONCE = 50
SUBJECT = "Signing in to the provider portal"


def _ask_limits(typed: str, address: str) -> list[Limit]:
    return [
        Limit(f"at:{address}", 10, HOUR),
        Limit(f"network:{limits.wide_network(address)}", 30, HOUR),
        Limit(f"provider:{limits.provider_network(address)}", 60, HOUR),
        Limit(f"typed:{typed}", 5, HOUR),
    ]


@in_whole("nobody is known before signing in")
def ask(session: PortalSession, typed: str, address: str, from_address: str) -> None:
    """Keep what somebody typed, a user name or an e-mail address, for the worker to answer. `address` is counted,
    `from_address` recorded.

    Raises TooManyAttempts: it depends on what was typed and from where, never on whether there is such an account. The caller
    commits.
    """
    typed = typed.strip().lower()
    counted = _ask_limits(typed, address)
    limits.check(session, ASK, counted)
    limits.count(session, ASK, counted)
    token = secrets.token_hex(16)
    session.add(
        RecoveryAsk(
            token=token,
            typed_sealed=session.vault.seal_text(typed, TYPED(token)),
            address=from_address,
            asked_at=clock.now(),
        )
    )
    record(session, "identity.recovery.asked")


def note_blocked(session: PortalSession) -> None:
    """Record that somebody may not ask for now. The caller commits."""
    record_refusal(session, "identity.recovery.blocked", who=get_who(session))


def answer_all(session: PortalSession, settings: Settings) -> None:
    """Answer what was asked, oldest first. For the worker: commits after each.

    One whose seal cannot be opened stays, so that the job fails and staff learn of it; the others are answered all the same.
    """
    broken: SealBroken | None = None
    waiting = sa.select(RecoveryAsk).order_by(RecoveryAsk.id).limit(MOST_AT_ONCE)
    for one in session.scalars(waiting).all():
        try:
            typed = session.vault.open_text(one.typed_sealed, TYPED(one.token))
        except SealBroken as error:
            broken = error
            continue
        _answer(session, settings, typed, one.address)
        session.delete(one)
        session.commit()
    if broken is not None:
        raise broken


def forget_old(session: PortalSession) -> None:
    """Remove what nobody could answer for a day: whoever asked has asked again. For the worker."""
    session.execute(sa.delete(RecoveryAsk).where(RecoveryAsk.asked_at <= clock.now() - DAY))


def _answer(session: PortalSession, settings: Settings, typed: str, address: str) -> None:
    found = sa.select(Person).where(by_name(typed))
    person = session.scalars(found).one_or_none()
    if person is None:
        _tell_nobody(session, typed)
        return
    row = row_at_work(session, person)
    who = Who(row.id, row.organization_id, None, get_who(session).request_id, address)
    limit = [Limit(f"person:{person.id}", 6, HOUR)]
    try:
        limits.check(session, ANSWER, limit)
    except TooManyAttempts:
        # Asked for by the name and by the address in turn: the links before this one still work.
        record(session, "identity.recovery.answered", who=who, how="often")
        return
    limits.count(session, ANSWER, limit)
    hold_account(session, person)  # its address stays as it is until the link is written
    record(session, "identity.recovery.answered", who=who, how=_write(session, settings, person))


def _write(session: PortalSession, settings: Settings, person: Person) -> str:
    """Write to somebody how they get in again; what was written, as the record says it."""
    values: dict[str, Any] = {
        "name": person.name,
        "username": person.username,
        "contact": absolute_url("pages.contact"),
    }
    if is_unconfirmed(person.email):
        return "unconfirmed"
    if not is_open(session, person):
        rows = rows_of(session, person)
        delegates = delegates_of(session, [row.organization_id for row in rows]) if not person.is_staff else []
        told = {**values, "delegates": ", ".join(one.name for one in delegates if one.root_id != person.id)}
        add_message(session, Outgoing(person.email, "recovery_closed", SUBJECT, password_links_about(person.id), told))
        return "deactivated"
    if only_by_directory(session, settings, person):
        about = password_links_about(person.id)
        told = {**values, "directory": settings.directory_name, "sign_in": absolute_url("account.sign_in")}
        add_message(session, Outgoing(person.email, "recovery_directory", SUBJECT, about, told))
        return "directory"
    if person.is_staff and not has_factor(session, person):
        # The mailbox alone would open what staff may see.
        add_message(session, Outgoing(person.email, "recovery_staff", SUBJECT, password_links_about(person.id), values))
        return "staff"
    link = make_own_link(session, settings, person)
    told = {
        **values,
        "link": absolute_url("people.follow_link", token=link.token),
        "minutes": f"{settings.recovery_link_minutes:g}",
        "second_step": has_factor(session, person),
    }
    about = password_links_about(person.id)
    add_message(session, Outgoing(person.email, "recovery_link", SUBJECT, about, told, secrets=("link",)))
    return "link"


def _tell_nobody(session: PortalSession, typed: str) -> None:
    """Whoever has two addresses reads at the one they typed that it is the other. Once a day, so that it annoys nobody."""
    if not is_email(typed):
        return
    limit = [Limit(f"typed:{typed}", 1, DAY), Limit("everybody", 200, DAY)]
    try:
        limits.check(session, NOBODY, limit)
    except TooManyAttempts:
        return
    limits.count(session, NOBODY, limit)
    values = {
        "ask": absolute_url("recovery.ask"),
        "register": absolute_url("registration.start"),
        "find": absolute_url("delegates.find"),
    }
    add_message(session, Outgoing(typed, "recovery_nobody", SUBJECT, "recovery", values))
