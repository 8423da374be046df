"""Which denials are wanted. Nothing here tells of a patient: all of it may stand in an address."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

from ..codes.codes_in_text import AskedCode, asked_codes
from ..codes.plain_words import BORNE_BY
from ..keys import plain

DAYS = 90
"""How many days back are looked at unless something else is asked for."""
SHARE, CONTRACT = ("1", "2", "3"), "45"
"""Reasons that are usual: the patient's deductible, coinsurance and copay; what the contract takes off."""
ANY = "any"
"""In an address: payments of any day."""
NOT_REVERSED, REVERSED_TOO, REVERSED_ONLY = "", "too", "only"


class OfDays(Protocol):
    """Payments of a span of days, both ends included, to one payee or to all."""

    @property
    def issued_from(self) -> dt.date | None: ...
    @property
    def issued_to(self) -> dt.date | None: ...
    @property
    def payee(self) -> int | None: ...


@dataclass(frozen=True)
class DenialCriteria:
    """Both ends of the span of payment dates belong to it; None and empty: any.

    `group` and `reasons` are what an adjustment must have (CAS01, CAS02), `status` is the claim's (CLP02). `patient`: with what
    the patient owes; `contract`: with what the contract takes off. `reversed`: NOT_REVERSED, REVERSED_TOO or REVERSED_ONLY.
    `newest`: no payment with a greater id, for what must stay as it was asked for; it stands in no address.
    """

    issued_from: dt.date | None = None
    issued_to: dt.date | None = None
    payee: int | None = None
    group: str = ""
    reasons: tuple[AskedCode, ...] = ()
    status: str = ""
    patient: bool = False
    contract: bool = False
    reversed: str = NOT_REVERSED
    newest: int | None = None

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> DenialCriteria:
        """The criteria that `url_values` has written. Raises ValueError for anything else."""
        first, last = values.get("issued_from", ANY), values.get("issued_to")
        return cls(
            None if first == ANY else dt.date.fromisoformat(first),
            dt.date.fromisoformat(last) if last else None,
            int(values["payee"]) if "payee" in values else None,
            values.get("group", ""),
            tuple(asked_codes(values.get("codes", ""))),
            values.get("status", ""),
            "patient" in values,
            "contract" in values,
            values.get("reversed", NOT_REVERSED),
        )

    @property
    def with_patient(self) -> bool:
        """Does what the patient owes count? Also when a code of it is asked for by name."""
        return self.patient or self.group == "PR" or any(one.group == "PR" or one.code in SHARE for one in self.reasons)

    @property
    def with_contract(self) -> bool:
        """Does what the contract takes off count? Also when it is asked for by name."""
        return self.contract or any(one.code == CONTRACT for one in self.reasons)

    @cached_property
    def url_values(self) -> Mapping[str, str]:
        """The criteria as a query string has them. `any`: there is no first day, which is not the default."""
        values = {
            "issued_to": self.issued_to.isoformat() if self.issued_to else "",
            "payee": str(self.payee or ""),
            "group": self.group,
            "codes": " ".join(one.shown for one in self.reasons),
            "status": self.status,
            "patient": "1" if self.patient else "",
            "contract": "1" if self.contract else "",
            "reversed": self.reversed,
        }
        first = self.issued_from.isoformat() if self.issued_from else ANY
        return {"issued_from": first, **{name: value for name, value in values.items() if value}}

    def but(self, **changes: Any) -> DenialCriteria:
        """The same with something else."""
        return replace(self, **changes)


@dataclass(frozen=True)
class Code:
    """Group and reason of one adjustment; None: the remittance gives none."""

    group: str | None
    reason: str | None

    @classmethod
    def read(cls, arguments: Mapping[str, Any]) -> Code:
        """What an address says by `in` and `why`."""
        return cls(plain(arguments.get("in", "")) or None, plain(arguments.get("why", "")) or None)

    @property
    def url_values(self) -> Mapping[str, str]:
        return {name: value for name, value in (("in", self.group), ("why", self.reason)) if value}

    @property
    def shown(self) -> str:
        """`CO-97`; a question mark for what is not given."""
        return f"{self.group or '?'}-{self.reason or '?'}"

    @property
    def borne_by(self) -> str:
        """Who bears what is taken off: `Provider (contract)`; empty for a group that nobody knows."""
        return BORNE_BY.get(self.group or "", "")

    @property
    def slug(self) -> str:
        """A name for ids of a page, whatever the code holds."""
        return f"{self.group or ''}-{self.reason or ''}".encode().hex()
