"""Each payment's own 835 text: kept compressed and sealed, and made a whole interchange again."""

from __future__ import annotations

import struct
import zlib

import sqlalchemy as sa

from hp_portal.api import PortalSession

from ..models import KEPT_TEXT, TEXT_WAS, PaymentText
from ..x12.rebuild import rebuild_interchange
from ..x12.records import Transaction

# Level 1 packs an 835 3.2 times at four times the speed of level 6, which packs it 4 times.
_LEVEL = 1
_HEAD = struct.Struct(">II")


def pack(transaction: Transaction) -> bytes:
    """ISA, GS and the transaction as they were sent, compressed; the lengths of the first two go before."""
    isa = transaction.interchange.raw if transaction.interchange else b""
    gs = transaction.group.raw if transaction.group else b""
    return zlib.compress(b"".join((_HEAD.pack(len(isa), len(gs)), isa, gs, transaction.raw)), _LEVEL)


def unpack(packed: bytes) -> tuple[bytes, bytes, bytes]:
    """ISA and GS without their terminators (empty when there were none), and the text from ST to SE."""
    text = zlib.decompress(packed)
    isa, gs = _HEAD.unpack_from(text)
    start = _HEAD.size
    return text[start : start + isa], text[start + isa : start + isa + gs], text[start + isa + gs :]


def kept_size(session: PortalSession, payment_id: int) -> int | None:
    """Bytes of a payment's text as it is kept, about a quarter of what was sent; None when the session may not see it."""
    return session.scalar(sa.select(sa.func.length(PaymentText.sealed)).where(PaymentText.payment_id == payment_id))


def kept_interchange(session: PortalSession, payment_id: int) -> bytes | None:
    """An 835 file with just this payment in it; None when the session may not see the payment.

    The payment's text is as it was sent, the envelope around it is made anew. Raises vault.SealBroken.
    """
    parts = kept_parts(session, payment_id)
    if parts is None:
        return None
    isa, gs, raw = parts
    return rebuild_interchange(raw, isa or None, gs or None)


def kept_parts(session: PortalSession, payment_id: int) -> tuple[bytes, bytes, bytes] | None:
    """A payment's text as `unpack` gives it; None when the session may not see the payment. Raises vault.SealBroken."""
    sealed = session.scalar(sa.select(PaymentText.sealed).where(PaymentText.payment_id == payment_id))
    return None if sealed is None else unpack(session.vault.open(sealed, KEPT_TEXT(payment_id), TEXT_WAS))
