"""Payments as 835 files, from a few values. Amounts are cents; sums are worked out here, so they balance."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from hp_portal.api import Payer

from .segments import Envelope, Marks, money, reasons

Elements = tuple[str, ...]
_MARKS = Marks()
_BEHIND_DATES = ("AMT", "QTY")
# BPR04 to BPR15 of an EFT: the account numbers are zeros.
_EFT = ("ACH", "CCP", "01", "000000000", "DA", "000000")
_TO_ACCOUNT = ("", "01", "000000000", "DA", "000000")


@dataclass(frozen=True)
class Patient:
    """An invented member."""

    last: str
    first: str
    member: str


@dataclass(frozen=True)
class Reason:
    """One adjustment: group, reason code, cents (positive lowers the payment)."""

    group: str
    code: str
    amount: int


def _turned(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    return tuple(Reason(reason.group, reason.code, -reason.amount) for reason in reasons)


@dataclass(frozen=True)
class Service:
    """A service line. What is paid is the charge less the reasons; `misstated` is added to the charge as it is written, to show
    what does not add up. `billed` is the procedure and the units that were billed, where others are paid; `further` are
    segments besides."""

    procedure: str
    charged: int
    reasons: tuple[Reason, ...]
    day: dt.date
    units: int = 1
    revenue: str = ""
    remarks: tuple[str, ...] = ()
    misstated: int = 0
    billed: tuple[str, int] | None = None
    further: tuple[Elements, ...] = ()

    @property
    def paid(self) -> int:
        return self.charged - sum(reason.amount for reason in self.reasons)


@dataclass(frozen=True)
class ClaimText:
    """A claim. `status` is CLP02; 22 reverses `services` and `reasons` by their signs. `further` are segments besides (MIA, REF,
    AMT, QTY), each put where it belongs."""

    account: str
    control: str
    patient: Patient
    services: tuple[Service, ...]
    status: str = "1"
    filing: str = "12"
    facility: str = "11"
    frequency: str = "1"
    reasons: tuple[Reason, ...] = ()
    drg: str = ""
    rendering: tuple[str, str] | None = None
    subscriber: Patient | None = None
    remarks: tuple[str, ...] = ()
    further: tuple[Elements, ...] = ()

    @property
    def charged(self) -> int:
        return sum(service.charged for service in self.services)

    @property
    def paid(self) -> int:
        return sum(service.paid for service in self.services) - sum(reason.amount for reason in self.reasons)

    @property
    def patient_owes(self) -> int:
        every = [*self.reasons, *(reason for service in self.services for reason in service.reasons)]
        return sum(reason.amount for reason in every if reason.group == "PR")

    def reversed(self) -> ClaimText:
        """The claim taken back: every amount with the other sign."""
        services = tuple(
            Service(s.procedure, -s.charged, _turned(s.reasons), s.day, s.units, s.revenue) for s in self.services
        )
        return ClaimText(
            self.account,
            self.control,
            self.patient,
            services,
            "22",
            self.filing,
            self.facility,
            self.frequency,
            _turned(self.reasons),
            self.drg,
            self.rendering,
            self.subscriber,
        )


@dataclass(frozen=True)
class ProviderReason:
    """A PLB pair: reason, the claim or account it refers to, cents (positive lowers the payment)."""

    code: str
    reference: str
    amount: int


@dataclass(frozen=True)
class PayeeText:
    """Whom the payment goes to; `vendor_number` is the payer's own number for it."""

    name: str
    tin: str
    npi: str
    vendor_number: str
    street: str = "1 Example Street"
    city: str = "EXAMPLETON"
    state: str = "MN"
    postal_code: str = "55000"


@dataclass(frozen=True)
class PaymentText:
    """A check, EFT or non-payment notice; a debit when the amount is negative. `off_by` is added to the true amount, to show
    what does not balance."""

    number: str
    method: str
    issued: dt.date
    payee: PayeeText
    claims: tuple[ClaimText, ...]
    provider_reasons: tuple[ProviderReason, ...] = ()
    off_by: int = 0
    currency: str = ""

    @property
    def amount(self) -> int:
        return (
            sum(claim.paid for claim in self.claims)
            - sum(reason.amount for reason in self.provider_reasons)
            + self.off_by
        )


