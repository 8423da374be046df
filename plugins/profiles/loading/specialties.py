"""The payer's copy of the specialty codes. Needs a whole scope."""

from __future__ import annotations

from typing import BinaryIO

import sqlalchemy as sa

from hp_portal.api import PortalSession, lock, record

from ..record.fields import FIELDS, BadValue, read_value
from ..record.models import Specialty
from .tables import UnusableFile, read_table

_LONGEST = 200


def load_specialties(session: PortalSession, file: BinaryIO) -> int:
    """Put the file's list in the place of the one before; how many there are. Commits nothing. Raises UnusableFile."""
    rows: dict[str, dict[str, str]] = {}
    field = FIELDS["affiliation", "specialty"]
    for line, values in read_table(file, ("code", "classification"), ("specialization",)):
        try:
            code = read_value(field, "", values["code"])[1]
        except BadValue as error:
            raise UnusableFile(f"Line {line}: {error}") from None
        if not code or not values["classification"]:
            raise UnusableFile(f"Line {line}: a row needs a code and a classification.")
        if code in rows:
            raise UnusableFile(f"Line {line}: {code} stands in the file twice.")
        rows[code] = {
            "code": code,
            "classification": values["classification"][:_LONGEST],
            "specialization": values["specialization"][:_LONGEST],
        }
    if not rows:
        raise UnusableFile("The file has no specialties.")
    lock(session, "profiles specialties")
    session.execute(sa.delete(Specialty))
    session.execute(sa.insert(Specialty), list(rows.values()))
    record(session, "profiles.specialties.loaded", rows=len(rows))
    return len(rows)


def specialty_words(session: PortalSession) -> dict[str, str]:
    """What each code is called: `Internal medicine, heart`."""
    found = session.execute(sa.select(Specialty.code, Specialty.classification, Specialty.specialization))
    return {code: f"{words}, {more}" if more else words for code, words, more in found}
