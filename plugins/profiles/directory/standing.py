"""How the directory stands, for staff: the newest build, whether it is late, what is not shown, what builds have changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal import api
from hp_portal.api import Column, Listing, Order, PortalSession, Sorting, StaffQueue, page_of

from ..blueprint import LOAD
from ..record.facts import facts_of, values_on
from ..record.fields import Subject
from ..record.models import Affiliation, Change, Location, Practitioner
from .building import current_build
from .entries import REASONS
from .models import DirectoryBuild, DirectoryDifference, DirectoryHidden

PUBLISHED_WITHIN = 2
"""Business days in which an update is published (42 USC 300gg-115)."""


def count_late(session: PortalSession) -> int:
    """1 when nothing has been published for two business days while the record has changes, else 0."""
    build = current_build(session)
    since = build.checked_at if build else session.scalar(sa.select(sa.func.min(Change.recorded_at)))
    if since is None:
        return 0
    zone = api.settings().payer.zone
    since_day, today = since.astimezone(zone).date(), api.today(zone)
    if (today - since_day).days <= PUBLISHED_WITHIN:
        return 0  # without a look at the holidays, which takes a while
    counts = api.counting(api.settings(), business=True)
    return int(today > api.add_days(since_day, PUBLISHED_WITHIN, counts))


LATE = StaffQueue(
    "directory has not been published for two business days",
    "directories have not been published for two business days",
    "profiles_staff.directory",
    LOAD,
    count_late,
    tone="bad",
)


BUILDS = Sorting(
    (
        Column("built", "Published", DirectoryBuild.finished_at, "date"),
        Column("as_of", "As of"),
        Column("rows", "Rows", None, "number"),
        Column("added", "Added", None, "number"),
        Column("changed", "Changed", None, "number"),
        Column("removed", "Removed", None, "number"),
    ),
    default="-built",
    tie=DirectoryBuild.id,
)
HIDDEN = Sorting(
    (Column("", "Practitioner"), Column("", "Location"), Column("", "Why")), "", DirectoryHidden.affiliation_id
)
DIFFERENCES = Sorting(
    (Column("label", "Who and where", DirectoryDifference.label), Column("kind", "What"), Column("", "Facts")),
    default="label",
    tie=DirectoryDifference.id,
)


@dataclass(frozen=True)
class HiddenRow:
    """Somebody who is not shown at a location, and why."""

    practitioner: str
    location: str
    reasons: list[str]


def list_builds(session: PortalSession, order: Order) -> Listing[DirectoryBuild]:
    """One page of builds that have changed something. Raises PastTheEnd."""
    return page_of(session, sa.select(DirectoryBuild).where(DirectoryBuild.finished_at.is_not(None)), order)


def find_build(session: PortalSession, build_id: int) -> DirectoryBuild | None:
    """A build that is finished, or None."""
    build = session.get(DirectoryBuild, build_id)
    return build if build is not None and build.finished_at is not None else None


def list_differences(session: PortalSession, build_id: int, order: Order) -> Listing[DirectoryDifference]:
    """One page of what a build has changed. Raises PastTheEnd."""
    return page_of(session, sa.select(DirectoryDifference).where(DirectoryDifference.build_id == build_id), order)


def list_hidden(session: PortalSession, build: DirectoryBuild, order: Order) -> Listing[HiddenRow]:
    """One page of those who work at an open location and are not shown there. Raises PastTheEnd."""
    wanted = (
        sa.select(
            DirectoryHidden.reasons,
            Practitioner.id,
            Practitioner.reference,
            Location.id,
            Location.reference,
        )
        .join(Affiliation, Affiliation.id == DirectoryHidden.affiliation_id)
        .join(Practitioner, Practitioner.id == Affiliation.practitioner_id)
        .join(Location, Location.id == Affiliation.location_id)
        .where(DirectoryHidden.edition == build.edition)
    )
    listing: Listing[Any] = page_of(session, wanted, order)
    people = _names(session, "practitioner", ("last_name", "first_name"), (row[1] for row in listing.rows), build.as_of)
    places = _names(session, "location", ("name",), (row[3] for row in listing.rows), build.as_of)
    rows = [
        HiddenRow(people.get(person) or number, places.get(place) or site, [REASONS[one] for one in reasons.split()])
        for reasons, person, number, place, site in listing.rows
    ]
    return listing.with_rows(rows)


def _names(
    session: PortalSession, subject: Subject, fields: Sequence[str], ids: Iterable[int], day: dt.date
) -> Mapping[int, str]:
    facts = facts_of(session, subject, ids)
    values = {one: values_on(told, day) for one, told in facts.items()}
    return {one: ", ".join(filter(None, (found.get((field, "")) for field in fields))) for one, found in values.items()}


def reason_counts(session: PortalSession, build: DirectoryBuild) -> list[tuple[str, int]]:
    """Why rows are not shown, each reason with how many rows have it, the most frequent first."""
    counting = (
        sa.select(DirectoryHidden.reasons, sa.func.count())
        .where(DirectoryHidden.edition == build.edition)
        .group_by(DirectoryHidden.reasons)
    )
    found = dict.fromkeys(REASONS, 0)
    for reasons, count in session.execute(counting):
        for one in reasons.split():
            found[one] += count
    return sorted(
        ((REASONS[one], count) for one, count in found.items() if count), key=lambda pair: (-pair[1], pair[0])
    )
