"""What a saved search is by, in words. Of a search for claims they say by what, never which name or number."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from hp_portal.api import Payee, PortalSession, show_date

from ..office.saved_searches import CLAIMS
from .criteria import PERIODS

_OF_CLAIMS = {
    "number": "a number",
    "claim_number": "claim number",
    "patient_account": "patient account",
    "member_id": "member ID",
    "last_name": "last name",
    "first_name": "first name",
    "service_from": "dates of service",
}


def in_words(session: PortalSession, kind: str, values: Mapping[str, Any]) -> str:
    """Such as *Payments: last 30 days, not yet posted*."""
    if kind == CLAIMS:
        return f"Claims by {', '.join(word for name, word in _OF_CLAIMS.items() if name in values)}"
    said = []
    if "number" in values:
        said.append(f"number {values['number']}")
    if "period" in values:
        said.append(PERIODS.get(values["period"], "").lower())
    if "issued_from" in values:
        said.append(f"issued from {_day(values['issued_from'])}")
    if "issued_to" in values:
        said.append(f"issued until {_day(values['issued_to'])}")
    if "amount_min" in values:
        said.append(f"from ${values['amount_min']}")
    if "amount_max" in values:
        said.append(f"up to ${values['amount_max']}")
    if "payee" in values:
        said.append(f"to {_payee(session, values['payee'])}")
    said += [words for name, words in _ONLY.items() if name in values]
    return f"Payments: {', '.join(filter(None, said))}"


_ONLY = {"zero": "of $0.00", "new": "new since the last visit", "unposted": "not yet posted"}


def _day(text: str) -> str:
    try:
        return show_date(dt.date.fromisoformat(text))
    except ValueError:
        return text


def _payee(session: PortalSession, text: str) -> str:
    """The payee's name, as long as one may see it."""
    wanted = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    return session.scalar(sa.select(Payee.name).where(Payee.id == wanted)) or "a payee that is no longer linked"
