"""Names and e-mail addresses as somebody may read them who has no right to the whole."""

from __future__ import annotations

from hp_portal.core.identity.unconfirmed import is_unconfirmed

HIDDEN = "•••"


def short_name(name: str) -> str:
    """`Maria L.` of `Maria Lopez`: the first name and the initial of the last. `Dr.` and the like are left out."""
    words = [word for word in name.split() if not word.endswith(".")] or name.split()
    if len(words) < 2:
        return words[0] if words else ""
    return f"{words[0]} {words[-1][0]}."


def mask_email(email: str) -> str:
    """`m•••@o•••.example`: whoever knows the address knows it again, and nobody can write to it who does not.

    Nothing of an address that is not confirmed yet.
    """
    if is_unconfirmed(email):
        return ""
    local, _, domain = email.rpartition("@")
    name, _, ending = domain.rpartition(".")
    return f"{local[:1]}{HIDDEN}@{name[:1]}{HIDDEN}.{ending}"
