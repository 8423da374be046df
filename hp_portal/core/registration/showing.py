"""What pages show of a draft: everything for a last check, and who is registered already. Needs a whole scope."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal.audience import Audience
from hp_portal.core.identifiers.numbers import mask_tin
from hp_portal.core.identity.delegates import delegates_of
from hp_portal.core.identity.masking import mask_email, short_name
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.registration.addresses import envelope_lines, masked_lines
from hp_portal.core.registration.drafts import Draft, Typed
from hp_portal.core.registration.models import BILLING, LEFT, MAIL
from hp_portal.core.registration.telling import LEFT_REASONS, OURS, ROUTES, WAYS
from hp_portal.database import PortalSession
from hp_portal.settings import Settings


@dataclass(frozen=True)
class Summary:
    """A draft for the last check, in words.

    `way`: the path; `tin` is masked; `kind`: of provider; `route`: what was chosen where somebody is registered already, and
    `left_reason` why; `payee` is the name on record, shown once a payment has proved it.
    """

    way: str
    tin: str
    paid_on: dt.date | None
    kind: str
    route: str
    left_reason: str
    payee: str
    address: tuple[str, ...]
    address_fits: bool
    target: str


@dataclass(frozen=True)
class Target:
    """An organization that is registered already. `delegates`: first name and initial, with a masked address.

    `holds_payee`: it sees payments to the very payee that was proved. `same_name`: somebody there is called the same.
    """

    id: int
    name: str
    delegates: tuple[tuple[str, str], ...]
    holds_payee: bool
    same_name: bool


def targets(session: PortalSession, typed: Typed) -> list[Target]:
    """Who is registered for what the draft is about, by name."""
    rows = session.scalars(sa.select(Organization).where(Organization.id.in_(typed.holders)))
    return sorted((_target(session, typed, one) for one in rows), key=lambda one: (one.name.lower(), one.id))


def _target(session: PortalSession, typed: Typed, organization: Organization) -> Target:
    holds = sa.select(Grant.id).where(Grant.links(organization.id, typed.payee_id))
    same = sa.select(Person.id).where(
        Person.organization_id == organization.id, sa.func.lower(Person.name) == typed.name.lower()
    )
    return Target(
        organization.id,
        organization.name,
        tuple((short_name(one.name), mask_email(one.email)) for one in delegates_of(session, [organization.id])),
        session.scalar(holds) is not None,
        typed.proved and session.scalar(same.limit(1)) is not None,
    )


def _route(typed: Typed) -> str:
    return OURS if (typed.path, typed.route) == (BILLING, LEFT) else ROUTES[typed.route]


def summary(session: PortalSession, settings: Settings, draft: Draft) -> Summary:
    """Everything, as the last page shows it."""
    del settings
    typed = draft.typed
    payee = session.get(Payee, typed.payee_id) if typed.payee_id else None
    organization = session.get(Organization, typed.target_id) if typed.target_id and typed.chosen else None
    by_mail = payee is not None and typed.path == MAIL
    return Summary(
        way=WAYS[typed.path],
        tin=mask_tin(typed.tin) if typed.tin else "",
        paid_on=dt.date.fromisoformat(typed.paid_on) if typed.paid_on else None,
        kind=Audience(typed.audience).label if typed.audience else "",
        route=_route(typed) if typed.held and typed.chosen else "",
        left_reason=LEFT_REASONS[typed.left_reason] if typed.left_reason else "",
        payee=payee.name if payee and typed.proved else "",
        address=tuple(masked_lines(payee)) if payee and by_mail else (),
        address_fits=bool(payee and envelope_lines(payee)),
        target=organization.name if organization and typed.route != "new" else "",
    )
