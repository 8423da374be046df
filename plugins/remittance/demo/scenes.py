"""What the demo's payments are about: fourteen months of ordinary ones, and the special cases worth looking at."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, field, replace

from .writing import ClaimText, Patient, PayeeText, PaymentText, ProviderReason, Reason, Service

_LAST = ("TESTPATIENT", "SAMPLE", "EXAMPLE", "SPECIMEN", "PLACEHOLDER", "MOCKUP", "FICTITIOUS", "NOBODY", "DUMMY")
_FIRST = ("ALPHA", "BRAVO", "CHARLIE", "DELTA", "ECHO", "FOXTROT", "GOLF", "HOTEL", "INDIA", "JULIET", "KILO", "LIMA")
_VISITS = (("HC:99213", 14200), ("HC:99214:25", 20800), ("HC:36415", 1800), ("HC:80053", 6400), ("HC:93000", 9500))
_DENTAL = (("AD:D1110", 11200), ("AD:D0120", 6100), ("AD:D2392", 24800), ("AD:D0274", 7900))
_DRUGS = (("HC:90686", 4200), ("HC:90471", 3100), ("N4:00000000101", 18900))
_HEART = (("HC:93306", 88000), ("HC:93015", 41500), ("HC:99204", 31200))
_WARD = (
    ("NU:0120", 182000, "0120"),
    ("HC:80053", 9200, "0300"),
    ("HC:71046", 31000, "0320"),
    ("NU:0250", 8400, "0250"),
)
MANY_CLAIMS = 2_000
REPLACED = "940000050007"
"""The number of two payments of which the later has replaced the earlier."""
JOINED = "940000050025"
"""The number of one payment in two files, of which staff have said that they are its parts."""
NOT_JOINED = "940000050024"
"""The same, and staff have not decided yet."""


@dataclass
class Story:
    """Makes payments for one payee, each number, account and claim used once."""

    payee: PayeeText
    random: random.Random
    prefix: str
    payments: list[PaymentText] = field(default_factory=list)
    claims_made: int = 0

    def patient(self) -> Patient:
        pick = self.random
        number = pick.randrange(900)
        return Patient(_LAST[number % len(_LAST)], _FIRST[number % len(_FIRST)], f"DEMO{number:06}")

    def next_claim(self) -> tuple[str, str]:
        """The provider's and the payer's number of a new claim."""
        self.claims_made += 1
        return f"{self.prefix}{self.claims_made:05}", f"26{self.prefix}{self.claims_made:07}"

    def pay(
        self,
        number: str,
        method: str,
        issued: dt.date,
        claims: list[ClaimText],
        provider_reasons: tuple[ProviderReason, ...] = (),
        off_by: int = 0,
        currency: str = "",
    ) -> PaymentText:
        payment = PaymentText(number, method, issued, self.payee, tuple(claims), provider_reasons, off_by, currency)
        self.payments.append(payment)
        return payment

    def service(self, menu: tuple[tuple[str, int], ...], day: dt.date) -> Service:
        """A line priced below its charge, now and then with deductible, coinsurance or copay."""
        procedure, charged = self.random.choice(menu)
        off = charged * self.random.randrange(15, 45) // 100
        reasons = [Reason("CO", "45", off)]
        rest, dice = charged - off, self.random.random()
        if dice < 0.2:
            reasons.append(Reason("PR", "1", min(rest, 2500)))
        elif dice < 0.4:
            reasons.append(Reason("PR", "2", rest // 5))
        elif dice < 0.55:
            reasons.append(Reason("PR", "3", min(rest, 3000)))
        return Service(procedure, charged, tuple(reasons), day)

    def claim(self, menu: tuple[tuple[str, int], ...], issued: dt.date, lines: int = 2, **facts: str) -> ClaimText:
        account, control = self.next_claim()
        day = issued - dt.timedelta(days=self.random.randrange(12, 40))
        services = tuple(self.service(menu, day) for _ in range(self.random.randint(1, lines)))
        return ClaimText(account, control, self.patient(), services, **facts)  # type: ignore[arg-type]

    def denied(self, menu: tuple[tuple[str, int], ...], issued: dt.date, reason: Reason, *remarks: str) -> ClaimText:
        """A claim of one line of which nothing is paid."""
        claim = self.claim(menu, issued, lines=1)
        line = claim.services[0]
        nothing = replace(line, reasons=(replace(reason, amount=line.charged),), remarks=remarks)
        return replace(claim, services=(nothing,), status="4")

    def stay(self, issued: dt.date) -> ClaimText:
        """A hospital stay priced by DRG, dear or cheap by chance."""
        account, control = self.next_claim()
        share = self.random.randrange(80, 160)
        day = issued - dt.timedelta(days=self.random.randrange(20, 45))
        services = tuple(
            Service(procedure, price, (Reason("CO", "45", price * 38 // 100),), day, revenue=revenue)
            for procedure, price, revenue in ((code, charged * share // 100, place) for code, charged, place in _WARD)
        )
        owed = (Reason("PR", "2", 24500),)
        return ClaimText(
            account, control, self.patient(), services, facility="11", frequency="1", reasons=owed, drg="470"
        )


def ordinary(story: Story, menu: tuple[tuple[str, int], ...], days: list[dt.date], number: int, claims: int) -> None:
    """One payment for each day, mostly EFT, some checks."""
    for place, issued in enumerate(days):
        paid = [story.claim(menu, issued, lines=4) for _ in range(story.random.randint(2, claims))]
        if place % 5 == 2:
            paid.append(story.denied(menu, issued, Reason("CO", "29", 0)))
        if place % 7 == 3:
            paid.append(story.denied(menu, issued, Reason("CO", "16", 0), "N382"))
        is_check = place % 6 == 4
        story.pay(
            f"{number + place:010}" if is_check else f"94{number + place:010}",
            "CHK" if is_check else "ACH",
            issued,
            paid,
        )


@dataclass(frozen=True)
class Days:
    """The demo's calendar, counted back from today."""

    today: dt.date

    def back(self, days: int) -> dt.date:
        """So many days ago, or the Friday before when that is a weekend."""
        day = self.today - dt.timedelta(days=days)
        return day - dt.timedelta(days=max(0, day.weekday() - 4))

    def every(self, step: int, first: int = 0, until: int = 425) -> list[dt.date]:
        """Every `step` days, oldest first, the last one `first` days ago."""
        return [self.back(days) for days in reversed(range(first, until, step))]


