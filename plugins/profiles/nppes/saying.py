"""What the registry says of an NPI, in words, and what of it does not fit what somebody has typed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal.api import PortalSession, show_date

from .models import ORGANIZATION, PERSON, RegistryEntry
from .reading import is_deactivated

REGISTRY = "the national registry (NPPES)"


def find_entry(session: PortalSession, npi: str | None) -> RegistryEntry | None:
    """What is loaded of an NPI, or None."""
    return session.get(RegistryEntry, npi) if npi else None


def find_entries(session: PortalSession, npis: Iterable[str]) -> dict[str, RegistryEntry]:
    """The same of several."""
    wanted = sa.select(RegistryEntry).where(RegistryEntry.npi.in_(sorted(set(npis))))
    return {one.npi: one for one in session.scalars(wanted)}


def is_loaded(session: PortalSession) -> bool:
    """Has the payer loaded anything?"""
    return session.scalar(sa.select(sa.literal(1)).select_from(RegistryEntry).limit(1)) is not None


def is_person(entry: RegistryEntry) -> bool:
    """Is it the NPI of a person, in use?"""
    return entry.kind == PERSON and not is_off(entry)


def is_off(entry: RegistryEntry) -> bool:
    """Is the NPI deactivated?"""
    return is_deactivated(entry.deactivated_on, entry.reactivated_on)


@dataclass(frozen=True)
class Given:
    """An entry's names as people write them, where the registry has them in capitals."""

    first: str
    middle: str
    last: str

    @classmethod
    def of(cls, entry: RegistryEntry) -> Given:
        return cls(*map(as_written, (entry.first_name, entry.middle_name, entry.last_name)))

    @property
    def full(self) -> str:
        """First, middle and last name."""
        return " ".join(filter(None, (self.first, self.middle, self.last)))


def name_of(entry: RegistryEntry) -> str:
    """Who or what it is; empty: the registry does not say so any more."""
    return as_written(entry.name) if entry.kind == ORGANIZATION else Given.of(entry).full


def as_written(text: str) -> str:
    """A name in capitals, as people write it: `O'Brien-Smith`. What has small letters stays."""
    if text != text.upper():
        return text
    words = re.sub(r"[^\W\d_]+", lambda found: found[0].capitalize(), text)
    return re.sub(r"(?<=['’])S\b", "s", words)


def registry_doubts(entry: RegistryEntry | None, first: str, lasts: Iterable[str | None]) -> Iterator[str]:
    """What does not fit in what somebody says of a practitioner: `lasts` are the last name and former ones."""
    if entry is None:
        return
    if entry.kind == ORGANIZATION:
        yield f"By {REGISTRY} this is the NPI of an organization, {name_of(entry)}. A practitioner has one of their own."
    if is_off(entry):
        yield f"By {REGISTRY} this NPI was deactivated on {show_date(entry.deactivated_on)}."
    if entry.kind == PERSON and not _same_name(entry, first, [one for one in lasts if one]):
        yield f"By {REGISTRY} this NPI is that of {name_of(entry)}: another name than here."


def _same_name(entry: RegistryEntry, first: str, lasts: list[str]) -> bool:
    """Do the names go together, as far as they are typed? The registry may have a former name or an initial."""
    theirs = {_letters(one) for one in (entry.last_name, entry.other_last_name) if one}
    if lasts and theirs and not theirs & {_letters(one) for one in lasts}:
        return False
    one, other = _letters(first), _letters(entry.first_name)
    return one.startswith(other) or other.startswith(one)


def _letters(name: str) -> str:
    """A name to compare: without accents, blanks, hyphens and titles such as Jr."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z]", "", re.sub(r"\b(jr|sr|ii|iii|iv)\b", "", plain))
