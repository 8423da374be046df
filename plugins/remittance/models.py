"""Payments and what they pay, as the 835 says it, and how they came here.

A payment's rows hang together by composite keys that the reader counts itself (payment, claim, line), so a file goes in
without asking the database for a key per row. Texts that come from a file have no length: PostgreSQL would refuse a whole
file for one long name. Amounts are integer cents; null where the file's amount could not be read.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import api

from .persons import WithPerson, tokens_again

Text = sa.Text()
TEXT_WAS = "835"
"""What kept texts were sealed for before they were sealed for their places."""
REPLACED, VOIDED = "replaced", "voided"
"""Why a payment does not count any more."""


class RemittanceFile(api.Base, api.Leased, api.PayersOwn):
    """A file that was imported, or refused, and what was found in it. While it is being imported, whoever does that holds it."""

    __tablename__ = "remittance_file"

    id: Mapped[api.key]
    name: Mapped[str] = mapped_column(sa.String(300))
    sha256: Mapped[str] = mapped_column(sa.String(64), index=True)
    size: Mapped[int]
    imported_at: Mapped[dt.datetime]
    imported_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    # see intake/reports.py; importing, and interrupted when that never came to an end
    outcome: Mapped[str] = mapped_column(sa.String(20), index=True)
    # how far the import is
    bytes_read: Mapped[int] = mapped_column(server_default=sa.text("0"))
    payments_read: Mapped[int] = mapped_column(server_default=sa.text("0"))
    # the import's report as JSON: counts, sums, payments already known, diagnostics
    report: Mapped[str] = mapped_column(Text)


NOTHING_HIDDEN = 2**63 - 1


class HiddenFrom(api.Base, api.Shared):
    """From which payment on rows belong to a file that is being imported. Nobody sees them before the file is there as a whole.

    One row at most: one file is imported at a time, and its payments have the highest ids.
    """

    __tablename__ = "remittance_hidden"
    __shared__ = "a number that says nothing about anybody"

    id: Mapped[api.key]
    from_id: Mapped[int] = mapped_column(sa.BigInteger())


def _finished(payment_id: Any) -> sa.ColumnElement[bool]:
    """Payments of files that are there as a whole. Looked up once a statement; `+ 0`: no index is to be chosen for it."""
    from_id = sa.select(HiddenFrom.__table__.c.from_id).scalar_subquery()
    # Constants in the text: every statement about payments would send them as values.
    nothing_hidden: sa.ColumnClause[int] = sa.literal_column(str(NOTHING_HIDDEN))
    hidden_from = sa.func.coalesce(from_id, nothing_hidden)
    return cast("sa.ColumnElement[bool]", payment_id + sa.literal_column("0") < hidden_from)


class _InSteps(api.WrittenInSteps):
    """Mark of what a file brings: an import stores it in many short transactions."""

    if TYPE_CHECKING:
        payment_id: Mapped[int]

    @classmethod
    def finished_criterion(cls) -> sa.ColumnElement[bool]:
        return _finished(cls.payment_id) if hasattr(cls, "payment_id") else sa.true()


_FOR_SUMS = ("payee_id", "effective_on", "amount", "set_aside", "currency", "repeated", "later_part")


class Payment(_InSteps, api.Base, api.PaidTo):
    """A check, EFT or non-payment notice. `payee_id` is null until the payee stands in the payer's record."""

    __tablename__ = "remittance_payment"
    __scope_index__ = False  # the first index below begins with the payee
    __table_args__ = (
        # with amount, currency and whether it counts, so that sums over months need not look at the payments themselves
        sa.Index("ix_remittance_payment_for_sums", *_FOR_SUMS),
        sa.Index("ix_remittance_payment_payee_tin_hash", "payee_tin_hash"),
        # what is new since the last visit is counted on every home page
        sa.Index("ix_remittance_payment_new", "payee_id", "imported_at"),
    )

    id: Mapped[int] = mapped_column(api.BigId, primary_key=True, autoincrement=False)
    file_id: Mapped[int] = mapped_column(sa.ForeignKey("remittance_file.id"), index=True)
    # the file's: organizations do not see the files, which are of everybody that was paid
    imported_at: Mapped[dt.datetime | None]
    # a digest of its own segments, see intake/identity.py: the same check in another file is the same payment
    identity: Mapped[bytes] = mapped_column(sa.LargeBinary(32), unique=True)
    # another payment has its number, and staff have not decided yet what that means
    in_question: Mapped[bool] = mapped_column(server_default=sa.false())
    # a later payment of its number has claims of this one, and staff have not decided yet which of them counts
    repeated: Mapped[bool] = mapped_column(server_default=sa.false())
    # why it does not count any more: replaced or voided, by the payer's staff; null for every other payment
    set_aside: Mapped[str | None] = mapped_column(sa.String(10))
    set_aside_at: Mapped[dt.datetime | None]
    # the payment that counts instead. Not a foreign key: a backup brings back payments in the order of their ids
    replaced_by_id: Mapped[int | None] = mapped_column(api.BigId)
    # it came in several parts, as staff have found: the first part that counts, its own id where it is that one
    part_of_id: Mapped[int | None] = mapped_column(api.BigId)
    # each part states the whole amount, which stands in sums with the first: this is another
    later_part: Mapped[bool] = mapped_column(server_default=sa.false())
    # the trace number as it is searched: see keys.py
    number_key: Mapped[str] = mapped_column(Text, index=True)
    trace_number: Mapped[str] = mapped_column(Text)
    originator_id: Mapped[str | None] = mapped_column(Text)
    originator_supplement: Mapped[str | None] = mapped_column(Text)
    control_number: Mapped[str | None] = mapped_column(Text)
    handling_code: Mapped[str | None] = mapped_column(Text)
    # negative when the payer takes it back (BPR03 is D)
    amount: Mapped[int] = mapped_column(sa.BigInteger())
    # of every amount of the payment (CUR02); null: US dollars
    currency: Mapped[str | None] = mapped_column(sa.String(3))
    credit_debit: Mapped[str | None] = mapped_column(Text)
    method: Mapped[str | None] = mapped_column(Text)
    effective_on: Mapped[dt.date | None]
    produced_on: Mapped[dt.date | None]
    receiver_id: Mapped[str | None] = mapped_column(Text)
    payer_name: Mapped[str | None] = mapped_column(Text)
    payer_id_qualifier: Mapped[str | None] = mapped_column(Text)
    payer_id: Mapped[str | None] = mapped_column(Text)
    payer_reference: Mapped[str | None] = mapped_column(Text)
    payer_street: Mapped[str | None] = mapped_column(Text)
    payer_city: Mapped[str | None] = mapped_column(Text)
    payer_state: Mapped[str | None] = mapped_column(Text)
    payer_postal_code: Mapped[str | None] = mapped_column(Text)
    payer_contacts: Mapped[str | None] = mapped_column(Text)
    payee_name: Mapped[str | None] = mapped_column(Text)
    payee_npi: Mapped[str | None] = mapped_column(Text)
    payee_tin_sealed: Mapped[bytes | None] = mapped_column(
        info=api.sealed_column("id", was="tin", hashed=("payee_tin_hash", "tin"))
    )
    payee_tin_hash: Mapped[bytes | None] = mapped_column(sa.LargeBinary(32))
    payee_number: Mapped[str | None] = mapped_column(Text)
    payee_street: Mapped[str | None] = mapped_column(Text)
    payee_city: Mapped[str | None] = mapped_column(Text)
    payee_state: Mapped[str | None] = mapped_column(Text)
    payee_postal_code: Mapped[str | None] = mapped_column(Text)
    claim_count: Mapped[int]
    line_count: Mapped[int]
    adjustment_count: Mapped[int]
    provider_adjustment_count: Mapped[int]
    claims_paid: Mapped[int | None]
    provider_adjusted: Mapped[int | None]
    balanced: Mapped[bool]
    # what is odd about it and no matter of the balance, as JSON: see x12/marks.py
    marks: Mapped[str | None] = mapped_column(Text)
    more: Mapped[str | None] = mapped_column(Text)

    @classmethod
    def finished_criterion(cls) -> sa.ColumnElement[bool]:
        return _finished(cls.id)

    @classmethod
    def counts(cls) -> sa.ColumnElement[bool]:
        """Payments that are neither replaced nor voided."""
        return cls.set_aside.is_(None)

    @classmethod
    def adds(cls) -> sa.ColumnElement[bool]:
        """Payments whose claims are in sums: those that count, and that no later one repeats as long as it is not decided."""
        return sa.and_(cls.counts(), sa.not_(cls.repeated))

    @classmethod
    def adds_amount(cls) -> sa.ColumnElement[bool]:
        """Payments whose own amount is in sums: of one that came in parts the first part."""
        return sa.and_(cls.adds(), sa.not_(cls.later_part))


