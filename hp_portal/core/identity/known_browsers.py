"""Browsers in which somebody has signed in before: they keep tries of their own, whatever others do to the account.

The cookie holds an entry for each of the latest people, signed: a keyed hash of the person and of when their password was set,
a random word that is the browser's, and when it was made. A new password makes the entries of every browser worthless.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from itsdangerous import BadSignature, URLSafeSerializer

from hp_portal import clock
from hp_portal.core.identity.models import Person
from hp_portal.database import PortalSession
from hp_portal.settings import Settings

# A front desk shares a computer; the cookie must not grow without end.
PEOPLE = 8
_DAY = 24 * 60 * 60


@dataclass(frozen=True)
class Known:
    """One person's entry in the cookie of one browser."""

    whose: str
    browser: str
    made_at: int


@dataclass(frozen=True)
class KnownBrowser:
    """What one browser's cookie says, newest first; nothing when it has none."""

    entries: tuple[Known, ...] = field(default=())

    def word_for(self, session: PortalSession, person: Person | None) -> str | None:
        """The browser's word when this person has signed in here with the password they have now, else None."""
        if person is None or not self.entries:
            return None
        mine = {digest.hex() for digest in session.vault.digests(_of(person), "known browser")}
        return next((entry.browser for entry in self.entries if entry.whose in mine), None)

    def with_person(self, session: PortalSession, person: Person) -> KnownBrowser:
        """The same browser, after this person has proved their password in it."""
        mine = {digest.hex() for digest in session.vault.digests(_of(person), "known browser")}
        whose = session.vault.digest(_of(person), "known browser").hex()
        new = Known(whose, secrets.token_urlsafe(12), int(clock.now().timestamp()))
        others = tuple(entry for entry in self.entries if entry.whose not in mine)
        return KnownBrowser((new, *others)[:PEOPLE])


def _of(person: Person) -> str:
    return f"{person.id} {person.password_changed_at.isoformat()}"


def _signer(settings: Settings) -> URLSafeSerializer:
    return URLSafeSerializer(settings.secret_key.get_secret_value(), salt="hp_portal known browser")


def read_known(settings: Settings, cookie: str | None) -> KnownBrowser:
    """What the cookie says; entries that are too old are left out, and a forged cookie says nothing."""
    if not cookie:
        return KnownBrowser()
    try:
        rows: list[Any] = _signer(settings).loads(cookie)
    except BadSignature:
        return KnownBrowser()
    since = clock.now().timestamp() - settings.known_browser_days * _DAY
    return KnownBrowser(tuple(entry for row in rows if (entry := Known(*row)).made_at > since))


def write_known(settings: Settings, known: KnownBrowser) -> str:
    """The cookie's value."""
    rows = [[entry.whose, entry.browser, entry.made_at] for entry in known.entries]
    return str(_signer(settings).dumps(rows))
