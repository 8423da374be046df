"""What may be refused to people and staff in any order of registrations, and whether a page leads on."""

from __future__ import annotations

import re

from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.people.accounts import NameTaken
from hp_portal.core.registration import again, facts, finishing, pins, proving
from hp_portal.core.tax_ids.grants import AlreadyLinked

HAPPENS = (
    facts.AccountClosed,
    facts.DecidedAlready,
    finishing.NotProved,
    finishing.RegisteredMeanwhile,
    NameTaken,
    TooManyAttempts,
    pins.PinDead,
    pins.TooSoon,
    pins.TooManyLetters,
    pins.NoAddress,
    pins.WrongPin,
    proving.ProofRefused,
    again.SameTaxId,
    AlreadyLinked,
)
COUNTED = (pins.WrongPin, pins.TooManyLetters, proving.ProofRefused)


def ways_on(text: str) -> list[str]:
    """The addresses of links and buttons in the middle of a page, other than the way back."""
    middle = text[text.index("<main") : text.index("</main>")]
    return [one for one in re.findall(r'(?:href|action)="(/[^"]*)"', middle) if not one.startswith("/help")]
