"""The tables of what an office keeps for itself. Each row belongs to the organization that wrote it."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import api


class Posting(api.Base, api.OwnedByOrganization):
    """Claims of a payment that one person marked as posted at one time. A claim is in at most one row of an organization.

    A payment without claims has a row of none. The marks stay when the organization's access to the payee ends, out of
    sight with the payment, and are there again when it comes back.
    """

    __tablename__ = "remittance_posting"
    __scope_index__ = False
    __table_args__ = (
        # whether a payment is posted is told from the index alone
        sa.Index("ix_remittance_posting_of_organization", "organization_id", "payment_id", "claim_count", "of_claims"),
    )
    __organization_may__ = api.May(
        add=("payment_id", "claims", "claim_count", "of_claims", "person_id", "at"),
        change=("claims", "claim_count"),
        remove=True,
    )

    id: Mapped[api.key]
    payment_id: Mapped[int] = mapped_column(sa.ForeignKey("remittance_payment.id"))
    # their places in the payment, as api.spans writes them
    claims: Mapped[str] = mapped_column(sa.Text())
    claim_count: Mapped[int]
    # how many claims the payment has
    of_claims: Mapped[int]
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    at: Mapped[dt.datetime]


class Note(api.Base, api.OwnedByOrganizationAlone):
    """What somebody of an office wrote about a payment, or about a claim of it. It may name patients: sealed.

    Neither another organization sees it nor the payer's staff. Notes stay when the organization's access to the payee ends,
    out of sight with the payment: they are reached through it alone.
    """

    __tablename__ = "remittance_note"
    __scope_index__ = False
    __table_args__ = (sa.Index("ix_remittance_note_of_organization", "organization_id", "payment_id", "claim"),)
    __organization_may__ = api.May(
        add=("payment_id", "claim", "word", "text_sealed", "written_by_id", "written_at"),
        change=("text_sealed", "changed_by_id", "changed_at"),
        remove=True,
    )

    id: Mapped[api.key]
    payment_id: Mapped[int] = mapped_column(sa.ForeignKey("remittance_payment.id"))
    # its place in the payment; null: the note is about the payment
    claim: Mapped[int | None] = mapped_column(sa.Integer())
    # random: tells the row before it has an id
    word: Mapped[str] = mapped_column(sa.String(32))
    text_sealed: Mapped[bytes] = mapped_column(info=api.sealed_column("organization_id", "payment_id", "word"))
    written_by_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    written_at: Mapped[dt.datetime]
    changed_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    changed_at: Mapped[dt.datetime | None]


NOTE = api.seat(Note.text_sealed)
"""The place of a note's text: `NOTE(organization id, payment id, word)`."""


class SavedSearch(api.Base, api.OwnedByOrganizationAlone):
    """A search that somebody of an office saved under a name, for themselves or for everybody there.

    Name and search are sealed together: they may tell of a patient. They stay when the person's account is deactivated: what
    is shared goes on, and a delegate of the organization can remove it. Whoever leaves hands them over to a colleague.
    """

    __tablename__ = "remittance_saved_search"
    __organization_may__ = api.May(
        add=("person_id", "shared", "word", "search_sealed", "saved_at"),
        change=("shared", "search_sealed"),
        remove=True,
    )

    id: Mapped[api.key]
    person_id: Mapped[int] = mapped_column(sa.ForeignKey("person.id"))
    shared: Mapped[bool]
    # random: tells the row before it has an id
    word: Mapped[str] = mapped_column(sa.String(32))
    search_sealed: Mapped[bytes] = mapped_column(info=api.sealed_column("organization_id", "word"))
    saved_at: Mapped[dt.datetime]


SAVED_SEARCH = api.seat(SavedSearch.search_sealed)
"""The place of a saved search: `SAVED_SEARCH(organization id, word)`."""