def of_same_number(payment: Payment) -> sa.ColumnElement[bool]:
    """A condition: payments that have this one's number from the same originator, itself included."""
    key = payment.number_key
    return sa.and_(
        Payment.number_key == key,
        Payment.originator_id.is_not_distinct_from(payment.originator_id),
        sa.true() if key else Payment.trace_number == payment.trace_number,
    )


# Asked for one payment's rows at a time: collecting every payment one may see would take as long as there are many.
_visible = Payment.__table__.alias("visible_payment")


def _of_visible_payment(column: Any) -> sa.ColumnElement[bool]:
    """Rows below a payment are seen by those who see the payment."""
    return sa.exists().where(_visible.c.id == column, _visible.c.payee_id.in_(api.granted_payees()))


class Claim(_InSteps, api.Base, WithPerson, api.PaidTo):
    """A claim in a payment. `payee_id` is the payment's. Keys and tokens are what searches compare: see keys.py, persons.py.

    Whose claim it is stands sealed in `person_sealed` and is read as `claim.patient_last_name`, `claim.member_id` and so on.
    """

    __tablename__ = "remittance_claim"
    __scope_index__ = False  # found by its payment, or by the keys below

    payment_id: Mapped[int] = mapped_column(sa.ForeignKey("remittance_payment.id"), primary_key=True)
    claim: Mapped[int] = mapped_column(sa.Integer(), primary_key=True, autoincrement=False)
    patient_control_key: Mapped[str | None] = mapped_column(Text, index=True)
    payer_control_key: Mapped[str | None] = mapped_column(Text, index=True)
    member_token: Mapped[bytes | None] = mapped_column(sa.LargeBinary(), index=True)
    patient_token: Mapped[bytes | None] = mapped_column(sa.LargeBinary(), index=True)
    person_sealed: Mapped[bytes | None] = mapped_column(
        info=api.sealed_column("payment_id", "claim", again=tokens_again)
    )
    lx: Mapped[str | None] = mapped_column(Text)
    patient_control_number: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str | None] = mapped_column(Text)
    charged: Mapped[int | None]
    paid: Mapped[int | None]
    patient_responsibility: Mapped[int | None]
    # what its adjustments with PR come to, where that is not `patient_responsibility`
    patient_adjusted: Mapped[int | None]
    adjusted: Mapped[int | None]
    filing_indicator: Mapped[str | None] = mapped_column(Text)
    payer_control_number: Mapped[str | None] = mapped_column(Text)
    facility_code: Mapped[str | None] = mapped_column(Text)
    frequency_code: Mapped[str | None] = mapped_column(Text)
    drg_code: Mapped[str | None] = mapped_column(Text)
    drg_weight: Mapped[str | None] = mapped_column(Text)
    rendering_name: Mapped[str | None] = mapped_column(Text)
    rendering_npi: Mapped[str | None] = mapped_column(Text)
    service_from: Mapped[dt.date | None]
    service_to: Mapped[dt.date | None]
    received_on: Mapped[dt.date | None]
    coverage_ended_on: Mapped[dt.date | None]
    coverage_amount: Mapped[int | None]
    remarks: Mapped[str | None] = mapped_column(Text)
    line_count: Mapped[int]
    # the claim and each of its lines
    balanced: Mapped[bool]


