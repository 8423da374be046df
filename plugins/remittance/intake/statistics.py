"""Statistics of the tables after an import, so that searches keep their plans when the tables have grown."""

from __future__ import annotations

import math

import sqlalchemy as sa

from hp_portal import api
from hp_portal.api import PortalSession

from ..models import Adjustment, Claim, Line, Payment, ProviderAdjustment
from .reports import ImportReport

_FEWEST = 1_000
"""Payments below which any plan will do."""
_GROWTH = 1.2


def refresh_after(session: PortalSession, report: ImportReport) -> bool:
    """Refresh the statistics when the payments have become a fifth more, by this import or by the last of several.

    Comes after the import's commit, so that nobody waits for it, and commits itself. What goes wrong is left: the import is
    done, and the database catches up by itself some time. Returns whether it was refreshed.
    """
    try:
        if not (report.payments and has_grown(session, report.payments)):
            return False
        with api.whole(session, "statistics of the tables"):
            api.refresh_statistics(session, Payment, Claim, Line, Adjustment, ProviderAdjustment)
            session.commit()
    except sa.exc.SQLAlchemyError:
        session.rollback()
        return False
    return True


def has_grown(session: PortalSession, imported: int) -> bool:
    """Whether the number of payments, by the highest key, has passed one of the steps that lie a fifth apart."""
    with api.whole(session, "how many payments there are"):
        after = session.scalar(sa.select(sa.func.max(Payment.id))) or 0
    return after >= _FEWEST and _step(after) != _step(after - imported)


def _step(payments: int) -> int:
    return int(math.log(payments, _GROWTH)) if payments > 0 else 0
