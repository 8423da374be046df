"""What was found in attached files and what could not be checked, for the payer's staff."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.attachments.attaching import CannotRemove, remove_attached
from hp_portal.core.attachments.models import AttachedFile
from hp_portal.core.attachments.owners import AttachedTo, owner_of
from hp_portal.core.attachments.states import FAILED, HELD, QUARANTINED, WAITING
from hp_portal.core.audit.record import record
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.core.web.listing import Column, Listing, Order, Sorting, page_of
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession

LATE = dt.timedelta(minutes=15)
"""Files are looked at within seconds; one that has waited so long is one that nothing looks at."""
HELD_LIST = Sorting(
    (
        Column("file", "File"),
        Column("sender", "Sent by"),
        Column("sent", "Sent", AttachedFile.sent_at, "date"),
        Column("found", "Found", AttachedFile.state),
        Column("deed", "What to do"),
    ),
    default="-sent",
    tie=AttachedFile.id,
)


@dataclass(frozen=True)
class Held:
    """A file that is held back, who sent it (empty names are of somebody without an account), and what it is attached to."""

    file: AttachedFile
    person: str
    organization: str
    owner: AttachedTo

    @property
    def stuck(self) -> bool:
        """Has nothing looked at it yet?"""
        return self.file.state == WAITING and self.file.retry_at is None


def _unscanned() -> sa.ColumnElement[bool]:
    return sa.and_(AttachedFile.state == WAITING, AttachedFile.retry_at.is_not(None))


def _count(session: PortalSession, which: sa.ColumnElement[bool]) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(AttachedFile).where(which)) or 0


def count_quarantined(session: PortalSession) -> int:
    """Files with a virus. Needs a whole scope, as all of this."""
    return _count(session, AttachedFile.state == QUARANTINED)


def count_unchecked(session: PortalSession) -> int:
    """Files that could not be checked."""
    return _count(session, AttachedFile.state == FAILED)


def count_unscanned(session: PortalSession) -> int:
    """Files that wait for the virus scanner, which does not answer."""
    return _count(session, _unscanned())


def _stuck() -> sa.ColumnElement[bool]:
    late = AttachedFile.sent_at < clock.now() - LATE
    return sa.and_(AttachedFile.state == WAITING, AttachedFile.retry_at.is_(None), late)


def count_stuck(session: PortalSession) -> int:
    """Files that nothing has looked at for long, as where no worker runs."""
    return _count(session, _stuck())


def view_held(session: PortalSession, order: Order) -> Listing[Held]:
    """One page of the files that are held back, recorded as looked at; the caller commits."""
    wanted = (
        sa.select(AttachedFile, Person.name, Organization.name)
        .outerjoin(Person, Person.id == AttachedFile.person_id)
        .outerjoin(Organization, Organization.id == AttachedFile.organization_id)
        .where(sa.or_(AttachedFile.state.in_(HELD), _unscanned(), _stuck()))
    )
    listing = page_of(session, wanted, order, make=lambda row: _held(session, *row))
    record(session, "attachment.held.viewed", shown=len(listing.rows))
    return listing


def _held(session: PortalSession, file: AttachedFile, person: str | None, organization: str | None) -> Held:
    return Held(file, person or "", organization or "", owner_of(session, file.about))


def remove_held(session: PortalSession, file_id: int) -> bool:
    """Remove a file with a virus and all that is stored of it, also when it was sent along; False when there is none.
    The caller commits.
    """
    found = session.get(AttachedFile, file_id)
    try:
        return found is not None and found.state == QUARANTINED and remove_attached(session, file_id, found.about)
    except CannotRemove:  # checked again in the meantime
        return False


class ScannerNeeded(Exception):
    """A virus was found in the file, and there is no scanner that could look at it again."""


def check_again(session: PortalSession, file_id: int) -> bool:
    """Have a file that is held back looked at anew; False when there is none. The caller commits. Raises ScannerNeeded."""
    found = session.scalars(sa.select(AttachedFile).where(AttachedFile.id == file_id).with_for_update()).one_or_none()
    if found is None or (found.state not in HELD and found.retry_at is None):
        return False
    if found.quarantined_at is not None and settings().scanner is None:
        raise ScannerNeeded
    found.state, found.retry_at, found.attempts, found.pauses = WAITING, None, 0, 0
    if found.quarantined_at is None:
        found.found = ""
    record(session, "attachment.file.checked-again", file=found.id, about=found.about, kind=found.kind)
    session.flush()
    return True
