"""A request as the provider's office reads it: who asks, for what, until when.

Whoever has the link reads names and NPIs as they stand in public directories, and of the Tax ID the last digits; no address, no
vendor number, no payment.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal import clock, scopes
from hp_portal.audience import Audience
from hp_portal.core.audit.record import Who, get_who, record
from hp_portal.core.billing_access.checking import payees_of, seen_by, works_for
from hp_portal.core.identity.actor import Actor, hash_token
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.access_requests import REFUSED, STAFF, WAITING, AccessRequest, AccessRequestLink
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.web.listing import Listing, page_of
from hp_portal.database import PortalSession
from hp_portal.scopes import in_whole


class LinkDead(Exception):
    """The link opens nothing: it is unknown, its request went to somebody else, or waits for staff."""


@dataclass(frozen=True)
class Asked:
    """A payee that a request is for."""

    id: int
    name: str
    npi: str


@dataclass(frozen=True)
class Offer:
    """What somebody at the provider's office is asked. The TIN is masked; `waits`: it can be answered.

    `access_until`: the last moment of it. `asker_ended`: the organization that asks uses the portal no more. `others_left`: it
    is for payees, too, that the reader's organization is not linked to, and so does not decide about. With `works_for_both`
    whoever reads it works for the organization that asks as well: another delegate answers.
    """

    id: int
    organization: str
    asker: str
    asked_at: dt.datetime
    due_at: dt.datetime
    tin: str
    payees: tuple[Asked, ...]
    whole_tin: bool
    approver_name: str
    approver_title: str
    state: str
    waits: bool
    opened: bool
    ended_at: dt.datetime | None
    access_until: dt.datetime | None
    signed_name: str
    signed_title: str
    asker_ended: bool
    others_left: bool
    works_for_both: bool


def find_link(session: PortalSession, token: str) -> AccessRequestLink | None:
    """The link with this token, alive or not. Needs a whole scope."""
    return session.scalars(
        sa.select(AccessRequestLink)
        .where(AccessRequestLink.token_hash == hash_token(token))
        .execution_options(populate_existing=True)
    ).one_or_none()


def offer_of(session: PortalSession, request: AccessRequest, reader: Actor | None = None) -> Offer:
    """A request in words, as whoever has the link, or a delegate who is signed in, reads it. Needs a whole scope."""
    organization = session.get_one(Organization, request.organization_id)
    asker = session.get(Person, request.asked_by_id) if request.asked_by_id else None
    asked = payees_of(session, request.whole_tin(session), tuple(request.npis.split()))
    payees = asked if reader is None else seen_by(session, reader.organization_id, asked)
    due = request.due_at or clock.now()
    return Offer(
        request.id,
        organization.name,
        asker.name if asker else "",
        request.asked_at,
        due,
        request.masked_tin(session),
        tuple(Asked(one.id, one.name, one.npi or "") for one in payees),
        not request.npis,
        request.approver_name,
        request.approver_title,
        request.state,
        request.state == WAITING and due > clock.now() and organization.ended_at is None,
        request.opened_at is not None,
        request.ended_at,
        request.last_moment,
        request.signed_name,
        request.signed_title,
        organization.ended_at is not None,
        len(asked) > len(payees),
        reader is not None and works_for(session, request.organization_id, reader.person_id),
    )


@in_whole("whoever has the link reads what they are asked")
def offer_with(session: PortalSession, token: str) -> Offer:
    """What the holder of a link is asked. Raises LinkDead: then it opens nothing, also when the request went to somebody else."""
    link = find_link(session, token)
    if link is None:
        raise LinkDead
    request = session.get_one(AccessRequest, link.request_id)
    if link.email != request.approver_email or request.state == STAFF or _is_ended(link, request):
        raise LinkDead
    return offer_of(session, request)


def _is_ended(link: AccessRequestLink, request: AccessRequest) -> bool:
    return link.ended_at is not None and request.state == WAITING


@in_whole("the request was opened with its link")
def note_opened(session: PortalSession, token: str) -> Offer:
    """The holder of a link reads the request now. Raises LinkDead. The caller commits."""
    offer = offer_with(session, token)
    opened = session.execute(
        sa.update(AccessRequest)
        .where(AccessRequest.id == offer.id, AccessRequest.opened_at.is_(None), AccessRequest.state == WAITING)
        .values(opened_at=clock.now())
        .returning(AccessRequest.organization_id)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if opened is not None:
        who = Who(organization_id=opened, request_id=get_who(session).request_id)
        record(session, "billing.access.opened", who=who, request=offer.id)
    return offer


_SHOWN = 50
_SENT = (AccessRequest.sent_at.is_not(None), AccessRequest.state.not_in((STAFF, REFUSED)))


def _of_office(session: PortalSession, actor: Actor) -> sa.ColumnElement[bool]:
    """A condition: the request is about a Tax ID that the actor's organization is linked to. Needs a whole scope."""
    one_each = (
        sa.select(sa.func.min(Payee.id))
        .join(Grant, Grant.payee_id == Payee.id)
        .join(Organization, Organization.id == Grant.organization_id)
        .where(Grant.organization_id == actor.organization_id, Grant.is_open(), sa.not_(Organization.provisional))
        .group_by(Payee.tin_hash)
    )
    tins = {one.whole_tin(session) for one in session.scalars(sa.select(Payee).where(Payee.id.in_(one_each)))}
    return sa.or_(sa.false(), *(AccessRequest.tin_is(session, tin) for tin in sorted(tins)))


