"""Somebody leaves: the searches that they saved are their successor's. Notes and postings are the office's, and stay."""

from __future__ import annotations

import json

import sqlalchemy as sa

from hp_portal.api import PortalSession, of_organization, record

from .models import SAVED_SEARCH, SavedSearch


def hand_over(session: PortalSession, organization_id: int, person_id: int, successor_id: int) -> list[str]:
    """Make the successor the owner of every search that somebody has saved, shared or not. A name that the successor has
    already gets a number. Nothing is dropped, so the successor may have more than one can save."""
    with of_organization(session, organization_id):
        rows = session.scalars(
            sa.select(SavedSearch).where(SavedSearch.person_id.in_((person_id, successor_id))).order_by(SavedSearch.id)
        ).all()
        names = {_read(session, row)["name"].casefold() for row in rows if row.person_id == successor_id}
        mine = [row for row in rows if row.person_id == person_id]
        for row in mine:
            search = _read(session, row)
            search["name"] = _free(names, search["name"])
            names.add(search["name"].casefold())
            # An organization's session changes no owner: the row is written anew.
            session.add(
                SavedSearch(
                    organization_id=organization_id,
                    person_id=successor_id,
                    shared=row.shared,
                    word=row.word,
                    search_sealed=session.vault.seal_text(json.dumps(search), SAVED_SEARCH(organization_id, row.word)),
                    saved_at=row.saved_at,
                )
            )
            session.delete(row)
        session.flush()
    if not mine:
        return []
    record(session, "remittance.saved-search.handed-over", count=len(mine))
    return ["1 saved search" if len(mine) == 1 else f"{len(mine)} saved searches"]


def _read(session: PortalSession, row: SavedSearch) -> dict[str, str]:
    found: dict[str, str] = json.loads(
        session.vault.open_text(row.search_sealed, SAVED_SEARCH(row.organization_id, row.word))
    )
    return found


def _free(names: set[str], name: str) -> str:
    number, found = 2, name
    while found.casefold() in names:
        found, number = f"{name} ({number})", number + 1
    return found
