"""The end of an organization's access to a payee: by somebody, or by itself.

Every verb needs a whole scope; the caller commits.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import Who, get_who, record
from hp_portal.core.delivery.outbox import Outgoing, add_message
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.delegates import delegates_of
from hp_portal.core.identity.unconfirmed import reachable
from hp_portal.core.organizations.models import (
    BY_ITSELF,
    BY_PAYER,
    BY_PROVIDER,
    BY_TIME,
    WITH_OFFICE,
    Grant,
    Organization,
)
from hp_portal.core.payees.models import Payee
from hp_portal.core.tax_ids.leaning import Link, hold_tins, leaning_on, links_of_offices
from hp_portal.core.tax_ids.notices import holders_of_tin
from hp_portal.core.tax_ids.objections import settle_by_end
from hp_portal.core.web.links import absolute_url
from hp_portal.database import PortalSession
from hp_portal.hookspecs import PortalEvent

HOW_ENDED = {
    BY_PROVIDER: "ended by the provider’s office",
    BY_PAYER: "ended by the health plan",
    BY_ITSELF: "ended by the organization itself",
    BY_TIME: "ended on its day",
    WITH_OFFICE: "ended, as no provider’s office is linked to it any more",
}
_ANSWERS = {
    BY_PROVIDER: "The provider’s office has ended this access.",
    BY_ITSELF: "The organization no longer has this access: it gave it up itself.",
    BY_TIME: "This was the day until which it was approved.",
    WITH_OFFICE: "No provider’s office is linked to it any more, so the access has ended.",
}
"""What organizations that objected read when it was not the payer's staff who ended it."""
_AT_ONCE = 500


@dataclass(frozen=True)
class Ended:
    """Access that has ended."""

    grant_id: int
    organization_id: int
    payee_id: int
    ends_at: dt.datetime | None


def end_access(
    session: PortalSession, actor: Actor | None, which: sa.ColumnElement[bool], how: str, reason: str = ""
) -> list[Ended]:
    """End what is open of these grants, from the next page on: what ended. What had ended before is not touched.

    `how` is a key of HOW_ENDED, `actor` who does it; None: time. Objections are settled by it, and the organizations concerned
    are told, but for the actor's own. The reason is kept with the record. Nobody else is told it, but organizations that objected
    what the payer's staff wrote, who know that. What billing organizations see of a payee ends with the last link of an office.
    """
    session.flush()
    links = hold_links(session, which)
    ended = _end(session, actor, which, how, reason)
    end_leaning(session, actor, links, reason)
    return ended


def hold_links(session: PortalSession, which: sa.ColumnElement[bool]) -> list[Link]:
    """The links of offices among grants that are about to end, their Tax IDs held."""
    links = links_of_offices(session, which, Grant.ended_at.is_(None))
    hold_tins(session, [one.tin for one in links])
    return links


def end_leaning(session: PortalSession, actor: Actor | None, links: Sequence[Link], reason: str = "") -> None:
    """These links have ended: end what billing organizations would go on seeing without anybody who is shown it."""
    if lost := leaning_on(session, links):
        which = Grant.id.in_(sorted(one.grant_id for one in lost))
        offices = {one.organization_id for one in links}
        _end(session, actor, which, WITH_OFFICE, reason, offices=offices)


def _end(
    session: PortalSession,
    actor: Actor | None,
    which: sa.ColumnElement[bool],
    how: str,
    reason: str,
    *,
    offices: Collection[int] = (),
) -> list[Ended]:
    rows = session.execute(
        sa.update(Grant)
        .where(which, Grant.ended_at.is_(None))
        .values(ended_at=clock.now(), ended_by_id=actor.person_id if actor else None, ended_how=how)
        .returning(Grant.id, Grant.organization_id, Grant.payee_id, Grant.ends_at)
        .execution_options(synchronize_session=False)
    ).all()
    session.expire_all()
    ended = sorted((Ended(*row) for row in rows), key=lambda one: one.grant_id)
    for one in ended:
        if actor is not None:
            record(
                session,
                "tax-id-npi-access.grant.ended",
                reason=reason,
                organization=one.organization_id,
                payee=one.payee_id,
            )
        told = {"organization": one.organization_id, "payee": one.payee_id}
        session.announce(PortalEvent("grant.ended", told))
        by_staff = actor if how == BY_PAYER else None
        settle_by_end(session, by_staff, one.grant_id, _ANSWERS.get(how, reason))
    _tell(session, actor, ended, how, offices)
    return ended


def end_overdue(session: PortalSession, organization_id: int | None = None, payee_id: int | None = None) -> None:
    """Note the end of access that is over by itself. The worker does it; for one organization and payee, whoever gives access."""
    which = [Grant.ended_at.is_(None), Grant.ends_at <= clock.now()]
    if organization_id is not None:
        which += [Grant.organization_id == organization_id, Grant.payee_id == payee_id]
    due = session.scalars(sa.select(Grant.id).where(*which).order_by(Grant.id).limit(_AT_ONCE)).all()
    if due:
        end_access(session, None, sa.and_(Grant.id.in_(due), *which), BY_TIME)


def _tell(
    session: PortalSession, actor: Actor | None, ended: Sequence[Ended], how: str, offices: Collection[int]
) -> None:
    """Tell the organization whose access ended, and the offices of the provider, with `offices` that were linked until now: an
    event each, and one message."""
    told: dict[tuple[int, int], list[Payee]] = defaultdict(list)
    for one in ended:
        payee = session.get_one(Payee, one.payee_id)
        own = one.organization_id
        for told_id in {own, *offices, *holders_of_tin(session, payee, own)}:
            if actor is None or told_id != actor.organization_id:
                told[told_id, own].append(payee)
    request_id = get_who(session).request_id
    for (told_id, own), payees in sorted(told.items(), key=lambda one: one[0]):
        who = Who(organization_id=told_id, request_id=request_id)
        for payee in payees:
            record(session, "tax-id-npi-access.access.ended", who=who, organization=own, payee=payee.id, how=how)
        _write(session, told_id, own, payees, how)


def _write(session: PortalSession, told_id: int, own: int, payees: Sequence[Payee], how: str) -> None:
    organization = session.get_one(Organization, own)
    values = {
        "organization": organization.name,
        "own": told_id == own,
        "how": HOW_ENDED.get(how, "ended"),
        "reason": "",
        "payees": [
            f"{one.name}, Tax ID {one.masked_tin(session)}{f', NPI {one.npi}' if one.npi else ''}" for one in payees
        ],
        "link": absolute_url("tax-id-npi-access.index"),
    }
    subject = "Access to payments has ended" if told_id == own else f"The access of {organization.name} has ended"
    about = f"access-ended:{own}"
    for delegate in reachable(delegates_of(session, [told_id])):
        add_message(
            session, Outgoing(delegate.email, "access_ended", subject, about, {"delegate": delegate.name, **values})
        )
