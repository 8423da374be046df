"""What takes messages to the other side, and what can go wrong on the way."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Protocol


class NotSent(Exception):
    """A message did not leave; the text says why, for people.

    `final`: trying again would not help. `everything`: the way itself does not work, so that no other message leaves either.
    """

    def __init__(self, said: str, *, final: bool = False, everything: bool = False) -> None:
        super().__init__(said)
        self.final, self.everything = final, everything


@dataclass(frozen=True)
class Composed:
    """A message as it leaves: the envelope and the text."""

    sender: str
    recipient: str
    text: EmailMessage


class Connection(Protocol):
    """A way that is open for some messages."""

    def send(self, composed: Composed) -> str:
        """Hand a message over; what the other side said. Raises NotSent."""


class Transport(Protocol):
    """A way for messages of one channel."""

    def open(self) -> AbstractContextManager[Connection]:
        """Open the way for some messages. Raises NotSent for everything."""
