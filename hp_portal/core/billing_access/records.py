"""The record of an approval, as PDF: who let whom see what, until when, and how they signed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hp_portal import clock, scopes
from hp_portal.core.audit.record import record
from hp_portal.core.billing_access.offers import offer_for_office
from hp_portal.core.documents.rendering import render_pdf
from hp_portal.core.identity.actor import Actor
from hp_portal.core.organizations.access_requests import APPROVED, PARTLY, AccessRequest, AccessRequestPayee
from hp_portal.core.organizations.models import Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.web.formats import show_datetime, show_day
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession

_TEMPLATE = Path(__file__).with_name("approval.typ")
SENTENCE = (
    "I am allowed to decide this for the provider named here. I let {organization} see the payments, and the remittance advice "
    "with member data in it, that {payer} sends to the Tax ID and NPIs that are ticked, until the day that is given."
)


def sentence(organization: str) -> str:
    """What somebody signs who approves."""
    return SENTENCE.format(organization=organization, payer=settings().payer.name)


def approval_pdf(session: PortalSession, request: AccessRequest, *, office: bool) -> bytes:
    """The record of an approved request, as the provider's office keeps it, or as whoever asked may read it. Needs a whole scope.

    Whoever asked reads what they may see, how many others there are, and not from where it was signed.
    """
    zone = settings().payer.zone
    rows = session.execute(
        sa.select(Payee, AccessRequestPayee.approved)
        .join(AccessRequestPayee, AccessRequestPayee.payee_id == Payee.id)
        .where(AccessRequestPayee.request_id == request.id)
        .order_by(Payee.name, Payee.npi, Payee.id)
    ).all()
    organization = session.get_one(Organization, request.organization_id).name
    how = "signed in to the portal" if request.decided_by_id else f"by the link sent to {request.approver_email}"
    data: dict[str, Any] = {
        "facts": [
            ["Request", f"{request.id}, of {show_datetime(request.asked_at, zone)}"],
            ["Who may see the payments", organization],
            ["Tax ID of the provider", request.masked_tin(session)],
            ["Until", show_day(request.last_moment, zone)],
        ],
        "payees": [
            [one.name, one.npi or "none", "approved" if approved else "not approved"]
            for one, approved in rows
            if approved or office
        ],
        "sentence": sentence(organization),
        "signed": [
            ["Name", request.signed_name],
            ["Title", request.signed_title],
            ["Signed on", show_datetime(request.ended_at, zone)],
            ["How", how],
            *([["Network address", request.signed_address or "unknown"]] if office else []),
        ],
        "made": f"Written on {show_datetime(clock.now(), zone)}. What has changed since stands in the portal.",
    }
    left_out = sum(1 for _, approved in rows if not approved)
    if left_out and not office:
        data["payees"].append([f"{left_out} more", "", "not approved"])
    title = f"Approval of access for {organization}"
    return render_pdf(_TEMPLATE, data, title=title, author=settings().payer.name, payer=settings().payer)


def download(session: PortalSession, actor: Actor, request_id: int) -> bytes | None:
    """The record of a request that the actor's organization has made, or that is about its Tax IDs; None: there is none."""
    with scopes.whole(session, "the record of an approval that the actor's organization has asked for or given"):
        request = session.get(AccessRequest, request_id)
        if request is None or request.state not in (APPROVED, PARTLY):
            return None
        own = request.organization_id == actor.organization_id
        if not own and offer_for_office(session, actor, request_id) is None:
            return None
        record(session, "billing.access.downloaded", request=request.id)
        return approval_pdf(session, request, office=not own)
