"""The payer's look on paper: its name at the head of every page, in its accent."""

from __future__ import annotations

from hp_portal.settings import Payer

# Hue and chroma of each accent, as in hp_portal/static/portal.css.
ACCENTS: dict[str, tuple[int, float]] = {
    "teal": (200, 0.075),
    "blue": (252, 0.125),
    "indigo": (275, 0.15),
    "violet": (302, 0.15),
    "plum": (345, 0.13),
    "red": (22, 0.15),
    "amber": (62, 0.09),
    "green": (152, 0.095),
    "slate": (255, 0.03),
}


def look_of(payer: Payer | None) -> dict[str, str]:
    """What prelude.typ reads of the payer, as texts; without one, a plain head."""
    hue, chroma = ACCENTS.get(payer.accent if payer else "slate", ACCENTS["teal"])
    return {
        "payer": payer.name if payer else "",
        "contact": " · ".join(filter(None, (payer.phone, payer.email))) if payer else "",
        "hue": str(hue),
        "chroma": str(chroma),
    }
