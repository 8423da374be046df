"""What the words mean that files are attached to, for the payer's staff: whoever keeps such things says so.

    @explains("case")
    def _case(session, key): ...

is asked for the `12` of `case:12`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hp_portal.database import PortalSession


@dataclass(frozen=True)
class Owner:
    """What a file is attached to, in words, and where that is read; empty: by nobody who asks."""

    label: str
    url: str = ""


Explain = Callable[[PortalSession, str], Owner | None]
_EXPLAINED: dict[str, Explain] = {}


def explains(word: str) -> Callable[[Explain], Explain]:
    """The function explains words that begin with this one and a colon; None: there is no such thing."""

    def decorate(explain: Explain) -> Explain:
        _EXPLAINED[word] = explain
        return explain

    return decorate


def owner_of(session: PortalSession, about: str) -> Owner:
    """What a word stands for; the word itself when nobody explains it. Needs a whole scope."""
    word, _, key = about.partition(":")
    explain = _EXPLAINED.get(word)
    return (explain(session, key) if explain else None) or Owner(about)
