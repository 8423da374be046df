"""Tax IDs that an organization has no payment of: staff look into each, and answer."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.delivery.outbox import Outgoing, add_message
from hp_portal.core.identifiers.numbers import mask_tin
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.unconfirmed import is_unconfirmed
from hp_portal.core.organizations.models import Organization
from hp_portal.core.tax_ids.models import TaxIdCase
from hp_portal.core.web.links import absolute_url
from hp_portal.database import PortalSession, lock
from hp_portal.scopes import in_whole

MOST_OPEN = 20


class TooManyCases(Exception):
    """So many cases of the organization wait that no more are taken."""


class WaitsAlready(Exception):
    """The organization has asked about this Tax ID `at` a time before, and nobody has answered: nothing was added to that."""

    def __init__(self, at: dt.datetime) -> None:
        super().__init__("waits already")
        self.at = at


@dataclass(frozen=True)
class Case:
    """A case as its organization and staff read it. The TIN is masked; `answer` is empty while it waits."""

    id: int
    organization_id: int
    organization: str
    tin: str
    npi: str
    about: str
    phone: str
    asked_by: str
    email: str
    asked_at: dt.datetime
    settled_at: dt.datetime | None
    answer: str


def _read(session: PortalSession, rows: Iterable[Any]) -> list[Case]:
    return [
        Case(
            one.id,
            one.organization_id,
            organization,
            one.masked_tin(session),
            one.npi,
            one.about,
            one.phone,
            name or "",
            email or "",
            one.asked_at,
            one.settled_at,
            one.answer,
        )
        for one, organization, name, email in rows
    ]


def _select(*where: sa.ColumnElement[bool]) -> sa.Select[TaxIdCase, str, str, str]:
    return (
        sa.select(TaxIdCase, Organization.name, Person.name, Person.email)
        .join(Organization, Organization.id == TaxIdCase.organization_id)
        .outerjoin(Person, Person.id == TaxIdCase.asked_by_id)
        .where(*where)
        .order_by(TaxIdCase.id.desc())
        .limit(100)
    )


def own_cases(session: PortalSession) -> list[Case]:
    """The newest cases of the scope's organization."""
    return _read(session, session.execute(_select()))


@in_whole("a case is put before staff")
def open_case(session: PortalSession, actor: Actor, tin: str, npi: str, about: str, phone: str) -> None:
    """Put a Tax ID before staff; sent twice, it is one case. Raises WaitsAlready, TooManyCases. The caller commits."""
    lock(session, f"tax-id-cases:{actor.organization_id}")
    own = (TaxIdCase.organization_id == actor.organization_id, TaxIdCase.settled_at.is_(None))
    same = sa.select(TaxIdCase).where(*own, TaxIdCase.tin_is(session, tin), TaxIdCase.npi == npi)
    if (waits := session.scalars(same.limit(1)).one_or_none()) is not None:
        if (waits.about, waits.phone) != (about, phone):
            raise WaitsAlready(waits.asked_at)
        return
    if (session.scalar(sa.select(sa.func.count(TaxIdCase.id)).where(*own)) or 0) >= MOST_OPEN:
        raise TooManyCases
    token = secrets.token_hex(16)
    session.add(
        TaxIdCase(
            **TaxIdCase.tin_values(session, tin, token=token),
            organization_id=actor.organization_id,
            npi=npi,
            about=about,
            phone=phone,
            asked_by_id=actor.person_id,
            asked_at=clock.now(),
        )
    )
    session.flush()
    record(session, "tax-id-npi-access.case.opened", tin=mask_tin(tin))


_waiting = TaxIdCase.settled_at.is_(None)


def count_cases(session: PortalSession) -> int:
    """How many cases nobody has answered. Needs a whole scope."""
    return session.scalar(sa.select(sa.func.count(TaxIdCase.id)).where(_waiting)) or 0


def waiting_cases(session: PortalSession) -> list[Case]:
    """Those that wait. Needs a whole scope."""
    return _read(session, session.execute(_select(_waiting)))


def find_case(session: PortalSession, case_id: int) -> Case | None:
    """A case that waits, or None. Needs a whole scope."""
    return next(iter(_read(session, session.execute(_select(_waiting, TaxIdCase.id == case_id)))), None)


def settle_case(session: PortalSession, actor: Actor, case: Case, answer: str) -> bool:
    """Answer a case: whoever asked is told; False when somebody had before. Needs a whole scope."""
    done = session.execute(
        sa.update(TaxIdCase)
        .where(TaxIdCase.id == case.id, _waiting)
        .values(settled_at=clock.now(), settled_by_id=actor.person_id, answer=answer)
        .returning(TaxIdCase.id)
        .execution_options(synchronize_session=False)
    ).first()
    if done is None:
        return False
    event = "tax-id-npi-access.case.settled"
    record(session, event, reason=answer, organization=case.organization_id, tin=case.tin)
    if case.email and not is_unconfirmed(case.email):
        values = {
            "name": case.asked_by,
            "tin": case.tin,
            "answer": answer,
            "link": absolute_url("tax-id-npi-access.index"),
        }
        subject = "Your question about a Tax ID"
        add_message(session, Outgoing(case.email, "tax_id_answered", subject, f"tax-id-case:{case.id}", values))
    return True
