"""The agreements that there are, and the texts that the portal brings for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hp_portal.core.identity.actor import DELEGATE_AGREEMENT, TERMS_OF_USE
from hp_portal.settings import Settings

SHIPPED_DELEGATE_AGREEMENT = "2026-11"
"""The version of the delegate agreement that the portal brings. Whoever changes its text changes this, too."""


@dataclass(frozen=True)
class Kind:
    """An agreement. `asked` says who is asked for it, `label` what is ticked, `event` what the record says of an acceptance."""

    key: str
    title: str
    asked: str
    label: str
    event: str


KINDS = {
    kind.key: kind
    for kind in (
        Kind(
            TERMS_OF_USE,
            "Confidential terms of use",
            "everybody",
            "I have read the confidential terms of use and accept them",
            "identity.terms.accepted",
        ),
        Kind(
            DELEGATE_AGREEMENT,
            "Site delegate agreement",
            "delegates",
            "I have read the site delegate agreement and accept it",
            "identity.delegate-agreement.accepted",
        ),
    )
}


def asked_kinds(*, delegate: bool) -> list[Kind]:
    """What somebody is asked to accept."""
    return [kind for kind in KINDS.values() if delegate or kind.key == TERMS_OF_USE]


def first_version(settings: Settings, key: str) -> str:
    """The version that applies until the staff publish one."""
    return settings.terms_version if key == TERMS_OF_USE else SHIPPED_DELEGATE_AGREEMENT


def first_text(settings: Settings, key: str) -> str:
    """Its text, with `{payer}` filled in."""
    return filled_in(settings, first_source(settings, key))


def first_source(settings: Settings, key: str) -> str:
    """Its text as it is written: the payer's own file where one is set, else the one that the portal brings."""
    own = settings.terms_path if key == TERMS_OF_USE else None
    path = own or Path(__file__).parent / "texts" / f"{key}.md"
    return path.read_text(encoding="utf-8")


def filled_in(settings: Settings, text: str) -> str:
    """A text with the payer's name in the place of `{payer}`."""
    return text.replace("{payer}", settings.payer.name)
