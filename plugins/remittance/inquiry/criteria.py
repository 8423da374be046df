"""What can be searched by, read from what people type.

Numbers, amounts and dates of payments may stand in a URL; what tells of a patient (`ClaimCriteria`) is posted and kept sealed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from hp_portal.api import plain_money

from ..keys import number_key, plain

# Longer than any number may be (see no_results.py), so that too long stays too long.
MOST_READ = 100


@dataclass(frozen=True)
class CheckNumber:
    """A payment's number as it was typed, and the key by which it is compared; both empty when none was typed."""

    typed: str = ""
    key: str = ""

    @classmethod
    def of(cls, text: str) -> CheckNumber:
        """The number in what somebody typed; of something very long, its beginning."""
        typed = plain(text[:MOST_READ])
        return cls(typed, number_key(typed))

    def __bool__(self) -> bool:
        return bool(self.typed)


PERIODS = {
    "7": "Last 7 days",
    "30": "Last 30 days",
    "90": "Last 90 days",
    "this-month": "This month",
    "last-month": "Last month",
    "this-year": "This year",
}
"""Spans of dates that are counted from the day of the search."""


def days_of(period: str, today: dt.date) -> tuple[dt.date, dt.date]:
    """The first and the last day of a period. The last so many days end today, which is one of them."""
    first = today.replace(day=1)
    if period == "this-month":
        return first, today
    if period == "last-month":
        end = first - dt.timedelta(days=1)
        return end.replace(day=1), end
    if period == "this-year":
        return today.replace(month=1, day=1), today
    return today - dt.timedelta(days=int(period) - 1), today


@dataclass(frozen=True)
class PaymentCriteria:
    """What a payment must be like. Amounts are cents, both ends of a span belong to it; None and empty: any.

    `new_since`: imported after that moment; `unposted`: not posted by the office, or only in part. `period` is one
    of PERIODS, from which the dates of issue were counted; it stands in the address instead of them.
    """

    number: CheckNumber = CheckNumber()
    issued_from: dt.date | None = None
    issued_to: dt.date | None = None
    amount_min: int | None = None
    amount_max: int | None = None
    payee: int | None = None
    zero: bool = False
    new_since: dt.datetime | None = None
    unposted: bool = False
    period: str = ""

    @cached_property
    def only_number(self) -> bool:
        return bool(self.number) and self == PaymentCriteria(number=self.number)

    @cached_property
    def url_values(self) -> Mapping[str, str]:
        """The criteria as a query string has them."""
        values = {
            "number": self.number.typed,
            "period": self.period,
            "issued_from": self.issued_from.isoformat() if self.issued_from and not self.period else "",
            "issued_to": self.issued_to.isoformat() if self.issued_to and not self.period else "",
            "amount_min": plain_money(self.amount_min),
            "amount_max": plain_money(self.amount_max),
            "payee": str(self.payee or ""),
            "zero": "1" if self.zero else "",
            "new": "1" if self.new_since else "",
            "unposted": "1" if self.unposted else "",
        }
        return {name: value for name, value in values.items() if value}


@dataclass(frozen=True)
class ClaimCriteria:
    """What a claim must be like. `claim_number` is the payer's or the provider's; the dates are of service.

    `number` is what was typed into the box for any number: the claim's, the patient's account or the member's.
    """

    claim_number: str = ""
    patient_account: str = ""
    member_id: str = ""
    last_name: str = ""
    first_name: str = ""
    service_from: dt.date | None = None
    service_to: dt.date | None = None
    number: str = ""
