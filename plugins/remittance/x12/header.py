"""The head of a check, from ST to the first claim: payment, payer, payee."""

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import ClassVar

from .check_reader import CheckReader
from .codes import HEAD_SEGMENTS, PAYMENT_METHODS, PAYMENT_SEGMENTS
from .dates import iso_date
from .marks import UNNAMED
from .money import dollars
from .readable_text import display

_CONTACT_VALUES = {"TE": "phone", "EX": "extension", "EM": "email", "UR": "url", "FX": "fax"}
_CURRENCY = re.compile("[A-Z]{3}")
_CURRENCY_WORD = re.compile("[A-Za-z]{1,10}")
_DOLLARS = "USD"
_FILLING = [""] * 17  # so that every element that is asked for is there
_BODY_SEGMENTS = frozenset({"SE", "PLB", "LX", "TS2", "TS3"})
_REFERENCES = {
    ("", "EV"): "receiver_id",
    ("payer", "2U"): "payer_reference",
    ("payee", "PQ"): "payee_number",
    ("payee", "TJ"): "payee_tin",
}
"""Columns of REF by the loop it stands in (before 1000A, 1000A, 1000B) and its qualifier."""


@lru_cache(maxsize=256)
def _json(contacts: tuple[tuple[tuple[str, str], ...], ...]) -> str:
    """Contacts as a JSON array of objects: the same ones in every check of a payer."""
    return json.dumps([dict(contact) for contact in contacts], ensure_ascii=False, separators=(",", ":"))


def _padded(segments: list[list[str]], element: str) -> bool:
    """Whether there may be blanks around an element: a look at the whole is quicker than one at each."""
    text = element.join(element.join(segment) for segment in segments)
    return f" {element}" in text or f"{element} " in text or text.endswith(" ")


