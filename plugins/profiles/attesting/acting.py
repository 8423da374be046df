"""Attesting, and saying what is not right. Nothing here commits."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal.api import (
    Actor,
    Person,
    PortalSession,
    lock,
    now,
    open_case,
    printing,
    record,
    settings_of,
    signing,
)

from ..hiding import show_again
from ..record.applying import LOCK
from ..settings import ProfilesSettings
from .cases import NOT_RIGHT
from .lines import Line, Place, Shown
from .models import Attestation, AttestationDue, NotRight


@dataclass(frozen=True)
class Past:
    """An attestation of before: how much was attested and left out, by whom and when."""

    id: int
    attested_at: dt.datetime
    by: str
    practitioners: int
    locations: int
    left_out: int


def plugin_settings() -> ProfilesSettings:
    """The plugin's settings."""
    found = settings_of("profiles")
    assert isinstance(found, ProfilesSettings)
    return found


def about(organization_id: int, day: dt.date) -> str:
    """What a statement is called where it is signed."""
    return f"profiles.attestation:{organization_id}:{day.isoformat()}"


def hold_record(session: PortalSession) -> None:
    """Let nobody change the record until this transaction ends: what is read now is what is signed."""
    lock(session, LOCK)


def attest(session: PortalSession, actor: Actor, shown: Shown, said: printing.PrintedForm, typed: str) -> Attestation:
    """Sign the statement of what was shown: the next one is due 90 days later. Recorded. Needs `hold_record` before reading."""
    organization_id = actor.organization_id or 0
    signature = signing.sign(
        session, said, about=about(organization_id, shown.day), typed=typed, organization_id=organization_id
    )
    row = Attestation(
        organization_id=organization_id,
        person_id=actor.person_id,
        as_of=shown.day,
        attested_at=now(),
        signature_id=signature.id,
        practitioners=len({line.practitioner_id for line in shown.attested}),
        locations=len(shown.places),
        left_out=len(shown.left_out) + len(shown.places_left_out),
    )
    session.add(row)
    due = due_of(session, organization_id, shown.day)
    due.due_on = shown.day + dt.timedelta(days=plugin_settings().attest_days)
    due.reminded = due.noticed_on = None
    show_again(session, shown.day)
    session.flush()
    record(
        session,
        "profiles.attestation.signed",
        attestation=row.id,
        practitioners=row.practitioners,
        locations=row.locations,
        left_out=row.left_out,
    )
    return row


def when_due(session: PortalSession, day: dt.date) -> tuple[dt.date, int | None]:
    """Until when the scope's organization attests, and who is reminded; None: its delegates."""
    found = session.scalars(sa.select(AttestationDue)).one_or_none()
    if found is None:
        return day + dt.timedelta(days=plugin_settings().attest_days), None
    return found.due_on, found.responsible_id


def due_of(session: PortalSession, organization_id: int, day: dt.date) -> AttestationDue:
    """Until when an organization attests; the first time it is asked for, one that is due 90 days later."""
    of = sa.select(AttestationDue).where(AttestationDue.organization_id == organization_id)
    found = session.scalars(of).one_or_none()
    if found is None:
        due_on = day + dt.timedelta(days=plugin_settings().attest_days)
        found = AttestationDue(organization_id=organization_id, due_on=due_on)
        session.add(found)
        session.flush()
    return found


def choose_responsible(session: PortalSession, actor: Actor, day: dt.date, person_id: int | None) -> None:
    """Who of the organization is reminded; None: its delegates. Recorded."""
    due_of(session, actor.organization_id or 0, day).responsible_id = person_id
    record(session, "profiles.attestation.responsible", person=person_id)


def people_of(session: PortalSession) -> dict[str, str]:
    """Who of the scope's organization can be reminded, by id."""
    rows = session.execute(
        sa.select(Person.id, Person.name).where(Person.deactivated_at.is_(None)).order_by(Person.name, Person.id)
    )
    return {str(one): name for one, name in rows}


def mark_not_right(session: PortalSession, actor: Actor, place: Place, line: Line, words: str) -> int:
    """Leave a line out of attestations, and open the case that says why; its id. The same line a second time is the same case."""
    hold_record(session)
    known = session.scalars(
        sa.select(NotRight.case_id).where(
            NotRight.affiliation_id == line.affiliation_id, NotRight.case_id == line.left_out
        )
    ).one_or_none()
    if known is not None:
        return known
    title = f"Not right: {line.name}, {place.name}"[:200]
    case = open_case(session, NOT_RIGHT, title, organization_id=actor.organization_id or 0, words=words)
    session.add(NotRight(organization_id=actor.organization_id, affiliation_id=line.affiliation_id, case_id=case.id))
    session.flush()
    record(session, "profiles.attestation.not-right", case=case.id)
    return case.id


def past_of(session: PortalSession, most: int = 12) -> list[Past]:
    """What the scope's organization has attested, the newest first."""
    rows = session.execute(
        sa.select(Attestation, Person.name)
        .outerjoin(Person, Person.id == Attestation.person_id)
        .order_by(Attestation.id.desc())
        .limit(most)
    )
    return [
        Past(one.id, one.attested_at, name or "", one.practitioners, one.locations, one.left_out) for one, name in rows
    ]


def signed_statement(
    session: PortalSession, attestation_id: int
) -> tuple[printing.PrintedForm, printing.PrintedSignature] | None:
    """What was attested, word for word, and who signed; None when there is no such attestation."""
    row = session.get(Attestation, attestation_id)
    signature = session.get(signing.Signature, row.signature_id) if row else None
    if signature is None:
        return None
    form = signing.signed_form(session, signature)
    return form, signing.show_signature(signature, form)
