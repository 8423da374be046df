"""What the codes on a page mean: the plan's loaded text, else our own words, else nothing but the code."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal.api import PortalSession

from ..models import Adjustment, Claim, Line, ProviderAdjustment
from .explanations import GROUP_ADVICE, UNPROCESSABLE, Advice, Explanation, explanations
from .models import Code
from .plain_words import LIST_NAMES, NO_EXPLANATION, OURS

BESIDE_UNPROCESSABLE = f"Where {UNPROCESSABLE} stands beside it, send a new claim instead."


@dataclass(frozen=True)
class Meaning:
    """A code of a list and its text; `ours` when the words are the portal's own. No text: an unknown code. What one can
    do now is always the portal's own words. `unprocessable`: among the codes is the remark that leaves nothing to correct."""

    list: str
    code: str
    text: str = ""
    ours: bool = False
    explanation: Explanation | None = None
    unprocessable: bool = False

    @property
    def list_name(self) -> str:
        return LIST_NAMES[self.list]

    @property
    def shown(self) -> str:
        """The text, or that there is none."""
        return self.text or NO_EXPLANATION

    @property
    def short(self) -> str:
        """A word or two of ours, to go on after *Denied:*; empty where there is none."""
        return self.explanation.short if self.explanation is not None else ""

    @property
    def clause(self) -> str:
        """The first clause of our explanation; where we do not explain it, the loaded text, or that there is none."""
        return self.explanation.clause if self.explanation is not None else self.shown

    @property
    def source(self) -> str:
        """Whose words the text is; empty where there is none."""
        return "" if not self.text else "In our own words" if self.ours else "Published code list"

    @property
    def advice(self) -> str:
        """What one can do now; empty where that is not known."""
        one = self.explanation
        if one is not None:
            corrected = one.action == "corrected-claim" and UNPROCESSABLE not in one.now
            return f"{one.advice} {BESIDE_UNPROCESSABLE}" if self.unprocessable and corrected else one.advice
        return GROUP_ADVICE.get(self.code, "") if self.list == "GROUP" else ""


class Meanings:
    """Meanings by list and code; asking for an unknown code gives the bare code."""

    def __init__(self, known: Mapping[tuple[str, str], Meaning]) -> None:
        self._known = known

    def __call__(self, list_name: str, code: str | None) -> Meaning:
        return self._known.get((list_name, code or "")) or Meaning(list_name, code or "")

    def advice(self, group: str | None, reason: str | None, remarks: str | None = None) -> Advice:
        """What one can do now about an adjustment of this group for this reason, beside these remarks; may be empty."""
        known = self("CARC", reason).explanation
        if known is None:
            return Advice("", GROUP_ADVICE.get(group or "", ""))
        return known.advice_in(group).beside(remarks)

    def advice_for_all(self, group: str | None, reason: str | None) -> Advice:
        """What one can do about all adjustments of this group for this reason, whatever remarks each stands beside."""
        found = self.advice(group, reason)
        if found.action != "corrected-claim" or UNPROCESSABLE in found.text:
            return found
        return Advice(found.action, f"{found.text} {BESIDE_UNPROCESSABLE}")

    def remark_advice(self, code: str, remarks: str | None = None) -> Advice:
        """What one can do now about a remark, beside these others; may be empty."""
        known = self("RARC", code).explanation
        return known.advice_of_remark.beside(remarks) if known is not None else Advice("", "")

    def said(self, list_name: str, code: str, group: str, remarks: str) -> str:
        """What one can do now about a code that was asked for by itself: in a group, if one was given, beside these remarks."""
        known = self(list_name, code)
        if known.list == "RARC":
            return str(self.remark_advice(code, remarks))
        return str(self.advice(group, code, remarks)) if group else known.advice

    def all(self) -> list[Meaning]:
        """Every code asked for, list by list."""
        order = list(LIST_NAMES)
        return sorted(self._known.values(), key=lambda one: (order.index(one.list), one.code.rjust(8)))

    @property
    def has_ours(self) -> bool:
        return any(one.ours or one.advice for one in self._known.values())


def look_up(session: PortalSession, wanted: Mapping[str, Iterable[str | None]], on: dt.date | None) -> Meanings:
    """The meanings of codes, by list, as they were on the day of a payment; None: as they are now."""
    codes = {(name, code) for name, values in wanted.items() for code in values if code}
    loaded = _loaded(session, codes, on)
    unprocessable = ("RARC", UNPROCESSABLE) in codes
    known = {}
    for name, code in codes:
        text, ours = loaded.get((name, code)), explanations(name).get(code)
        own = ours.text if ours is not None else OURS.get(name, {}).get(code, "")
        is_ours = not text and bool(own)
        known[name, code] = Meaning(name, code, text or own, is_ours, ours, unprocessable)
    return Meanings(known)


def _loaded(session: PortalSession, codes: set[tuple[str, str]], on: dt.date | None) -> dict[tuple[str, str], str]:
    if not codes:
        return {}
    rows = session.execute(
        sa.select(Code.list, Code.code, Code.text, Code.valid_from, Code.valid_to)
        .where(Code.list.in_({name for name, _ in codes}), Code.code.in_({code for _, code in codes}))
        .order_by(Code.valid_from.asc().nulls_first())
    )
    found: dict[tuple[str, str], str] = {}
    for name, code, text, first, last in rows:
        if on is None or ((first is None or first <= on) and (last is None or last >= on)):
            found[name, code] = text
    return found


def codes_of(session: PortalSession, payment_id: int, claim: int | None = None) -> dict[str, set[str | None]]:
    """The codes that a payment uses, or one claim of it, by list."""
    of_claim = [] if claim is None else [Claim.claim == claim]
    of_line = [] if claim is None else [Line.claim == claim]
    of_adjustment = [] if claim is None else [Adjustment.claim == claim]
    claims = session.execute(
        sa.select(Claim.status, Claim.remarks).where(Claim.payment_id == payment_id, *of_claim).distinct()
    ).all()
    adjustments = session.execute(
        sa.select(Adjustment.group, Adjustment.reason)
        .where(Adjustment.payment_id == payment_id, *of_adjustment)
        .distinct()
    ).all()
    remarks = session.scalars(
        sa.select(Line.remarks).where(Line.payment_id == payment_id, Line.remarks.is_not(None), *of_line).distinct()
    ).all()
    used: dict[str, set[str | None]] = {
        "STATUS": {row.status for row in claims},
        "GROUP": {row.group for row in adjustments},
        "CARC": {row.reason for row in adjustments},
        "RARC": {code for text in (*remarks, *(row.remarks for row in claims)) for code in (text or "").split()},
    }
    if claim is None:
        used["PLB"] = set(
            session.scalars(
                sa.select(ProviderAdjustment.reason).where(ProviderAdjustment.payment_id == payment_id).distinct()
            )
        )
    return used
