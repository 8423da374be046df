"""Searching the published directory: every term is looked up in an index, beginning with the rarest, a page at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal.api import PortalSession

from ..loading.specialties import specialty_words
from .models import LONGEST_PLACE, DirectoryBuild, DirectoryCount, DirectoryRow, DirectoryTerm
from .terms import ACCEPTING, ACCESS, LANGUAGE, MOST_WORDS, SPECIALTY, exact, fold, name_terms, place_terms


@dataclass(frozen=True)
class Asked:
    """What is looked for; empty values do not narrow. `after` is where the page before ended."""

    name: str = ""
    specialty: str = ""
    place: str = ""
    language: str = ""
    access: str = ""
    accepting: bool = False
    after: str = ""

    def values(self) -> dict[str, str]:
        """For an address, without the page."""
        values = {
            "name": self.name,
            "specialty": self.specialty,
            "place": self.place,
            "language": self.language,
            "access": self.access,
            "accepting": "yes" if self.accepting else "",
        }
        return {name: value for name, value in values.items() if value}

    def terms(self) -> list[str]:
        """The terms that a row must have, each once."""
        found = [*name_terms(self.name)[:MOST_WORDS], *place_terms(self.place)[:MOST_WORDS]]
        found += [
            exact(kind, value)
            for kind, value in ((SPECIALTY, self.specialty), (LANGUAGE, self.language), (ACCESS, self.access))
            if value
        ]
        found += [exact(ACCEPTING, "new")] if self.accepting else []
        return list(dict.fromkeys(found))

    @property
    def unreadable(self) -> str:
        """The field in which something was typed that has no word to look for; empty where there is none."""
        return next(
            (field for field in ("name", "place") if getattr(self, field) and not fold(getattr(self, field))), ""
        )


@dataclass(frozen=True)
class Found:
    """A page of rows. `after` leads to the next page, empty on the last one; `total` is None where it was not counted."""

    rows: list[Mapping[str, Any]]
    after: str
    total: int | None


def find_entries(session: PortalSession, build: DirectoryBuild | None, asked: Asked, size: int) -> Found:
    """One page of what is published and fits."""
    if build is None or asked.unreadable:
        return Found([], "", 0)
    terms, after = asked.terms(), asked.after[:LONGEST_PLACE]
    if not terms:
        everything = sa.select(DirectoryRow.place, DirectoryRow.contents).where(DirectoryRow.edition == build.edition)
        return _page(session, _from(everything, DirectoryRow.place, after), build.rows, size)
    counts = _counts(session, build.edition, terms)
    if len(counts) < len(terms):
        return Found([], "", 0)
    first, *others = sorted(terms, key=lambda term: (counts[term], term))
    wanted = (
        sa.select(DirectoryTerm.place, DirectoryRow.contents)
        .join(
            DirectoryRow,
            sa.and_(DirectoryRow.edition == DirectoryTerm.edition, DirectoryRow.place == DirectoryTerm.place),
        )
        .where(DirectoryTerm.edition == build.edition, DirectoryTerm.term == first)
    )
    for number, term in enumerate(others):
        also = sa.orm.aliased(DirectoryTerm, name=f"also_{number}")
        wanted = wanted.where(
            sa.exists().where(also.edition == build.edition, also.place == DirectoryTerm.place, also.term == term)
        )
    total = counts[first] if not others else None
    return _page(session, _from(wanted, DirectoryTerm.place, after), total, size)


def _from(wanted: sa.Select[str, str], place: Any, after: str) -> sa.Select[str, str]:
    return (wanted.where(place > after) if after else wanted).order_by(place)


def _page(session: PortalSession, wanted: sa.Select[str, str], total: int | None, size: int) -> Found:
    found = session.execute(wanted.limit(size + 1)).all()
    rows = [json.loads(contents) for _, contents in found[:size]]
    return Found(rows, found[size - 1][0] if len(found) > size else "", total)


def _counts(session: PortalSession, edition: int, terms: Sequence[str]) -> dict[str, int]:
    counting = sa.select(DirectoryCount.term, DirectoryCount.rows).where(
        DirectoryCount.edition == edition, DirectoryCount.term.in_(terms)
    )
    return {str(row[0]): int(row[1]) for row in session.execute(counting)}


@dataclass(frozen=True)
class Choices:
    """What one can choose from: values that rows have, with their words."""

    specialties: dict[str, str]
    languages: dict[str, str]
    access: dict[str, str]


def choices_of(session: PortalSession, build: DirectoryBuild | None) -> Choices:
    """The specialties, languages and kinds of access that are published."""
    if build is None:
        return Choices({}, {}, {})
    kinds = (SPECIALTY, LANGUAGE, ACCESS)
    terms = session.scalars(
        sa.select(DirectoryCount.term).where(DirectoryCount.edition == build.edition, DirectoryCount.kind.in_(kinds))
    )
    found: dict[str, list[str]] = {kind: [] for kind in kinds}
    for term in terms:
        found[term[0]].append(term[2:])
    words = specialty_words(session)
    named = sorted(((code, words.get(code, code)) for code in found[SPECIALTY]), key=lambda one: (one[1].lower(), one))
    languages, access = ({one: one for one in sorted(found[kind], key=str.lower)} for kind in (LANGUAGE, ACCESS))
    return Choices(dict(named), languages, access)