def same_claim(one: Any, other: Any) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    """Conditions of two claims (aliases of `Claim`), of which one alone says that they are the same: the payer's number of it is,
    or the provider's with the same member. Histories ask for it by value (inquiry/history.py)."""
    return (
        one.payer_control_key == other.payer_control_key,
        sa.and_(one.patient_control_key == other.patient_control_key, one.member_token == other.member_token),
    )


class Line(_InSteps, api.Base, api.Scoped):
    """A service line of a claim."""

    __tablename__ = "remittance_line"

    payment_id: Mapped[int] = mapped_column(sa.ForeignKey("remittance_payment.id"), primary_key=True)
    claim: Mapped[int] = mapped_column(sa.Integer(), primary_key=True, autoincrement=False)
    line: Mapped[int] = mapped_column(sa.Integer(), primary_key=True, autoincrement=False)
    qualifier: Mapped[str | None] = mapped_column(Text)
    procedure: Mapped[str | None] = mapped_column(Text)
    modifiers: Mapped[str | None] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    submitted_procedure: Mapped[str | None] = mapped_column(Text)
    charged: Mapped[int | None]
    paid: Mapped[int | None]
    adjusted: Mapped[int | None]
    revenue_code: Mapped[str | None] = mapped_column(Text)
    units: Mapped[str | None] = mapped_column(Text)
    submitted_units: Mapped[str | None] = mapped_column(Text)
    service_from: Mapped[dt.date | None]
    service_to: Mapped[dt.date | None]
    allowed: Mapped[int | None]
    control_number: Mapped[str | None] = mapped_column(Text)
    rendering_npi: Mapped[str | None] = mapped_column(Text)
    remarks: Mapped[str | None] = mapped_column(Text)
    balanced: Mapped[bool]
    more: Mapped[str | None] = mapped_column(Text)

    @classmethod
    def scope_criterion(cls) -> sa.ColumnElement[bool]:
        return _of_visible_payment(cls.payment_id)


