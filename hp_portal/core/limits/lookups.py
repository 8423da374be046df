"""How often somebody may look for delegates, and ask them something.

A TIN with an NPI or ZIP code tells whether an organization is registered; nobody may learn that of many. So look-ups are limited
by address and by the networks it is in, whatever they find; and what all look-ups together find is limited, too, which is what
holds when somebody has many addresses. That last limit counts only what was found: a stranger who knows no organization cannot
use it up for others, and whoever knows some needs addresses in several wide networks, as each may make two thirds of as many
look-ups (20 an hour at least, so with a limit below 31 one can). Registering, where a Tax ID tells the same to whoever has
confirmed an e-mail address, has such a limit of its own: who uses up one of the two shuts nobody out of the other. Both together
bound what is learned: twice `DELEGATES_FOUND_PER_HOUR`.

One Tax ID is looked up ten times a day by whomever, and after that three times from each network that has not looked it up yet:
who keeps looking up an office's Tax ID does not shut the office out. With the numbers of a hundred networks in hand somebody can
try 310 ZIP codes a day for one Tax ID, and learns of one organization, whose Tax ID is known to them, that it is registered.
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
FOUND, MISSED, FOUND_REGISTERING = "found", "missed", "found-registering"
DAILY = 5  # times what may be found in an hour may be found in a day


@dataclass(frozen=True)
class Limit:
    """At most `most` within `window` of what is counted under `subject`. Whoever is still below `spared` need not mind it."""

    subject: str
    most: int
    window: dt.timedelta
    spared: Limit | None = None


def network(address: str, ipv4: int, ipv6: int) -> str:
    """The network of so many bits that an address is in."""
    if not address:
        return ""
    return str(ipaddress.ip_network((address.partition("/")[0], ipv6 if ":" in address else ipv4), strict=False))


def wide_network(address: str) -> str:
    """The network that an address is in: 256 addresses of IPv4, of IPv6 what a home or an office is given."""
    return network(address, 24, 56)


def site_network(address: str) -> str:
    """The same, of IPv6 what a company is given, whose networks are anybody's who works there."""
    return network(address, 24, 48)


def provider_network(address: str) -> str:
    """The network that an address is in: 65,536 addresses of IPv4, of IPv6 what a provider is given."""
    return network(address, 16, 32)


def look_limits(settings: Settings, address: str, tin: str) -> list[Limit]:
    """What counts a look-up, whatever it finds. `address` as `counted_address` tells it."""
    at, of_network = f"at:{address}", f"network:{wide_network(address)}"
    site, provider = f"site:{site_network(address)}", f"provider:{provider_network(address)}"
    of_provider = max(20, settings.delegates_found_per_hour * 2 // 3)
    fresh = Limit(f"tin:{tin} {site}", 3, DAY)
    return [
        Limit(at, 10, HOUR),
        Limit(at, 25, DAY),
        Limit(of_network, 20, HOUR),
        Limit(of_network, 60, DAY),
        Limit(site, 30, HOUR),
        Limit(site, 90, DAY),
        Limit(provider, of_provider, HOUR),
        Limit(provider, DAILY * of_provider, DAY),
        Limit(f"tin:{tin}", 10, DAY, spared=fresh),
    ]


def found_limits(settings: Settings, subject: str = FOUND) -> list[Limit]:
    """What counts the organizations that are found, by *Find my delegate* or while registering."""
    most = settings.delegates_found_per_hour
    return [Limit(subject, most, HOUR), Limit(subject, DAILY * most, DAY)]


def ask_limits(address: str, email: str, organizations: Iterable[int]) -> list[Limit]:
    """What counts a request to be contacted."""
    return [
        Limit(f"at:{address}", 5, DAY),
        Limit(f"network:{wide_network(address)}", 15, DAY),
        Limit(f"site:{site_network(address)}", 20, DAY),
        Limit(f"provider:{provider_network(address)}", 50, DAY),
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
            _check(session, kind, limit)
        except TooManyAttempts as error:
            wait[limit.subject] = max(error.wait, wait.get(limit.subject, error.wait))
    if wait:
        raise TooManyAttempts(max(wait.values()))


def _check(session: PortalSession, kind: str, limit: Limit) -> None:
    try:
        check_attempts(session, kind, limit.subject, limit=limit.most, window=limit.window)
    except TooManyAttempts as error:
        if limit.spared is None:
            raise
        try:
            _check(session, kind, limit.spared)
        except TooManyAttempts as own:
            raise TooManyAttempts(min(error.wait, own.wait)) from None


def count(session: PortalSession, kind: str, limits: Iterable[Limit]) -> None:
    """Count one under each subject."""
    wanted = [one for limit in limits for one in (limit, limit.spared) if one is not None]
    for subject in dict.fromkeys(limit.subject for limit in wanted):
        count_failure(session, kind, subject)
