"""What the reader of a check needs to know of its separators, prepared once an interchange."""

from .money import quantity
from .separators import Separators
from .texts import iso_date

_MOST_CACHED = 4096
"""Values kept of each kind: dates, procedures and units repeat in every remittance; memory must not grow."""

Procedure = tuple[str | None, str | None, str | None, str | None]
"""Qualifier, code, modifiers separated by blanks, description."""


class Syntax:
    """Separators, the starts of the segments looked for, and the values met before."""

    def __init__(self, separators: Separators) -> None:
        self.separators = separators
        self.element = element = separators.element
        self.component = separators.component
        self.terminator = separators.terminator
        self.end = separators.end
        # Bytes 3 to 7 of a segment with a tag of three letters and a qualifier of two.
        self.control_mark = f"{element}6R{element}"
        self.allowed_mark = f"{element}B6{element}"
        self.coverage_mark = f"{element}AU{element}"
        self.rendering_start = f"REF{element}HPI{element}"
        self.remarks = (f"LQ{element}HE{element}", f"LQ{element}RX{element}")
        # The three stay empty of anything that was not readable, so that each fault is reported where it stands.
        self.dates: dict[str, tuple[str, str]] = {}
        self.procedures: dict[str, Procedure] = {}
        self.units: dict[str, str] = {}

    def date(self, segment: str) -> tuple[str, str | None] | None:
        """Qualifier and ISO date of a DTM segment; the date None when malformed; None for another segment."""
        elements = segment.split(self.element)
        if elements[0] != "DTM" or len(elements) < 2:
            return None
        found = iso_date(elements[2]) if len(elements) > 2 else None
        if found is None:
            return elements[1], None
        if len(self.dates) >= _MOST_CACHED:
            self.dates.clear()
        self.dates[segment] = elements[1], found
        return elements[1], found

    def procedure(self, text: str) -> Procedure:
        """The parts of a composite medical procedure identifier (SVC01, SVC06)."""
        found = self.procedures.get(text)
        if found is None:
            if len(self.procedures) >= _MOST_CACHED:
                self.procedures.clear()
            parts = text.split(self.component)
            modifiers = " ".join(part for part in parts[2:6] if part)
            description = parts[6] if len(parts) > 6 else ""
            code = parts[1] if len(parts) > 1 else ""
            found = parts[0] or None, code or None, modifiers or None, description or None
            self.procedures[text] = found
        return found

    def quantity(self, text: str) -> str | None:
        """As `money.quantity`, remembered."""
        found = self.units.get(text)
        if found is None:
            found = quantity(text)
            if found is not None:
                if len(self.units) >= _MOST_CACHED:
                    self.units.clear()
                self.units[text] = found
        return found