def main_street(story: Story, days: Days) -> None:
    ordinary(story, _VISITS, days.every(14, 3), 30000, 9)
    # Paid too much in the first check; taken back in the second, paid right in the third.
    first = story.claim(_VISITS, days.back(75), lines=1)
    line = Service("HC:99215", 31000, (Reason("CO", "45", 9000), Reason("PR", "3", 3000)), days.back(95))
    first = replace(first, services=(line,))
    right = replace(first, services=(replace(line, procedure="HC:99213", reasons=(
        Reason("CO", "45", 18500), Reason("PR", "3", 3000))),), frequency="7")  # fmt: skip
    story.pay("940000050001", "ACH", days.back(75), [first, story.claim(_VISITS, days.back(75))])
    story.pay(
        "940000050002",
        "ACH",
        days.back(40),
        [first.reversed(), *(story.claim(_VISITS, days.back(40)) for _ in range(4))],
    )
    story.pay("940000050003", "ACH", days.back(12), [right, story.claim(_VISITS, days.back(12))])
    late = story.claim(_VISITS, days.back(9))
    story.pay("0000050004", "CHK", days.back(9), [late], (ProviderReason("L6", late.control, -412),))
    story.pay("940000050005", "ACH", days.back(5), [story.claim(_VISITS, days.back(5)) for _ in range(3)], off_by=1000)

    # Sent twice under one number: once with a claim more, which staff have yet to decide, and once corrected, which they have.
    issued = days.back(6)
    three = [replace(story.claim(_VISITS, issued), services=(story.service(_HEART, issued),)) for _ in range(3)]
    story.pay("940000050006", "ACH", issued, three[:2])
    story.pay("940000050006", "ACH", issued, three)
    issued = days.back(10)
    wrong, other = story.claim(_VISITS, issued, lines=1), story.claim(_VISITS, issued)
    line = wrong.services[0]
    corrected = replace(wrong, services=(replace(line, reasons=(*line.reasons, Reason("PR", "3", 500))),))
    story.pay(REPLACED, "ACH", issued, [wrong, other])
    story.pay(REPLACED, "ACH", issued, [corrected, other])
    odd(story, days)
    half_recovered(story, days)
    in_parts(story, days)


