"""Makes synthetic, balanced 835 files (005010X221A1) of any size.

Every name, identifier and amount is invented; NPIs pass the Luhn check. Money balances at the three levels that the
implementation guide asks for: lines, claims, check.

    python -m tests.tools.gen835 OUT --bytes 1000000 [--seed 835] [--newline lf]
"""

import argparse
import datetime as dt
import random
from dataclasses import dataclass
from pathlib import Path

from hp_portal_plugins.remittance.demo.segments import Envelope, Marks, money, reasons

LAST = [
    "ABARA", "BRENNICK", "CASTELLO", "DUMONT", "ESTRADA", "FAIRWEATHER", "GANNON", "HOLLOWAY", "IBSEN", "JARRETT",
    "KOWAL", "LINDQUIST", "MARCHETTI", "NAKAMURA", "OYELARAN", "PRZYBYLSKI", "QUIMBY", "RASMUSSEN", "SALDIVAR", "TRAN",
    "UNDERHILL", "VOSS", "WHITTAKER", "YBARRA", "ZELLER",
]  # fmt: skip
FIRST = [
    "ADA", "BRUNO", "CARLA", "DMITRI", "ELENA", "FELIX", "GRACE", "HUGO", "IRIS", "JONAS",
    "KEIKO", "LEO", "MARIA", "NED", "OPAL", "PABLO", "RUTH", "SAM", "TESS", "VICTOR",
]  # fmt: skip
FACILITIES = ["CLINIC", "MEDICAL GROUP", "HOSPITAL", "PEDIATRICS", "IMAGING"]
CITIES = [
    ("SPRINGFIELD", "IL", "62701"), ("DAYTON", "OH", "45402"), ("AUSTIN", "TX", "78701"),
    ("SALEM", "OR", "97301"), ("MOBILE", "AL", "36602"), ("TRENTON", "NJ", "08608"),
]  # fmt: skip
PROCEDURES = [
    "99213", "99214", "99203", "93000", "36415", "80053", "85025", "71046", "97110", "90686",
    "96372", "J1885", "G0439", "20610", "45378", "A0429",
]  # fmt: skip
MODIFIERS = ["", "", "", "", "25", "59", "TC", "26", "LT"]
REMARKS = ["N130", "N381", "M15", "MA130", "N19", "M80", "N620", "MA07"]
BASE = dt.date(2026, 3, 2)
PAYER = ("MERIDIAN VALLEY HEALTH PLAN", "1512345678", "MVHP1")
NEWLINES = {"": "", "lf": "\n", "crlf": "\r\n"}


@dataclass(frozen=True)
class Options:
    """What to make. `claims` and `lines` are the least and the most a check and a claim have."""

    bytes: int = 1_000_000
    seed: int = 835
    claims: tuple[int, int] = (5, 120)
    lines: tuple[int, int] = (1, 6)
    reversals: float = 0.02
    plb: float = 0.25
    plain: bool = False
    """No payer contacts, a numeric payer id, one LX a check: what some other readers need."""
    newline: str = "lf"
    terminator: str = "~"
    element: str = "*"
    component: str = ":"


@dataclass(frozen=True)
class Line:
    """A service line before its sign is known; amounts in cents."""

    procedure: str
    modifier: str
    charged: int
    allowed: int
    denied: bool
    deductible: int
    coinsurance: int
    copay: int
    sequestration: int
    denial_reason: str
    units: int

    @property
    def paid(self) -> int:
        if self.denied:
            return 0
        return self.allowed - self.deductible - self.coinsurance - self.copay - self.sequestration

    @property
    def owed(self) -> int:
        """What the patient owes."""
        if self.denied:
            return self.charged if self.denial_reason == "96" else 0
        return self.deductible + self.coinsurance + self.copay

    def adjustments(self) -> dict[str, list[tuple[str, int]]]:
        """Reasons and amounts by group."""
        if self.denied:
            return {"PR" if self.denial_reason == "96" else "CO": [(self.denial_reason, self.charged)]}
        found: dict[str, list[tuple[str, int]]] = {}
        if self.charged != self.allowed:
            found.setdefault("CO", []).append(("45", self.charged - self.allowed))
        if self.sequestration:
            found.setdefault("CO", []).append(("253", self.sequestration))
        for reason, amount in (("1", self.deductible), ("2", self.coinsurance), ("3", self.copay)):
            if amount:
                found.setdefault("PR", []).append((reason, amount))
        return found


