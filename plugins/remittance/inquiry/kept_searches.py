"""Searches by member data: kept sealed for some hours; the page's address holds a random word for them."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any

from hp_portal.api import Actor, PortalSession, find_kept, keep_values

from .criteria import ClaimCriteria

_CLAIMS = "remittance claims"
_FILTER = "remittance claims of a payment"


def keep_claims(session: PortalSession, actor: Actor, criteria: ClaimCriteria) -> str:
    """Keep a search for claims; the word for it."""
    return keep_values(session, actor, _CLAIMS, values_of(criteria))


def find_claims(session: PortalSession, actor: Actor, token: str) -> ClaimCriteria:
    """The search for claims that a word stands for. Raises KeptGone."""
    return criteria_of(find_kept(session, actor, _CLAIMS, token))


def values_of(criteria: ClaimCriteria) -> dict[str, Any]:
    """A search for claims as values of JSON's types."""
    return {
        name: value.isoformat() if isinstance(value, dt.date) else value
        for name, value in dataclasses.asdict(criteria).items()
        if value
    }


def criteria_of(kept: Mapping[str, Any]) -> ClaimCriteria:
    """The search for claims that these values are."""
    values = dict(kept)
    for name in ("service_from", "service_to"):
        if name in values:
            values[name] = dt.date.fromisoformat(values[name])
    return ClaimCriteria(**values)


def keep_filter(session: PortalSession, actor: Actor, payment_id: int, text: str) -> str:
    """Keep what a payment's claims are filtered by; the word for it."""
    return keep_values(session, actor, f"{_FILTER} {payment_id}", {"text": text})


def find_filter(session: PortalSession, actor: Actor, payment_id: int, token: str) -> str:
    """What a payment's claims are filtered by. Raises KeptGone, also for another payment's word."""
    return str(find_kept(session, actor, f"{_FILTER} {payment_id}", token)["text"])