def in_parts(story: Story, days: Days) -> None:
    """One EFT in two files, twice: each states the whole amount and has a part of the claims."""
    for number, back in ((NOT_JOINED, 7), (JOINED, 11)):
        issued = days.back(back)
        first, second = ([story.claim(_VISITS, issued) for _ in range(count)] for count in (2, 3))
        for here, elsewhere in ((first, second), (second, first)):
            story.pay(number, "ACH", issued, here, off_by=sum(claim.paid for claim in elsewhere))


def odd(story: Story, days: Days) -> None:
    """What a biller should see before posting: a line that does not add up, another currency, more taken back than paid."""
    issued = days.back(4)
    wrong = story.claim(_VISITS, issued, lines=1)
    line = replace(wrong.services[0], misstated=500)
    story.pay("940000050016", "ACH", issued, [replace(wrong, services=(line,)), story.claim(_VISITS, issued)])
    story.pay("940000050017", "ACH", days.back(15), [story.claim(_VISITS, days.back(15))], currency="CAD")
    small = story.claim(_VISITS, days.back(3), lines=1)
    story.pay("940000050018", "ACH", days.back(3), [small], (ProviderReason("WO", small.control, small.paid + 6000),))
    reversed_denial(story, days)


def harbor(story: Story, days: Days) -> None:
    ordinary(story, _VISITS, days.every(21, 6), 31000, 6)
    issued = days.back(8)
    story.pay(
        "NP0000051",
        "NON",
        issued,
        [
            story.denied(_VISITS, issued, Reason("CO", "97", 0), "N19"),
            story.denied(_VISITS, issued, Reason("PR", "96", 0), "N130"),
            story.denied(_VISITS, issued, Reason("CO", "18", 0)),
        ],
    )
    # What to do next differs: a new claim, a corrected one, an appeal, another payer, the patient, and a code nobody explains.
    issued = days.back(4)
    story.pay(
        "NP0000056",
        "NON",
        issued,
        [
            story.denied(_VISITS, issued, Reason("CO", "16", 0), "MA130", "N290"),
            story.denied(_VISITS, issued, Reason("CO", "16", 0), "MA61"),
            story.denied(_VISITS, issued, Reason("CO", "50", 0), "N115"),
            story.denied(_VISITS, issued, Reason("OA", "22", 0), "MA04"),
            story.denied(_VISITS, issued, Reason("PR", "204", 0)),
            story.denied(_VISITS, issued, Reason("CO", "Z99", 0)),
        ],
    )


