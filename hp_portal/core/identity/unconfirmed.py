"""Accounts whose e-mail address nobody has confirmed yet: in its place stands one that no mail server takes.

So an account can be opened before its address is confirmed without anybody learning whose addresses are taken.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from hp_portal.core.identity.models import Person

_DOMAIN = "@unconfirmed.invalid"


def unconfirmed_address() -> str:
    """What stands in the place of an address that is not confirmed: different for everybody."""
    return f"{secrets.token_hex(16)}{_DOMAIN}"


def is_unconfirmed(address: str) -> bool:
    """Does this only stand in the place of an address?"""
    return address.endswith(_DOMAIN)


def reachable(people: Iterable[Person]) -> list[Person]:
    """Those of them who can be written to."""
    return [one for one in people if not is_unconfirmed(one.email)]
