"""Attached files that go over to somebody else, because what they are attached to does. Nothing here commits."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import BinaryIO, cast

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.attachments.attaching import NAMELESS, STORED_AS
from hp_portal.core.attachments.models import AttachedFile
from hp_portal.core.files.storing import FileOwner, delete_stored, find_stored, open_stored, receive_file
from hp_portal.database import PortalSession, lock


class StillChecked(Exception):
    """A worker is looking at one of the files; nothing was done."""


@dataclass(frozen=True)
class _Owner:
    organization_id: int | None
    person_id: int | None


def give_attached(session: PortalSession, about: str, organization_id: int | None) -> None:
    """The files are an organization's from now on, or the payer's (None). What is stored is sealed for its owner, so it is sealed
    anew. Needs a whole scope. Raises StillChecked, and SealBroken for a file that is damaged.
    """
    lock(session, f"attachments {about}")
    wanted = sa.select(AttachedFile).where(AttachedFile.about == about).order_by(AttachedFile.id).with_for_update()
    for row in session.scalars(wanted.execution_options(populate_existing=True)).all():
        if row.leased_until is not None and row.leased_until > clock.now():
            raise StillChecked
        owner = _Owner(organization_id, row.person_id)
        was = {one for one in (row.original_id, row.cleaned_id) if one is not None}
        now = {one: _again(session, one, owner) for one in sorted(was)}
        row.organization_id = organization_id
        row.original_id = now[row.original_id]
        row.cleaned_id = now[row.cleaned_id] if row.cleaned_id is not None else None
        session.flush()
        for one in now:
            delete_stored(session, one)


def _again(session: PortalSession, stored_id: int, owner: FileOwner) -> int:
    stored = find_stored(session, stored_id, STORED_AS)
    if stored is None:
        raise LookupError(stored_id)
    body = io.BufferedReader(cast(io.RawIOBase, open_stored(session, stored)))
    return receive_file(session, cast(BinaryIO, body), NAMELESS, owner=owner, kind=STORED_AS).id
