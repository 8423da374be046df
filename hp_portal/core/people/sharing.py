"""Signs that several people use one account: many network addresses, and sessions at two of them at the same time.

Of IPv6 a network of 64 bits counts as one address, since computers change theirs within it. Time alone tells it: nobody is
asked where they are, and no address is looked up. One person at two addresses at once may have a telephone and a computer; the
sign is meant for a talk, not for a verdict.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.identity.models import Person, SignIn
from hp_portal.core.web.where_from import network_of
from hp_portal.database import PortalSession
from hp_portal.scopes import in_whole

DAYS = 30
MANY_ADDRESSES, MANY_OVERLAPS = 8, 3


@dataclass(frozen=True)
class Sharing:
    """How an account was used in the last 30 days: from how many network addresses, and how many sessions were open while it was
    signed in to at another one."""

    addresses: int
    overlaps: int


@in_whole("sign-ins hang on the account, which may be in another organization")
def look_shared(session: PortalSession, person_ids: Iterable[int]) -> dict[int, Sharing]:
    """Those of these people whose accounts look as if several people used them; the caller has found them in its own scope."""
    networks: dict[int, set[str]] = {}
    overlaps: dict[int, int] = {}
    rows = session.execute(
        sa.select(Person.id, SignIn.address, sa.func.count(SignIn.elsewhere_id))
        .join(SignIn, SignIn.person_id == Person.root_id)
        .where(Person.id.in_(list(person_ids)), SignIn.created_at > clock.now() - dt.timedelta(days=DAYS))
        .group_by(Person.id, SignIn.address)
    )
    for person_id, address, at_once in rows:
        networks.setdefault(person_id, set()).add(network_of(address))
        overlaps[person_id] = overlaps.get(person_id, 0) + at_once
    found = {person_id: Sharing(len(of), overlaps[person_id]) for person_id, of in networks.items()}
    return {
        person_id: one
        for person_id, one in found.items()
        if one.addresses >= MANY_ADDRESSES or one.overlaps >= MANY_OVERLAPS
    }
