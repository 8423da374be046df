"""*What members see*, for the office: of a practitioner at each location, or of a location with everybody there, on a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal.api import PortalSession

from ..record.fields import Subject
from ..record.models import Affiliation
from .entries import REASONS, Entry, Hidden
from .reading import Reader

MOST = 50
"""Rows that a page shows; the others are counted."""


@dataclass(frozen=True)
class NotShown:
    """Somebody who is not shown: `other_id` is the other side's id, `reasons` why, in words."""

    other_id: int
    reasons: list[str]


@dataclass(frozen=True)
class Preview:
    """What members see: `rows` as they are published, at most MOST of `count`; whom they do not see; and the ids of the other
    side of all that are shown."""

    rows: list[Mapping[str, Any]]
    count: int
    hidden: list[NotShown]
    others: frozenset[int]


def preview(session: PortalSession, subject: Subject, row_id: int, day: dt.date) -> Preview:
    """What members see of a practitioner or a location, from what the scope sees of the record, by the same rules."""
    of_practitioner = subject == "practitioner"
    own = Affiliation.practitioner_id if of_practitioner else Affiliation.location_id
    found = list(Reader(session, day).read(session.scalars(sa.select(Affiliation.id).where(own == row_id))))

    def other(one: Entry | Hidden) -> int:
        return one.both.location_id if of_practitioner else one.both.practitioner_id

    entries = sorted((one for one in found if isinstance(one, Entry)), key=lambda one: one.place)
    hidden = [NotShown(other(one), [REASONS[why] for why in one.reasons]) for one in found if isinstance(one, Hidden)]
    return Preview(
        [one.contents for one in entries[:MOST]], len(entries), hidden, frozenset(other(one) for one in entries)
    )
