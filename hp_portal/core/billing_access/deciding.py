"""The answer of a provider's office to a request: by the link that was sent, without an account, or signed in as a delegate.

Of one request there is one answer: whoever comes second is told so. The caller commits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import Who, get_who, record
from hp_portal.core.billing_access.asking import Refused, put_approver
from hp_portal.core.billing_access.checking import Approver, approver_problems, payees_of, seen_by, works_for
from hp_portal.core.billing_access.offers import LinkDead, find_link, offer_of
from hp_portal.core.billing_access.records import approval_pdf
from hp_portal.core.billing_access.sending import about, cancel, end_links, offices_of, tell_asker
from hp_portal.core.delivery.attaching import Attachment
from hp_portal.core.delivery.outbox import Outgoing, add_message
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.access_requests import (
    APPROVED,
    DECLINED,
    PARTLY,
    UNKNOWN,
    WAITING,
    AccessRequest,
    AccessRequestPayee,
)
from hp_portal.core.organizations.models import Grant
from hp_portal.core.payees.models import Payee
from hp_portal.core.people.ended import OrganizationEnded, hold_going_on
from hp_portal.core.tax_ids.ending import end_overdue
from hp_portal.core.tax_ids.leaning import hold_tins
from hp_portal.core.tax_ids.notices import tell_of_link
from hp_portal.core.web.formats import show_day
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession, lock
from hp_portal.hookspecs import PortalEvent
from hp_portal.scopes import in_whole

PASSED_ON_AT_MOST = 2
THEIR_OWN = "This person seems to belong to the organization that asks. Name somebody at the provider’s own office."
NOT_BY_THEM = "Whoever this request was sent to belongs to the organization that asks. Name another person below."
SIGNED_BY_THEM = (
    "Somebody of this name works for the organization that asks. The person at your office who decides has to sign."
)


class DecidedAlready(Exception):
    """The request was answered, withdrawn or has expired meanwhile."""


class AskerEnded(Exception):
    """The organization that asks has ended: there is nobody to let see anything."""


class WorksForBoth(Exception):
    """Whoever wants to answer works for the organization that asks, too: another delegate has to answer."""


class PassedOnTooOften(Exception):
    """It was handed on as often as may be: whoever asked has to name somebody else."""


@dataclass(frozen=True)
class Signer:
    """Who answers: with the link's token or an account; `name` and `title` as they typed them, `address` where they are."""

    name: str = ""
    title: str = ""
    address: str = ""
    token: str = ""
    actor: Actor | None = None


def _hold(session: PortalSession, request_id: int, signer: Signer) -> AccessRequest:
    """Lock a request that this signer may answer, and read it anew. Raises LinkDead, DecidedAlready, WorksForBoth."""
    lock(session, f"access-request:{request_id}")
    if signer.actor is None:
        link = find_link(session, signer.token)
        if link is None or link.request_id != request_id:
            raise LinkDead
        if link.ended_at is not None or link.expires_at <= clock.now():
            raise DecidedAlready
    request = session.get_one(AccessRequest, request_id, populate_existing=True)
    if signer.actor is not None:
        if signer.actor.organization_id not in offices_of(session, request):
            raise LinkDead
        if works_for(session, request.organization_id, signer.actor.person_id):
            raise WorksForBoth
    if request.state != WAITING or (request.due_at or clock.now()) <= clock.now():
        raise DecidedAlready
    return request


def _note(
    session: PortalSession,
    request: AccessRequest,
    signer: Signer,
    event: str,
    reason: str = "",
    answer: str = "",
    **fields: object,
) -> None:
    """An event of the organization that asked, and one of whoever answered with an account."""
    who = Who(organization_id=request.organization_id, request_id=get_who(session).request_id)
    record(session, event, reason=reason, who=who, request=request.id, **fields)
    if signer.actor is not None:
        record(
            session,
            "billing.access.answered",
            reason=reason,
            organization=request.organization_id,
            request=request.id,
            answer=answer or event.rpartition(".")[2],
        )


def _answered(session: PortalSession, request: AccessRequest, signer: Signer, state: str, answer: str = "") -> None:
    request.state, request.ended_at, request.answer = state, clock.now(), answer
    request.signed_name, request.signed_title, request.signed_address = signer.name, signer.title, signer.address
    request.decided_by_id = signer.actor.person_id if signer.actor else None
    session.flush()
    cancel(session, request)
    end_links(session, request)


@in_whole("the provider's office approves what it was asked")
def approve(
    session: PortalSession, request_id: int, signer: Signer, payee_ids: Sequence[int], until: dt.datetime
) -> None:
    """Let the organization that asked see these payees' payments until a moment. Those of the request that are left out are noted
    as not approved.

    Raises LinkDead, DecidedAlready, WorksForBoth, AskerEnded, Refused, or ValueError for payees that were not asked for,
    or that a signer with an account does not see.
    """
    request = _hold(session, request_id, signer)
    if signer.actor is None and (problems := _signer_problems(session, request, signer)):
        raise Refused(problems)
    tin = request.whole_tin(session)
    if signer.actor is not None:  # so that their office does not let go of what they approve meanwhile
        hold_tins(session, [tin])
    asked = payees_of(session, tin, tuple(request.npis.split()))
    may = asked if signer.actor is None else seen_by(session, signer.actor.organization_id, asked)
    chosen = [one for one in may if one.id in payee_ids]
    if not chosen or len(chosen) != len(set(payee_ids)):
        raise ValueError("payees that were not asked for")
    try:
        hold_going_on(session, request.organization_id)
    except OrganizationEnded:
        raise AskerEnded from None
    request.access_until = until
    _answered(session, request, signer, APPROVED if len(chosen) == len(asked) else PARTLY)
    session.add_all(AccessRequestPayee(request_id=request.id, payee_id=one.id, approved=one in chosen) for one in asked)
    for payee in chosen:
        _open(session, request, payee, until, signer)
    _note(session, request, signer, "billing.access.approved", approved=len(chosen), asked=len(asked))
    _tell_both(session, request, signer, chosen)


