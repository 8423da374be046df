"""How many pages of the directory one network address may read in a minute. What is read is public, so this protects only the
machine; the address is kept as a keyed digest, for a day."""

from __future__ import annotations

import datetime as dt

from hp_portal.api import PortalSession, counted_address, keep_pace, settings_of

KIND = "profiles pages"
_MINUTE = dt.timedelta(minutes=1)


def count_page(session: PortalSession) -> None:
    """Count a page that the request's visitor reads. Raises TooManyAttempts. Commits."""
    most = settings_of("profiles").directory_pages_per_minute
    keep_pace(session, KIND, counted_address(), limit=most, window=_MINUTE)
    session.commit()
