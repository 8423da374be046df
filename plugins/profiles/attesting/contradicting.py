"""What speaks against the record: told by a file, by a letter that came back, or by staff. Nothing here commits."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal.api import (
    Job,
    PortalSession,
    ReturnedLetter,
    now,
    record,
    returned_letters,
    settings,
    show_date,
    today,
)

from ..record.facts import Key, facts_of, values_on
from ..record.models import Location, LocationFact
from .models import Contradiction

CLAIMS, LETTER, STAFF = "claims", "letter", "staff"
OUR_CLAIMS, OUR_STAFF, CAME_BACK = "Claims", "Our staff", "Returned letter"
_LOOKED_BACK = dt.timedelta(days=30)
"""A letter that was marked as returned longer ago is not looked at: the job runs every hour."""
_ADDRESSES = (
    ("street", "zip", "this location"),
    ("billing_street", "billing_zip", "the billing address of this location"),
)


@dataclass(frozen=True)
class Spoken:
    """Something that speaks against the record of a payee's locations; whom and where it is about, as far as that is known."""

    payee_id: int | None
    kind: str
    words: str
    source: str
    seen_on: dt.date
    practitioner_id: int | None = None
    location_id: int | None = None
    npi: str = ""
    place: str = ""

    @property
    def token(self) -> str:
        """The same for the same; staff may say the same again on another day."""
        said = (self.payee_id, self.kind, self.npi, self.location_id, self.place.casefold(), self.words, self.seen_on)
        return hashlib.sha256(repr(said).encode()).hexdigest()


def speak(session: PortalSession, spoken: Sequence[Spoken], person_id: int | None = None) -> int:
    """Keep what is not known yet; how many. Recorded. Needs a whole scope."""
    by_token = {one.token: one for one in spoken}
    known = set()
    tokens = sorted(by_token)
    for start in range(0, len(tokens), 500):
        part = tokens[start : start + 500]
        known |= set(session.scalars(sa.select(Contradiction.token).where(Contradiction.token.in_(part))))
    new = [(token, one) for token, one in by_token.items() if token not in known]
    for token, one in new:
        session.add(
            Contradiction(
                payee_id=one.payee_id,
                practitioner_id=one.practitioner_id,
                location_id=one.location_id,
                npi=one.npi,
                kind=one.kind,
                words=one.words,
                place=one.place,
                source=one.source,
                seen_on=one.seen_on,
                told_at=now(),
                person_id=person_id,
                token=token,
            )
        )
    session.flush()
    if new:
        record(session, "profiles.contradiction.told", rows=len(new), source=new[0][1].source)
    return len(new)


def in_words(row: Contradiction) -> str:
    """What is said, where, when, and by whom."""
    place = f" Address: {row.place}." if row.place else ""
    words = row.words if row.words.endswith((".", "!", "?")) else f"{row.words}."
    return f"{words}{place} Seen on {show_date(row.seen_on)}. Source: {row.source}."


def settle_contradiction(session: PortalSession, contradiction_id: int, person_id: int | None) -> bool:
    """Staff have done what there was to do; False when it was settled before, or there is none. Recorded. Needs a whole scope."""
    done = session.scalars(
        sa.update(Contradiction)
        .where(Contradiction.id == contradiction_id, Contradiction.settled_at.is_(None))
        .values(settled_at=now(), settled_by_id=person_id)
        .returning(Contradiction.id)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if done is not None:
        record(session, "profiles.contradiction.settled", contradiction=contradiction_id)
    return done is not None


def note_returned_letters(session: PortalSession) -> None:
    """The job: a letter that came back from the address of a location speaks against that location."""
    day = today(settings().payer.zone)
    for letter in returned_letters(session, now() - _LOOKED_BACK):
        speak(session, list(_spoken_by(session, letter, day)))


def _spoken_by(session: PortalSession, letter: ReturnedLetter, day: dt.date) -> Iterator[Spoken]:
    *streets, last = [_plain(line) for line in letter.address[1:]] or [""]
    zips = re.findall(r"\b(\d{5})(?: \d{4})?$", last)
    if not streets or not zips:
        return
    near = sa.select(LocationFact.location_id).where(
        LocationFact.field.in_([zip_field for _, zip_field, _ in _ADDRESSES]), LocationFact.value.startswith(zips[0])
    )
    facts = facts_of(session, "location", session.scalars(near.distinct()).all())
    payees = dict(
        session.execute(sa.select(Location.id, Location.payee_id).where(Location.id.in_(sorted(facts)))).all()
    )
    for location_id in sorted(facts):
        values = values_on(facts[location_id], day)
        if (what := _address_in(values, streets, zips[0])) and values.get(("standing", "")) != "closed":
            yield Spoken(
                payees[location_id],
                LETTER,
                f"A letter to {what} came back: {letter.reason or 'the mail gives no reason'}"[:400],
                CAME_BACK,
                letter.returned_at.date(),
                location_id=location_id,
                place=", ".join(letter.address[1:])[:200],
            )


def _address_in(values: Mapping[Key, str], streets: Sequence[str], zip_code: str) -> str:
    for street_field, zip_field, what in _ADDRESSES:
        street = _plain(values.get((street_field, ""), ""))
        if street and values.get((zip_field, ""), "")[:5] == zip_code and any(street in line for line in streets):
            return what
    return ""


def _plain(text: str) -> str:
    """Letters and digits alone, with single blanks: how an address is compared."""
    return " ".join(re.findall(r"\w+", text.casefold()))


JOB = Job(
    key="profiles.returned-letters",
    label="Compare returned letters with locations",
    every=dt.timedelta(hours=1),
    run=note_returned_letters,
)
