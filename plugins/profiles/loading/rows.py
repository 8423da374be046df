"""A file of facts, one a row: the columns, and how a row is read and written.

A row names a practitioner, a location, or both, which is their affiliation, by the payer's own numbers; a fact of it, its value,
and the day from which on it holds. So a file holds the whole record, or what has changed since the night before.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from hp_portal.api import BadIdentifier, parse_npi, parse_tin

from ..record.fields import BadValue, Field, Subject, find_field, read_day, read_value

REQUIRED = ("practitioner", "location", "fact", "item", "value", "from")
OPTIONAL = ("action", "tin", "payee_npi")
COLUMNS = (*REQUIRED, *OPTIONAL)
WITHDRAW = "withdraw"
_LONGEST_REFERENCE = 40


class BadRow(Exception):
    """A row that cannot be used: the column, and what to do."""

    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column = column


@dataclass(frozen=True)
class FactRow:
    """A row as it can be used. `tin` and `payee_npi` say whose a new location is; empty on other rows."""

    practitioner: str
    location: str
    field: str
    item: str
    value: str
    holds_from: dt.date
    withdrawn: bool = False
    tin: str = ""
    payee_npi: str = ""

    @property
    def subject(self) -> Subject:
        """What the row is about."""
        if self.practitioner and self.location:
            return "affiliation"
        return "practitioner" if self.practitioner else "location"

    @property
    def place(self) -> tuple[str, str, str, str, dt.date]:
        """What a file may say once."""
        return (self.practitioner, self.location, self.field, self.item, self.holds_from)

    def cells(self) -> tuple[str, ...]:
        """The row under COLUMNS."""
        action = WITHDRAW if self.withdrawn else ""
        day = self.holds_from.isoformat()
        return (
            *(self.practitioner, self.location, self.field, self.item, self.value),
            *(day, action, self.tin, self.payee_npi),
        )


def read_row(values: Mapping[str, str]) -> FactRow:
    """A row of a file. Raises BadRow."""
    practitioner, location = (_reference(values, name) for name in ("practitioner", "location"))
    if not practitioner and not location:
        raise BadRow("practitioner", "The row names neither a practitioner nor a location.")
    subject = FactRow(practitioner, location, "", "", "", dt.date.min).subject
    action = values["action"].lower()
    if action not in ("", WITHDRAW):
        raise BadRow("action", f"Leave this empty, or write {WITHDRAW}.")
    if action and values["value"]:
        raise BadRow("value", "A fact that is withdrawn has no value.")
    field = _field(subject, values["fact"].lower())
    item, value = _value(field, values["item"], values["value"])
    tin, payee_npi = _payee(values, subject)
    return FactRow(practitioner, location, field.key, item, value, _day(values["from"]), bool(action), tin, payee_npi)


def _reference(values: Mapping[str, str], name: str) -> str:
    if len(values[name]) > _LONGEST_REFERENCE:
        raise BadRow(name, f"At most {_LONGEST_REFERENCE} characters.")
    return values[name]


def _field(subject: Subject, key: str) -> Field:
    try:
        return find_field(subject, key)
    except BadValue as error:
        raise BadRow("fact", str(error)) from None


def _value(field: Field, item: str, value: str) -> tuple[str, str]:
    try:
        read_item, _ = read_value(field, item, "")
    except BadValue as error:
        raise BadRow("item", str(error)) from None
    try:
        return read_item, read_value(field, item, value)[1]
    except BadValue as error:
        raise BadRow("value", str(error)) from None


def _day(text: str) -> dt.date:
    try:
        return read_day(text)
    except BadValue as error:
        raise BadRow("from", str(error)) from None


def _payee(values: Mapping[str, str], subject: Subject) -> tuple[str, str]:
    if subject != "location" and (values["tin"] or values["payee_npi"]):
        raise BadRow("tin", "Only rows of a location name its payee.")
    for name, parse in (("tin", parse_tin), ("payee_npi", parse_npi)):
        if values[name]:
            try:
                values = {**values, name: parse(values[name])}
            except BadIdentifier as error:
                raise BadRow(name, str(error)) from None
    if values["payee_npi"] and not values["tin"]:
        raise BadRow("tin", "Write the Tax ID beside the NPI of the payee.")
    return values["tin"], values["payee_npi"]
