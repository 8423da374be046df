"""Writes ASC X12 835 text (005010X221A1) from a few values. Amounts are cents; sums are worked out here, so they balance."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from hp_portal.api import Payer

ELEMENT, END = "*", "~\n"
# BPR03 to BPR16 between amount and date: the account numbers are zeros.
_EFT = "C*ACH*CCP*01*000000000*DA*000000*{originator}**01*000000000*DA*000000"
_BPR = {"ACH": f"I*{{amount}}*{_EFT}", "CHK": "I*{amount}*C*CHK***********", "NON": "H*0*C*NON***********"}


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
    """A service line. What is paid is the charge less the reasons."""

    procedure: str
    charged: int
    reasons: tuple[Reason, ...]
    day: dt.date
    units: int = 1
    revenue: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def paid(self) -> int:
        return self.charged - sum(reason.amount for reason in self.reasons)


@dataclass(frozen=True)
class ClaimText:
    """A claim. `status` is CLP02; 22 reverses `services` and `reasons` by their signs."""

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
    """A check, EFT or notice of no payment. `off_by` is added to the true amount, to show what does not balance."""

    number: str
    method: str
    issued: dt.date
    payee: PayeeText
    claims: tuple[ClaimText, ...]
    provider_reasons: tuple[ProviderReason, ...] = ()
    off_by: int = 0

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
        return "".join(line + END for line in self._segments()).encode("ascii", "ignore")

    def _segments(self) -> Iterable[str]:
        day, clock = f"{self.written:%Y%m%d}", f"{self.written:%H%M}"
        payer_id = self.payer.payer_id
        yield (
            f"ISA*00*{'':10}*00*{'':10}*ZZ*{payer_id:15.15}*ZZ*{'RECEIVER':15}*{day[2:]}*{clock}*^*00501*"
            f"{self.control:09}*0*P*:"
        )
        yield f"GS*HP*{payer_id}*RECEIVER*{day}*{clock}*{self.control}*X*005010X221A1"
        for place, payment in enumerate(self.payments, 1):
            segments = list(self._payment(payment))
            yield f"ST*835*{place:04}"
            yield from segments
            yield f"SE*{len(segments) + 2}*{place:04}"
        yield f"GE*{len(self.payments)}*{self.control}"
        yield f"IEA*1*{self.control:09}"

    def _payment(self, payment: PaymentText) -> Iterable[str]:
        issued = f"{payment.issued:%Y%m%d}"
        how = _BPR[payment.method].format(amount=money(payment.amount), originator=self.originator)
        yield f"BPR*{how}*{issued}"
        yield f"TRN*1*{payment.number}*{self.originator}"
        yield f"DTM*405*{issued}"
        yield from self._payer()
        payee = payment.payee
        yield f"N1*PE*{plain(payee.name)}*XX*{payee.npi}" if payee.npi else f"N1*PE*{plain(payee.name)}*FI*{payee.tin}"
        yield f"N3*{payee.street}"
        yield f"N4*{payee.city}*{payee.state}*{payee.postal_code}"
        if payee.vendor_number:
            yield f"REF*PQ*{payee.vendor_number}"
        if payee.npi and payee.tin:
            yield f"REF*TJ*{payee.tin}"
        if payment.claims:
            yield "LX*1"
        for claim in payment.claims:
            yield from _claim(claim)
        if payment.provider_reasons:
            pairs = ELEMENT.join(
                f"{reason.code}:{reason.reference}*{money(reason.amount)}" for reason in payment.provider_reasons
            )
            yield f"PLB*{payee.npi or payee.tin}*{payment.issued.year}1231*{pairs}"

    def _payer(self) -> Iterable[str]:
        payer = self.payer
        yield f"N1*PR*{plain(payer.name)}*XV*{payer.payer_id}"
        yield "N3*1 DEMONSTRATION PLAZA"
        yield "N4*EXAMPLETON*MN*55000"
        digits = "".join(character for character in payer.phone if character.isdigit())
        if digits:
            yield f"PER*CX*PROVIDER SERVICES*TE*{digits}"
        if digits or payer.email:
            phone = f"*TE*{digits}" if digits else ""
            email = f"*EM*{payer.email}" if payer.email else ""
            yield f"PER*BL*REMITTANCE HELP{phone}{email}"


def _claim(claim: ClaimText) -> Iterable[str]:
    drg = f"*{claim.drg}*1" if claim.drg else ""
    yield (
        f"CLP*{claim.account}*{claim.status}*{money(claim.charged)}*{money(claim.paid)}*"
        f"{money(claim.patient_owes) if claim.patient_owes else ''}*{claim.filing}*{claim.control}*{claim.facility}*"
        f"{claim.frequency}{'*' + drg if drg else ''}"
    )
    yield from _cas(claim.reasons)
    yield f"NM1*QC*1*{claim.patient.last}*{claim.patient.first}****MI*{claim.patient.member}"
    if claim.subscriber:
        yield f"NM1*IL*1*{claim.subscriber.last}*{claim.subscriber.first}****MI*{claim.subscriber.member}"
    if claim.rendering:
        name, npi = claim.rendering
        yield f"NM1*82*1*{name}*DEMO****XX*{npi}"
    if claim.remarks:
        yield "MOA***" + ELEMENT.join(claim.remarks[:5])
    days = [service.day for service in claim.services]
    if days:
        yield f"DTM*232*{min(days):%Y%m%d}"
        yield f"DTM*233*{max(days):%Y%m%d}"
        yield f"DTM*050*{max(days) + dt.timedelta(days=4):%Y%m%d}"
    for number, service in enumerate(claim.services, 1):
        yield from _service(service, f"{claim.account}L{number}")


def _service(service: Service, control: str) -> Iterable[str]:
    yield (
        f"SVC*{service.procedure}*{money(service.charged)}*{money(service.paid)}*{service.revenue}"
        f"{f'*{service.units}' if service.units != 1 else ''}".rstrip("*")
    )
    yield f"DTM*472*{service.day:%Y%m%d}"
    yield from _cas(service.reasons)
    yield f"REF*6R*{control}"
    owed = sum(reason.amount for reason in service.reasons if reason.group == "PR")
    if service.paid > 0:
        yield f"AMT*B6*{money(service.paid + owed)}"
    for remark in service.remarks:
        yield f"LQ*HE*{remark}"


def _cas(reasons: Iterable[Reason]) -> Iterable[str]:
    """One CAS a group, its reasons in triplets."""
    groups: dict[str, list[str]] = {}
    for reason in reasons:
        groups.setdefault(reason.group, []).append(f"{reason.code}*{money(reason.amount)}")
    for group, pairs in groups.items():
        yield f"CAS*{group}*" + "**".join(pairs)


def money(cents: int) -> str:
    """`12.5`, `-3`, `0`: an amount without the zeros that X12 leaves out."""
    whole, part = divmod(abs(cents), 100)
    text = f"{whole}.{part:02}".rstrip("0").rstrip(".")
    return f"-{text}" if cents < 0 else text


def plain(text: str) -> str:
    """Capitals of the basic character set, without X12's separators."""
    return "".join(" " if character in "*~:^" else character for character in text.replace("–", "-")).upper()
