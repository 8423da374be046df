"""Asking delegates to contact somebody, and what they do with it."""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal import clock, scopes
from hp_portal.core.audit.record import Who, get_who, record
from hp_portal.core.delegates.finding import KEPT
from hp_portal.core.delegates.models import (
    ANSWERED,
    DONE,
    REPORTED,
    UNCONFIRMED,
    WAITING,
    DelegateLookup,
    DelegateRequest,
)
from hp_portal.core.delivery.outbox import Outgoing, add_message, cancel_messages
from hp_portal.core.delivery.states import MessageState, messages_about
from hp_portal.core.identity.actor import Actor, hash_token
from hp_portal.core.identity.delegates import delegates_of
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.unconfirmed import reachable
from hp_portal.core.limits import lookups as limits
from hp_portal.core.organizations.models import Organization
from hp_portal.core.web.links import absolute_url
from hp_portal.database import PortalSession, lock
from hp_portal.scopes import in_whole
from hp_portal.seals import seat

ASKED, ANSWER = seat(DelegateRequest.asked_sealed), seat(DelegateRequest.answer_sealed)
LISTED = 100
INVITED = "Invited to register and to ask to join."


class LookupGone(Exception):
    """The look-up is too old, or there was none."""


class LinkDead(Exception):
    """The link to confirm an address is unknown, too old, or its request was thrown away."""


class EndedAlready(Exception):
    """Somebody has answered, closed or reported the request already."""


@dataclass(frozen=True)
class Asker:
    """Who asks to be contacted, and what for."""

    name: str
    email: str
    phone: str
    about: str


@dataclass(frozen=True)
class Request:
    """A request as a delegate or staff read it. `ended_by` is the delegate's name."""

    id: int
    organization: str
    asker: Asker
    asked_at: dt.datetime
    address: str
    state: str
    ended_at: dt.datetime | None
    ended_by: str
    answer: str
    reason: str
    settled_at: dt.datetime | None
    settlement: str


def about_request(request_id: int) -> str:
    """What the messages about a request are about."""
    return f"contact-request:{request_id}"


@in_whole("a stranger asks the delegates of an organization that they found")
def ask(session: PortalSession, token: str, asker: Asker, address: str, from_address: str) -> None:
    """Ask the delegates whom a look-up found to contact somebody: they are told once the asker has confirmed their e-mail
    address by the link that is sent there. `address` is counted, `from_address` kept with the request.

    Raises LookupGone, and TooManyAttempts. A look-up asks once: again changes nothing. The caller commits.
    """
    found = session.scalars(
        sa.select(DelegateLookup).where(
            DelegateLookup.token_hash == hash_token(token), DelegateLookup.at > clock.now() - KEPT
        )
    ).one_or_none()
    if found is None or not found.organizations:
        raise LookupGone
    lock(session, f"delegate-lookup:{found.id}")
    session.refresh(found)
    if found.used_at is not None:
        return
    organizations = [int(one) for one in found.organizations.split(",")]
    by = limits.ask_limits(address, asker.email, organizations)
    limits.check(session, limits.ASK, by)
    limits.count(session, limits.ASK, by)
    found.used_at = clock.now()
    confirming = secrets.token_urlsafe(24)
    for organization_id in organizations:
        _keep(session, organization_id, asker, from_address, hash_token(confirming))
    values = {"name": asker.name, "link": absolute_url("delegates.follow_link", token=confirming)}
    about, subject = _about_confirming(hash_token(confirming)), "Confirm your request to be contacted"
    add_message(session, Outgoing(asker.email, "delegate_confirm", subject, about, values, secrets=("link",)))
    record(session, "delegates.request.written")


def _about_confirming(hashed: bytes) -> str:
    return f"contact-confirmation:{hashed.hex()[:16]}"


def _keep(
    session: PortalSession, organization_id: int, asker: Asker, address: str, confirm_hash: bytes | None
) -> DelegateRequest:
    token = secrets.token_hex(16)
    request = DelegateRequest(
        organization_id=organization_id,
        token=token,
        confirm_hash=confirm_hash,
        asked_sealed=session.vault.seal_text(json.dumps(asdict(asker)), ASKED(token)),
        asked_at=clock.now(),
        address=address,
        state=UNCONFIRMED,
    )
    session.add(request)
    session.flush()
    return request


def _asked_by(session: PortalSession, token: str) -> Sequence[DelegateRequest]:
    """What the holder of a link has asked, of one organization or of several. Raises LinkDead."""
    wanted = sa.select(DelegateRequest).where(
        DelegateRequest.confirm_hash == hash_token(token), DelegateRequest.asked_at > clock.now() - KEPT
    )
    if not (asked := session.scalars(wanted.order_by(DelegateRequest.id)).all()):
        raise LinkDead
    return asked


def _asker(session: PortalSession, request: DelegateRequest) -> Asker:
    return Asker(**json.loads(session.vault.open_text(request.asked_sealed, ASKED(request.token))))


