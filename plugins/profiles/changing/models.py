"""What offices have sent with a form."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal.api import Base, May, OwnedByOrganization, key, sealed_column, seat


class SentForm(Base, OwnedByOrganization):
    """A form as it was sent, which nobody changes: what belongs to its case.

    `contents_sealed` is JSON: the answers in words by `sections` (title, then label and text of each), what was in
    doubt, and the `answers` by the form's own names.
    """

    __tablename__ = "profiles_sent_form"
    __organization_may__ = May(add=("case_id", "token", "contents_sealed"))

    id: Mapped[key]
    case_id: Mapped[int] = mapped_column(sa.ForeignKey("portal_case.id"), unique=True)
    token: Mapped[str] = mapped_column(sa.String(32), unique=True)
    contents_sealed: Mapped[bytes] = mapped_column(info=sealed_column("token"))


CONTENTS = seat(SentForm.contents_sealed)
