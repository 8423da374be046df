"""What organizations are told about the Tax IDs they are linked to, and their objections."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from hp_portal import clock, scopes
from hp_portal.audience import Audience
from hp_portal.core.audit.record import Who, get_who, record
from hp_portal.core.identifiers.numbers import mask_tin
from hp_portal.core.identity.actor import Actor
from hp_portal.core.limits.proofs import FailedProof
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.people.named import organizations, payees
from hp_portal.core.tax_ids.models import GUESSED, LINKED, LinkNotice, ProofWarning
from hp_portal.database import PortalSession, lock
from hp_portal.events import Reference


class ObjectedAlready(Exception):
    """Somebody of the organization has objected to this link already."""


@dataclass(frozen=True)
class Told:
    """A notice as its organization sees it. `other` is empty where nobody is named; the TIN is masked.

    `open`: the link it is about has not ended. `outcome`: what came of the objection, empty while it waits.
    """

    id: int
    kind: str
    other: str
    payee: str
    tin: str
    npi: str
    at: dt.datetime
    read: bool
    open: bool
    objected_at: dt.datetime | None
    objection: str
    outcome: str
    answer: str

    @property
    def can_object(self) -> bool:
        return self.kind == LINKED and self.open and self.objected_at is None


def _holders(session: PortalSession, payees: sa.Select[Any], but: int) -> list[tuple[int, int]]:
    """Provider organizations other than `but` with an open grant to one of these payees: (organization, payee), one each."""
    rows = session.execute(
        sa.select(Grant.organization_id, sa.func.min(Grant.payee_id))
        .join(Organization, Organization.id == Grant.organization_id)
        .where(
            Grant.is_open(),
            Grant.payee_id.in_(payees),
            Grant.organization_id != but,
            Organization.audience != Audience.BILLING,
            # Whoever has access on trial is told nothing before it has ended well.
            sa.not_(Organization.provisional),
        )
        .group_by(Grant.organization_id)
        .order_by(Grant.organization_id)
    )
    return [(organization_id, payee_id) for organization_id, payee_id in rows]


def holders_of_tin(session: PortalSession, payee: Payee, but: int) -> list[int]:
    """The provider organizations, other than `but`, that are linked to the Tax ID of a payee. Needs a whole scope."""
    same_tin = sa.select(Payee.id).where(Payee.tin_is(session, payee.whole_tin(session)))
    return [organization_id for organization_id, _ in _holders(session, same_tin, but)]


def _tell(session: PortalSession, event: str, organization_id: int, **fields: object) -> None:
    """An event of the organization's own that nobody of it did: everybody there finds it in their activity."""
    who = Who(organization_id=organization_id, request_id=get_who(session).request_id)
    record(session, event, reason="", who=who, **fields)


def tell_of_link(session: PortalSession, grant: Grant) -> None:
    """Tell the provider organizations that are linked to the same Tax ID of a new link to it. Needs a whole scope."""
    payee = session.get_one(Payee, grant.payee_id)
    same_tin = sa.select(Payee.id).where(Payee.tin_is(session, payee.whole_tin(session)))
    for organization_id, _ in _holders(session, same_tin, grant.organization_id):
        session.add(
            LinkNotice(
                organization_id=organization_id,
                kind=LINKED,
                payee_id=grant.payee_id,
                other_id=grant.organization_id,
                grant_id=grant.id,
                at=clock.now(),
            )
        )
        event = "tax-id-npi-access.link.told"
        _tell(session, event, organization_id, organization=grant.organization_id, payee=grant.payee_id)
    session.flush()


def warn(session: PortalSession, organization_id: int, tin: str, failed: FailedProof) -> None:
    """An organization named a wrong payment for a Tax ID: when that is alarming, warn staff, and tell those who are linked to it.

    A warning that is open is kept true whatever comes. Needs a whole scope.
    """
    same_tin = sa.select(Payee.id).where(Payee.tin_is(session, tin))
    _warn(session, organization_id, tin, mask_tin(tin), failed, same_tin)


def warn_of_stranger(session: PortalSession, number: str, *, is_tin: bool, failed: FailedProof) -> None:
    """The same of somebody without an account, who gave a Tax ID or an NPI."""
    if is_tin:
        _warn(session, None, number, mask_tin(number), failed, sa.select(Payee.id).where(Payee.tin_is(session, number)))
    else:
        _warn(session, None, f"npi:{number}", f"NPI {number}", failed, sa.select(Payee.id).where(Payee.npi == number))


def _warn(
    session: PortalSession,
    organization_id: int | None,
    aim: str,
    shown: str,
    failed: FailedProof,
    payees: sa.Select[int],
) -> None:
    lock(session, f"proof-warning:{aim}")
    now = clock.now()
    is_it = ProofWarning.tin_digest.in_(session.vault.digests(aim, "proof warning"))
    known = session.scalars(sa.select(ProofWarning).where(is_it, ProofWarning.settled_at.is_(None))).first()
    if known is not None:
        known.failed, known.last_at = max(known.failed + 1, failed.in_all), now
        # A stranger's try does not wipe out the name of an organization that guesses.
        known.organization_id = organization_id or known.organization_id
        session.flush()
        return
    if not failed.alarming:
        return
    session.add(
        ProofWarning(
            tin_digest=session.vault.digest(aim, "proof warning"),
            tin=shown,
            organization_id=organization_id,
            failed=failed.in_all,
            first_at=now,
            last_at=now,
        )
    )
    for told_id, payee_id in _holders(session, payees, organization_id or 0):
        session.add(LinkNotice(organization_id=told_id, kind=GUESSED, payee_id=payee_id, at=now))
        _tell(session, "tax-id-npi-access.tin.guessed", told_id, payee=payee_id)
    session.flush()