class Adjustment(_InSteps, api.Base, api.Scoped):
    """Why a claim (`level` C) or line (L) is not paid as charged. A positive amount lowers the payment."""

    __tablename__ = "remittance_adjustment"

    payment_id: Mapped[int] = mapped_column(sa.ForeignKey("remittance_payment.id"), primary_key=True)
    claim: Mapped[int] = mapped_column(sa.Integer(), primary_key=True, autoincrement=False)
    # counted from 1 in the payment, in the order of the file
    position: Mapped[int] = mapped_column(sa.Integer(), primary_key=True, autoincrement=False)
    level: Mapped[str] = mapped_column(sa.String(1))
    line: Mapped[int | None] = mapped_column(sa.Integer())
    group: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    amount: Mapped[int | None]
    quantity: Mapped[str | None] = mapped_column(Text)

    @classmethod
    def scope_criterion(cls) -> sa.ColumnElement[bool]:
        return _of_visible_payment(cls.payment_id)


class ProviderAdjustment(_InSteps, api.Base, api.Scoped):
    """An adjustment of the payment itself (PLB). A positive amount lowers the payment."""

    __tablename__ = "remittance_provider_adjustment"

    payment_id: Mapped[int] = mapped_column(sa.ForeignKey("remittance_payment.id"), primary_key=True)
    position: Mapped[int] = mapped_column(sa.Integer(), primary_key=True, autoincrement=False)
    provider_id: Mapped[str | None] = mapped_column(Text)
    fiscal_period_ends_on: Mapped[dt.date | None]
    reason: Mapped[str | None] = mapped_column(Text)
    reference: Mapped[str | None] = mapped_column(Text)
    reference_key: Mapped[str | None] = mapped_column(Text, index=True)
    amount: Mapped[int | None]

    @classmethod
    def scope_criterion(cls) -> sa.ColumnElement[bool]:
        return _of_visible_payment(cls.payment_id)


IN_DOLLARS = sa.or_(Payment.currency.is_(None), Payment.currency == api.DOLLARS)
"""Of payments: their amounts can be added. Those in another currency stand in no sum."""


class PaymentText(_InSteps, api.Base, api.Scoped):
    """A payment's own 835 text with its ISA and GS, compressed and sealed: see intake/kept_text.py."""

    __tablename__ = "remittance_text"

    payment_id: Mapped[int] = mapped_column(
        sa.ForeignKey("remittance_payment.id"), primary_key=True, autoincrement=False
    )
    sealed: Mapped[bytes] = mapped_column(info=api.sealed_column("payment_id", was=TEXT_WAS))

    @classmethod
    def scope_criterion(cls) -> sa.ColumnElement[bool]:
        return _of_visible_payment(cls.payment_id)


PAYEE_TIN = api.seat(Payment.payee_tin_sealed)
"""The place of a payee's Tax ID: `PAYEE_TIN(payment id)`."""
KEPT_TEXT = api.seat(PaymentText.sealed)
"""The place of a payment's text: `KEPT_TEXT(payment id)`."""
