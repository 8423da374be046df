"""What an import has stored."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hp_portal.database import PortalSession
from hp_portal_plugins.remittance.models import (
    Adjustment,
    Claim,
    Line,
    Payment,
    PaymentText,
    ProviderAdjustment,
)
from hp_portal_plugins.remittance.x12.reader import read
from hp_portal_plugins.remittance.x12.records import Transaction
from tests.support.world import World

SAMPLES = sorted((Path(__file__).parents[2] / "data" / "835").glob("*.835"))
TABLES = (Payment, Claim, Line, Adjustment, ProviderAdjustment, PaymentText)


def counts(session: PortalSession) -> list[int]:
    """Rows of every table of payments."""
    return [session.scalar(sa.select(sa.func.count()).select_from(table)) or 0 for table in TABLES]


def transactions(data: bytes) -> list[Transaction]:
    return [found for found in read(io.BytesIO(data)) if isinstance(found, Transaction)]


def stored(world: World) -> dict[str, Any]:
    """Counts and sums as the tables have them."""
    with world.session() as session:
        payments, claims, lines, adjustments, provider_adjustments, _ = counts(session)
        return {
            "payments": payments,
            "claims": claims,
            "lines": lines,
            "adjustments": adjustments,
            "provider_adjustments": provider_adjustments,
            "amount": int(session.scalar(sa.select(sa.func.sum(Payment.amount))) or 0),
            "claims_paid": int(session.scalar(sa.select(sa.func.sum(Claim.paid))) or 0),
            "charged": int(session.scalar(sa.select(sa.func.sum(Claim.charged))) or 0),
            "adjusted": int(session.scalar(sa.select(sa.func.sum(Adjustment.amount))) or 0),
        }
