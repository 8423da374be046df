"""The shapes of what the reader yields: rows as plain tuples, one tuple of column names for each kind.

Amounts are integer cents, dates are ISO 8601 text (`2026-03-02`), quantities decimal text, everything else
text as people read it. None: not sent, or not readable (then a diagnostic says so). The first column of
every row is the payment's number, drawn from `read(payment_numbers=…)`; claims are counted from 1 in their
payment, lines from 1 in their claim. `more` is JSON: the segments that have no column of their own, each
as an array of its elements (`[["REF","EA","MR123"]]`), in the order of the file.
"""

from dataclasses import dataclass, field

from .diagnostics import Diagnostic
from .separators import Separators

Value = int | str | bool | None
Row = tuple[Value, ...]

PAYMENT = (
    "payment",
    "control_number",  # ST02
    "handling_code",  # BPR01
    "amount",  # BPR02, cents; negative when BPR03 says that the payer takes it back
    "credit_debit",  # BPR03: C or D
    "currency",  # CUR02; None: US dollars
    "method",  # BPR04
    "effective_on",  # BPR16
    "produced_on",  # DTM*405
    "trace_number",  # TRN02: check or EFT number
    "originator_id",  # TRN03: the payer's id in the trace
    "originator_supplement",  # TRN04
    "receiver_id",  # REF*EV
    "payer_name",  # N1*PR
    "payer_id_qualifier",
    "payer_id",
    "payer_reference",  # REF*2U in loop 1000A
    "payer_street",  # N301 and N302, a line each
    "payer_city",
    "payer_state",
    "payer_postal_code",
    "payer_contacts",  # JSON: [{"kind": "BL", "name": …, "phone": …, "extension": …, "email": …, "url": …, "fax": …}]
    "payee_name",  # N1*PE
    "payee_id_qualifier",
    "payee_id",
    "payee_npi",  # N104 when N103 is XX
    "payee_tin",  # N104 when N103 is FI, else REF*TJ in loop 1000B
    "payee_number",  # REF*PQ: the payer's id for the payee
    "payee_street",
    "payee_city",
    "payee_state",
    "payee_postal_code",
    "interchange_sender",  # ISA06
    "interchange_receiver",  # ISA08
    "interchange_control_number",  # ISA13
    "group_control_number",  # GS06
    "version",  # GS08
    "claim_count",
    "line_count",
    "adjustment_count",
    "provider_adjustment_count",
    "claims_paid",  # sum of CLP04, cents; None when one of them is not readable
    "provider_adjusted",  # sum of PLB, cents; None when one of them is not readable
    "balanced",  # check, claims and lines all balance
    "marks",  # JSON: what is odd and no matter of the balance, see `marks.py`; None when nothing is
    "more",
)

CLAIM = (
    "payment",
    "claim",
    "lx",  # LX01 of the claim's header number
    "patient_control_number",  # CLP01
    "status",  # CLP02
    "charged",  # CLP03, cents
    "paid",  # CLP04, cents
    "patient_responsibility",  # CLP05, cents
    "patient_adjusted",  # sum of the CAS with PR of the claim and its lines, cents; None when CLP05 says the same
    "adjusted",  # sum of the CAS of the claim and its lines, cents
    "filing_indicator",  # CLP06
    "payer_control_number",  # CLP07
    "facility_code",  # CLP08
    "frequency_code",  # CLP09
    "drg_code",  # CLP11
    "drg_weight",  # CLP12
    "patient_last_name",  # NM1*QC
    "patient_first_name",
    "patient_middle_name",
    "member_id_qualifier",
    "member_id",
    "subscriber_name",  # NM1*IL: LAST, FIRST MIDDLE
    "subscriber_id",
    "corrected_name",  # NM1*74
    "corrected_id",
    "rendering_name",  # NM1*82
    "rendering_npi",  # NM109 when NM108 is XX
    "service_from",  # DTM*232, else the earliest date of the lines
    "service_to",  # DTM*233, else the latest date of the lines
    "received_on",  # DTM*050
    "coverage_ended_on",  # DTM*036
    "coverage_amount",  # AMT*AU, cents
    "remarks",  # remark codes of MIA and MOA, separated by blanks
    "line_count",
    "balanced",  # the claim and each of its lines
    "more",
)