def hospital(story: Story, days: Days) -> None:
    for place, issued in enumerate(days.every(14, 4)):
        story.pay(f"94{32000 + place:010}", "ACH", issued, [story.stay(issued) for _ in range(2 + place % 3)])
    # An overpayment: corrected at once, the money deferred, then recovered from a later payment.
    old, issued = story.stay(days.back(120)), days.back(60)
    story.pay("940000052001", "ACH", days.back(120), [old, story.stay(days.back(120))])
    less = (Reason("PR", "2", 24500), Reason("CO", "97", 50000))
    corrected = replace(old, reasons=less, frequency="7")
    owed = old.paid - corrected.paid
    story.pay(
        "940000052002",
        "ACH",
        issued,
        [old.reversed(), corrected, story.stay(issued)],
        (ProviderReason("WO", old.control, -owed),),
    )
    story.pay(
        "940000052003", "ACH", days.back(25), [story.stay(days.back(25))], (ProviderReason("WO", old.control, owed),)
    )
    issued = days.back(2)
    lab = [story.claim(_VISITS, issued, lines=3) for _ in range(MANY_CLAIMS)]
    story.pay("940000052004", "ACH", issued, lab)

    stay = story.stay(days.back(18))
    paid_less = replace(
        stay.services[0], units=2, billed=("NU:0120", 3), further=(("REF", "LU", "WARD-2"), ("AMT", "T", "12.5"))
    )
    further = (
        ("MIA", "2", "", "", "9400.5"),
        ("REF", "EA", "MR-0005201"),
        ("AMT", "AU", "1500"),
        ("AMT", "I", "8.25"),
        ("QTY", "CA", "2"),
    )
    stay = replace(stay, services=(paid_less, *stay.services[1:]), further=further)
    story.pay("940000052005", "ACH", days.back(18), [stay], (ProviderReason("L6", stay.control, -825),))
    recoveries(story, days)


def recoveries(story: Story, days: Days) -> None:
    """A recovery of which half has been taken, and a balance that a payment could not bear and the next one does."""
    old, issued = story.stay(days.back(80)), days.back(45)
    story.pay("940000052006", "ACH", days.back(80), [old])
    less = replace(old, reasons=(*old.reasons, Reason("CO", "97", 30000)), frequency="7")
    put_off = (ProviderReason("WO", old.control, -30000),)
    story.pay("940000052007", "ACH", issued, [old.reversed(), less, story.stay(issued)], put_off)
    half = (ProviderReason("WO", old.control, 15000),)
    story.pay("940000052008", "ACH", days.back(17), [story.stay(days.back(17))], half)
    taken, issued = story.claim(_VISITS, days.back(16), lines=1), days.back(16)
    more = taken.paid + 20000
    story.pay(
        "NP0000057",
        "NON",
        issued,
        [taken],
        (ProviderReason("WO", f"26{story.prefix}9000001", more), ProviderReason("FB", "NP0000057", -20000)),
    )
    story.pay(
        "940000052009", "ACH", days.back(13), [story.stay(days.back(13))], (ProviderReason("FB", "NP0000057", 20000),)
    )


