"""Tells whoever attached a file that it went wrong, where they did not see it: once, some minutes after it was looked at.

Who removes it meanwhile has seen it, and is not told.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.attachments.models import AttachedFile
from hp_portal.core.attachments.states import WENT_WRONG
from hp_portal.core.cases.models import Case
from hp_portal.core.cases.numbers import show_number
from hp_portal.core.cases.submitters import about_submitter, find_submitter
from hp_portal.core.cases.telling import CASE
from hp_portal.core.delivery.outbox import Outgoing, add_message
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.unconfirmed import is_unconfirmed
from hp_portal.core.web.formats import show_count
from hp_portal.core.web.links import absolute_url
from hp_portal.database import PortalSession

AFTER = dt.timedelta(minutes=5)
AT_ONCE = 200


@dataclass(frozen=True)
class _Reader:
    """Who is told, what it is about, and where they see it."""

    name: str
    email: str
    what: str
    link: str
    about: str


def tell_of_files(session: PortalSession) -> None:
    """The job."""
    wanted = sa.select(AttachedFile).where(
        AttachedFile.state.in_(WENT_WRONG),
        AttachedFile.told_at.is_(None),
        AttachedFile.checked_at <= clock.now() - AFTER,
    )
    order = (AttachedFile.about, AttachedFile.person_id, AttachedFile.id)
    found = session.scalars(wanted.order_by(*order).limit(AT_ONCE)).all()
    for (about, person_id), group in groupby(found, key=lambda one: (one.about, one.person_id)):
        files = list(group)
        for one in files:
            one.told_at = clock.now()
        reader = _reader(session, about, person_id)
        if reader is not None:
            _tell(session, reader, files)


def _tell(session: PortalSession, reader: _Reader, files: Sequence[AttachedFile]) -> None:
    states = [one.standing.label.lower() for one in files]
    lines = [f"{show_count(states.count(state), 'file')}: {state}" for state in dict.fromkeys(states)]
    values = {"name": reader.name, "what": reader.what, "lines": lines, "link": reader.link}
    subject = "A file that you attached" if len(files) == 1 else "Files that you attached"
    add_message(session, Outgoing(reader.email, "files_wrong", subject, reader.about, values))


def _reader(session: PortalSession, about: str, person_id: int | None) -> _Reader | None:
    word, _, key = about.partition(":")
    case = session.get(Case, int(key)) if word == CASE and key.isdecimal() else None
    what = f"case {show_number(case.number)}" if case else "what you are sending us"
    if person_id is not None:
        person = session.get_one(Person, person_id)
        if person.deactivated_at is not None or is_unconfirmed(person.email):
            return None
        endpoint = "staff.cases_one" if person.is_staff else "cases.one"
        link = absolute_url(endpoint, case_id=case.id) if case else absolute_url("pages.home")
        return _Reader(person.name, person.email, what, link, f"attachments:{about}")
    sender = find_submitter(session, case.id) if case else None
    if case is None or sender is None:
        return None
    link = absolute_url("case_status.look")
    return _Reader(sender.contact.name, sender.contact.email, what, link, about_submitter(case.id))