@in_whole("a stranger reads what they asked themselves")
def asked_with(session: PortalSession, token: str) -> Asker:
    """What the holder of a link wrote. Raises LinkDead."""
    return _asker(session, _asked_by(session, token)[0])


@in_whole("a stranger confirms what they asked")
def confirm(session: PortalSession, token: str) -> None:
    """The address is its asker's: the delegates are told now. Again changes nothing. Raises LinkDead. The caller commits."""
    lock(session, _about_confirming(hash_token(token)))
    for request in _asked_by(session, token):
        session.refresh(request)
        if request.state == UNCONFIRMED:
            _tell(session, request, _asker(session, request))


@in_whole("somebody got a link that they had not asked for")
def disown(session: PortalSession, token: str) -> None:
    """Whoever got the link had not asked: what was not confirmed is thrown away. Raises LinkDead. The caller commits."""
    lock(session, _about_confirming(hash_token(token)))
    thrown_away = 0
    for request in _asked_by(session, token):
        session.refresh(request)
        if request.state == UNCONFIRMED:
            session.delete(request)
            thrown_away += 1
    if thrown_away:
        record(session, "delegates.request.disowned", requests=thrown_away)


def forget_unconfirmed(session: PortalSession) -> None:
    """Remove requests that nobody confirmed in time. For the worker."""
    old = DelegateRequest.asked_at <= clock.now() - KEPT
    session.execute(sa.delete(DelegateRequest).where(DelegateRequest.state == UNCONFIRMED, old))


def add_request(session: PortalSession, organization_id: int, asker: Asker, address: str) -> int:
    """Keep a request to one organization's delegates, confirmed already, and tell them; its id. Needs a whole scope."""
    request = _keep(session, organization_id, asker, address, None)
    _tell(session, request, asker)
    return request.id


def _tell(session: PortalSession, request: DelegateRequest, asker: Asker) -> None:
    request.state = WAITING
    session.flush()
    organization = session.get_one(Organization, request.organization_id)
    for delegate in reachable(delegates_of(session, [organization.id])):
        values = {
            "delegate": delegate.name,
            "organization": organization.name,
            "asker": asker.name,
            "link": absolute_url("delegates.request_one", request_id=request.id),
        }
        subject = "Somebody asks you to contact them"
        add_message(session, Outgoing(delegate.email, "delegate_asked", subject, about_request(request.id), values))
    who = Who(organization_id=organization.id, request_id=get_who(session).request_id, address=request.address)
    record(session, "delegates.request.made", who=who, request=request.id)


def _read(session: PortalSession, rows: Iterable[Any]) -> list[Request]:
    return [
        Request(
            row.id,
            organization,
            _asker(session, row),
            row.asked_at,
            row.address,
            row.state,
            row.ended_at,
            ended_by or "",
            session.vault.open_text(row.answer_sealed, ANSWER(row.token)) if row.answer_sealed else "",
            row.reason,
            row.settled_at,
            row.settlement,
        )
        for row, organization, ended_by in rows
    ]


def _select(*where: sa.ColumnElement[bool]) -> sa.Select[DelegateRequest, str, str]:
    return (
        sa.select(DelegateRequest, Organization.name, Person.name)
        .join(Organization, Organization.id == DelegateRequest.organization_id)
        .outerjoin(Person, Person.id == DelegateRequest.ended_by_id)
        .where(DelegateRequest.state != UNCONFIRMED, *where)
    )


def waiting_requests(session: PortalSession, actor: Actor) -> int:
    """How many requests wait for the delegates of the actor's organization; none for somebody who is no delegate."""
    if not actor.is_delegate or actor.organization_id is None:
        return 0
    waits = sa.select(sa.func.count(DelegateRequest.id)).where(
        DelegateRequest.organization_id == actor.organization_id, DelegateRequest.state == WAITING
    )
    with scopes.whole(session, "requests to the actor's own organization, on a public page as well"):
        return session.scalar(waits) or 0


def own_requests(session: PortalSession) -> list[Request]:
    """The newest requests to the session's organization, those that wait first; recorded as looked at. The caller commits."""
    order = (DelegateRequest.state != WAITING, DelegateRequest.id.desc())
    found = _read(session, session.execute(_select().order_by(*order).limit(LISTED)))
    record(session, "delegates.request.listed", shown=len(found))
    return found


def own_request(session: PortalSession, request_id: int) -> Request | None:
    """One request to the session's organization, or None."""
    return next(iter(_read(session, session.execute(_select(DelegateRequest.id == request_id)))), None)


def view_request(session: PortalSession, request: Request) -> None:
    """Record that a delegate has opened a request. The caller commits."""
    record(session, "delegates.request.viewed", request=request.id)


def sent_about(session: PortalSession, request: Request) -> MessageState | None:
    """What became of the answer's e-mail."""
    return next(iter(messages_about(session, f"{about_request(request.id)}:answer")), None)


