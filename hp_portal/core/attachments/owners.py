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
class AttachedTo:
    """What a file is attached to, in words, and where that is read; empty: by nobody who asks."""

    label: str
    url: str = ""


Explain = Callable[[PortalSession, str], AttachedTo | None]
_EXPLAINED: dict[str, Explain] = {}


def explains(word: str) -> Callable[[Explain], Explain]:
    """The function explains words that begin with this one and a colon: for `case:12` it is asked with the session and `12`, in a
    whole scope and in a request of the payer's staff; None: there is no such thing. Raises ValueError for a word that somebody
    else explains.
    """

    def decorate(explain: Explain) -> Explain:
        known = _EXPLAINED.get(word)
        # A module that is imported once more explains its words anew.
        if known is not None and (known.__module__, known.__qualname__) != (explain.__module__, explain.__qualname__):
            raise ValueError(f"{known.__module__} explains {word!r} already")
        _EXPLAINED[word] = explain
        return explain

    return decorate


def owner_of(session: PortalSession, about: str) -> AttachedTo:
    """What a word stands for; the word itself when nobody explains it. Needs a whole scope."""
    word, _, key = about.partition(":")
    explain = _EXPLAINED.get(word)
    return (explain(session, key) if explain else None) or AttachedTo(about)
