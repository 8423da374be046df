"""What the national registry of NPIs says of the practitioners whom a case is about, where it was loaded. Needs a whole scope."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from hp_portal.api import PortalSession

from ..loading.specialties import specialty_words
from ..nppes.models import ORGANIZATION
from ..nppes.saying import find_entries, is_off, name_of, registry_doubts
from ..proposing.proposals import proposal_of
from ..record.facts import Key, facts_of, values_on
from ..record.wording import full_name

MOST = 50
"""Practitioners of one case of whom it is said; a roster may have thousands."""


@dataclass(frozen=True)
class RegistryLine:
    """Of one practitioner: as the office and the record have the name, as the registry has it, and what does not fit."""

    name: str
    npi: str
    theirs: str
    organization: bool
    off_on: dt.date | None
    specialties: list[str]
    licenses: list[str]
    doubts: list[str]
    as_of: dt.date


def registry_lines(session: PortalSession, case_id: int) -> list[RegistryLine]:
    """A line for each practitioner of the proposal whose NPI the registry's file has."""
    proposal = proposal_of(session, case_id)
    if proposal is None:
        return []
    ids = list(dict.fromkeys(fact.subject_id for fact in proposal.facts if fact.subject == "practitioner"))[:MOST]
    told = facts_of(session, "practitioner", [one for one in ids if one > 0])
    values: dict[int, dict[Key, str]] = {one: values_on(told.get(one, {}), proposal.effective_on) for one in ids}
    for fact in proposal.facts:
        if fact.subject == "practitioner" and fact.subject_id in values:
            values[fact.subject_id][fact.key] = fact.value
    entries = find_entries(session, filter(None, (of.get(("npi", "")) for of in values.values())))
    words, found = specialty_words(session), []
    for of in values.values():
        entry = entries.get(of.get(("npi", ""), ""))
        if entry is None:
            continue
        lasts = (of.get(("last_name", "")), of.get(("former_name", "")))
        codes = entry.taxonomies.split()
        found.append(
            RegistryLine(
                full_name(of, "A practitioner"),
                entry.npi,
                name_of(entry),
                entry.kind == ORGANIZATION,
                entry.deactivated_on if is_off(entry) else None,
                [f"{words[code]} ({code})" if code in words else code for code in codes],
                [one for one in entry.licenses.split("; ") if one],
                list(registry_doubts(entry, of.get(("first_name", ""), ""), lasts)),
                entry.as_of,
            )
        )
    return found
