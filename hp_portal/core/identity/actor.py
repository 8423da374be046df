"""The signed-in person as everything above sees them."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass

from flask_login import UserMixin

TERMS_OF_USE = "terms-of-use"
DELEGATE_AGREEMENT = "site-delegate-agreement"


@dataclass(frozen=True, eq=False)
class Actor(UserMixin):  # type: ignore[misc]
    """The signed-in person as the gate knows them; Flask-Login's `current_user`.

    `reason` is why they look at member data in this session, empty while they have not said.
    `given` are applications given to the person, `enabled` those enabled for the organization's audience; both empty for
    staff, whose `permissions` come from their roles. `terms_accepted`: everything that the person is asked to accept now,
    which for a delegate is the site delegate agreement as well. `has_factor`: they have set up a second factor;
    `confirmed_at` is when they last showed in this session that it is still them, None: not since they signed in.
    `factor_by` is since when they must have one, or will; None: they need not. `factor_missing`: they must, and have none.
    `by_directory`: staff whom the payer's own directory has signed in; how strongly is the directory's business.
    `elsewhere`: the account was signed in to at another network address while this session was open, and they have not said yet
    that they have read so.

    `person_id` is their row in the organization that the request is for, `account_id` the row that holds their account: what
    belongs to signing in hangs on that one. `organizations` are id and name of all those that somebody works for who works for
    several, empty for everybody else; `undecided`: neither the address nor an earlier choice says which of them this is for.
    `left`: the name of the organization in the address, when they work for it no longer.
    """

    token: str
    sign_in_id: int
    signed_in_at: dt.datetime
    last_seen_at: dt.datetime
    reason: str
    person_id: int
    display_name: str
    username: str
    is_staff: bool
    is_delegate: bool
    organization_id: int | None
    organization_name: str
    audience: str
    validated: bool
    terms_accepted: bool
    given: frozenset[str]
    enabled: frozenset[str]
    permissions: frozenset[str]
    has_factor: bool = True
    factor_missing: bool = False
    factor_by: dt.datetime | None = None
    confirmed_at: dt.datetime | None = None
    by_directory: bool = False
    elsewhere: bool = False
    account_id: int = 0
    organizations: tuple[tuple[int, str], ...] = ()
    undecided: bool = False
    left: str = ""

    def __post_init__(self) -> None:
        if not self.account_id:
            object.__setattr__(self, "account_id", self.person_id)

    def works_for(self, organization_id: int) -> bool:
        """Is this an organization of theirs?"""
        return organization_id == self.organization_id or organization_id in dict(self.organizations)

    @property
    def person_key(self) -> str:
        """Tells the browser's kept drafts of one person in one organization from others, without naming anybody."""
        return hashlib.sha256(f"drafts of {self.person_id}".encode()).hexdigest()[:16]

    def get_id(self) -> str:
        """What the cookie keeps: the sign-in's token."""
        return self.token


@dataclass(frozen=True)
class Limits:
    """How long a sign-in lasts without activity, and at most."""

    idle: dt.timedelta
    absolute: dt.timedelta


def hash_token(token: str) -> bytes:
    """Tokens are 256 random bits, so a plain SHA-256 keeps the row useless to whoever reads it."""
    return hashlib.sha256(token.encode()).digest()
