"""Drafts as they are written: started, saved part by part, closed, thrown away. Nothing here commits.

    draft = start_draft(db, the_actor(), KIND)
    draft = hold_draft(db, KIND.key, draft_id)
    save_part(db, the_actor(), draft, "address", fields, seen=2)

A part is what one page of the form holds, as it was typed. Its version is in the page: who saves over what somebody else has
saved since is told (`SavedMeanwhile`), and nothing is lost.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.attachments.attaching import forget_attached
from hp_portal.core.attachments.models import AttachedFile
from hp_portal.core.audit.record import record
from hp_portal.core.drafts.models import CONTENTS, TITLE, Draft, DraftVisit
from hp_portal.core.files.storing import FileOwner
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.database import PortalSession, lock
from hp_portal.draft_kinds import DraftKind

Fields = tuple[tuple[str, str], ...]
"""Names and values of a form's fields as they were sent, in order."""
TOGETHER = dt.timedelta(minutes=30)
"""For so long somebody who has opened a draft is told of as one who may be at it now."""
NOTED_AGAIN = dt.timedelta(minutes=1)
DRAFT = "draft"


class DraftGone(Exception):
    """There is no such draft: it was thrown away, has been deleted, or is somebody else's."""


class DraftSent(Exception):
    """The draft was sent already; `to` is the path of what came of it."""

    def __init__(self, to: str) -> None:
        super().__init__("the draft was sent")
        self.to = to


@dataclass(frozen=True)
class Part:
    """What was last saved of a part: the fields as typed, how often it was saved, when, by whom, and from which page."""

    typed: Fields = ()
    version: int = 0
    at: dt.datetime | None = None
    by_id: int | None = None
    page: str = ""


class SavedMeanwhile(Exception):
    """Somebody, perhaps the same person in another window, has saved other values of this part since it was shown."""

    def __init__(self, part: Part) -> None:
        super().__init__("the part was saved meanwhile")
        self.part = part


@dataclass(frozen=True)
class Other:
    """Somebody else who has the draft open, or had it open a while ago."""

    name: str
    at: dt.datetime


def about_draft(draft_id: int, part: str = "") -> str:
    """The word that files of a draft, or of one part of it, are attached to."""
    return f"{DRAFT}:{draft_id}:{part}" if part else f"{DRAFT}:{draft_id}"


def _contents(session: PortalSession, draft: Draft) -> dict[str, Any]:
    text = session.vault.open_text(draft.contents_sealed, CONTENTS(draft.token), f"draft {draft.id}")
    found: dict[str, Any] = json.loads(text)
    return found


def _seal(session: PortalSession, draft: Draft, contents: dict[str, Any]) -> None:
    draft.contents_sealed = session.vault.seal_text(json.dumps(contents), CONTENTS(draft.token))


def start_draft(session: PortalSession, actor: FileOwner, kind: DraftKind) -> Draft:
    """A draft with nothing in it, of the person's organization. It is listed once something is saved."""
    if actor.organization_id is None or actor.person_id is None:
        raise DraftGone
    token = secrets.token_hex(16)
    draft = Draft(
        organization_id=actor.organization_id,
        kind=kind.key,
        token=token,
        title_sealed=session.vault.seal_text("", TITLE(token)),
        contents_sealed=session.vault.seal_text("{}", CONTENTS(token)),
        person_id=actor.person_id,
        started_at=clock.now(),
    )
    session.add(draft)
    session.flush()
    session.add(_visit(draft, actor))
    session.flush()
    record(session, "draft.started", draft=draft.id, kind=kind.key)
    return draft


def _visit(draft: Draft, actor: FileOwner) -> DraftVisit:
    return DraftVisit(
        organization_id=draft.organization_id, draft_id=draft.id, person_id=actor.person_id, at=clock.now()
    )


def find_draft(session: PortalSession, kind: str, draft_id: int) -> Draft:
    """A draft of the kind in the session's scope. Raises DraftGone, DraftSent."""
    return _open(session.scalars(sa.select(Draft).where(Draft.id == draft_id, Draft.kind == kind)).one_or_none())


def hold_draft(session: PortalSession, kind: str, draft_id: int) -> Draft:
    """The same, which nobody else changes until the end of the transaction."""
    lock(session, f"draft:{draft_id}")
    wanted = sa.select(Draft).where(Draft.id == draft_id, Draft.kind == kind)
    return _open(session.scalars(wanted.execution_options(populate_existing=True)).one_or_none())


def _open(draft: Draft | None) -> Draft:
    if draft is None:
        raise DraftGone
    if draft.sent_at is not None:
        raise DraftSent(draft.sent_to)
    return draft


def is_there(session: PortalSession, draft_id: int) -> bool:
    """Is the draft there now, not sent, whatever this session has read of it before?"""
    found = sa.select(sa.func.count()).select_from(Draft).where(Draft.id == draft_id, Draft.sent_at.is_(None))
    return session.scalar(found) == 1


