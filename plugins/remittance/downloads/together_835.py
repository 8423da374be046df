"""The 835s of several payments one after another, as whole interchanges."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import sqlalchemy as sa

from hp_portal.api import MadeFile, Making, PortalSession

from ..intake.kept_text import kept_parts
from ..models import Payment
from ..x12.rebuild import rebuild_groups
from .chosen import Named
from .collect import find_payment
from .gathering import GONE, Collected, Wanted, check_room, each, finished, new_file

_NO_TEXT = "the payer’s system kept no 835 text of it."
_REPEATED = (
    "it was sent again under the same number, and the payer has not decided yet which counts: see the later one."
)


def make_835(session: PortalSession, wanted: Wanted, making: Making) -> MadeFile | None:
    """Interchanges one after another, one for each that the payments came in, with the chosen transactions alone.

    What was replaced, voided or sent again is left out: whoever takes the file into their system posts what is in it.
    """
    collected = Collected()
    with new_file() as file:
        _write_interchanges(session, _by_file(session, wanted, making), collected, file)
    return finished(file, "835", "application/edi-x12", collected, wanted)


def _write_interchanges(
    session: PortalSession, payments: Iterator[Named], collected: Collected, file: BinaryIO
) -> None:
    interchange = _Interchange()
    for payment_id, name in payments:
        payment, parts = find_payment(session, payment_id), kept_parts(session, payment_id)
        if payment is None:
            collected.without(name, GONE)
        elif payment.set_aside:
            collected.without(name, f"the payer has {payment.set_aside} it, and it must not be posted.")
        elif payment.repeated:
            collected.without(name, _REPEATED)
        elif parts is None:
            collected.without(name, _NO_TEXT)
        else:
            isa, gs, raw = parts
            if not interchange.takes((payment.file_id, isa, raw[2:3])):
                _write(file, interchange)
                interchange = _Interchange(interchange.number + 1)
            interchange.add((payment.file_id, isa, raw[2:3]), gs, raw)
            collected.held.append(payment)
    _write(file, interchange)


def _by_file(session: PortalSession, wanted: Wanted, making: Making) -> Iterator[Named]:
    """In the order in which they came, so that what came together stands together."""
    ids = [one for one, _ in wanted["payments"]]
    rows = session.execute(sa.select(Payment.id, Payment.file_id).where(Payment.id.in_(ids)))
    file_of = {row.id: row.file_id for row in rows}
    ordered = sorted(wanted["payments"], key=lambda one: (file_of.get(one[0], 0), one[0]))
    return each({**wanted, "payments": ordered}, making)


class _Interchange:
    """Transactions that were sent in one interchange, by group."""

    def __init__(self, number: int = 1) -> None:
        self.number = number
        self._sent: tuple[int, bytes, bytes] | None = None
        self._groups: dict[bytes, list[bytes]] = {}

    def takes(self, sent: tuple[int, bytes, bytes]) -> bool:
        """Is it of this interchange? Without an ISA each transaction is by itself."""
        return self._sent is None or (self._sent == sent and bool(sent[1]))

    def add(self, sent: tuple[int, bytes, bytes], gs: bytes, raw: bytes) -> None:
        self._sent = sent
        self._groups.setdefault(gs, []).append(raw)

    def text(self) -> bytes:
        if self._sent is None:
            return b""
        groups = [(gs or None, raws) for gs, raws in self._groups.items()]
        return rebuild_groups(groups, self._sent[1] or None, self.number)


def _write(file: BinaryIO, interchange: _Interchange) -> None:
    text = interchange.text()
    check_room(file.tell() + len(text))
    file.write(text)