LINE = (
    "payment",
    "claim",
    "line",
    "qualifier",  # SVC01-1
    "procedure",  # SVC01-2
    "modifiers",  # SVC01-3 to -6, separated by blanks
    "description",  # SVC01-7
    "submitted_procedure",  # SVC06 when it differs from SVC01, its components joined by colons
    "charged",  # SVC02, cents
    "paid",  # SVC03, cents
    "adjusted",  # sum of the line's CAS, cents
    "revenue_code",  # SVC04, or SVC01-2 when SVC01-1 is NU
    "units",  # SVC05; 1 when empty, as the guide says
    "submitted_units",  # SVC07
    "service_from",  # DTM*150 or *472
    "service_to",  # DTM*151 or *472
    "allowed",  # AMT*B6, cents
    "control_number",  # REF*6R
    "rendering_npi",  # REF*HPI
    "remarks",  # remark codes of LQ*HE and LQ*RX, separated by blanks
    "balanced",
    "more",
)

ADJUSTMENT = (
    "payment",
    "level",  # C: claim, L: line
    "claim",
    "line",  # None at claim level
    "group",  # CAS01
    "reason",
    "amount",  # cents; positive lowers the payment
    "quantity",
)

PROVIDER_ADJUSTMENT = (
    "payment",
    "provider_id",  # PLB01
    "fiscal_period_ends_on",  # PLB02
    "reason",  # PLB03-1
    "reference",  # PLB03-2
    "amount",  # cents; positive lowers the payment
)


@dataclass(frozen=True, slots=True)
class Interchange:
    """One ISA. `raw` is the segment as sent, without its terminator; `elements` are ISA01 to ISA16, blanks cut."""

    raw: bytes
    elements: tuple[str, ...]
    separators: Separators
    segment: int
    offset: int

    def element(self, number: int) -> str:
        """ISA`number`, counted from 1; empty when it was not sent."""
        return self.elements[number - 1] if number <= len(self.elements) else ""


@dataclass(frozen=True, slots=True)
class Group:
    """One GS. `elements` are GS01 to GS08, blanks cut."""

    raw: bytes
    elements: tuple[str, ...]
    segment: int
    offset: int

    def element(self, number: int) -> str:
        """GS`number`, counted from 1; empty when it was not sent."""
        return self.elements[number - 1] if number <= len(self.elements) else ""


@dataclass(slots=True)
class Rows:
    """A check's rows below the payment itself, in the order of the file."""

    claims: list[Row] = field(default_factory=list)
    lines: list[Row] = field(default_factory=list)
    adjustments: list[Row] = field(default_factory=list)
    provider_adjustments: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Transaction:
    """One 835: a check, an EFT or a non-payment notice.

    `raw` is its own text from ST to SE with the last terminator. `importable` is False when the payment's amount
    or trace number is not known or the text is truncated; such a check must not be stored, or the whole one would
    later be taken for a duplicate. `balanced` is True when check, claims and lines all add up.
    """

    number: int
    payment: Row
    rows: Rows
    raw: bytes
    separators: Separators
    interchange: Interchange | None
    group: Group | None
    diagnostics: tuple[Diagnostic, ...]
    importable: bool
    balanced: bool
    segment: int
    offset: int

    def fact(self, column: str) -> int | str | bool | None:
        """A column of the payment by its name in `PAYMENT`. Raises ValueError for another name."""
        return self.payment[PAYMENT.index(column)]


@dataclass(frozen=True, slots=True)
class FileSummary:
    """The file as a whole, yielded last.

    `kind` is `835`, or what the file is instead: the number of another transaction set, `X12` (no transaction at
    all), `empty`, `PDF`, `text` and others of `file_kinds`. `other_sets` counts the transactions of each other set.
    """

    kind: str
    size: int
    sha256: str
    segments: int
    interchanges: int
    groups: int
    payments: int
    importable: int
    other_sets: dict[str, int]
    diagnostics: tuple[Diagnostic, ...]
