"""What the worker does with refusals: looks up whose the rows were, writes those of other organizations into the record, forgets
old ones."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from hp_portal import clock, scopes
from hp_portal.core.audit.record import Who, record
from hp_portal.core.audit.shown import spans
from hp_portal.core.refusals.models import Refusal
from hp_portal.core.refusals.noting import ROW, WINDOW
from hp_portal.core.refusals.rows import mapper_of
from hp_portal.database import PortalSession

OTHERS, NOBODYS = "others", "nobodys"
KEPT = dt.timedelta(days=30)
BATCH = 2000


def judge(session: PortalSession) -> None:
    """Look up whose rows were asked for, and record who asked for other organizations'. For the worker; the caller commits."""
    waiting = session.scalars(
        sa.select(Refusal).where(Refusal.kind == ROW, Refusal.whose == "", Refusal.told_at.is_(None)).limit(BATCH)
    ).all()
    known: dict[tuple[str, int | None, int | None], str] = {}
    for refusal in waiting:
        asked = (refusal.table, refusal.row_id, refusal.organization_id)
        if asked not in known:
            known[asked] = _whose(session, *asked)
        refusal.whose = known[asked]
        if refusal.whose == NOBODYS:
            refusal.told_at = clock.now()
    session.flush()
    _tell(session)


def _whose(session: PortalSession, table: str, row_id: int | None, organization_id: int | None) -> str:
    mapper = mapper_of(table)
    if mapper is None or organization_id is None:
        return NOBODYS
    there = sa.select(mapper.primary_key[0]).select_from(mapper.class_).where(mapper.primary_key[0] == row_id)
    if session.scalar(there) is None:
        return NOBODYS
    with _as_organization(session, organization_id):
        return NOBODYS if session.scalar(there) is not None else OTHERS


@contextmanager
def _as_organization(session: PortalSession, organization_id: int) -> Iterator[None]:
    before = session.context.scope
    scopes.set_scope(session, scopes.OrganizationScope(organization_id))
    try:
        yield
    finally:
        scopes.set_scope(session, before)


def _tell(session: PortalSession) -> None:
    """One event for a person and page in a quarter of an hour: the first at once, what follows together."""
    groups: dict[tuple[int, str, str], list[Refusal]] = defaultdict(list)
    for refusal in session.scalars(
        sa.select(Refusal).where(Refusal.whose == OTHERS, Refusal.told_at.is_(None)).order_by(Refusal.id).limit(BATCH)
    ):
        groups[refusal.person_id, refusal.page, refusal.table].append(refusal)
    for (person_id, page, table), found in groups.items():
        last = session.scalar(
            sa.select(sa.func.max(Refusal.told_at)).where(
                Refusal.person_id == person_id, Refusal.page == page, Refusal.whose == OTHERS
            )
        )
        if last is not None and last > clock.now() - WINDOW:
            continue
        newest = found[-1]
        record(
            session,
            "access.row.refused",
            who=Who(person_id, newest.organization_id, newest.sign_in_id, newest.request_id, newest.address),
            page=page,
            table=table,
            rows=spans(one.row_id for one in found if one.row_id is not None),
            times=len(found),
            since=found[0].at.isoformat(timespec="seconds"),
            until=newest.at.isoformat(timespec="seconds"),
        )
        for one in found:
            one.told_at = clock.now()
    session.flush()


def forget_old(session: PortalSession) -> None:
    """Remove refusals that nobody asks about any more; the record keeps what was told. For the worker; the caller commits."""
    session.execute(sa.delete(Refusal).where(Refusal.at < clock.now() - KEPT))
