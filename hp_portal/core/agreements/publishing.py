"""Drafts of agreements, and publishing them. For the payer's staff, in a whole scope; nothing here commits."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.agreements.accepting import Agreement, current_agreements
from hp_portal.core.agreements.kinds import KINDS, filled_in, first_source, first_text, first_version
from hp_portal.core.agreements.models import AgreementDraft, AgreementVersion
from hp_portal.core.audit.record import get_who, record
from hp_portal.core.identity.accounts import opens
from hp_portal.core.identity.actor import TERMS_OF_USE
from hp_portal.core.identity.models import Acceptance, Person
from hp_portal.database import PortalSession, lock
from hp_portal.settings import Settings


class DraftChanged(Exception):
    """Somebody else has saved, published or discarded the draft since the page was opened."""


class NothingNew(Exception):
    """The draft says what the version says that applies now."""


class TooEarly(Exception):
    """A version cannot apply from a day that is over."""


@dataclass(frozen=True)
class Version:
    """A version in the list of them. `id` None: the first, which is not published but brought by the portal or the settings.

    `applies_on` None: from the beginning. `state`: current, scheduled or replaced. `accepted`: how many people.
    """

    id: int | None
    version: str
    applies_on: dt.date | None
    published_at: dt.datetime | None
    published_by: str
    state: str
    accepted: int


@dataclass(frozen=True)
class Overview:
    """An agreement with its versions, the newest first; how many active people are asked, and have accepted the current one."""

    key: str
    title: str
    asked_of: str
    versions: list[Version]
    draft: AgreementDraft | None
    asked: int
    accepted: int


def overviews(session: PortalSession, settings: Settings) -> list[Overview]:
    """Every agreement with all of its versions."""
    return [_overview(session, settings, current) for current in current_agreements(session, settings, delegate=True)]


def _overview(session: PortalSession, settings: Settings, current: Agreement) -> Overview:
    key = current.key
    counted = sa.select(Acceptance.version, sa.func.count()).where(Acceptance.agreement == key)
    accepted = {row[0]: row[1] for row in session.execute(counted.group_by(Acceptance.version))}
    rows = session.execute(
        sa.select(AgreementVersion, Person.name)
        .outerjoin(Person, Person.id == AgreementVersion.published_by_id)
        .where(AgreementVersion.agreement == key)
        .order_by(AgreementVersion.applies_on.desc(), AgreementVersion.id.desc())
    ).all()
    today, versions = clock.today(settings.payer.zone), []
    for row, name in rows:
        state = "scheduled" if row.applies_on > today else "current" if row.version == current.version else "replaced"
        number = accepted.get(row.version, 0)
        versions.append(Version(row.id, row.version, row.applies_on, row.published_at, name or "", state, number))
    first = first_version(settings, key)
    state = "current" if first == current.version else "replaced"
    versions.append(Version(None, first, None, None, "", state, accepted.get(first, 0)))
    asked, done = _counts(session, current)
    return Overview(
        key, current.title, KINDS[key].asked, versions, session.get(AgreementDraft, key), asked=asked, accepted=done
    )


def _counts(session: PortalSession, current: Agreement) -> tuple[int, int]:
    """How many active people are asked for an agreement, and how many of them have accepted its current version."""
    # The terms are of an account, the other one of somebody in an organization.
    asked = [Person.account_id.is_(None), opens()]
    if current.key != TERMS_OF_USE:
        asked = [Person.deactivated_at.is_(None), sa.and_(Person.is_delegate, sa.not_(Person.is_staff))]
    has = sa.exists().where(
        Acceptance.person_id == Person.id,
        Acceptance.agreement == current.key,
        Acceptance.version == current.version,
    )
    row = session.execute(sa.select(sa.func.count(), sa.func.count().filter(has)).select_from(Person).where(*asked))
    total, done = row.one()
    return total, done


def find_version(session: PortalSession, key: str, version_id: int) -> AgreementVersion | None:
    """A published version of an agreement, or None."""
    found = session.get(AgreementVersion, version_id)
    return found if found is not None and found.agreement == key else None


def first_agreement(settings: Settings, key: str) -> Agreement:
    """The version that applies until the first one is published."""
    return Agreement(key, KINDS[key].title, first_version(settings, key), first_text(settings, key))


def start_of(session: PortalSession, settings: Settings, key: str) -> tuple[str, int]:
    """What the draft page begins with: the draft with its revision or, with 0, the text that applies now, as it is written."""
    draft = session.get(AgreementDraft, key)
    if draft is not None:
        return draft.text, draft.revision
    (current,) = (one for one in current_agreements(session, settings, delegate=True) if one.key == key)
    first = current.version == first_version(settings, key)
    return first_source(settings, key) if first else current.markdown, 0


def _hold(session: PortalSession, key: str, revision: int) -> AgreementDraft | None:
    """The draft, held until the transaction ends. Raises DraftChanged unless it is of that revision; 0: there is none."""
    lock(session, f"agreement:{key}")
    draft = session.get(AgreementDraft, key, populate_existing=True)
    if (draft.revision if draft else 0) != revision:
        raise DraftChanged
    return draft


def save_draft(session: PortalSession, key: str, text: str, revision: int) -> None:
    """Save the draft that was opened with `revision`. Raises DraftChanged."""
    draft = _hold(session, key, revision)
    by = get_who(session).person_id
    if draft is None:
        session.add(AgreementDraft(agreement=key, text=text, revision=1, saved_at=clock.now(), saved_by_id=by))
    else:
        draft.text, draft.revision, draft.saved_at, draft.saved_by_id = text, revision + 1, clock.now(), by
    record(session, "agreements.draft.saved", agreement=key)


def discard_draft(session: PortalSession, key: str, revision: int) -> None:
    """Remove the draft. Raises DraftChanged."""
    if (draft := _hold(session, key, revision)) is not None:
        session.delete(draft)
        record(session, "agreements.draft.discarded", agreement=key)


def publish(
    session: PortalSession, settings: Settings, key: str, applies_on: dt.date, revision: int
) -> AgreementVersion:
    """Publish the draft: from that day on, whoever is asked for the agreement has to accept it.

    Raises DraftChanged, TooEarly, or NothingNew, which would ask everybody again for the same text.
    """
    draft = _hold(session, key, revision)
    if draft is None:
        raise DraftChanged
    if applies_on < clock.today(settings.payer.zone):
        raise TooEarly
    text = filled_in(settings, draft.text)
    if text.split() == _newest_text(session, settings, key).split():
        raise NothingNew
    version = AgreementVersion(
        agreement=key,
        version=_name(session, settings, key, applies_on),
        text=text,
        applies_on=applies_on,
        published_at=clock.now(),
        published_by_id=get_who(session).person_id,
    )
    session.add(version)
    session.delete(draft)
    record(
        session,
        "agreements.version.published",
        agreement=key,
        version=version.version,
        applies_on=applies_on.isoformat(),
    )
    return version


def _newest_text(session: PortalSession, settings: Settings, key: str) -> str:
    """What applies last of all that is published: the draft should say something else."""
    newest = (
        sa.select(AgreementVersion.text)
        .where(AgreementVersion.agreement == key)
        .order_by(AgreementVersion.applies_on.desc(), AgreementVersion.id.desc())
        .limit(1)
    )
    return session.scalar(newest) or first_text(settings, key)


def _name(session: PortalSession, settings: Settings, key: str, applies_on: dt.date) -> str:
    """The version is called after its day, with a number where that name was given or accepted before."""
    published = sa.select(AgreementVersion.version).where(AgreementVersion.agreement == key)
    accepted = sa.select(Acceptance.version).where(Acceptance.agreement == key).distinct()
    taken = {*session.scalars(published), *session.scalars(accepted), first_version(settings, key)}
    name, number = applies_on.isoformat(), 1
    while name in taken:
        number += 1
        name = f"{applies_on.isoformat()}, {number}"
    return name
