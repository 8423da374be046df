"""Organizations that use the portal, and their grants: which organization may see what is paid to which payee."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.core.identifiers.sealed import OptionalTin
from hp_portal.core.organizations import access_requests as access_requests
from hp_portal.database import Base, key
from hp_portal.moments import is_open

# How an organization proved that a payee is its own.
PROOFS = {
    "check": "Check or EFT number",
    "non_payment": "Non-payment notice number",
    "pin": "PIN sent by mail",
    "payer": "Recorded by the health plan",
    "approval": "Approved by the provider’s office",
}

# How a grant ended: the provider's office, the payer's staff, its own organization, or time; or it was given in a trial; or the
# last of the provider's offices that was linked to the payee has let go of it.
BY_PROVIDER, BY_PAYER, BY_ITSELF, BY_TIME, BY_TRIAL = "provider", "payer", "own", "time", "trial"
WITH_OFFICE = "office"


class Organization(Base, OptionalTin, scopes.Scoped):
    """A provider organization, or a billing organization under its own TIN.

    `provisional`: it holds access on trial, of somebody whose predecessor is said to have left; it is nobody's office, and counts
    nowhere as one that is registered. `ended_at`: nobody belongs to it any more, and it sees nothing.
    """

    __tablename__ = "organization"
    __tin_row__ = ("id",)

    id: Mapped[key]
    name: Mapped[str] = mapped_column(sa.String(200))
    audience: Mapped[str] = mapped_column(sa.String(20))
    validated_at: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime]
    provisional: Mapped[bool] = mapped_column(default=False, server_default=sa.false())
    ended_at: Mapped[dt.datetime | None]

    @classmethod
    def scope_criterion(cls) -> sa.ColumnElement[bool]:
        return cls.id == scopes.scope_organization


class Grant(Base, scopes.OwnedByOrganization):
    """An organization's access to a payee, from `granted_at` until `ended_at`.

    With `ends_at` it is over then by itself, at once; the worker notes that later. `ended_how` is one of the words above; None
    while it is open, and where it ended before that was kept. `request_id` is the request whose approval opened it.
    """

    __tablename__ = "access_grant"
    __scope_index__ = False
    __table_args__ = (
        # At most one open grant for an organization and a payee.
        sa.Index(
            "uq_access_grant_open",
            "organization_id",
            "payee_id",
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        ),
    )

    id: Mapped[key]
    payee_id: Mapped[int] = mapped_column(sa.ForeignKey("payee.id"), index=True)
    proof: Mapped[str] = mapped_column(sa.String(20))
    granted_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    granted_at: Mapped[dt.datetime]
    ended_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    ended_at: Mapped[dt.datetime | None]
    ended_how: Mapped[str | None] = mapped_column(sa.String(20))
    ends_at: Mapped[dt.datetime | None]
    request_id: Mapped[int | None] = mapped_column(sa.ForeignKey("access_request.id"), index=True)

    @classmethod
    def is_open(cls) -> sa.ColumnElement[bool]:
        """A condition: the grant has not been ended, and its own end has not come."""
        return is_open(cls.ended_at, cls.ends_at)

    @classmethod
    def links(cls, organization_id: int | None, payee_id: int | None) -> sa.ColumnElement[bool]:
        """A condition: the grant is open, and lets this organization see what is paid to this payee."""
        return sa.and_(cls.organization_id == organization_id, cls.payee_id == payee_id, cls.is_open())
