"""What a change form says, of JSON's types. docs/documents.md lists the keys; add new ones at the end."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal.api import Case, Payee, PortalSession, show_number

from ..changing.models import CONTENTS as SENT
from ..changing.models import SentForm
from ..loading.specialties import specialty_words
from ..record.facts import Key, facts_of, items_of, values_on
from ..record.fields import ACCEPTING
from ..record.models import Affiliation, AffiliationFact, Change, Location, LocationFact, Practitioner, PractitionerFact
from ..record.timeline import spans

REASONS = {
    "joins": "The practitioner joins the practice",
    "leaves": "The practitioner leaves the practice",
    "sites": "The practitioner works at other sites",
    "address": "A site has moved, or has another telephone or fax number",
    "name": "The practitioner has another name",
    "license": "License, DEA registration or specialty",
    "other": "Something else",
}
LEFT = dt.timedelta(days=90)
"""So long sites stand on the form after somebody has left them."""
FORMAT = 1
_NAMES = ("last_name", "first_name", "middle_name", "suffix", "degree", "former_name", "npi")
_SITE = ("name", "street", "street_2", "city", "state", "zip", "phone", "fax")
_PERSONAL = ("birth_date", "dea_number", "dea_expires")


@dataclass(frozen=True)
class Wanted:
    """What the form is to say beside the record: as of which day, why, from when on, who sends it; `birth_date` and `dea`: with
    these, too."""

    as_of: dt.date
    reason: str
    words: str
    effective_on: dt.date
    organization: str
    submitter: str
    phone: str
    birth_date: bool = False
    dea: bool = False


@dataclass(frozen=True)
class Gathered:
    """What a form says, and which locations are in it."""

    said: dict[str, Any]
    locations: list[int]


def of_practitioner(session: PortalSession, practitioner_id: int, wanted: Wanted) -> Gathered | None:
    """The form of a practitioner whom the scope sees, with the sites that it sees; None when there is none."""
    if session.get(Practitioner, practitioner_id) is None:
        return None
    day, words = wanted.as_of, specialty_words(session)
    facts = facts_of(session, "practitioner", [practitioner_id], sealed=wanted.birth_date or wanted.dea)
    values = values_on(facts.get(practitioner_id, {}), day)
    sites = _sites(session, practitioner_id, day, words)
    who = {
        **{name: values.get((name, ""), "") for name in _NAMES},
        **_personal(wanted, {name: values.get((name, ""), "") for name in _PERSONAL}),
        "licenses": _licenses(values),
        "specialties": [
            {"code": code, "name": words.get(code, code), "primary": rank == "primary"}
            for code, rank in sorted(items_of(values, "specialty").items(), key=lambda one: (one[1] != "primary", one))
        ],
        "languages": list(items_of(values, "language")),
        "hospitals": list(items_of(values, "hospital")),
    }
    return Gathered(_form(wanted, who, [site for _, site in sites]), [one for one, _ in sites])


def of_case(session: PortalSession, case_id: int, wanted: Wanted) -> Gathered | None:
    """The form of somebody whom a case adds, from what was sent; None when no form of that kind was."""
    answers = answers_of(session, case_id)
    if answers is None:
        return None
    who, where = answers["who"], answers["where"]
    practice, hospitals = answers.get("practice") or {}, (answers.get("hospitals") or {}).get("hospitals") or []
    said = {
        **dict.fromkeys(_NAMES, ""),
        **{
            name: who.get(key) or ""
            for name, key in (
                ("last_name", "last"),
                ("first_name", "first"),
                ("middle_name", "middle"),
                ("former_name", "former"),
                ("npi", "npi"),
            )
        },
        **_personal(wanted, {"dea_number": who.get("dea") or ""}),
        "licenses": [{name: one.get(name) or "" for name in ("state", "number", "expires")} for one in who["licenses"]],
        "specialties": [
            {"code": one.get("taxonomy") or "", "name": one.get("name") or "", "primary": not place}
            for place, one in enumerate(practice.get("specialties") or [])
        ],
        "languages": [one.strip() for one in (practice.get("languages") or "").split(",") if one.strip()],
        "hospitals": [one.get("name") or "" for one in hospitals],
    }
    sites = _sites_sent(session, where)
    return Gathered(_form(wanted, said, [site for _, site in sites]), [one for one, _ in sites])


def _sites_sent(session: PortalSession, where: Mapping[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """The locations that were chosen in the form, as far as the scope sees them, as they are on the effective date."""
    chosen = {int(one["location"]): one for one in where["places"] if one.get("here")}
    day = dt.date.fromisoformat(str(where["effective"]))
    rows = session.execute(
        sa.select(Location.id, Location.reference, Payee.name, Payee.npi)
        .join(Payee, Payee.id == Location.payee_id)
        .where(Location.id.in_(chosen))
    ).all()
    places = facts_of(session, "location", chosen)
    found = []
    for location_id, reference, group, group_npi in rows:
        place, said = values_on(places.get(location_id, {}), day), chosen[location_id]
        site = {
            **{name: place.get((name, ""), "") for name in _SITE},
            "group": group,
            "group_npi": group_npi or "",
            "primary": bool(said.get("primary")) or len(chosen) == 1,
            "specialty": "",
            "accepting": ACCEPTING.get(said.get("accepting") or "", ""),
            "since": day.isoformat(),
            "until": "",
        }
        site["name"] = site["name"] or reference
        found.append((location_id, site))
    return sorted(found, key=lambda one: (not one[1]["primary"], one[1]["name"].lower(), one[0]))


def answers_of(session: PortalSession, case_id: int) -> dict[str, Any] | None:
    """What was answered in the form of a case that adds a practitioner, or None."""
    row = session.scalars(sa.select(SentForm).where(SentForm.case_id == case_id)).one_or_none()
    if row is None:
        return None
    found = json.loads(session.vault.open_text(row.contents_sealed, SENT(row.token))).get("answers", {})
    return found if {"who", "where"} <= found.keys() and "licenses" in found["who"] else None


def number_of(session: PortalSession, case_id: int) -> str | None:
    """The number of a case that the scope sees."""
    case = session.get(Case, case_id)
    return show_number(case.number) if case else None


def touched_by(session: PortalSession, case_id: int) -> list[tuple[int, dt.date]]:
    """The practitioners whom the changes of a case are about, as far as the scope sees them, with the first day of a change."""
    of_case = sa.select(Change.id).where(Change.case_id == case_id)
    direct = sa.select(PractitionerFact.practitioner_id, PractitionerFact.holds_from).where(
        PractitionerFact.change_id.in_(of_case)
    )
    by_work = (
        sa.select(Affiliation.practitioner_id, AffiliationFact.holds_from)
        .join(AffiliationFact, AffiliationFact.affiliation_id == Affiliation.id)
        .where(AffiliationFact.change_id.in_(of_case))
    )
    by_place = (
        sa.select(Affiliation.practitioner_id, LocationFact.holds_from)
        .join(LocationFact, LocationFact.location_id == Affiliation.location_id)
        .where(LocationFact.change_id.in_(of_case))
    )
    days: dict[int, dt.date] = {}
    for statement in (direct, by_work, by_place):
        for practitioner, day in session.execute(statement):
            days[practitioner] = min(day, days.get(practitioner, day))
    seen = session.scalars(sa.select(Practitioner.id).where(Practitioner.id.in_(days)))
    return [(one, days[one]) for one in sorted(seen)]


def _personal(wanted: Wanted, values: Mapping[str, str]) -> dict[str, str]:
    """What was ticked alone: the keys stay, so that who reads the file finds them."""
    ticked = {"birth_date": wanted.birth_date, "dea_number": wanted.dea, "dea_expires": wanted.dea}
    return {name: values.get(name, "") if ticked[name] else "" for name in _PERSONAL}


def _licenses(values: Mapping[Key, str]) -> list[dict[str, str]]:
    expires = items_of(values, "license_expires")
    return [
        {"state": state, "number": number, "expires": expires.get(state, "")}
        for state, number in items_of(values, "license_number").items()
    ]


def _form(wanted: Wanted, who: dict[str, Any], sites: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "as_of": wanted.as_of.isoformat(),
        "reason": wanted.reason,
        "words": wanted.words,
        "effective_on": wanted.effective_on.isoformat(),
        "practitioner": who,
        "sites": list(sites),
        "submitter": {"organization": wanted.organization, "name": wanted.submitter, "phone": wanted.phone},
    }


def _sites(
    session: PortalSession, practitioner_id: int, day: dt.date, words: Mapping[str, str]
) -> list[tuple[int, dict[str, Any]]]:
    """Where the practitioner works on the day or has worked until shortly before, the primary site first."""
    rows = session.execute(
        sa.select(Affiliation.id, Location.id, Location.reference, Payee.name, Payee.npi)
        .join(Location, Location.id == Affiliation.location_id)
        .join(Payee, Payee.id == Location.payee_id)
        .where(Affiliation.practitioner_id == practitioner_id)
    ).all()
    work = facts_of(session, "affiliation", [row[0] for row in rows])
    places = facts_of(session, "location", [row[1] for row in rows])
    found = []
    for affiliation_id, location_id, reference, group, group_npi in rows:
        told = work.get(affiliation_id, {})
        active = [
            span
            for span in spans(told.get(("standing", ""), []))
            if span.value == "active" and span.since <= day and (span.until is None or span.until > day - LEFT)
        ]
        if not active:
            continue
        span = active[-1]
        on = span.until - dt.timedelta(days=1) if span.until and span.until <= day else day
        values, place = values_on(told, on), values_on(places.get(location_id, {}), on)
        specialty = values.get(("specialty", ""), "")
        site = {
            **{name: place.get((name, ""), "") for name in _SITE},
            "group": group,
            "group_npi": group_npi or "",
            "primary": values.get(("primary", "")) == "yes",
            "specialty": words.get(specialty, specialty),
            "accepting": ACCEPTING.get(values.get(("accepting", ""), ""), ""),
            "since": span.since.isoformat(),
            "until": span.until.isoformat() if span.until else "",
        }
        site["name"] = site["name"] or reference
        found.append((location_id, site))
    return sorted(found, key=lambda one: (not one[1]["primary"], one[1]["name"].lower(), one[0]))
