"""What staff see of what speaks against the record, and the form in which they flag something themselves."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask_wtf import FlaskForm
from wtforms import StringField, TextAreaField
from wtforms.validators import DataRequired, Length, Optional

from hp_portal.api import (
    Column,
    DayField,
    Grant,
    Listing,
    NpiField,
    Order,
    Payee,
    PortalSession,
    Sorting,
    TinField,
    one_line,
    page_of,
    settings,
    today,
)

from ..changing.offering import names_of
from ..loading.rows import BadRow
from ..record.facts import facts_of, values_on
from .contradicting import OUR_STAFF, STAFF, in_words, speak
from .models import Attestation, Contradiction
from .telling import read_told

OPEN, ANSWERED, SETTLED = "open", "answered", "settled"
STATES = {OPEN: "Open", ANSWERED: "Attested all the same", SETTLED: "Settled"}


class FlagForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Something that staff have noticed. The names of the fields are those of the file's columns."""

    what = TextAreaField(
        "What speaks against the record",
        [DataRequired("Say in words what speaks against the record."), Length(max=300)],
        filters=[one_line],
        description="The office reads it. Name no patients.",
    )
    npi = NpiField("NPI of the practitioner")
    location = StringField("Our number of the location", [Optional(), Length(max=40)], filters=[one_line])
    tin = TinField("Tax ID (TIN) of the group")
    payee_npi = NpiField("NPI of the group")
    place = StringField("Address that is not on record", [Optional(), Length(max=200)], filters=[one_line])
    seen_on = DayField("Seen on", required="Enter when it was so last.")


@dataclass(frozen=True)
class Row:
    """Something that speaks against the record, on the staff's page."""

    id: int
    told_at: dt.datetime
    payee: str
    about: str
    words: str
    state: str


LIST = Sorting(
    (
        Column("told", "Told on", Contradiction.told_at, "date"),
        Column("group", "Group", sa.func.lower(Payee.name)),
        Column("about", "About"),
        Column("words", "What"),
        Column("state", "State"),
    ),
    default="-told",
    tie=Contradiction.id,
)


def flag(session: PortalSession, form: FlagForm, person_id: int | None) -> bool:
    """Keep what staff have noticed; False when something is wrong with it, which the form says then. Needs a whole scope."""
    typed = {name: form[name].data or "" for name in ("npi", "location", "tin", "payee_npi", "place", "what")}
    try:
        spoken = read_told(
            session, {**typed, "seen_on": form.seen_on.data.isoformat(), "source": OUR_STAFF}, kind=STAFF
        )
    except BadRow as error:
        field = form[error.column]
        field.errors = [*field.errors, str(error)]
        return False
    if not speak(session, [spoken], person_id):
        form.what.errors = [*form.what.errors, "This is flagged already."]
        return False
    return True


def list_contradictions(session: PortalSession, order: Order) -> Listing[Row]:
    """One page of what speaks against the record, the newest first. Needs a whole scope."""
    wanted = sa.select(Contradiction, Payee.name).join(Payee, Payee.id == Contradiction.payee_id)
    listing: Listing[Any] = page_of(session, wanted, order, make=tuple)
    rows = listing.rows
    day = today(settings().payer.zone)
    people = names_of(session, {row.practitioner_id for row, _ in rows if row.practitioner_id}, day)
    places = facts_of(session, "location", {row.location_id for row, _ in rows if row.location_id})
    attested = _attested(session, {row.payee_id for row, _ in rows})
    found = []
    for row, payee in rows:
        place = values_on(places.get(row.location_id, {}), day).get(("name", ""), "")
        who = people.get(row.practitioner_id, "") or (f"NPI {row.npi}" if row.npi else "")
        last = attested.get(row.payee_id)
        state = SETTLED if row.settled_at else ANSWERED if last and last >= row.told_at else OPEN
        found.append(Row(row.id, row.told_at, payee, ", ".join(filter(None, (who, place))), in_words(row), state))
    return listing.with_rows(found)


def _attested(session: PortalSession, payee_ids: set[int]) -> dict[int, dt.datetime]:
    """When somebody who answers for these payees has attested last."""
    rows = session.execute(
        sa.select(Grant.payee_id, sa.func.max(Attestation.attested_at))
        .join(Attestation, Attestation.organization_id == Grant.organization_id)
        .where(Grant.payee_id.in_(payee_ids), Grant.is_open())
        .group_by(Grant.payee_id)
    )
    return dict(rows.all())


def count_open(session: PortalSession) -> int:
    """How many staff have not settled. Needs a whole scope."""
    return session.scalar(sa.select(sa.func.count(Contradiction.id)).where(Contradiction.settled_at.is_(None))) or 0
