"""The payee's address on record: as an envelope shows it, and as much of it as somebody may see who has proved nothing."""

from __future__ import annotations

import re
import textwrap

from hp_portal.core.delivery.letters import LONGEST_LINE, MOST_LINES
from hp_portal.core.payees.models import Payee

_NUMBER = re.compile(r"\d(?=[\dA-Za-z-]*\b)|(?<=\d)[A-Za-z](?=\b)")
_ZIP = re.compile(r"\b(\d{3})\d\d(-\d{4})?\s*$")


def envelope_lines(payee: Payee) -> list[str] | None:
    """Name and address for the envelope's window; None when the record's address does not fit or is none."""
    lines = [line.strip() for line in payee.address.splitlines() if line.strip()]
    if not lines or _ZIP.search(lines[-1]) is None:
        return None
    name = textwrap.wrap(payee.name, LONGEST_LINE)[: MOST_LINES - len(lines)] or [payee.name]
    whole = [*name, *lines]
    return whole if len(whole) <= MOST_LINES and all(len(line) <= LONGEST_LINE for line in whole) else None


def masked_lines(payee: Payee) -> list[str]:
    """The address with the numbers of street and suite hidden, and the last two digits of the ZIP code."""
    lines = [line.strip() for line in payee.address.splitlines() if line.strip()]
    if not lines:
        return []
    last = _ZIP.search(lines[-1])
    town = lines[-1][: last.start()] if last else lines[-1]
    ending = f"{last[1]}••" if last else ""
    return [*(_NUMBER.sub("•", line) for line in lines[:-1]), _NUMBER.sub("•", town) + ending]