def _may_answer(actor: Actor) -> bool:
    return actor.is_delegate and actor.organization_id is not None and actor.audience != Audience.BILLING


def count_for_office(session: PortalSession, actor: Actor) -> int:
    """How many requests wait for an answer of the actor's organization; none for somebody who is no delegate."""
    if not _may_answer(actor):
        return 0
    with scopes.whole(session, "requests about the actor's own Tax IDs"):
        waiting = sa.select(AccessRequest.id).where(
            AccessRequest.ended_at.is_(None), AccessRequest.due_at > clock.now()
        )
        if session.scalar(waiting.limit(1)) is None:  # as on most days: no Tax ID is opened then
            return 0
        waits = waiting.with_only_columns(sa.func.count(AccessRequest.id)).where(
            AccessRequest.state == WAITING, _of_office(session, actor)
        )
        return session.scalar(waits) or 0


@dataclass(frozen=True)
class Listed:
    """A request as the list of an office shows it. The TIN is masked; `approved`: at least a part of it was."""

    id: int
    organization: str
    tin: str
    asked_at: dt.datetime
    waits: bool
    approved: bool


@in_whole("requests about the actor's own Tax IDs")
def offers_for_office(session: PortalSession, actor: Actor, number: int) -> Listing[Listed]:
    """One page of the requests about the Tax IDs of a delegate's organization: those that wait, the oldest first, then the
    others, the newest first. Recorded as looked at; the caller commits.

    The number of statements does not grow with the requests. Raises PastTheEnd.
    """
    if not _may_answer(actor):
        return Listing([], 1, _SHOWN, 0)
    waits = AccessRequest.state == WAITING
    rows = (
        sa.select(AccessRequest, Organization.name, Organization.ended_at)
        .join(Organization, Organization.id == AccessRequest.organization_id)
        .where(_of_office(session, actor), *_SENT)
        .order_by(sa.not_(waits), sa.case((waits, AccessRequest.id)), AccessRequest.id.desc())
    )
    now = clock.now()

    def make(row: Any) -> Listed:
        request, organization, ended_at = row
        waiting = request.state == WAITING and (request.due_at or now) > now and ended_at is None
        tin, approved = request.masked_tin(session), request.access_until is not None
        return Listed(request.id, organization, tin, request.asked_at, waiting, approved)

    listing = page_of(session, rows, number, size=_SHOWN, make=make)
    record(session, "billing.access.office-listed", shown=len(listing.rows))
    return listing


@in_whole("a request about the actor's own Tax ID")
def offer_for_office(session: PortalSession, actor: Actor, request_id: int) -> Offer | None:
    """One of them, or None."""
    if not _may_answer(actor):
        return None
    wanted = sa.select(AccessRequest).where(AccessRequest.id == request_id, _of_office(session, actor), *_SENT)
    request = session.scalars(wanted).one_or_none()
    return offer_of(session, request, actor) if request is not None else None
