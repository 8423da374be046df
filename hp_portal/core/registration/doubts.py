"""What looks like no person's own name or mailbox: asked about, not refused."""

from __future__ import annotations

import re

from hp_portal.core.registration.drafts import Typed

_ROLES = frozenset(
    re.findall(
        r"\w+",
        """accounting accounts admin administrator appointments ar billing bills biller claims clinic contact credentialing dental
        department dept desk doctor eob era finance front hello help hospital hr info insurance intake mail manager medical office
        payments pharmacy portal practice provider providers reception receptionist records referrals remit remittance
        remittances remits scheduling staff support team welcome""",
    )
)
NAME, MAILBOX, DOCTOR = "name", "mailbox", "doctor"
_TITLES = frozenset(re.findall(r"\w+", "md do dds dmd pa np rn dpm dc od phd psyd lcsw pharmd dr doctor"))
_SUFFIXES = frozenset(re.findall(r"\w+", "pa pllc llc inc pc ltd clinic associates group"))


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower().replace(".", ""))


def doubts_about(typed: Typed, payee_name: str = "") -> list[str]:
    """Which of NAME, MAILBOX and DOCTOR the person should be asked about; those they are sure of are left out."""
    found = []
    words = _words(typed.name)
    if len(words) < 2 or any(word in _ROLES for word in words):
        found.append(NAME)
    local = typed.email.partition("@")[0].lower()
    if any(word in _ROLES for word in re.findall(r"[a-z]+", local)):
        found.append(MAILBOX)
    if payee_name and is_practitioner(typed.name, payee_name):
        found.append(DOCTOR)
    return [doubt for doubt in found if doubt not in typed.sure]


def is_practitioner(name: str, payee_name: str) -> bool:
    """Is this the practitioner whom the payee is called after, in whatever order the names stand?"""
    person = set(_words(name)) - _TITLES
    payee = set(_words(payee_name)) - _TITLES - _SUFFIXES
    return len(person) >= 2 and person <= payee and len(payee - person) <= 1