def parts_of(session: PortalSession, draft: Draft) -> dict[str, Part]:
    """What is saved of each part. Raises SealBroken when the row has been tampered with."""
    return {key: _part(value) for key, value in _contents(session, draft).items()}


def _part(value: dict[str, Any]) -> Part:
    typed = tuple((name, text) for name, text in value["typed"])
    return Part(typed, value["version"], dt.datetime.fromisoformat(value["at"]), value["by"], value["page"])


def save_part(
    session: PortalSession,
    actor: FileOwner,
    draft: Draft,
    key: str,
    typed: Iterable[tuple[str, str]],
    *,
    seen: int,
    page: str = "",
    by_itself: bool = False,
) -> Part:
    """Keep what was typed of a part; `seen` is the version that the page was made from. The draft is held.

    Raises SavedMeanwhile when another version with other values is there by now, unless the very same page has saved it, as it
    does by itself just before its button is pressed: `page` is a word of its own that each page has. What a page saves
    `by_itself` may come late, and replaces nothing that is newer.
    """
    contents = _contents(session, draft)
    before = _part(contents[key]) if key in contents else Part()
    fields = tuple(typed)
    if before.version and before.typed == fields:
        return before
    if before.version != seen and (by_itself or not page or page != before.page):
        raise SavedMeanwhile(before)
    now = clock.now()
    part = Part(fields, before.version + 1, now, actor.person_id, page)
    contents[key] = {
        "typed": fields,
        "version": part.version,
        "at": now.isoformat(),
        "by": actor.person_id,
        "page": page,
    }
    _seal(session, draft, contents)
    draft.saved_at, draft.saved_by_id, draft.warned_at = now, actor.person_id, None
    session.flush()
    return part


def entitle(session: PortalSession, draft: Draft, title: str) -> None:
    """Say for whom or about what a draft is."""
    short = title.strip()[:200]
    if title_of(session, draft) != short:
        draft.title_sealed = session.vault.seal_text(short, TITLE(draft.token))
        session.flush()


def title_of(session: PortalSession, draft: Draft) -> str:
    """For whom or about what it is; empty: that has not been said yet."""
    return session.vault.open_text(draft.title_sealed, TITLE(draft.token), f"draft {draft.id}")


def note_visit(session: PortalSession, actor: Actor, draft: Draft) -> bool:
    """Somebody has the draft open now; False when that is known already. Opening a colleague's is recorded."""
    mine = sa.select(DraftVisit).where(DraftVisit.draft_id == draft.id, DraftVisit.person_id == actor.person_id)
    now = clock.now()
    seen = session.scalars(mine).one_or_none()
    if seen is not None and seen.at > now - NOTED_AGAIN:
        return False
    lock(session, f"draft:{draft.id}")
    if not is_there(session, draft.id):
        raise DraftGone
    seen = session.scalars(mine.execution_options(populate_existing=True)).one_or_none()
    back = seen is not None and seen.at > now - TOGETHER
    if seen is None:
        session.add(_visit(draft, actor))
    else:
        seen.at = now
    session.flush()
    if draft.person_id != actor.person_id and not back:
        record(session, "draft.opened", draft=draft.id, kind=draft.kind)
    return True


def others_at(session: PortalSession, actor: Actor, draft: Draft) -> list[Other]:
    """Who else has had the draft open lately, the latest first."""
    rows = session.execute(
        sa.select(Person.name, DraftVisit.at)
        .join(Person, Person.id == DraftVisit.person_id)
        .where(
            DraftVisit.draft_id == draft.id,
            DraftVisit.person_id != actor.person_id,
            DraftVisit.at > clock.now() - TOGETHER,
        )
        .order_by(DraftVisit.at.desc(), Person.name)
    )
    return [Other(name, at) for name, at in rows]


def name_of(session: PortalSession, person_id: int | None) -> str:
    """Who it was, as the session's scope shows people."""
    found = session.scalar(sa.select(Person.name).where(Person.id == person_id))
    return found or "somebody who has left"


def close_draft(session: PortalSession, draft: Draft, to: str) -> None:
    """The draft was sent: nothing is left in it but the path of what came of it, for whoever sends it again. It is held."""
    draft.sent_at, draft.sent_to = clock.now(), to
    draft.title_sealed = session.vault.seal_text("", TITLE(draft.token))
    _seal(session, draft, {})
    session.flush()
    record(session, "draft.sent", draft=draft.id, kind=draft.kind)


def remove_draft(session: PortalSession, draft: Draft, event: str = "draft.removed") -> None:
    """The draft goes, and the files that are attached to it. It is held."""
    files = sa.select(AttachedFile.about).where(
        sa.or_(
            AttachedFile.about == about_draft(draft.id),
            AttachedFile.about.like(f"{DRAFT}:{draft.id}:%"),
        )
    )
    for about in sorted(set(session.scalars(files))):
        forget_attached(session, about)
    record(session, event, draft=draft.id, kind=draft.kind)
    session.execute(sa.delete(DraftVisit).where(DraftVisit.draft_id == draft.id))
    session.delete(draft)
    session.flush()
