"""What looks like no person's own name or mailbox: asked about, not refused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

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
_TITLES = frozenset(
    re.findall(
        r"\w+",
        """md do dds dmd pa np rn dpm dc od phd psyd lcsw licsw lmft lpc pharmd dnp aprn crnp fnp cnm msw mph dr doctor
        jr sr ii iii iv""",
    )
)
_SUFFIXES = frozenset(re.findall(r"\w+", "pa pllc llc inc pc ltd clinic associates group"))


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text.lower()).encode("ascii", "ignore").decode()
    return re.findall(r"[a-z]+", re.sub(r"[.'’]", "", plain))


def doubts_about(typed: Typed, practitioners: Iterable[str] = ()) -> list[str]:
    """Which of NAME, MAILBOX and DOCTOR the person should be asked about; those they are sure of are left out."""
    found = []
    words = re.findall(r"[^\W\d_]+", typed.name.lower())
    if len(words) < 2 or any(word in _ROLES for word in words):
        found.append(NAME)
    local = typed.email.partition("@")[0].lower()
    if any(word in _ROLES for word in re.findall(r"[a-z]+", local)):
        found.append(MAILBOX)
    if any(is_practitioner(typed.name, one) for one in practitioners):
        found.append(DOCTOR)
    return [doubt for doubt in found if doubt not in typed.sure]


def is_practitioner(name: str, practitioner: str) -> bool:
    """Is this the practitioner, or the one whom a payee is called after: `Jane Doe MD`, `DOE, JANE A`?

    The order, titles, initials and one further name make no difference.
    """
    person, other = _names(name), _names(practitioner)
    few, many = sorted((person, other), key=len)
    return len(few) >= 2 and few <= many and len(many - few) <= 1


def _names(text: str) -> set[str]:
    return {word for word in _words(text) if len(word) > 1} - _TITLES - _SUFFIXES
