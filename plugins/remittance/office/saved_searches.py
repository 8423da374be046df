"""Searches that people of an office saved under a name: their own, and those that colleagues share with everybody there."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal.api import Person, PortalSession, lock, now, record

from .models import SAVED_SEARCH, SavedSearch
from .people import Colleague

MOST = 25
"""Searches that one person can have saved."""
PAYMENTS, CLAIMS = "payments", "claims"


class TooManySearches(Exception):
    """The person has as many saved searches as one can have."""


class NameTaken(Exception):
    """The person has a saved search with this name."""


@dataclass(frozen=True)
class Saved:
    """A saved search. `kind`: PAYMENTS with what an address says of them, or CLAIMS with what was typed; JSON's types.

    `by`: who shares it, empty for one's own. `changeable`: the person may rename, share and remove it.
    """

    id: int
    name: str
    kind: str
    values: Mapping[str, Any]
    shared: bool
    by: str
    changeable: bool


def saved_searches(session: PortalSession, person: Colleague) -> list[Saved]:
    """What the person can choose from, by name: one's own, and what colleagues share."""
    rows = session.execute(
        sa.select(SavedSearch, Person.name)
        .join(Person, Person.id == SavedSearch.person_id)
        .where(sa.or_(SavedSearch.person_id == person.person_id, SavedSearch.shared))
    )
    found = [_saved(session, person, row, name) for row, name in rows]
    return sorted(found, key=lambda one: (one.name.casefold(), one.id))


def list_saved(session: PortalSession, person: Colleague) -> list[Saved]:
    """The same on a page of its own, recorded."""
    found = saved_searches(session, person)
    record(session, "remittance.saved-search.listed", shown=len(found))
    return found


def find_saved(session: PortalSession, person: Colleague, search_id: int) -> Saved | None:
    """One of those."""
    return next((one for one in saved_searches(session, person) if one.id == search_id), None)


def save_search(
    session: PortalSession, person: Colleague, name: str, kind: str, values: Mapping[str, Any], *, shared: bool
) -> None:
    """Save a search. Raises TooManySearches, NameTaken."""
    own = _own(session, person)
    if len(own) >= MOST:
        raise TooManySearches
    _check_name(own, name)
    word = secrets.token_urlsafe(16)
    row = SavedSearch(
        organization_id=person.organization_id,
        person_id=person.person_id,
        shared=shared,
        word=word,
        search_sealed=_seal(
            session, person.organization_id, word, {"name": name, "kind": kind, "values": dict(values)}
        ),
        saved_at=now(),
    )
    session.add(row)
    session.flush()
    _record(session, "remittance.saved-search.saved", row.id, kind, shared=shared)


def change_saved(session: PortalSession, person: Colleague, saved: Saved, name: str, *, shared: bool) -> None:
    """Rename a saved search, or share it or no longer. It must be one that the person may change. Raises NameTaken."""
    if not saved.by:
        _check_name([one for one in _own(session, person) if one.id != saved.id], name)
    row = _row(session, saved)
    search = {"name": name, "kind": saved.kind, "values": dict(saved.values)}
    row.search_sealed, row.shared = _seal(session, row.organization_id, row.word, search), shared
    session.flush()
    _record(session, "remittance.saved-search.changed", saved.id, saved.kind, shared=shared)


def remove_saved(session: PortalSession, saved: Saved) -> None:
    """Remove a saved search. It must be one that the person may change."""
    session.delete(_row(session, saved))
    session.flush()
    _record(session, "remittance.saved-search.removed", saved.id, saved.kind, shared=saved.shared)


def use_saved(session: PortalSession, saved: Saved) -> None:
    """Record that a saved search is run."""
    _record(session, "remittance.saved-search.run", saved.id, saved.kind, shared=saved.shared)


def _own(session: PortalSession, person: Colleague) -> list[Saved]:
    """The person's own, for nobody else to add to until the transaction ends."""
    lock(session, f"remittance saved searches {person.person_id}")
    return [one for one in saved_searches(session, person) if not one.by]


def _check_name(others: list[Saved], name: str) -> None:
    if name.casefold() in {one.name.casefold() for one in others}:
        raise NameTaken


def _row(session: PortalSession, saved: Saved) -> SavedSearch:
    return session.scalars(sa.select(SavedSearch).where(SavedSearch.id == saved.id)).one()


def _seal(session: PortalSession, organization_id: int | None, word: str, search: Mapping[str, Any]) -> bytes:
    return session.vault.seal_text(json.dumps(search), SAVED_SEARCH(organization_id, word))


def _saved(session: PortalSession, person: Colleague, row: SavedSearch, name: str) -> Saved:
    search = json.loads(session.vault.open_text(row.search_sealed, SAVED_SEARCH(row.organization_id, row.word)))
    own = row.person_id == person.person_id
    by = "" if own else name
    return Saved(row.id, search["name"], search["kind"], search["values"], row.shared, by, own or person.is_delegate)


def _record(session: PortalSession, event: str, search_id: int, kind: str, *, shared: bool) -> None:
    record(session, event, search=search_id, kind=kind, shared=shared)
