"""Amounts and quantities for files that programs calculate with."""

from __future__ import annotations

import re
from decimal import Decimal

NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def decimal(cents: int | None) -> Decimal | None:
    """Cents as an exact amount with two decimals."""
    return None if cents is None else Decimal(cents).scaleb(-2)


def quantity(text: str | None) -> Decimal | None:
    """Units as the 835 has them, `1` or `0.5`; None when it is no number."""
    return Decimal(text) if text and NUMBER.fullmatch(text) else None
