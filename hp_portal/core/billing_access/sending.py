"""Messages about requests for access, and the links in them. Every verb needs a whole scope."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.billing_access.checking import delegates_to_ask
from hp_portal.core.delivery.attaching import Attachment
from hp_portal.core.delivery.outbox import Outgoing, add_message, cancel_messages
from hp_portal.core.identity.actor import hash_token
from hp_portal.core.identity.delegates import delegates_of
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.unconfirmed import is_unconfirmed, reachable
from hp_portal.core.organizations.access_requests import STAFF, AccessRequest, AccessRequestLink
from hp_portal.core.organizations.models import Organization
from hp_portal.core.tax_ids.notices import holders_of
from hp_portal.core.web.formats import show_day
from hp_portal.core.web.links import absolute_url
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession

APPROVE = "approvals.follow_link"
OFFICE = "approvals.office_one"
STATUS = "tax-id-npi-access.request_one"


def about(request: AccessRequest) -> str:
    """What the messages about a request are about."""
    return f"access-request:{request.id}"


def cancel(session: PortalSession, request: AccessRequest) -> None:
    """Take back what has not left yet."""
    cancel_messages(session, about(request))


def end_links(session: PortalSession, request: AccessRequest) -> None:
    """The links sent so far open nothing any more."""
    session.execute(
        sa.update(AccessRequestLink)
        .where(AccessRequestLink.request_id == request.id, AccessRequestLink.ended_at.is_(None))
        .values(ended_at=clock.now())
        .execution_options(synchronize_session=False)
    )


def forget_unsent(request: AccessRequest) -> None:
    """What ends before staff let it go was never sent, whatever its asker was shown: no office finds it."""
    if request.state == STAFF:
        request.sent_at = None


def offices_of(session: PortalSession, request: AccessRequest) -> list[int]:
    """The provider organizations that are registered for the Tax ID of a request."""
    return holders_of(session, request.whole_tin(session))


def send(session: PortalSession, request: AccessRequest, *, reminder: int = 0) -> None:
    """Write to whoever is asked, a new link each time: of a link nothing but its hash is kept."""
    now = clock.now()
    if not reminder:
        request.sent_at = now
    session.flush()
    organization = session.get_one(Organization, request.organization_id)
    values = {
        "organization": organization.name,
        "asker": _asker_name(session, request),
        "tin": request.masked_tin(session),
        "until": show_day(request.due_at or now, settings().payer.zone),
        "reminder": reminder,
    }
    subject = f"{organization.name} asks to see your payments"
    if reminder:
        subject = f"Reminder: {subject}"
    if request.to_delegates:
        link = absolute_url(OFFICE, access_request_id=request.id)
        for delegate in delegates_to_ask(session, request.organization_id, request.whole_tin(session)):
            told = {**values, "approver": delegate.name, "link": link, "signed_in": True}
            add_message(session, Outgoing(delegate.email, "access_asked", subject, about(request), told))
        return
    token = secrets.token_urlsafe(32)
    session.add(
        AccessRequestLink(
            request_id=request.id,
            token_hash=hash_token(token),
            email=request.approver_email,
            made_at=now,
            expires_at=request.due_at or now,
        )
    )
    session.flush()
    told = {**values, "approver": request.approver_name, "link": absolute_url(APPROVE, token=token), "signed_in": False}
    add_message(
        session, Outgoing(request.approver_email, "access_asked", subject, about(request), told, secrets=("link",))
    )


def _asker_name(session: PortalSession, request: AccessRequest) -> str:
    person = session.get(Person, request.asked_by_id) if request.asked_by_id else None
    return person.name if person else ""


def tell_asker(
    session: PortalSession, request: AccessRequest, what: str, attachments: Sequence[Attachment] = (), **more: Any
) -> None:
    """Tell whoever asked, and the delegates of their organization, what became of a request: `what` as a sentence."""
    people = {one.email: one for one in reachable(delegates_of(session, [request.organization_id]))}
    asker = session.get(Person, request.asked_by_id) if request.asked_by_id else None
    if (
        asker is not None
        and asker.deactivated_at is None
        and not is_unconfirmed(asker.email)
        and asker.organization_id == request.organization_id
    ):
        people.setdefault(asker.email, asker)
    values = {
        "what": what,
        "provider": request.provider,
        "tin": request.masked_tin(session),
        "answer": request.answer,
        "link": absolute_url(STATUS, access_request_id=request.id),
        **more,
    }
    for person in people.values():
        add_message(
            session,
            Outgoing(
                person.email,
                "access_answered",
                "Your request for access: what became of it",
                f"{about(request)}:answer",
                {"name": person.name, **values},
                attachments=tuple(attachments),
            ),
        )
