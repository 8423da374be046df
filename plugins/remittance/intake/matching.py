"""Whose payment is it? From the TIN and NPI in a file to the payee in the payer's record."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import api
from hp_portal.api import Job, Payee, PortalSession, SealBroken, show_count

from ..models import PAYEE_TIN, Claim, Payment

TIN = "tin"
_MOST_REMEMBERED = 10_000
_MOST_NAMED = 20
_MOST_TRIED = 5  # payments of one payee, until one can be opened
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


@dataclass(frozen=True)
class Matched:
    """How many payments found their payee, and the ids of those whose Tax ID cannot be opened, which stay as they are."""

    payments: int
    unopened: tuple[int, ...]


class TaxIdsUnopened(Exception):
    """The Tax IDs of some payments cannot be opened: altered, or sealed with a data key that is gone."""

    def __init__(self, payments: tuple[int, ...]) -> None:
        named = ", ".join(map(str, payments[:_MOST_NAMED])) + (", …" if len(payments) > _MOST_NAMED else "")
        super().__init__(f"the Tax ID of {show_count(len(payments), 'payment')} cannot be opened: {named}")


def match_unknown(session: PortalSession) -> Matched:
    """Give payments without a payee to the one that the payer's record has by now. Commits nothing."""
    with api.whole(session, "match payments to the payer's record"):
        # An NPI must be the record's in any case; a TIN's hash may differ there, when keys were rotated.
        on_record = sa.or_(Payment.payee_npi.is_(None), sa.exists().where(Payee.npi == Payment.payee_npi))
        pairs = session.execute(
            sa.select(Payment.payee_tin_hash, Payment.payee_npi).where(Payment.payee_id.is_(None), on_record).distinct()
        ).all()
        matched, unopened = 0, []
        for tin_hash, npi in pairs:
            try:
                hashes = _hashes(session, tin_hash, npi)
            except _Unopened as error:
                unopened.append(error.payment_id)
                continue
            payee_id = find_payee(session, hashes, npi)
            if payee_id is not None:
                matched += _give(session, tin_hash, npi, payee_id)
    return Matched(matched, tuple(unopened))


class _Unopened(Exception):
    def __init__(self, payment_id: int) -> None:
        super().__init__(payment_id)
        self.payment_id = payment_id


def _hashes(session: PortalSession, tin_hash: bytes | None, npi: str | None) -> list[bytes]:
    """The TIN's hashes under every key: the record's may have been made with another than the payment's.

    Raises _Unopened where that cannot be told: what was altered leads to nobody.
    """
    if tin_hash is None:
        return []
    found = session.execute(
        sa.select(Payment.id, Payment.payee_tin_sealed)
        .where(
            Payment.payee_id.is_(None), Payment.payee_tin_hash == tin_hash, Payment.payee_npi.is_not_distinct_from(npi)
        )
        .order_by(Payment.id.desc())
        .limit(_MOST_TRIED)
    ).all()
    for payment_id, sealed in found:
        if sealed is None:
            return [tin_hash]
        try:
            tin = session.vault.open_text(sealed, PAYEE_TIN(payment_id), TIN)
        except SealBroken:
            continue
        return session.vault.digests(tin, TIN)
    if not found:
        return [tin_hash]
    raise _Unopened(found[0].id)


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
    """The worker's job: what the payer has added to its record is found within a minute.

    Raises TaxIdsUnopened at its end, with everything else matched and committed: so staff see that the job fails.
    """
    matched = match_unknown(session)
    session.commit()
    if matched.unopened:
        raise TaxIdsUnopened(matched.unopened)


JOB = Job(
    "remittance.match-payees",
    "Match payments to payees added to the record",
    dt.timedelta(minutes=1),
    match_soon,
    lane="long",
)
