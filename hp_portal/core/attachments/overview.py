"""What was found in attached files and what could not be checked, for the payer's staff."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal.core.attachments.models import AttachedFile
from hp_portal.core.attachments.states import FAILED, HELD, QUARANTINED, WAITING
from hp_portal.core.audit.record import record
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession

LONGEST = 200


@dataclass(frozen=True)
class Held:
    """A file that is held back, and who sent it: empty names are of somebody without an account."""

    file: AttachedFile
    person: str
    organization: str


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


def view_held(session: PortalSession) -> list[Held]:
    """The files that are held back, the newest first, recorded as looked at; the caller commits."""
    rows = session.execute(
        sa.select(AttachedFile, Person.name, Organization.name)
        .outerjoin(Person, Person.id == AttachedFile.person_id)
        .outerjoin(Organization, Organization.id == AttachedFile.organization_id)
        .where(sa.or_(AttachedFile.state.in_(HELD), _unscanned()))
        .order_by(AttachedFile.id.desc())
        .limit(LONGEST)
    )
    found = [Held(file, person or "", organization or "") for file, person, organization in rows]
    record(session, "attachment.held.viewed", shown=len(found))
    return found


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
