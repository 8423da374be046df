"""What goes into a file of several payments: gathered one after another, with what is left out and why."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

from hp_portal.api import DocumentTooLarge, MadeFile, Making

from ..models import Payment
from .chosen import Named, name_of

# What is wanted: `payments`, pairs of id and name; `reason`, as the record shows it.
Wanted = Mapping[str, Any]

LARGEST = 50 << 20
"""Bytes of one file."""
GONE = "it is no longer there, or no longer yours to see."
_SPOOLED = 8 << 20
_PACE = 0.5


@dataclass
class Collected:
    """What went into a file, and what did not, with why."""

    held: list[Payment] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)

    def without(self, name: str, why: str) -> None:
        self.left_out.append((name, why))

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(f"{name}: {why}" for name, why in self.left_out)

    def made(self, body: bytes | BinaryIO, suffix: str, content_type: str, wanted: Wanted) -> MadeFile:
        """The file. What it holds after all is what is recorded when it leaves."""
        held = [[one.id, name_of_payment(one)] for one in self.held]
        contents = {"payments": held, "reason": wanted["reason"]} if self.left_out else None
        return MadeFile(body, f"{self.file_name}.{suffix}", content_type, self.lines, contents)

    @property
    def file_name(self) -> str:
        days = [one.effective_on for one in self.held if one.effective_on]
        span = f"-{min(days)}-to-{max(days)}" if days else ""
        return f"remittances-{len(self.held)}{span}"


def name_of_payment(payment: Payment) -> str:
    """What a payment is called in lists of what is in a file and what is not."""
    return name_of(payment.method, payment.trace_number, payment.effective_on)


def each(wanted: Wanted, making: Making) -> Iterator[Named]:
    """Every payment that is wanted, telling how far it is, now and then."""
    payments: Sequence[Named] = wanted["payments"]
    told = 0.0
    for done, (payment_id, name) in enumerate(payments):
        if time.monotonic() - told > _PACE:
            making.progress(done, len(payments))
            told = time.monotonic()
        yield payment_id, name
    making.progress(len(payments), len(payments))


def finished(file: BinaryIO, suffix: str, content_type: str, collected: Collected, wanted: Wanted) -> MadeFile | None:
    """What was written, from its beginning; None when no payment is in it."""
    if not collected.held:
        file.close()
        return None
    file.seek(0)
    return collected.made(file, suffix, content_type, wanted)


@contextmanager
def new_file() -> Iterator[BinaryIO]:
    """In memory as long as it is small, then on disk without a name. Whoever gets it closes it, unless the block fails."""
    file = cast(BinaryIO, tempfile.SpooledTemporaryFile(_SPOOLED))  # noqa: SIM115 – it outlives the block: whoever gets it closes it
    try:
        yield file
    except BaseException:
        file.close()
        raise


def room_in(file: BinaryIO) -> int:
    """How many bytes a file may still take."""
    return LARGEST - file.tell()


def check_room(size: int) -> None:
    """Raises DocumentTooLarge when a file has more bytes than it may have."""
    if size > LARGEST:
        raise too_much()


def too_much() -> DocumentTooLarge:
    return DocumentTooLarge(f"payments together took more than {LARGEST >> 20} MB")