def _signer_problems(session: PortalSession, request: AccessRequest, signer: Signer) -> dict[str, str]:
    """Why whoever has the link may not approve: they, or whoever was asked, belong to the organization that asks by now."""
    asked = Approver(request.approver_name, "", request.approver_email)
    if approver_problems(session, request.organization_id, asked):
        return {"": NOT_BY_THEM}
    signed = Approver(signer.name, "", request.approver_email)
    return dict.fromkeys(approver_problems(session, request.organization_id, signed), SIGNED_BY_THEM)


def _open(session: PortalSession, request: AccessRequest, payee: Payee, until: dt.datetime, signer: Signer) -> None:
    lock(session, f"grant:{request.organization_id}:{payee.id}")
    end_overdue(session, request.organization_id, payee.id)
    open_already = session.scalars(sa.select(Grant).where(Grant.links(request.organization_id, payee.id))).one_or_none()
    if open_already is not None:
        if open_already.ends_at is not None and open_already.ends_at < until:  # what was given for longer stays
            open_already.ends_at, open_already.request_id = until, request.id
        return
    grant = Grant(
        organization_id=request.organization_id,
        payee_id=payee.id,
        proof="approval",
        granted_by_id=signer.actor.person_id if signer.actor else None,
        granted_at=clock.now(),
        ends_at=until,
        request_id=request.id,
    )
    session.add(grant)
    session.flush()
    session.announce(PortalEvent("grant.added", {"organization": grant.organization_id, "payee": payee.id}))
    tell_of_link(session, grant)


def _tell_both(session: PortalSession, request: AccessRequest, signer: Signer, chosen: Sequence[Payee]) -> None:
    theirs, copy = (
        Attachment("approval.pdf", "application/pdf", approval_pdf(session, request, office=office))
        for office in (False, True)
    )
    until = show_day(request.last_moment, settings().payer.zone)
    which = [f"{one.name}{f' (NPI {one.npi})' if one.npi else ''}" for one in chosen]
    part = "" if request.state == APPROVED else "a part of "
    what = f"{signer.name}, {signer.title}, has approved {part}your request. You can see these payments until {until}."
    tell_asker(session, request, what, [theirs], payees=which)
    offer = offer_of(session, request)
    email = request.approver_email
    if signer.actor is not None:
        email = session.get_one(Person, signer.actor.person_id).email
    values = {
        "name": signer.name,
        "organization": offer.organization,
        "tin": offer.tin,
        "until": until,
        "payees": which,
        "signed_at": show_day(request.ended_at, settings().payer.zone),
    }
    subject = f"Your approval for {offer.organization}"
    add_message(
        session, Outgoing(email, "access_approved", subject, f"{about(request)}:copy", values, attachments=(copy,))
    )


@in_whole("the provider's office declines what it was asked")
def decline(session: PortalSession, request_id: int, signer: Signer, reason: str) -> None:
    """Say no, with a reason that whoever asked reads. Raises LinkDead, DecidedAlready."""
    request = _hold(session, request_id, signer)
    _answered(session, request, signer, DECLINED, reason)
    _note(session, request, signer, "billing.access.declined", reason)
    tell_asker(session, request, "The provider’s office has declined your request.", payees=[])


@in_whole("the provider's office does not know who asks")
def disown(session: PortalSession, request_id: int, signer: Signer) -> None:
    """Nobody there knows who asks: it ends, and staff look into it; whoever asked reads that it was declined.

    Raises LinkDead, DecidedAlready, WorksForBoth.
    """
    request = _hold(session, request_id, signer)
    _answered(session, request, signer, UNKNOWN)
    _note(session, request, signer, "billing.access.declined", answer="disowned")
    for_staff = Who(request_id=get_who(session).request_id)
    record(session, "billing.access.disowned", who=for_staff, request=request.id)
    tell_asker(session, request, "The provider’s office has declined your request.", payees=[])


@in_whole("the wrong person was asked and names another")
def pass_on(session: PortalSession, request_id: int, signer: Signer, approver: Approver) -> None:
    """Hand a request on to the right person: a new link goes there, after the same checks as of whoever asked.

    Raises LinkDead, DecidedAlready, Refused, PassedOnTooOften.
    """
    request = _hold(session, request_id, signer)
    if problems := approver_problems(session, request.organization_id, approver):
        raise Refused(dict.fromkeys(problems, THEIR_OWN))
    if approver.email.lower() == request.approver_email:
        raise Refused({"email": "The request went to this address already. Name somebody else."})
    if request.passed_on >= PASSED_ON_AT_MOST:
        raise PassedOnTooOften
    request.passed_on += 1
    put_approver(session, request, approver)
    _note(session, request, signer, "billing.access.passed-on")
    tell_asker(
        session, request, "The person whom you asked is not the right one, and has named somebody else.", payees=[]
    )
