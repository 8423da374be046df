"""Whose payment is it? From the TIN and NPI in a file to the payee in the payer's record."""

from __future__ import annotations

import datetime as dt
import re

import sqlalchemy as sa

from hp_portal import api
from hp_portal.api import Job, Payee, PortalSession

from ..models import PAYEE_TIN, Claim, Payment

TIN = "tin"
_MOST_REMEMBERED = 10_000
_SEPARATORS = re.compile(r"[\s\-.]")


def plain_tin(text: str | None) -> str | None:
    """A TIN as files write it, without dashes and spaces; None when nothing is left."""
    return _SEPARATORS.sub("", text) or None if text else None


class PayeeMatcher:
    """Finds payees by TIN and NPI, remembering what it found."""

    def __init__(self, session: PortalSession) -> None:
        self._session = session
        self._found: dict[tuple[str | None, str | None], int | None] = {}

    def find(self, tin: str | None, npi: str | None) -> int | None:
        """The payee's id: TIN and NPI must both be the record's; for a TIN alone, that is the payee who has no NPI on record.

        Where there is none, what a file gives leads to a payee only when exactly one has it; otherwise None: a payment is never
        shown to somebody on a guess.
        """
        key = tin, npi
        if key not in self._found:
            if len(self._found) >= _MOST_REMEMBERED:
                self._found.clear()
            self._found[key] = find_payee(self._session, self._session.vault.digests(tin, TIN) if tin else [], npi)
        return self._found[key]


def find_payee(session: PortalSession, tin_hashes: list[bytes], npi: str | None) -> int | None:
    """As `PayeeMatcher.find`, by the TIN's hashes under every key; none of them means no TIN. Sees the whole record."""
    if not tin_hashes and not npi:
        return None
    wanted = sa.select(Payee.id, Payee.npi).order_by(Payee.npi.is_not(None), Payee.id).limit(2)
    if tin_hashes:
        wanted = wanted.where(Payee.tin_hash.in_(tin_hashes))
    if npi:
        wanted = wanted.where(Payee.npi == npi)
    with api.whole(session, "match payments to the payer's record"):
        found = session.execute(wanted).all()
    exact = [] if npi else [one for one in found if one.npi is None]
    fitting = exact or found
    return fitting[0].id if len(fitting) == 1 else None


def match_unknown(session: PortalSession) -> int:
    """Give payments without a payee to the one that the payer's record has by now; returns how many. Commits nothing."""
    with api.whole(session, "match payments to the payer's record"):
        # An NPI must be the record's in any case; a TIN's hash may differ there, when keys were rotated.
        on_record = sa.or_(Payment.payee_npi.is_(None), sa.exists().where(Payee.npi == Payment.payee_npi))
        pairs = session.execute(
            sa.select(Payment.payee_tin_hash, Payment.payee_npi).where(Payment.payee_id.is_(None), on_record).distinct()
        ).all()
        matched = 0
        for tin_hash, npi in pairs:
            payee_id = find_payee(session, _hashes(session, tin_hash, npi), npi)
            if payee_id is not None:
                matched += _give(session, tin_hash, npi, payee_id)
    return matched


def _hashes(session: PortalSession, tin_hash: bytes | None, npi: str | None) -> list[bytes]:
    """The TIN's hashes under every key: the record's may have been made with another than the payment's."""
    if tin_hash is None:
        return []
    found = session.execute(
        sa.select(Payment.id, Payment.payee_tin_sealed)
        .where(
            Payment.payee_id.is_(None), Payment.payee_tin_hash == tin_hash, Payment.payee_npi.is_not_distinct_from(npi)
        )
        .limit(1)
    ).first()
    if found is None or found.payee_tin_sealed is None:
        return [tin_hash]
    tin = session.vault.open_text(found.payee_tin_sealed, PAYEE_TIN(found.id), TIN)
    return session.vault.digests(tin, TIN)


def _give(session: PortalSession, tin_hash: bytes | None, npi: str | None, payee_id: int) -> int:
    payments = sa.and_(
        Payment.payee_id.is_(None),
        Payment.payee_tin_hash.is_not_distinct_from(tin_hash),
        Payment.payee_npi.is_not_distinct_from(npi),
    )
    ids = session.scalars(sa.select(Payment.id).where(payments)).all()
    # In slices: PostgreSQL takes at most 65,535 parameters in a statement, SQLite 32,766.
    for start in range(0, len(ids), 10_000):
        slice_ = ids[start : start + 10_000]
        for model, column in ((Payment, Payment.id), (Claim, Claim.payment_id)):
            session.execute(
                sa.update(model).where(column.in_(slice_)).values(payee_id=payee_id),
                execution_options={"synchronize_session": False},
            )
    return len(ids)


def match_soon(session: PortalSession) -> None:
    """The worker's job: what the payer has added to its record is found within a minute."""
    match_unknown(session)


JOB = Job(
    "remittance.match-payees",
    "Match payments to payees added to the record",
    dt.timedelta(minutes=1),
    match_soon,
    lane="long",
)