class Header:
    """Reads the head of a check. `facts` has the columns of `records.PAYMENT` that were sent; what is missing or
    malformed becomes a note of the check."""

    def __init__(self, check: CheckReader) -> None:
        self.check = check
        self.facts: dict[str, int | str] = {}
        self.contacts: list[dict[str, str]] = []
        self.loop = ""
        self.at = 0
        self.segment: list[str] = []  # as it was sent; readers get their elements as people read them
        self.payment_at = 0  # where BPR stands

    def read(self, segments: list[list[str]]) -> None:
        """Reads the segments before the first CLP.

        Raises BrokenOffError at a segment of the envelope.
        """
        seen, plain = set(), self.check.plain and not _padded(segments, self.check.syntax.element)
        for self.at, segment in enumerate(segments):
            self.segment = segment
            tag = segment[0]
            if tag not in PAYMENT_SEGMENTS and (tag != "ST" or self.at):
                self.check.expect(tag)
            seen.add(tag)
            if tag in PAYMENT_SEGMENTS and tag not in HEAD_SEGMENTS:
                before = "stands before the first claim: it belongs to no claim, and its amounts are not counted."
                self.check.misplace(segment, 0, 0, self.at, before, "segment.left-out")
            if tag in self._READERS and (tag != "N1" or segment[1:2] in (["PR"], ["PE"])):
                values = segment if plain else [display(text).strip() for text in segment]
                if not self._READERS[tag](self, values + _FILLING):
                    self.check.leftover.append(segment)
            elif tag in _BODY_SEGMENTS:
                self.check.special(segment, 0, 0, self.at)
            else:
                self._leave(tag, segment)
        for tag, missing in (("BPR", "BPR: the payment's amount"), ("TRN", "TRN: the payment's number")):
            if tag not in seen:
                self.check.note("element.missing", 0, 0, 0, "", f"There is no {missing} is not known.")
        if self.contacts:
            self.facts["payer_contacts"] = _json(tuple(tuple(contact.items()) for contact in self.contacts))

    def _leave(self, tag: str, segment: list[str]) -> None:
        if tag not in PAYMENT_SEGMENTS:
            self.check.unknown(segment, 0, 0, self.at)
        self.check.leftover.append(segment)

    def _put(self, column: str, value: int | str | None) -> bool:
        """The first value sent of a column counts; a later one is left to `more`."""
        if column in self.facts:
            return False
        if value is not None and value != "":
            self.facts[column] = value
        return True

    def _note(self, rule: str, place: int, message: str) -> None:
        self.check.note(rule, 0, 0, self.at, self._sent(place), message)

    def _sent(self, place: int) -> str:
        """An element as it was sent: what is left out for display must not mend an amount."""
        return self.segment[place] if place < len(self.segment) else ""

    def _st(self, st: list[str]) -> bool:
        return self._put("control_number", st[2])

    def _bpr(self, bpr: list[str]) -> bool:
        if "amount" in self.facts or "method" in self.facts:
            self._note("bpr.second", 0, "There are two BPR: the first one counts.")
            return False
        self.payment_at = self.at
        self._put("handling_code", bpr[1])
        self._put("amount", self._signed(self.check.amount(self._sent(2), "BPR02", 0, 0, self.at), bpr[3]))
        self._put("credit_debit", bpr[3])
        self._put("method", bpr[4])
        if not bpr[4]:
            self._note("element.missing", 4, "BPR04 is empty: the method of payment is not known.")
        elif bpr[4] not in PAYMENT_METHODS:
            self._note("code.unknown", 4, "BPR04 is not a known method of payment.")
        day = iso_date(self._sent(16))
        if day is None:
            self._note("element.date", 16, "BPR16 is not a date CCYYMMDD.")
        self._put("effective_on", day)
        return True

    def _signed(self, amount: int | None, flag: str) -> int | None:
        """BPR02 with the sign that BPR03 gives it: D says that the payer takes it back."""
        if flag not in ("C", "D", ""):
            self._note("code.unknown", 3, "BPR03 is neither C nor D: the amount is taken as paid.")
        if amount is None:
            return None
        if amount < 0:
            self._note("amount.negative", 2, f"BPR02 is {dollars(amount)}; an amount must not be negative.")
        if flag == "D":
            taken = -abs(amount)
            self._note(
                "amount.debit", 2, f"BPR03 is D: the payer takes the amount back, so it counts as {dollars(taken)}."
            )
            return taken
        return amount

    def _cur(self, cur: list[str]) -> bool:
        """The currency of all amounts; the segment stays in `more`, as it may tell more, such as a rate."""
        currency = cur[2].upper()
        if _CURRENCY.fullmatch(currency) is None:
            message = "CUR02 is not a code of three letters; the amounts are taken as US dollars."
            self._note("currency.unknown", 2, message)
            if "currency" not in self.facts:
                self.check.unknown_currency = cur[2] if _CURRENCY_WORD.fullmatch(cur[2]) else UNNAMED
        elif self._put("currency", currency) and currency != _DOLLARS:
            self._note("amount.currency", 2, f"The amounts are in {currency}, not in US dollars.")
        return False

    def _trn(self, trn: list[str]) -> bool:
        if "trace_number" in self.facts:
            self._note("trn.second", 2, "There are two TRN: the first one counts.")
            return False
        if not trn[2]:
            self._note("element.missing", 2, "TRN02 is empty: the payment's number is not known.")
        self._put("trace_number", trn[2])
        self._put("originator_id", trn[3])
        self._put("originator_supplement", trn[4])
        return True

    def _dtm(self, dtm: list[str]) -> bool:
        if dtm[1] != "405":
            return False
        day = iso_date(self._sent(2))
        if day is None:
            self._note("element.date", 2, "The production date is not a date CCYYMMDD.")
        return self._put("produced_on", day)

    def _n1(self, n1: list[str]) -> bool:
        self.loop = "payer" if n1[1] == "PR" else "payee"
        if f"{self.loop}_name" in self.facts:
            return False
        self._put(f"{self.loop}_name", n1[2])
        self._put(f"{self.loop}_id_qualifier", n1[3])
        self._put(f"{self.loop}_id", n1[4])
        if self.loop == "payee":
            if n1[3] == "XX":
                self._put("payee_npi", n1[4])
            elif n1[3] == "FI":
                self._put("payee_tin", n1[4])
            if not n1[4]:
                self._note("element.missing", 4, "N104 is empty: the payee has no identifier.")
        return True

    def _n3(self, n3: list[str]) -> bool:
        street = "\n".join(line for line in n3[1:3] if line)
        return bool(self.loop) and self._put(f"{self.loop}_street", street)

    def _n4(self, n4: list[str]) -> bool:
        if not self.loop or n4[4] not in ("", "US", "USA"):
            return False
        self._put(f"{self.loop}_city", n4[1])
        self._put(f"{self.loop}_state", n4[2])
        return self._put(f"{self.loop}_postal_code", n4[3])

    def _ref(self, ref: list[str]) -> bool:
        column = _REFERENCES.get((self.loop, ref[1]))
        return column is not None and self._put(column, ref[2])

    def _per(self, per: list[str]) -> bool:
        if self.loop != "payer":
            return False
        contact = {"kind": per[1], "name": per[2]}
        for place in (3, 5, 7):
            name = _CONTACT_VALUES.get(per[place])
            if name and per[place + 1]:
                contact[name] = per[place + 1]
        if per[2] in _CONTACT_VALUES and per[3]:
            # A qualifier in the name's place and no name at all: seen in published files.
            contact = {"kind": per[1], "name": "", _CONTACT_VALUES[per[2]]: per[3]}
        self.contacts.append({key: value for key, value in contact.items() if value})
        return True

    _READERS: ClassVar[dict[str, Callable[["Header", list[str]], bool]]] = {
        "ST": _st,
        "BPR": _bpr,
        "CUR": _cur,
        "TRN": _trn,
        "DTM": _dtm,
        "N1": _n1,
        "N3": _n3,
        "N4": _n4,
        "REF": _ref,
        "PER": _per,
    }
