"""What takes messages to the other side, and what can go wrong on the way."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol


class NotSent(Exception):
    """A message did not leave; the text says why, for people.

    `final`: trying again would not help. `everything`: the way itself does not work, so that no other message leaves either.
    """

    def __init__(self, said: str, *, final: bool = False, everything: bool = False) -> None:
        super().__init__(said)
        self.final, self.everything = final, everything


@dataclass(frozen=True)
class ComposedMail:
    """An e-mail as it leaves: the envelope, and in `raw` headers and text (RFC 5322). `key` is the same in every attempt."""

    sender: str
    recipient: str
    key: str
    raw: bytes


@dataclass(frozen=True)
class ComposedFax:
    """A fax as it leaves. `recipient` is the number, as `+19525550100`; `key` is the same in every attempt, and `reference` what
    stands on the cover sheet, which is the first page of the PDF."""

    recipient: str
    key: str
    reference: str
    subject: str
    pdf: bytes


@dataclass(frozen=True)
class ComposedLetter:
    """A letter as it leaves: the lines of the address, which also stand where an envelope's window shows them, and the PDF. `key`
    is the same in every attempt."""

    recipient: str
    key: str
    address: Sequence[str]
    subject: str
    pdf: bytes


class Connection(Protocol):
    """A way that is open for some messages."""

    def send(self, composed: Any) -> str:
        """Hand over a message, composed as its channel's are; what the other side said. Raises NotSent."""


class Transport(Protocol):
    """A way for messages of one channel."""

    def open(self) -> AbstractContextManager[Connection]:
        """Open the way for some messages. Raises NotSent for everything."""
