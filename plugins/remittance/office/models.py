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
