"""Which payment is which: the same contents are the same payment, whatever file they come in."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from ..x12.separators import Separators

_ELEMENT, _COMPONENT, _TERMINATOR = b"\x1d", b"\x1f", b"\x1c"
"""What the separators are for the digest: a file may be sent again with others."""
_LINE_ENDS = b"\r\n"


def contents(raw: bytes, separators: Separators) -> bytes:
    """SHA-256 of a check's own segments: BPR and TRN, payer and payee, claims and provider-level adjustments. `raw` is its
    text from ST to SE.

    What belongs to the envelope does not count: ISA and GS, ST and SE with their control numbers, which separators there are,
    and whether segments stand on lines of their own. So a check that is sent again is known, and one that has the same number
    but another payee, amount, date or claim is another.
    """
    table, left_out = _plain(separators)
    text = raw.translate(table, left_out).rstrip(b" \t" + _TERMINATOR)
    # A fragment may start with BPR; every check that is imported ends with SE.
    start = text.find(_TERMINATOR) + 1 if text.startswith(b"ST" + _ELEMENT) else 0
    return hashlib.sha256(text[start : text.rfind(_TERMINATOR) + 1]).digest()


@lru_cache(64)
def _plain(separators: Separators) -> tuple[bytes, bytes]:
    """What translate() takes: the separators made those of the digest, and the line ends that mean nothing."""
    table = bytearray(range(256))
    for used, plain in (
        (separators.component, _COMPONENT),
        (separators.element, _ELEMENT),
        (separators.terminator, _TERMINATOR),
    ):
        table[ord(used)] = plain[0]
    return bytes(table), bytes(byte for byte in _LINE_ENDS if byte != ord(separators.terminator))