@dataclass(frozen=True)
class Claim:
    """A claim that can be written again as its own reversal."""

    lines: list[Line]
    patient: tuple[str, str, str, str]
    service: dt.date
    payer_control: str
    patient_control: str
    penalty: bool
    rendering: str
    facility: str
    filing: str
    remitted: bool


@dataclass
class Counts:
    """What was made, for tests to compare with: numbers of rows and the sum of BPR02 in cents."""

    checks: int = 0
    claims: int = 0
    lines: int = 0
    adjustments: int = 0
    provider_adjustments: int = 0
    segments: int = 0
    paid: int = 0


def npi(r: random.Random) -> str:
    """A random NPI with its Luhn digit."""
    text = "1" + "".join(str(r.randrange(10)) for _ in range(8))
    total = 24
    for place, digit in enumerate(reversed(text)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return text + str((10 - total % 10) % 10)


class Generator:
    """Writes one file; `counts` tells what is in it."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.r = r = random.Random(options.seed)
        self.marks = Marks(options.element, options.component, options.terminator + NEWLINES[options.newline])
        self.out: list[str] = []
        self.size = 0
        self.segments = 0
        self.counts = Counts()
        self.providers = []
        for _ in range(40):
            city = r.choice(CITIES)
            name = f"{r.choice(LAST)} {r.choice(FACILITIES)}"
            self.providers.append((name, npi(r), f"{r.randrange(10**8, 10**9):09d}", city))
        self.individuals = [npi(r) for _ in range(120)]
        self.claim_number = 0

    def segment(self, *elements: str) -> None:
        """Adds a segment, empty elements at its end left out."""
        self._add(self.marks.segment(*elements))

    def _add(self, text: str) -> None:
        self.out.append(text)
        self.size += len(text)
        self.segments += 1
        self.counts.segments += 1

    def cas(self, group: str, items: list[tuple[str, int]]) -> None:
        for elements in reasons(group, items):
            self.segment(*elements)
        self.counts.adjustments += len(items)

    def new_line(self, status: str) -> Line:
        r = self.r
        charged = r.randrange(2500, 90000)
        allowed = charged if r.random() < 0.1 else charged * r.randint(35, 90) // 100
        denied = status == "4" or r.random() < 0.06
        deductible = coinsurance = copay = sequestration = 0
        if not denied:
            chance = r.random()
            if chance < 0.18:
                deductible = allowed if r.random() < 0.3 else allowed * r.randint(10, 60) // 100
            if chance < 0.45:
                coinsurance = (allowed - deductible) * 20 // 100
            elif chance < 0.6:
                copay = min(allowed, r.choice([1500, 2000, 4000]))
            if r.random() < 0.2:
                sequestration = (allowed - deductible - coinsurance - copay) * 2 // 100
        return Line(
            r.choice(PROCEDURES), r.choice(MODIFIERS), charged, allowed, denied, deductible, coinsurance, copay,
            sequestration, r.choice(["16", "96", "97", "197", "29", "50"]), r.randint(1, 4),
        )  # fmt: skip

    def new_claim(self, status: str) -> Claim:
        r = self.r
        self.claim_number += 1
        lines = [self.new_line(status) for _ in range(r.randint(*self.options.lines))]
        patient = (r.choice(LAST), r.choice(FIRST), r.choice("ABCDEFGHJKLM "), f"W{r.randrange(10**9):09d}")
        service = BASE - dt.timedelta(days=r.randint(7, 120))
        payer_control = f"{service.year:04d}{r.randrange(10**11):011d}"
        penalty = r.random() < 0.05 and status != "4"
        return Claim(
            lines, patient, service, payer_control, f"P{self.claim_number:08d}", penalty, r.choice(self.individuals),
            r.choice(["11", "22", "21", "81"]), r.choice(["12", "13", "MC", "HM"]), r.random() < 0.6,
        )  # fmt: skip

    def claim(self, status: str, claim: Claim, sign: int = 1) -> int:
        """Writes a claim, or with `sign` -1 its reversal; what it pays in cents."""
        charged = sum(line.charged for line in claim.lines)
        paid = sum(line.paid for line in claim.lines)
        owed = sum(line.owed for line in claim.lines)
        # A reduction of the claim as a whole (filed late), off no line.
        penalty = paid * 10 // 100 if claim.penalty and paid > 0 else 0
        self.segment(
            "CLP", claim.patient_control, status, money(sign * charged), money(sign * (paid - penalty)),
            money(owed) if owed and sign > 0 else "", claim.filing, claim.payer_control, claim.facility, "1",
        )  # fmt: skip
        if penalty:
            self.cas("CO", [("B4", sign * penalty)])
        self._claim_head(status, claim, sign)
        for number, line in enumerate(claim.lines, 1):
            self._line(line, claim, sign, number)
        self.counts.claims += 1
        self.counts.lines += len(claim.lines)
        return sign * (paid - penalty)

    def _claim_head(self, status: str, claim: Claim, sign: int) -> None:
        last, first, middle, member = claim.patient
        day = claim.service.strftime("%Y%m%d")
        self.segment("NM1", "QC", "1", last, first, middle.strip(), "", "", "MI", member)
        if claim.remitted:
            self.segment("NM1", "82", "1", last[::-1], "PAT", "", "", "", "XX", claim.rendering)
        if status == "4" or claim.remitted:
            self.segment("MOA", "", "", self.r.choice(REMARKS))
        self.segment("REF", "1L", f"GRP{int(claim.payer_control[-6:]):06d}")
        self.segment("REF", "EA", "MR" + claim.payer_control[-8:])
        self.segment("DTM", "232", day)
        self.segment("DTM", "233", day)
        self.segment("DTM", "050", (claim.service + dt.timedelta(days=6)).strftime("%Y%m%d"))
        allowed = sum(line.allowed for line in claim.lines if not line.denied)
        if allowed and sign > 0:
            self.segment("AMT", "AU", money(allowed))

    def _line(self, line: Line, claim: Claim, sign: int, number: int) -> None:
        procedure = self.options.component.join(text for text in ("HC", line.procedure, line.modifier) if text)
        self.segment("SVC", procedure, money(sign * line.charged), money(sign * line.paid), "", str(line.units))
        self.segment("DTM", "472", claim.service.strftime("%Y%m%d"))
        for group, items in line.adjustments().items():
            self.cas(group, [(reason, sign * amount) for reason, amount in items])
        self.segment("REF", "6R", f"{claim.patient_control}{number:03d}")
        if not line.denied and sign > 0:
            self.segment("AMT", "B6", money(line.allowed))
        if line.denied:
            self.segment("LQ", "HE", self.r.choice(REMARKS))

    def _claims(self, room: int) -> int:
        """Writes the claims of a check until it has enough or `room` bytes are used; what they pay in cents."""
        r, start = self.r, self.size
        wanted = r.randint(*self.options.claims)
        paid = made = headers = 0
        history: list[Claim] = []
        while made < wanted and self.size - start < room:
            if made == 0 or (made % 60 == 0 and not self.options.plain):
                headers += 1
                self.segment("LX", str(headers))
            chance = r.random()
            if chance < self.options.reversals and history:
                old = history[r.randrange(len(history))]
                paid += self.claim("22", old, -1) + self.claim("1", old)
                made += 2
                continue
            status = "4" if chance > 0.93 else ("2" if chance > 0.88 else ("19" if chance > 0.86 else "1"))
            claim = self.new_claim(status)
            paid += self.claim(status, claim)
            if status == "1" and len(history) < 50:
                history.append(claim)
            made += 1
        return paid

    def _provider_adjustments(self, provider: str, paid: int) -> int:
        """Writes a PLB now and then; the sum of its amounts in cents."""
        r, total = self.r, 0
        if r.random() >= self.options.plb:
            return 0
        elements = ["PLB", provider, f"{BASE.year}1231"]
        for code in r.sample(["WO", "72", "L6", "CS", "FB", "J1", "AP"], r.randint(1, 3)):
            amount = r.randrange(100, 25000)
            if code in ("L6", "J1") or r.random() < 0.3:
                amount = -amount
            if paid - total - amount < 0:
                amount = -abs(amount)
            elements += [self.options.component.join((code, f"{r.randrange(10**12):012d}")), money(amount)]
            total += amount
            self.counts.provider_adjustments += 1
        self.segment(*elements)
        return total

    def transaction(self, number: int, room: int) -> None:
        """Writes one check. Its head is written last, because it has the sum, and put before the claims."""
        r = self.r
        provider = r.choice(self.providers)
        before, self.out, self.segments = self.out, [], 0
        paid = self._claims(room)
        total = paid - self._provider_adjustments(provider[1], paid)
        if total < 0:
            reference = self.options.component.join(("FB", f"{number:012d}"))
            self.segment("PLB", provider[1], f"{BASE.year}1231", reference, money(total))
            self.counts.provider_adjustments += 1
            total = 0
        body, self.out = self.out, []
        self._head(number, total, provider)
        self.out = [*before, *self.out, *body]
        self.segment("SE", str(self.segments + 1), f"{number:04d}")
        self.counts.checks += 1
        self.counts.paid += total

    def _head(self, number: int, total: int, provider: tuple[str, str, str, tuple[str, str, str]]) -> None:
        r = self.r
        name, tin, payer = PAYER
        day = (BASE + dt.timedelta(days=number % 28)).strftime("%Y%m%d")
        self.segment("ST", "835", f"{number:04d}")
        method = "NON" if total == 0 else ("ACH" if r.random() < 0.7 else "CHK")
        trace = f"{r.randrange(10**9, 10**10)}"
        if method == "ACH":
            self.segment(
                "BPR", "I", money(total), "C", "ACH", "CCP", "01", "999988880", "DA", "0012345678", tin, "",
                "01", "999999992", "DA", f"{r.randrange(10**10):010d}", day,
            )  # fmt: skip
        else:
            handling = "I" if method == "CHK" else "H"
            self.segment("BPR", handling, money(total), "C", method, *[""] * 11, day)
        self.segment("TRN", "1", trace, tin)
        self.segment("REF", "EV", "CLRHOUSE01")
        self.segment("DTM", "405", day)
        self.segment("N1", "PR", name, "XV", "60054" if self.options.plain else payer)
        self.segment("N3", "400 LONG MEADOW RD")
        self.segment("N4", "ALBANY", "NY", "12207")
        self.segment("REF", "2U", "12345")
        if not self.options.plain:
            self.segment("PER", "CX", "PROVIDER SERVICES", "TE", "8005550100")
            self.segment("PER", "BL", "EDI SUPPORT", "TE", "8005550101", "EM", "edi@example.org")
        self.segment("N1", "PE", provider[0], "XX", provider[1])
        self.segment("N3", f"{r.randint(1, 9999)} MAIN ST")
        self.segment("N4", *provider[3])
        self.segment("REF", "TJ", provider[2])

    def file(self) -> str:
        """The whole file."""
        envelope = Envelope("MVHP1", "CLRHOUSE01", dt.datetime(2026, 3, 2, 6, 45, tzinfo=dt.UTC), 731, self.marks)
        for text in envelope.head():
            self._add(text)
        number = 0
        while self.size < self.options.bytes:
            number += 1
            self.transaction(number, self.options.bytes - self.size)
        for text in envelope.foot(number):
            self._add(text)
        return "".join(self.out)


def generate(options: Options | None = None, **changes: object) -> bytes:
    """A whole file. `changes` are fields of `Options`, such as `bytes=50_000, seed=2`."""
    return generate_counted(options, **changes)[0]


def generate_counted(options: Options | None = None, **changes: object) -> tuple[bytes, Counts]:
    """A whole file and what is in it."""
    made = Generator(options or Options(**changes))  # type: ignore[arg-type]
    return made.file().encode("ascii"), made.counts


def main() -> None:
    """Writes a file as the command line says."""
    parser = argparse.ArgumentParser(description="Make a synthetic, balanced 835.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--bytes", type=int, default=Options.bytes)
    parser.add_argument("--seed", type=int, default=Options.seed)
    parser.add_argument("--newline", choices=list(NEWLINES), default=Options.newline)
    asked = parser.parse_args()
    data, counts = generate_counted(Options(bytes=asked.bytes, seed=asked.seed, newline=asked.newline))
    asked.out.write_bytes(data)
    print(asked.out, len(data), counts)


if __name__ == "__main__":
    main()