def notices(session: PortalSession, actor: Actor, *, unread: bool = False) -> list[Told]:
    """What the actor's organization was told, newest first; `unread`: only what nobody there has put away."""
    if actor.organization_id is None:
        return []
    other = aliased(Organization)
    wanted = (
        sa.select(LinkNotice, Payee, other.name, Grant.is_open())
        .join(Payee, Payee.id == LinkNotice.payee_id)
        .outerjoin(other, other.id == LinkNotice.other_id)
        .outerjoin(Grant, Grant.id == LinkNotice.grant_id)
        .where(LinkNotice.organization_id == actor.organization_id)
        .order_by(LinkNotice.id.desc())
        .limit(50)
    )
    if unread:
        wanted = wanted.where(LinkNotice.read_at.is_(None))
    with scopes.whole(session, "whom and what the organization's own notices name"):
        return [
            _told(session, notice, payee, name or "", is_open=bool(is_open))
            for notice, payee, name, is_open in session.execute(wanted).all()
        ]


def _told(session: PortalSession, notice: LinkNotice, payee: Payee, other: str, *, is_open: bool) -> Told:
    return Told(
        notice.id,
        notice.kind,
        other,
        payee.name,
        payee.masked_tin(session),
        payee.npi or "",
        notice.at,
        notice.read_at is not None,
        is_open,
        notice.objected_at,
        notice.objection,
        notice.outcome or "",
        notice.answer,
    )


def find_notice(session: PortalSession, actor: Actor, notice_id: int) -> Told | None:
    """One of the organization's own notices, or None."""
    return next((told for told in notices(session, actor) if told.id == notice_id), None)


def put_away(session: PortalSession, actor: Actor, notice_id: int) -> bool:
    """Take a notice off the home page, for everybody of the organization; False when it is not theirs or was put away before."""
    with scopes.whole(session, "the organization's own notice"):
        done = session.execute(
            sa.update(LinkNotice)
            .where(
                LinkNotice.id == notice_id,
                LinkNotice.organization_id == actor.organization_id,
                LinkNotice.read_at.is_(None),
            )
            .values(read_at=clock.now(), read_by_id=actor.person_id)
            .returning(LinkNotice.id)
        ).first()
    if done is None:
        return False
    record(session, "tax-id-npi-access.notice.read", notice=notice_id)
    return True


def object_to(session: PortalSession, actor: Actor, notice_id: int, reason: str) -> None:
    """Object to a link that the organization was told of: staff decide. Raises ObjectedAlready."""
    with scopes.whole(session, "the organization's own notice"):
        now = clock.now()
        done = session.execute(
            sa.update(LinkNotice)
            .where(
                LinkNotice.id == notice_id,
                LinkNotice.organization_id == actor.organization_id,
                LinkNotice.kind == LINKED,
                LinkNotice.objected_at.is_(None),
            )
            .values(
                objected_at=now,
                objected_by_id=actor.person_id,
                objection=reason,
                read_at=sa.func.coalesce(LinkNotice.read_at, now),
            )
            .returning(LinkNotice.other_id, LinkNotice.payee_id)
        ).one_or_none()
    if done is None:
        raise ObjectedAlready
    record(session, "tax-id-npi-access.link.objected", reason=reason, organization=done.other_id, payee=done.payee_id)


def told_payees(session: PortalSession, events: Sequence[Mapping[str, Any]], for_staff: bool) -> list[Reference | None]:
    """The payee that an event tells of, of a Tax ID of theirs: to whatever NPI the payments are."""
    if for_staff:
        return payees(session, events, for_staff)
    wanted = {event["payee"] for event in events if isinstance(event.get("payee"), int)}
    with scopes.whole(session, "what an event of the organization's own names"):
        rows = session.execute(sa.select(Payee.id, Payee.name, Payee.npi).where(Payee.id.in_(wanted)))
        found = {key: Reference(f"{name} (NPI {npi})" if npi else name) for key, name, npi in rows}
    return [found.get(event["payee"]) for event in events]


def told_organizations(
    session: PortalSession, events: Sequence[Mapping[str, Any]], for_staff: bool
) -> list[Reference | None]:
    """The organization that an event tells of, to those who were told: its name is the point of telling."""
    if for_staff:
        return organizations(session, events, for_staff)
    wanted = {event["organization"] for event in events if isinstance(event.get("organization"), int)}
    with scopes.whole(session, "whom an event of the organization's own names"):
        rows = session.execute(sa.select(Organization.id, Organization.name).where(Organization.id.in_(wanted)))
        found = {organization_id: Reference(name) for organization_id, name in rows}
    return [found.get(event["organization"]) for event in events]