@dataclass
class FileText:
    """Everything of one file: a single interchange and group."""

    payer: Payer
    originator: str
    written: dt.datetime
    control: int
    payments: Sequence[PaymentText] = field(default_factory=list)

    def encoded(self) -> bytes:
        """The file; letters outside of ASCII are left out, as the basic character set of X12 has none."""
        envelope = Envelope(self.payer.payer_id, "RECEIVER", self.written, self.control, _MARKS)
        transactions = ([_MARKS.segment(*one) for one in self._payment(payment)] for payment in self.payments)
        return "".join(envelope.around(transactions)).encode("ascii", "ignore")

    def _payment(self, payment: PaymentText) -> Iterable[Elements]:
        issued = f"{payment.issued:%Y%m%d}"
        yield self._head(payment, issued)
        yield ("TRN", "1", payment.number, self.originator)
        if payment.currency:
            yield ("CUR", "PR", payment.currency)
        yield ("DTM", "405", issued)
        yield from self._payer()
        yield from _payee(payment.payee)
        if payment.claims:
            yield ("LX", "1")
        for claim in payment.claims:
            yield from _claim(claim)
        if payment.provider_reasons:
            pairs = ((f"{one.code}:{one.reference}", money(one.amount)) for one in payment.provider_reasons)
            provider = payment.payee.npi or payment.payee.tin
            yield ("PLB", provider, f"{payment.issued.year}1231", *(element for pair in pairs for element in pair))

    def _head(self, payment: PaymentText, issued: str) -> Elements:
        """BPR. A non-payment notice has no amount."""
        amount = (money(abs(payment.amount)), "D" if payment.amount < 0 else "C")
        if payment.method == "ACH":
            return ("BPR", "I", *amount, *_EFT, self.originator, *_TO_ACCOUNT, issued)
        if payment.method == "CHK":
            return ("BPR", "I", *amount, "CHK", *[""] * 11, issued)
        return ("BPR", "H", "0", "C", "NON", *[""] * 11, issued)

    def _payer(self) -> Iterable[Elements]:
        payer = self.payer
        yield ("N1", "PR", plain(payer.name), "XV", payer.payer_id)
        yield ("N3", "1 DEMONSTRATION PLAZA")
        yield ("N4", "EXAMPLETON", "MN", "55000")
        digits = "".join(character for character in payer.phone if character.isdigit())
        phone, email = ("TE", digits) if digits else (), ("EM", payer.email) if payer.email else ()
        if digits:
            yield ("PER", "CX", "PROVIDER SERVICES", *phone)
        if phone or email:
            yield ("PER", "BL", "REMITTANCE HELP", *phone, *email)


def _payee(payee: PayeeText) -> Iterable[Elements]:
    yield ("N1", "PE", plain(payee.name), *(("XX", payee.npi) if payee.npi else ("FI", payee.tin)))
    yield ("N3", payee.street)
    yield ("N4", payee.city, payee.state, payee.postal_code)
    if payee.vendor_number:
        yield ("REF", "PQ", payee.vendor_number)
    if payee.npi and payee.tin:
        yield ("REF", "TJ", payee.tin)


def _claim(claim: ClaimText) -> Iterable[Elements]:
    owed = money(claim.patient_owes) if claim.patient_owes else ""
    amounts = (money(claim.charged), money(claim.paid), owed)
    drg = ("", claim.drg, "1") if claim.drg else ()
    place = (claim.filing, claim.control, claim.facility, claim.frequency)
    yield ("CLP", claim.account, claim.status, *amounts, *place, *drg)
    yield from _reasons(claim.reasons)
    yield _member("QC", claim.patient)
    if claim.subscriber:
        yield _member("IL", claim.subscriber)
    if claim.rendering:
        name, npi = claim.rendering
        yield ("NM1", "82", "1", name, "DEMO", "", "", "", "XX", npi)
    if claim.remarks:
        yield ("MOA", "", "", *claim.remarks[:5])
    yield from (found for found in claim.further if found[0] not in _BEHIND_DATES)
    days = [service.day for service in claim.services]
    if days:
        yield ("DTM", "232", f"{min(days):%Y%m%d}")
        yield ("DTM", "233", f"{max(days):%Y%m%d}")
        yield ("DTM", "050", f"{max(days) + dt.timedelta(days=4):%Y%m%d}")
    yield from (found for found in claim.further if found[0] in _BEHIND_DATES)
    for number, service in enumerate(claim.services, 1):
        yield from _service(service, f"{claim.account}L{number}")


def _member(entity: str, patient: Patient) -> Elements:
    return ("NM1", entity, "1", patient.last, patient.first, "", "", "", "MI", patient.member)


def _service(service: Service, control: str) -> Iterable[Elements]:
    units = str(service.units) if service.units != 1 else ""
    charged = money(service.charged + service.misstated)
    billed = (service.billed[0], str(service.billed[1])) if service.billed else ()
    yield (
        "SVC",
        service.procedure,
        charged,
        money(service.paid),
        service.revenue,
        units or ("1" if billed else ""),
        *billed,
    )
    yield ("DTM", "472", f"{service.day:%Y%m%d}")
    yield from _reasons(service.reasons)
    yield ("REF", "6R", control)
    yield from (found for found in service.further if found[0] == "REF")
    owed = sum(reason.amount for reason in service.reasons if reason.group == "PR")
    if service.paid > 0:
        yield ("AMT", "B6", money(service.paid + owed))
    yield from (found for found in service.further if found[0] != "REF")
    for remark in service.remarks:
        yield ("LQ", "HE", remark)


def _reasons(found: Iterable[Reason]) -> Iterable[Elements]:
    groups: dict[str, list[tuple[str, int]]] = {}
    for reason in found:
        groups.setdefault(reason.group, []).append((reason.code, reason.amount))
    for group, pairs in groups.items():
        yield from reasons(group, pairs)


def plain(text: str) -> str:
    """Capitals of the basic character set, without X12's separators."""
    return "".join(" " if character in "*~:^" else character for character in text.replace("–", "-")).upper()
