"""Finding in the record who asked for a patient's number or saw a claim of it, and whose payments an event has opened."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from hp_portal.api import PatientTrace, PortalSession, read_spans

from ..keys import number_key
from ..models import Claim, Payment
from .any_number import AnyNumber

_DIGEST = "remittance inquiry"
MOST_CLAIMS = 100
"""So many of the newest claims of a number are looked for in the record."""
_AT_A_TIME = 5_000
_HASHES = ("number", "claim_number", "patient_account", "member_id")
_LISTING_CLAIMS = ("remittance.payment.viewed", "remittance.payment.inspected")


def trace_patient(session: PortalSession, number: str) -> PatientTrace:
    """How events tell that they are about a number: by its keyed hash, or by the claims that have it."""
    keys = {key for key in (number_key(number), *AnyNumber.of(number).keys) if key}
    if not keys:
        return PatientTrace()
    hashes = {digest.hex() for key in keys for digest in session.vault.digests(key, _DIGEST)}
    has_it = [sa.or_(Claim.patient_control_key == key, Claim.payer_control_key == key) for key in sorted(keys)]
    has_it += [Claim.member_is(session, key) for key in sorted(keys)]
    rows = session.execute(
        sa.select(Claim.payment_id, Claim.claim)
        .where(sa.or_(*has_it))
        .order_by(Claim.payment_id.desc(), Claim.claim)
        .limit(MOST_CLAIMS + 1)
    ).all()
    claims = {(payment, claim) for payment, claim in rows[:MOST_CLAIMS]}
    payments = {payment for payment, _ in claims}
    texts = [*sorted(hashes), *(text for one in sorted(payments) for text in (f'"payment":{one}', f'"{one}":"'))]

    def shows(event: str, fields: Mapping[str, Any]) -> bool:
        return _asked(fields, hashes) or _claims_of(event, fields, claims)

    return PatientTrace(tuple(texts), shows, newest_only=len(rows) > MOST_CLAIMS)


def _asked(fields: Mapping[str, Any], hashes: set[str]) -> bool:
    keys = fields.get("keys")
    asked = [keys.get(name) for name in _HASHES] if isinstance(keys, Mapping) else []
    return not hashes.isdisjoint({*asked, fields.get("filter") if isinstance(fields.get("filter"), str) else None})


def _claims_of(event: str, fields: Mapping[str, Any], claims: set[tuple[int, int]]) -> bool:
    """Has the event shown one of these claims?"""
    payment, claim = fields.get("payment"), fields.get("claim")
    if isinstance(payment, int):
        of_payment = {number for one, number in claims if one == payment}
        if isinstance(claim, int):
            return claim in of_payment or _beside(fields, claims)
        if event == "remittance.payment.downloaded":
            return bool(of_payment)
        if event in _LISTING_CLAIMS and not of_payment.isdisjoint(_numbers(fields.get("rows"))):
            return True
    return _beside(fields, claims)


def _beside(fields: Mapping[str, Any], claims: set[tuple[int, int]]) -> bool:
    """Is one of the claims among those that stood beside what was asked for, `{17: "3-5"}`?"""
    shown = [fields[name] for name in ("also", "claims") if isinstance(fields.get(name), Mapping)]
    return any(number in _numbers(one.get(str(payment))) for one in shown for payment, number in claims)


def _numbers(text: Any) -> Collection[int]:
    return read_spans(text) if isinstance(text, str) else ()


def payees_shown(session: PortalSession, events: Sequence[Mapping[str, Any]]) -> list[Collection[int]]:
    """Whose payments each event has opened."""
    opened = [_payments_of(event) for event in events]
    wanted = sorted({payment for payments in opened for payment in payments})
    payees: dict[int, int] = {}
    for start in range(0, len(wanted), _AT_A_TIME):
        some = sa.select(Payment.id, Payment.payee_id).where(Payment.id.in_(wanted[start : start + _AT_A_TIME]))
        payees |= {payment: payee for payment, payee in session.execute(some) if payee is not None}
    return [{payees[payment] for payment in payments if payment in payees} for payments in opened]


def _payments_of(event: Mapping[str, Any]) -> set[int]:
    payment, claims = event.get("payment"), event.get("claims")
    found = {payment} if isinstance(payment, int) else set()
    return found | ({int(one) for one in claims} if isinstance(claims, Mapping) else set())
