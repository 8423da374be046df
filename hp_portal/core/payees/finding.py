"""Payees of the payer's record by what people know of them: Tax ID, NPI, vendor number."""

from __future__ import annotations

import sqlalchemy as sa

from hp_portal.core.payees.models import Payee
from hp_portal.database import PortalSession


def is_payee(
    session: PortalSession, *, tin: str | None = None, npi: str | None = None, vendor_number: str | None = None
) -> sa.ColumnElement[bool]:
    """A condition: the payee has all of what is given. TIN and NPI are digits only; case and blanks around a vendor number do not
    matter. Raises ValueError when nothing is given: it would fit every payee."""
    fits: list[sa.ColumnElement[bool]] = []
    if tin:
        fits.append(Payee.tin_is(session, tin))
    if npi:
        fits.append(Payee.npi == npi)
    if vendor_number and vendor_number.strip():
        fits.append(sa.func.upper(Payee.vendor_number) == vendor_number.strip().upper())
    if not fits:
        raise ValueError("a payee by nothing at all")
    return sa.and_(*fits)


def payee_by_id(session: PortalSession, payee_id: int) -> Payee | None:
    """One payee, in the session's scope, or None."""
    return session.get(Payee, payee_id)


def find_payee(session: PortalSession, *, tin: str, npi: str | None) -> Payee | None:
    """The payee with exactly this TIN and NPI (None: without one), in the session's scope; None when there is none."""
    exact = Payee.npi == npi if npi else Payee.npi.is_(None)
    return session.scalars(sa.select(Payee).where(Payee.tin_is(session, tin), exact)).one_or_none()


def find_payees(
    session: PortalSession, *, tin: str | None = None, npi: str | None = None, vendor_number: str | None = None
) -> list[Payee]:
    """The payees that have all of what is given, in the session's scope, by name. Raises ValueError when nothing is given."""
    wanted = sa.select(Payee).where(is_payee(session, tin=tin, npi=npi, vendor_number=vendor_number))
    return list(session.scalars(wanted.order_by(Payee.name, Payee.npi, Payee.id)))
