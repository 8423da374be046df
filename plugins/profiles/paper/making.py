"""Change forms that are kept: made once, found again as long as what is in them may be seen, and signed."""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal.api import Actor, FileOwner, Person, PortalSession, now, printing, record, signing

from ..record.facts import facts_of, values_on
from ..record.models import Location, Practitioner
from ..seeing.lists import full_name
from .contents import Gathered
from .models import CONTENTS, PaperForm
from .printed import printed_form


@dataclass(frozen=True)
class Paper:
    """A change form: `said` is what it says, and so is `form`, for paper. `name` is the practitioner's."""

    id: int
    practitioner_id: int | None
    case_id: int | None
    said: dict[str, Any]
    form: printing.PrintedForm
    made_at: dt.datetime
    made_by: str

    @property
    def name(self) -> str:
        who = self.said["practitioner"]
        return " ".join(filter(None, (who["first_name"], who["last_name"]))) or "Practitioner"

    @property
    def personal(self) -> list[str]:
        """What it says that is about the person alone."""
        who, words = (
            self.said["practitioner"],
            {"birth_date": "the date of birth", "dea_number": "the DEA number", "dea_expires": "the DEA number"},
        )
        return list(dict.fromkeys(text for key, text in words.items() if who[key]))


def about(form_id: int) -> str:
    """What a form is called where it is signed."""
    return f"profiles.paper:{form_id}"


def make_form(
    session: PortalSession,
    actor: FileOwner,
    gathered: Gathered,
    *,
    practitioner_id: int | None = None,
    case_id: int | None = None,
) -> int:
    """Keep a form; its id. Recorded."""
    token = secrets.token_hex(16)
    text = json.dumps({"said": gathered.said, "locations": gathered.locations})
    row = PaperForm(
        organization_id=actor.organization_id,
        practitioner_id=practitioner_id,
        case_id=case_id,
        person_id=actor.person_id,
        made_at=now(),
        token=token,
        contents_sealed=session.vault.seal_text(text, CONTENTS(token)),
    )
    session.add(row)
    session.flush()
    personal = [key for key in ("birth_date", "dea_number") if gathered.said["practitioner"][key]]
    record(session, "profiles.paper.made", form=row.id, practitioner=practitioner_id, personal=", ".join(personal))
    return row.id


def find_form(session: PortalSession, form_id: int) -> Paper | None:
    """A form of the scope's organization, as long as its practitioner and every location in it may be seen; or None."""
    found = session.execute(
        sa.select(PaperForm, Person.name)
        .outerjoin(Person, Person.id == PaperForm.person_id)
        .where(PaperForm.id == form_id)
    ).one_or_none()
    if found is None:
        return None
    row, made_by = found
    contents = json.loads(session.vault.open_text(row.contents_sealed, CONTENTS(row.token)))
    seen = sa.select(sa.func.count()).select_from(Location).where(Location.id.in_(contents["locations"]))
    if session.scalar(seen) != len(contents["locations"]):
        return None
    if row.practitioner_id is not None and session.get(Practitioner, row.practitioner_id) is None:
        return None
    said = contents["said"]
    return Paper(row.id, row.practitioner_id, row.case_id, said, printed_form(said), row.made_at, made_by or "")


def forms_of(session: PortalSession, practitioner_id: int, most: int = 10) -> Sequence[tuple[int, dt.datetime]]:
    """The newest forms of a practitioner: ids, and when they were made."""
    rows = session.execute(
        sa.select(PaperForm.id, PaperForm.made_at)
        .where(PaperForm.practitioner_id == practitioner_id)
        .order_by(PaperForm.id.desc())
        .limit(most)
    )
    return [(row[0], row[1]) for row in rows]


def signatures_of(session: PortalSession, paper: Paper) -> list[printing.PrintedSignature]:
    """Who has signed the form."""
    return [signing.show_signature(one, paper.form) for one in signing.signatures_about(session, about(paper.id))]


def sign_form(session: PortalSession, actor: Actor, paper: Paper, typed: str) -> None:
    """Sign the form as who acts. Recorded."""
    signing.sign(session, paper.form, about=about(paper.id), typed=typed, organization_id=actor.organization_id)
    record(session, "profiles.paper.signed", form=paper.id)


def names_of(session: PortalSession, practitioner_ids: Iterable[int], day: dt.date) -> dict[int, str]:
    """What practitioners whom the scope sees are called on a day."""
    wanted = sa.select(Practitioner.id, Practitioner.reference).where(Practitioner.id.in_(list(practitioner_ids)))
    rows = session.execute(wanted).all()
    facts = facts_of(session, "practitioner", [row[0] for row in rows])
    return {one: full_name(values_on(facts.get(one, {}), day), reference) for one, reference in rows}
