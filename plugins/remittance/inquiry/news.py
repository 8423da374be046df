"""What the home page says of payments: a box for a number, and how many are new since the last visit."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from flask import url_for

from hp_portal.api import HomeSearch, News, PortalSession, now

from ..models import Payment
from .search import LATELY

SEARCH = HomeSearch(
    "Any number",
    "remittance.find",
    "number",
    "Check, EFT or notice, claim, patient account or member ID. Spaces, dashes and leading zeros do not matter.",
    method="post",
)
_MOST = 100


def news(session: PortalSession, since: dt.datetime) -> list[News]:
    """Payments that were imported since then, of the last weeks at most; counted up to a hundred."""
    lately = max(since, now() - LATELY)
    new = sa.select(Payment.id).where(Payment.imported_at > lately, Payment.counts()).limit(_MOST)
    count = len(session.scalars(new).all())
    if not count:
        return []
    number = f"{_MOST} or more" if count == _MOST else str(count)
    return [News(f"{number} new payment{'' if count == 1 else 's'}", url_for("remittance.index"))]
