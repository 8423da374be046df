"""Providers that are not on record: each is put before the staff once, and nobody fills their queue.

Every function needs a whole scope; the caller commits.
"""

from __future__ import annotations

import sqlalchemy as sa

from hp_portal.core.limits.attempts import check_attempts, count_failure
from hp_portal.core.limits.lookups import DAY
from hp_portal.core.registration.drafts import Typed
from hp_portal.core.registration.facts import facts_of
from hp_portal.core.registration.models import STAFF, UNLISTED, Registration
from hp_portal.database import PortalSession

FROM_ADDRESS, OF_EMAIL = 10, 5
"""At most so many in a day from one address, and with one e-mail address."""


def waiting_case(session: PortalSession, typed: Typed) -> Registration | None:
    """The one that waits already, of the same e-mail address and Tax ID."""
    mine = sa.select(Registration).where(
        Registration.path == UNLISTED, Registration.state == STAFF, Registration.email == typed.email
    )
    rows = session.scalars(mine.order_by(Registration.id)).all()
    return next((row for row in rows if facts_of(session, row).tin == typed.tin), None)


def _limits(typed: Typed, address: str) -> tuple[tuple[str, int], ...]:
    return (f"unlisted from:{address}", FROM_ADDRESS), (f"unlisted of:{typed.email}", OF_EMAIL)


def count_case(session: PortalSession, typed: Typed, address: str) -> None:
    """Count one more that is to be put before the staff; one that waits already is not. Raises TooManyAttempts."""
    if waiting_case(session, typed) is not None:
        return
    for subject, most in _limits(typed, address):
        check_attempts(session, "registration", subject, limit=most, window=DAY)
    for subject, _ in _limits(typed, address):
        count_failure(session, "registration", subject)
