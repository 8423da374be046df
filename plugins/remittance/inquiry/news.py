"""What the home page says of payments: a box for a number, and how many are new since the last visit."""

from __future__ import annotations

import datetime as dt

from flask import url_for

from hp_portal.api import HomeSearch, News, PortalSession

from .search import MOST_NEW, count_new, new_since

SEARCH = HomeSearch(
    "Any number",
    "remittance.find",
    "number",
    "Of a payment, claim, patient account or member. Paste it with its heading if you like.",
    method="post",
    links=(("Denials", "remittance.denials"), ("Recoveries", "remittance.recoveries")),
    payments=("remittance.index", "number"),
)


def news(session: PortalSession, since: dt.datetime) -> list[News]:
    """Payments that were imported since then, of the last weeks at most; counted up to a hundred."""
    count = count_new(session, new_since(since))
    return [News(new_words(count), url_for("remittance.index", new=1))] if count else []


def new_words(count: int) -> str:
    """`1 new payment`, `100 or more new payments`."""
    number = f"{MOST_NEW} or more" if count == MOST_NEW else str(count)
    return f"{number} new payment{'' if count == 1 else 's'}"