def reversed_denial(story: Story, days: Days) -> None:
    """A denial that the plan has taken back and paid."""
    denied = story.denied(_VISITS, days.back(50), Reason("CO", "197", 0))
    line = denied.services[0]
    paid = replace(line, reasons=(Reason("CO", "45", line.charged // 4),), remarks=())
    story.pay("940000050019", "ACH", days.back(50), [denied, story.claim(_VISITS, days.back(50))])
    again = replace(denied, services=(paid,), status="1", frequency="7")
    story.pay("940000050020", "ACH", days.back(14), [denied.reversed(), again])


def half_recovered(story: Story, days: Days) -> None:
    """A visit that was paid too much and corrected: the plan puts the money off and has taken a part of it since."""
    claim, issued = story.claim(_VISITS, days.back(72), lines=1), days.back(38)
    line = Service("HC:99215", 31000, (Reason("CO", "45", 9000),), days.back(90))
    first = replace(claim, services=(line,))
    less = replace(line, reasons=(Reason("CO", "45", 9000), Reason("CO", "97", 12500)))
    right = replace(first, services=(less,), frequency="7")
    story.pay("940000050021", "ACH", days.back(72), [first])
    put_off = (ProviderReason("WO", first.control, -12500),)
    story.pay("940000050022", "ACH", issued, [first.reversed(), right, story.claim(_VISITS, issued)], put_off)
    issued = days.back(18)
    paid = [replace(story.claim(_VISITS, issued), services=(story.service(_HEART, issued),))]
    story.pay("940000050023", "ACH", issued, paid, (ProviderReason("WO", first.control, 5000),))


def dental(story: Story, days: Days) -> None:
    ordinary(story, _DENTAL, days.every(28, 10), 33000, 7)
    issued = days.back(7)
    story.pay(
        "0000053001",
        "CHK",
        issued,
        [story.denied(_DENTAL, issued, Reason("PR", "119", 0), "N130"), story.claim(_DENTAL, issued)],
    )


def pharmacy(story: Story, days: Days) -> None:
    ordinary(story, _DRUGS, days.every(28, 12), 34000, 10)
    story.pay("940000054001", "ACH", days.back(6), [story.claim(_DRUGS, days.back(6), lines=1) for _ in range(8)])


def specialty(story: Story, days: Days) -> None:
    ordinary(story, _HEART, days.every(28, 5), 35000, 4)
    issued = days.back(11)
    claim = story.claim(_HEART, issued)
    # Everything of this payment is kept back for an older debt.
    story.pay("NP0000055", "NON", issued, [claim], (ProviderReason("WO", f"26{story.prefix}0000001", claim.paid),))


def not_linked(story: Story, days: Days) -> None:
    for place, issued in enumerate((days.back(33), days.back(13))):
        story.pay(f"{57001 + place:010}", "CHK", issued, [story.claim(_VISITS, issued) for _ in range(3)])


def without_npi(story: Story, days: Days) -> None:
    # Whoever registers under the practitioner's name is asked whether they are that person.
    rendered = [replace(story.claim(_VISITS, days.back(13)), rendering=("SAMPLE", "1999900578")) for _ in range(2)]
    story.pay("0000060001", "CHK", days.back(13), rendered)


def not_validated(story: Story, days: Days) -> None:
    story.pay("0000058001", "CHK", days.back(20), [story.claim(_VISITS, days.back(20)) for _ in range(2)])


def not_on_record(story: Story, days: Days) -> None:
    for place, issued in enumerate((days.back(50), days.back(44), days.back(30), days.back(16))):
        story.pay(f"{59001 + place:010}", "CHK", issued, [story.claim(_VISITS, issued)])


STORIES = {
    "V100001": main_street,
    "V100002": harbor,
    "V100003": hospital,
    "V100004": dental,
    "V100005": pharmacy,
    "V100006": specialty,
    "V100007": not_linked,
    "V100008": not_validated,
    "V100009": without_npi,
    "": not_on_record,
}
"""By the payee's vendor number; the last has none, for it stands in no record."""

WORTH_TRYING = {
    "940000050001": "a claim that is taken back and corrected in two later payments",
    "940000050002": "the reversal of a claim paid in an earlier payment",
    "940000050003": "the correction of that claim",
    "0000050004": "a paper check with interest (PLB L6); spaces and leading zeros do not matter",
    "940000050005": "an EFT that does not balance",
    "940000050016": "an EFT in which one service line does not add up",
    "940000050017": "an EFT in Canadian dollars",
    "940000050018": "a debit: more is taken back than is paid",
    "940000050022": "a correction whose money is put off (PLB WO); a part of it is still open under Recoveries",
    "940000050023": "the payment that has taken a part of that money",
    "940000050006": "two EFTs have this number; staff have not decided yet what they are",
    REPLACED: "two EFTs have this number; the later, with a corrected claim, has replaced the earlier",
    NOT_JOINED: "one EFT in two files, each with some of its claims; staff have yet to say that they are its parts",
    JOINED: "one EFT in two files: parts of one payment, which balance together, and whose amount counts once",
    "NP0000051": "every claim is denied",
    "NP0000056": "denials that ask for different things: what can I do now, code by code",
    "940000052002": "a correction whose money is taken back later (PLB WO)",
    "940000052003": "the recovery, referring to the corrected claim",
    "940000052004": "an EFT with 2,000 claims",
    "940000052005": "interest, covered days, medical record number and what else a remittance says of a claim and its lines",
    "0000053001": "a dental check",
    "940000054001": "an EFT to a pharmacy",
    "0000060001": "paid to a payee with a Tax ID and no NPI, linked by nobody: add it and leave the NPI empty",
    "0000057001": "paid to a payee that nobody has linked yet: add it under Tax ID & NPI access with this number",
}
