"""Names and e-mail addresses as somebody may read them who is not signed in."""

from __future__ import annotations

import re

HIDDEN = "***"


def short_name(name: str) -> str:
    """`Maria L.` of `Maria Lopez`: the first name and the initial of the last. `Dr.` and the like are left out."""
    words = [word for word in name.split() if not word.endswith(".")] or name.split()
    if len(words) < 2:
        return words[0] if words else ""
    return f"{words[0]} {words[-1][0]}."


def masked_email(email: str, name: str) -> str:
    """`m***@office.example`. A domain that has a part of the person's name in it is masked, too."""
    local, _, domain = email.rpartition("@")
    words = [word for word in re.findall(r"[^\W\d_]+", name.lower()) if len(word) > 2]
    labels = domain.split(".")
    shown = [f"{label[:1]}{HIDDEN}" if any(word in label.lower() for word in words) else label for label in labels[:-1]]
    return f"{local[:1]}{HIDDEN}@{'.'.join([*shown, labels[-1]])}"
