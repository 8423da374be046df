"""How often somebody may look for delegates, and ask them something.

A TIN with an NPI or ZIP code tells whether an organization is registered; nobody may learn that of many. So look-ups are limited
by address, by network and by Tax ID, whatever they find; and what all look-ups together find is limited, too, which is what holds
when somebody has many addresses. That last limit counts only what was found: a stranger who knows no organization cannot use it
up for others.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from hp_portal.core.limits.attempts import TooManyAttempts, check_attempts, count_failure
from hp_portal.database import PortalSession
from hp_portal.settings import Settings

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
LOOK, ASK = "find-delegate", "ask-delegate"
FOUND, MISSED = "found", "missed"
DAILY = 5  # times what may be found in an hour may be found in a day


@dataclass(frozen=True)
class Limit:
    """At most `most` within `window` of what is counted under `subject`."""

    subject: str
    most: int
    window: dt.timedelta


def wide_network(address: str) -> str:
    """The network that an address is in: 256 addresses of IPv4, of IPv6 what a site is given."""
    if not address:
        return ""
    length = 56 if ":" in address else 24
    return str(ipaddress.ip_network((address.partition("/")[0], length), strict=False))


def look_limits(address: str, tin: str) -> list[Limit]:
    """What counts a look-up, whatever it finds. `address` as `counted_address` tells it."""
    at, network, of_tin = f"at:{address}", f"network:{wide_network(address)}", f"tin:{tin}"
    return [
        Limit(at, 10, HOUR),
        Limit(at, 25, DAY),
        Limit(network, 20, HOUR),
        Limit(network, 60, DAY),
        Limit(of_tin, 10, DAY),
        Limit("everybody", 600, HOUR),
    ]


def found_limits(settings: Settings) -> list[Limit]:
    """What counts the organizations that are found."""
    most = settings.delegates_found_per_hour
    return [Limit(FOUND, most, HOUR), Limit(FOUND, DAILY * most, DAY)]


def ask_limits(address: str, email: str, organizations: Iterable[int]) -> list[Limit]:
    """What counts a request to be contacted."""
    return [
        Limit(f"at:{address}", 5, DAY),
        Limit(f"network:{wide_network(address)}", 15, DAY),
        Limit(f"email:{email.lower()}", 5, DAY),
        *(Limit(f"organization:{one}", 10, DAY) for one in sorted(organizations)),
        Limit("everybody", 200, DAY),
    ]


def check(session: PortalSession, kind: str, limits: Iterable[Limit]) -> None:
    """Raise TooManyAttempts where a limit is reached, with the longest wait of those for the same subject."""
    wait: dict[str, dt.timedelta] = {}
    for limit in limits:
        if wait and limit.subject not in wait:
            break  # it waits already: the others need not be asked
        try:
            check_attempts(session, kind, limit.subject, limit=limit.most, window=limit.window)
        except TooManyAttempts as error:
            wait[limit.subject] = max(error.wait, wait.get(limit.subject, error.wait))
    if wait:
        raise TooManyAttempts(max(wait.values()))


def count(session: PortalSession, kind: str, limits: Iterable[Limit]) -> None:
    """Count one under each subject."""
    for subject in dict.fromkeys(limit.subject for limit in limits):
        count_failure(session, kind, subject)
