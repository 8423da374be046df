"""Building the directory from the record: whole, as an edition of its own, or what has changed since the last build.

A build of everything writes its edition in short transactions, because a long one would keep every writer of SQLite waiting; what
reads the directory goes on with the edition before until the last transaction says that the new one is finished. One that was
interrupted leaves rows that nobody reads, and that the next run removes. Changes are applied in one transaction, all or none.

Needs a whole scope. Builds commit.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from hp_portal import api
from hp_portal.api import Job, PortalSession

from ..hiding import hidden_locations
from ..record.facts import in_parts
from ..record.models import Affiliation, AffiliationFact, Change, LocationFact, PractitionerFact
from .comparing import Differences, compare_editions
from .entries import UNATTESTED, Entry, Hidden, digest_of
from .models import DirectoryBuild, DirectoryCount, DirectoryHidden, DirectoryRow, DirectoryTerm
from .reading import Reader, all_affiliations
from .terms import counted, kind_of, terms_of

LOCK = "profiles directory"
AT_ONCE = 1000
SHAPE = 1
"""Counts up when other terms or contents are made of the same facts, so that everything is built anew."""
MOST_AT_ONCE = 2000
"""Affiliations of which one transaction takes the changes; beyond them everything is built."""
_INSERT_AT_ONCE = 5000
_DELETE_AT_ONCE = 20_000
INTERRUPTED = dt.timedelta(days=1)
"""After so long a build without an end was interrupted: no other one takes a day."""


def current_build(session: PortalSession) -> DirectoryBuild | None:
    """The newest build that is finished: what is read belongs to its edition."""
    finished = sa.select(DirectoryBuild).where(DirectoryBuild.finished_at.is_not(None))
    return session.scalars(finished.order_by(DirectoryBuild.edition.desc(), DirectoryBuild.id.desc()).limit(1)).first()


def publish(session: PortalSession) -> DirectoryBuild:
    """Bring the directory up to date. Does nothing where the record says what it said before."""
    clean(session)
    today = api.today(api.settings().payer.zone)
    api.lock(session, LOCK)
    build, newest = current_build(session), _newest_change(session)
    words = specialties_digest(session)
    if build is None or build.specialties != words or build.as_of > today:
        session.commit()
        return build_whole(session)
    affected = _newly_hidden(session, build, today)
    if affected or (build.change_id, build.as_of) != (newest, today):
        affected = sorted({*affected, *_affected(session, build, today)})
        if len(affected) > MOST_AT_ONCE:
            session.commit()
            return build_whole(session)
        build = _apply(session, build, affected, newest, today)
    build.checked_at = api.now()
    session.commit()
    return build


JOB = Job(
    "profiles.directory", "Publish the directory", dt.timedelta(minutes=1), lambda session: _run(session), lane="long"
)


def _run(session: PortalSession) -> None:
    publish(session)


def specialties_digest(session: PortalSession) -> str:
    """A digest of the words for codes, which stand in rows, and of how rows are made."""
    words = sorted(Reader(session, dt.date.min).words.items())
    return digest_of("\n".join([f"shape {SHAPE}", *(f"{code} {word}" for code, word in words)]))


def build_whole(session: PortalSession) -> DirectoryBuild:
    """Build everything as a new edition. When another one was finished meanwhile, that one stays."""
    api.lock(session, LOCK)
    build = _new_build(session, api.today(api.settings().payer.zone), _newest_change(session))
    build.edition = build.id
    edition, day = build.edition, build.as_of
    session.commit()
    reader, ids, counts = Reader(session, day), all_affiliations(session), Counter[str]()
    for start in range(0, len(ids), AT_ONCE):
        found = list(reader.read(ids[start : start + AT_ONCE]))
        counts.update(_insert(session, edition, found))
        session.commit()
    _insert_counts(session, edition, counts)
    api.refresh_statistics(session, DirectoryTerm, DirectoryRow, DirectoryCount)
    session.commit()
    api.lock(session, LOCK)
    before = current_build(session)
    if before is not None and before.edition > edition:
        session.commit()
        return before
    build = session.get_one(DirectoryBuild, build.id)
    _finish(session, build, compare_editions(session, before.edition if before else None, edition))
    session.commit()
    return build


def _new_build(session: PortalSession, day: dt.date, change_id: int) -> DirectoryBuild:
    now = api.now()
    build = DirectoryBuild(
        edition=0,
        as_of=day,
        started_at=now,
        finished_at=None,
        checked_at=now,
        change_id=change_id,
        specialties=specialties_digest(session),
        digest="",
        rows=0,
        hidden=0,
        added=0,
        changed=0,
        removed=0,
    )
    session.add(build)
    session.flush()
    return build


def _finish(session: PortalSession, build: DirectoryBuild, found: Differences) -> None:
    digests = list(session.scalars(sa.select(DirectoryRow.digest).where(DirectoryRow.edition == build.edition)))
    build.digest, build.rows = whole_digest(digests), len(digests)
    build.hidden = _hidden(session, build.edition)
    build.added, build.changed, build.removed = found.counts
    found.keep(session, build.id)
    build.finished_at = build.checked_at = api.now()


def whole_digest(digests: Iterable[str]) -> str:
    """The digest of a directory from those of its rows."""
    return digest_of("\n".join(sorted(digests)))


def _hidden(session: PortalSession, edition: int) -> int:
    counting = sa.select(sa.func.count()).where(DirectoryHidden.edition == edition)
    return session.scalar(counting) or 0


def _newest_change(session: PortalSession) -> int:
    return session.scalar(sa.select(sa.func.max(Change.id))) or 0


def _affected(session: PortalSession, build: DirectoryBuild, today: dt.date) -> list[int]:
    """Affiliations of which something was recorded since the build, or holds only since its day."""

    def told(model: Any, subject: Any) -> sa.Select[int]:
        new = model.change_id > build.change_id
        if build.as_of != today:
            new = sa.or_(new, sa.and_(model.holds_from > build.as_of, model.holds_from <= today))
        return sa.select(subject).where(new)

    wanted = sa.union(
        told(AffiliationFact, AffiliationFact.affiliation_id),
        sa.select(Affiliation.id).where(
            Affiliation.practitioner_id.in_(told(PractitionerFact, PractitionerFact.practitioner_id))
        ),
        sa.select(Affiliation.id).where(Affiliation.location_id.in_(told(LocationFact, LocationFact.location_id))),
    ).limit(MOST_AT_ONCE + 1)
    return list(session.scalars(wanted))


def _newly_hidden(session: PortalSession, build: DirectoryBuild, today: dt.date) -> list[int]:
    """Affiliations at locations that are hidden since the build for want of an attestation, or are no longer hidden."""
    places = hidden_locations(session, today)
    shown = (
        sa.select(Affiliation.id)
        .join(DirectoryRow, DirectoryRow.affiliation_id == Affiliation.id)
        .where(DirectoryRow.edition == build.edition)
    )
    hidden = (
        sa.select(Affiliation.id)
        .join(DirectoryHidden, DirectoryHidden.affiliation_id == Affiliation.id)
        .where(DirectoryHidden.edition == build.edition, DirectoryHidden.reasons.startswith(UNATTESTED))
        .where(Affiliation.location_id.not_in(places))
    )
    found = set(session.scalars(hidden.limit(MOST_AT_ONCE + 1)))
    for part in in_parts(places):
        found.update(session.scalars(shown.where(Affiliation.location_id.in_(part)).limit(MOST_AT_ONCE + 1)))
    return sorted(found)


def _apply(
    session: PortalSession, build: DirectoryBuild, affected: Sequence[int], newest: int, today: dt.date
) -> DirectoryBuild:
    """Bring these affiliations up to date in the edition of the build; a build of its own where a row is another one."""
    found = list(Reader(session, today).read(affected))
    entries = {one.both.affiliation_id: one for one in found if isinstance(one, Entry)}
    stand: dict[int, tuple[str, str | None]] = {}
    for start in range(0, len(affected), AT_ONCE):
        part = affected[start : start + AT_ONCE]
        rows = sa.select(DirectoryRow.affiliation_id, DirectoryRow.place, DirectoryRow.contents).where(
            DirectoryRow.edition == build.edition, DirectoryRow.affiliation_id.in_(part)
        )
        stand |= {one: (place, contents) for one, place, contents in session.execute(rows)}
        gone = sa.delete(DirectoryHidden).where(
            DirectoryHidden.edition == build.edition, DirectoryHidden.affiliation_id.in_(part)
        )
        session.execute(gone)
    differences = Differences()
    delta = Counter[str]()
    fresh: list[Entry | Hidden] = [one for one in found if isinstance(one, Hidden)]
    for one in affected:
        (place, before), entry = stand.get(one, ("", None)), entries.get(one)
        if entry is not None and before == entry.written:
            continue
        differences.add(before, entry.written if entry else None)
        if before is not None:
            terms = counted(terms_of(json.loads(before)))
            delta.subtract(terms)
            _remove(session, build.edition, place, terms)
        if entry is not None:
            fresh.append(entry)
    delta.update(_insert(session, build.edition, fresh))
    _add_counts(session, build.edition, delta)
    if differences.any:
        changed = _new_build(session, today, newest)
        changed.edition = build.edition
        _finish(session, changed, differences)
        return changed
    build.change_id, build.as_of, build.hidden = newest, today, _hidden(session, build.edition)
    return build


def _insert(session: PortalSession, edition: int, found: Sequence[Entry | Hidden]) -> Counter[str]:
    """Put rows and their terms into an edition; how many rows have each term."""
    rows, terms, hidden, counts = [], [], [], Counter[str]()
    for one in found:
        both = {"edition": edition, "affiliation_id": one.both.affiliation_id}
        if isinstance(one, Hidden):
            hidden.append({**both, "reasons": " ".join(one.reasons)})
            continue
        written, place = one.written, one.place
        rows.append({**both, "place": place, "contents": written, "digest": digest_of(written)})
        own = counted(terms_of(one.contents))
        counts.update(own)
        terms += [{"edition": edition, "term": term, "place": place} for term in own]
    _insert_rows(session, DirectoryRow, rows)
    _insert_rows(session, DirectoryTerm, sorted(terms, key=lambda row: (row["term"], row["place"])))
    _insert_rows(session, DirectoryHidden, hidden)
    return counts


def _insert_rows(session: PortalSession, model: type[api.Base], rows: Sequence[dict[str, Any]]) -> None:
    for start in range(0, len(rows), _INSERT_AT_ONCE):
        session.execute(sa.insert(model), rows[start : start + _INSERT_AT_ONCE])


def _insert_counts(session: PortalSession, edition: int, counts: Counter[str]) -> None:
    rows = [{"edition": edition, "term": term, "kind": kind_of(term), "rows": count} for term, count in counts.items()]
    _insert_rows(session, DirectoryCount, rows)


def _add_counts(session: PortalSession, edition: int, delta: Counter[str]) -> None:
    new = Counter[str]()
    for term, more in sorted(delta.items()):
        if not more:
            continue
        row = session.get(DirectoryCount, (edition, term))
        if row is None:
            new[term] = more
            continue
        row.rows += more
        if not row.rows:
            session.delete(row)
    session.flush()
    _insert_counts(session, edition, new)


def _remove(session: PortalSession, edition: int, place: str, terms: Sequence[str]) -> None:
    row = DirectoryRow.edition == edition, DirectoryRow.place == place
    found = DirectoryTerm.edition == edition, DirectoryTerm.term.in_(terms), DirectoryTerm.place == place
    for gone in (sa.delete(DirectoryRow).where(*row), sa.delete(DirectoryTerm).where(*found)):
        session.execute(gone, execution_options={"synchronize_session": False})


def clean(session: PortalSession) -> None:
    """Remove what is left of former editions, and of builds that were interrupted, some rows at a time. Commits."""
    build = current_build(session)
    if build is None:
        return
    current = build.edition
    interrupted = list(
        session.scalars(
            sa.select(DirectoryBuild.id).where(
                DirectoryBuild.finished_at.is_(None),
                sa.or_(DirectoryBuild.id < current, DirectoryBuild.started_at < api.now() - INTERRUPTED),
            )
        )
    )
    for edition in sorted({*_editions_before(session, current), *interrupted}):
        _clean_edition(session, edition)
    session.execute(sa.delete(DirectoryBuild).where(DirectoryBuild.id.in_(interrupted)))
    session.commit()


def _editions_before(session: PortalSession, current: int) -> set[int]:
    """Those of which there are rows. One after the other is looked up, because an index has only what is there."""
    found: set[int] = set()
    for model in (DirectoryRow, DirectoryTerm, DirectoryCount, DirectoryHidden):
        edition = current
        while True:
            older = session.scalar(sa.select(sa.func.max(model.edition)).where(model.edition < edition))
            if older is None:
                break
            found.add(older)
            edition = older
    return found


def _clean_edition(session: PortalSession, edition: int) -> None:
    _clean_rows(session, DirectoryTerm.edition == edition, DirectoryTerm.term, DirectoryTerm.place)
    for model in (DirectoryRow, DirectoryHidden):
        _clean_rows(session, model.edition == edition, model.affiliation_id)
    _clean_rows(session, DirectoryCount.edition == edition, DirectoryCount.term)


def _clean_rows(session: PortalSession, wanted: sa.ColumnElement[bool], *key: Any) -> None:
    """Remove rows of an edition, so many at a time, in the order of the rest of their key."""
    model = key[0].class_
    while True:
        ordered = sa.select(*key).where(wanted).order_by(*key)
        last = session.execute(ordered.offset(_DELETE_AT_ONCE - 1).limit(1)).one_or_none()
        until = sa.true() if last is None else sa.tuple_(*key) <= sa.tuple_(*last)
        session.execute(sa.delete(model).where(wanted, until), execution_options={"synchronize_session": False})
        session.commit()
        if last is None:
            return
