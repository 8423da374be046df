"""Change forms that offices have made for other payers, and to whom they were sent."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal.api import Base, Leased, May, OwnedByOrganization, key, sealed_column, seat


class PaperForm(Base, OwnedByOrganization):
    """A change form as it was made, which nobody changes: what is printed, signed and sent says the same.

    It is of a practitioner on record, or of a case that tells of one who is not yet. `contents_sealed` is JSON: what the form
    says, and the ids of the `locations` that are in it.
    """

    __tablename__ = "profiles_paper_form"
    __organization_may__ = May(add=("practitioner_id", "case_id", "person_id", "made_at", "token", "contents_sealed"))

    id: Mapped[key]
    practitioner_id: Mapped[int | None] = mapped_column(sa.ForeignKey("profiles_practitioner.id"), index=True)
    case_id: Mapped[int | None] = mapped_column(sa.ForeignKey("portal_case.id"))
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    made_at: Mapped[dt.datetime]
    token: Mapped[str] = mapped_column(sa.String(32), unique=True)
    contents_sealed: Mapped[bytes] = mapped_column(info=sealed_column("token"))


CONTENTS = seat(PaperForm.contents_sealed)


class PaperSending(Base, OwnedByOrganization, Leased):
    """Somebody has sent a change form: by `channel` (fax or email) to `recipient`, who is called `addressee`.

    `state`: it waits for the worker, which makes the PDF, or was handed to delivery, or it could not be made.
    """

    __tablename__ = "profiles_paper_sending"
    __organization_may__ = May(
        add=("form_id", "person_id", "channel", "recipient", "addressee", "asked_at", "state", "attempts")
    )

    id: Mapped[key]
    form_id: Mapped[int] = mapped_column(sa.ForeignKey("profiles_paper_form.id"), index=True)
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    channel: Mapped[str] = mapped_column(sa.String(10))
    recipient: Mapped[str] = mapped_column(sa.String(254))
    addressee: Mapped[str] = mapped_column(sa.String(200))
    asked_at: Mapped[dt.datetime]
    state: Mapped[str] = mapped_column(sa.String(10), index=True)