def _end(session: PortalSession, actor: Actor, request: Request, state: str, reason: str = "") -> str:
    """End a request to the actor's organization, and tell nobody of it any more; its token. Needs a whole scope."""
    open_states = (WAITING, ANSWERED, DONE) if state == REPORTED else (WAITING,)
    token = session.scalars(
        sa.update(DelegateRequest)
        .where(
            DelegateRequest.id == request.id,
            DelegateRequest.organization_id == actor.organization_id,
            DelegateRequest.state.in_(open_states),
        )
        .values(state=state, ended_at=clock.now(), ended_by_id=actor.person_id, reason=reason)
        .returning(DelegateRequest.token)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if token is None:
        raise EndedAlready
    cancel_messages(session, about_request(request.id))
    return token


def _answered(session: PortalSession, token: str, request: Request, text: str) -> None:
    kept = session.vault.seal_text(text, ANSWER(token))
    session.execute(sa.update(DelegateRequest).where(DelegateRequest.id == request.id).values(answer_sealed=kept))


@in_whole("an answer to a stranger is kept and sent")
def answer(session: PortalSession, actor: Actor, request: Request, text: str) -> None:
    """Send an answer to whoever asked. Raises EndedAlready."""
    _answered(session, _end(session, actor, request, ANSWERED), request, text)
    values = {"delegate": actor.display_name, "organization": actor.organization_name, "answer": text}
    about, subject = f"{about_request(request.id)}:answer", "Answer to your request"
    add_message(session, Outgoing(request.asker.email, "delegate_answered", subject, about, values))
    record(session, "delegates.request.answered", request=request.id)


@in_whole("an invitation to a stranger is sent")
def invite(session: PortalSession, actor: Actor, request: Request) -> None:
    """Send whoever asked the way to register and to ask to join. Raises EndedAlready."""
    _answered(session, _end(session, actor, request, ANSWERED), request, INVITED)
    values = {
        "delegate": actor.display_name,
        "organization": actor.organization_name,
        "link": absolute_url("registration.start"),
    }
    about, subject = f"{about_request(request.id)}:answer", "Register for the provider portal"
    add_message(session, Outgoing(request.asker.email, "delegate_invited", subject, about, values))
    record(session, "delegates.request.invited", request=request.id)


@in_whole("a request to the actor's own organization ends")
def close(session: PortalSession, actor: Actor, request: Request) -> None:
    """The person was contacted some other way, or need not be. Raises EndedAlready."""
    _end(session, actor, request, DONE)
    record(session, "delegates.request.closed", request=request.id)


@in_whole("a request to the actor's own organization ends")
def report(session: PortalSession, actor: Actor, request: Request, reason: str) -> None:
    """Report a request as suspicious: staff look into it. Raises EndedAlready."""
    _end(session, actor, request, REPORTED, reason)
    record(session, "delegates.request.reported", reason=reason, request=request.id)


def answer_for_ended(session: PortalSession) -> None:
    """Who asked the delegates of an organization that has ended meanwhile is told to register it. Needs a whole scope; the worker
    does it."""
    waiting = (
        sa.select(DelegateRequest, Organization.name)
        .join(Organization, Organization.id == DelegateRequest.organization_id)
        .where(DelegateRequest.state == WAITING, Organization.ended_at.is_not(None))
        .order_by(DelegateRequest.id)
    )
    for request, organization in session.execute(waiting).all():
        request.state, request.ended_at = DONE, clock.now()
        session.flush()
        cancel_messages(session, about_request(request.id))
        values = {"organization": organization, "link": absolute_url("registration.start")}
        about, subject = f"{about_request(request.id)}:answer", "Answer to your request"
        email = _asker(session, request).email
        add_message(session, Outgoing(email, "delegate_ended", subject, about, values))
        record(session, "delegates.request.outlived", request=request.id)


def _reported() -> sa.ColumnElement[bool]:
    return sa.and_(DelegateRequest.state == REPORTED, DelegateRequest.settled_at.is_(None))


def count_reported(session: PortalSession) -> int:
    """How many reports wait for staff. Needs a whole scope."""
    return session.scalar(sa.select(sa.func.count(DelegateRequest.id)).where(_reported())) or 0


def view_reported(session: PortalSession) -> list[Request]:
    """The reports that wait, the oldest first, recorded as looked at. Needs a whole scope; the caller commits."""
    found = _read(session, session.execute(_select(_reported()).order_by(DelegateRequest.id).limit(LISTED)))
    record(session, "delegates.reports.viewed", shown=len(found))
    return found


def settle(session: PortalSession, actor: Actor, request_id: int, settlement: str) -> bool:
    """Staff have looked into a report; False when somebody had before. The organization reads what they say."""
    done = session.scalars(
        sa.update(DelegateRequest)
        .where(DelegateRequest.id == request_id, _reported())
        .values(settled_at=clock.now(), settled_by_id=actor.person_id, settlement=settlement)
        .returning(DelegateRequest.id)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if done is None:
        return False
    record(session, "delegates.report.settled", reason=settlement, request=request_id)
    return True
