"""Does a payment add up, and what else is odd about it: the one answer of the pages, the report, PDF, Excel and CSV."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal.api import PortalSession, show_count, show_money

from .models import Claim, Line, Payment
from .parts import Parts, parts_of
from .x12.balance import difference, holds
from .x12.marks import MOST_CLAIMS, UNNAMED, Marks, read_marks

_BETWEEN = {"LX", "PLB", "SE", "TS2", "TS3"}
_MOST_NAMED = 5
NO_MARKS = Marks()
OFF, OWED_UNCLEAR, CHARGES_OFF = "Does not add up", "Unclear what the patient owes", "Services charge something else"


@dataclass(frozen=True)
class Verdict:
    """A payment's balance: what claims pay less provider-level adjustments is the payment (ASC X12 005010X221A1, 1.10.2), and
    each claim and line adds up. Amounts are cents in `currency` (None: US dollars), `amount` negative for a debit. `parts`:
    it came in several, and is judged together with the others."""

    amount: int
    currency: str | None
    claims_paid: int | None
    adjusted: int | None
    unbalanced_claims: int
    marks: Marks = NO_MARKS
    parts: Parts | None = None

    @property
    def difference(self) -> int | None:
        """How much the payment is off; None where a figure could not be read."""
        return self.parts.difference if self.parts else difference(self.amount, self.claims_paid, self.adjusted)

    @property
    def holds(self) -> bool:
        return self.parts.holds if self.parts else holds(self.difference, self.unbalanced_claims)

    @property
    def is_debit(self) -> bool:
        """The plan takes the amount back."""
        return self.amount < 0

    @property
    def result(self) -> str:
        """The verdict in a few words, the same wherever it stands."""
        if self.holds:
            return "This payment adds up, all its parts together" if self.parts else "This payment adds up"
        return "The sum cannot be proved" if self.difference is None else "This payment does not add up"

    @property
    def rows(self) -> list[tuple[str, int | None, str | None]]:
        """The sum as it is written: label, cents, sign."""
        adjusted = self.adjusted
        if adjusted is not None and adjusted < 0:
            second: tuple[str, int | None, str | None] = ("Provider-level adjustments", -adjusted, "plus")
        else:
            second = ("Provider-level adjustments", adjusted, "minus")
        expected = None if self.claims_paid is None or adjusted is None else self.claims_paid - adjusted
        found = [("Paid for claims", self.claims_paid, None), second]
        if self.parts:
            found.append(("The other parts of the payment", self.parts.others_come_to, "plus"))
            expected = self.parts.comes_to
        return [*found, ("Adds up to", expected, "total")]

    @property
    def why(self) -> list[str]:
        """Why it does not add up, a sentence each; empty when it does."""
        return list(self._reasons())

    def _reasons(self) -> Iterator[str]:
        off = self.difference
        if off is None:
            yield "An amount in the remittance could not be read, so the sum cannot be proved."
        elif off:
            more = "more" if off > 0 else "less"
            what = "the claims and adjustments of all its parts" if self.parts else "its claims and adjustments"
            yield (
                f"The payment is {self._money(self.amount)}, which is {self._money(abs(off))} {more} than {what} add up to."
            )
        if self.unbalanced_claims:
            yield (
                f"In {show_count(self.unbalanced_claims, 'claim')}, marked in the list, the charge less the adjustments is not "
                "what was paid, in the claim itself or in one of its lines."
            )

        if self.parts and self.parts.unbalanced_elsewhere:
            count = self.parts.unbalanced_elsewhere
            yield f"{show_count(count, 'claim')} of its other parts {'does' if count == 1 else 'do'} not add up."

    @property
    def also(self) -> list[str]:
        """What else one should know before posting it, a sentence each: none of it is a matter of the balance."""
        return list(self._also())

    def _also(self) -> Iterator[str]:
        marks = self.marks
        if self.is_debit and not marks.negative:
            yield (
                f"This is a debit: the plan takes {self._money(-self.amount)} back from the account. No money comes with this "
                "remittance."
            )
        if marks.negative:
            yield (
                "The remittance gives a negative amount, which the standard does not allow. Ask the plan whether money is paid "
                "or taken back."
            )
        if show_money(0, self.currency) != show_money(0):
            yield f"All amounts of this payment are in {self.currency}, not in US dollars."
        if marks.missing:
            yield (
                f"The remittance has {show_count(marks.missing, 'segment')} fewer than its sender counted (SE01): a claim, a "
                "service line or a part of one may be missing. Ask the plan to send it again."
            )
        if marks.currency:
            named = "a currency" if marks.currency == UNNAMED else f"the currency “{marks.currency}”"
            yield (
                f"The remittance names {named}, which is not known. Amounts are shown as US dollars: ask the plan what they are."
            )
        for tag in marks.second:
            what = "amount, method and date" if tag == "BPR" else "number"
            yield f"The remittance gives the payment’s {what} twice ({tag}); the first one is shown."
        if marks.owed:
            yield (
                f"In {show_count(marks.owed, 'claim')}, marked in the list, it is unclear what the patient owes: the amount "
                "stated (CLP05) is not the sum of the adjustments to the patient (PR)."
            )
        if marks.charges:
            marked = (
                "marked in the list" if marks.charges <= MOST_CLAIMS else f"the first {MOST_CLAIMS} marked in the list"
            )
            yield (
                f"In {show_count(marks.charges, 'claim')} ({_some(marks.charges_in)} as the remittance counts them), {marked}, "
                "the service lines do not charge what the claim does: a line may be missing. Compare "
                f"{'it' if marks.charges == 1 else 'them'} with what you billed."
            )
        yield from self._misplaced()

    def _misplaced(self) -> Iterator[str]:
        before = [tag for claim, _, tag in self.marks.misplaced if not claim and tag not in _BETWEEN]
        inside = [(claim, tag) for claim, _, tag in self.marks.misplaced if claim and tag not in _BETWEEN]
        if before:
            yield (
                f"{show_count(len(before), 'segment')} ({_named(before)}) before the first claim: "
                f"{'it belongs' if len(before) == 1 else 'they belong'} to no claim, and no sum counts what is in there."
            )
        if inside:
            some = _some(sorted({claim for claim, _ in inside}))
            yield (
                f"{show_count(len(inside), 'segment')} ({_named([tag for _, tag in inside])}) in the wrong place, in claim "
                f"{some} as the remittance counts them. Compare these claims with your records."
            )
        if any(tag == "PLB" for _, _, tag in self.marks.misplaced):
            yield "A provider-level adjustment (PLB) stands before a claim; it is counted for the whole payment."

    def _money(self, cents: int) -> str:
        return show_money(cents, self.currency)


def _some(claims: Sequence[int]) -> str:
    return ", ".join(map(str, claims[:_MOST_NAMED])) + (" …" if len(claims) > _MOST_NAMED else "")


def charges_of_lines(claim: Claim, lines: Iterable[Line]) -> int | None:
    """What a claim's lines charge together, when that is not what the claim does; None when it is, or where the claim does not
    add up anyway."""
    charges = [line.charged or 0 for line in lines]
    return sum(charges) if claim.balanced and charges and sum(charges) != claim.charged else None


def _named(tags: list[str]) -> str:
    return ", ".join(dict.fromkeys(tags))


def claim_marks(claim: Any, charges_in: Collection[int] = ()) -> list[str]:
    """What does not fit together in a claim, a few words each, the same wherever claims are listed. Of a `Claim`, or of a row
    with its `balanced` and `patient_adjusted`. `charges_in`: the claims of its payment whose lines do not charge what they do."""
    found = {
        OFF: not claim.balanced,
        OWED_UNCLEAR: claim.patient_adjusted is not None,
        CHARGES_OFF: claim.claim in charges_in,
    }
    return [mark for mark, is_so in found.items() if is_so]


def judge(session: PortalSession, payment: Payment) -> Verdict:
    """The verdict on a stored payment, the one that its import came to."""
    unbalanced = 0
    if not payment.balanced:
        of_payment = sa.select(sa.func.count(Claim.claim)).where(Claim.payment_id == payment.id, ~Claim.balanced)
        unbalanced = session.scalar(of_payment) or 0
    return Verdict(
        payment.amount,
        payment.currency,
        payment.claims_paid,
        payment.provider_adjusted,
        unbalanced,
        read_marks(payment.marks),
        parts_of(session, payment),
    )
