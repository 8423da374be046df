"""How many pages of the directory one network address may read in a minute. What is read is public, so this protects only the
machine: it counts in the memory of each web process, and keeps nothing of anybody beyond the minute."""

from __future__ import annotations

import ipaddress
import threading

from hp_portal import api

_MINUTE = 60


class Pace:
    """Counts what is read in the current minute, by network address."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._minute = 0
        self._counts: dict[str, int] = {}

    def wait(self, address: str, most: int) -> int:
        """Count one page; 0, or how many seconds to wait where it was one too many."""
        seconds = int(api.now().timestamp())
        with self._lock:
            if self._minute != seconds // _MINUTE:
                self._minute, self._counts = seconds // _MINUTE, {}
            network = _network(address)
            self._counts[network] = self._counts.get(network, 0) + 1
            return _MINUTE - seconds % _MINUTE if self._counts[network] > most else 0


def _network(address: str) -> str:
    """Of IPv6 the network that one customer is given."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    return str(ipaddress.ip_network((address, 64), strict=False)) if found.version == 6 else address
