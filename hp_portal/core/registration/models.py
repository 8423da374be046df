"""Registrations: what somebody is typing, what became of it, and PINs sent by mail."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.database import Base, key
from hp_portal.seals import sealed_column

# How long an e-mail's link works, and what was typed is kept after the last step.
KEPT = dt.timedelta(hours=24)
# Paths: how somebody gets in.
CHECK, NOTICE, MAIL, UNLISTED, BILLING = "check", "notice", "mail", "unlisted", "billing"
# What is asked for where somebody is registered already.
NEW, JOIN, LEFT = "new", "join", "left"
# States. The first five wait for somebody; the others have ended.
PIN, ASKED, STAFF, CHALLENGED, OBJECTED = "pin", "asked", "staff", "challenged", "objected"
OPEN, DECLINED, EXPIRED, WITHDRAWN = "open", "declined", "expired", "withdrawn"
WAITING_STATES = (PIN, ASKED, STAFF, CHALLENGED, OBJECTED)
# Why staff look at one, where it has been on trial: no delegate was told of it, or none is left who could object.
UNTOLD, NO_DELEGATE = "untold", "no-delegate"
# Or its person has locked the account, and staff have not looked into that yet.
LOCKED = "locked"
AFTER_TRIAL = (UNTOLD, NO_DELEGATE, LOCKED)
# A billing organization is said not to be theirs who have registered it; or it is new, and works while nobody has looked at it.
DISPUTED, NEW_BILLING = "disputed", "new-billing"
# Why else: so many letters have gone to the payee that another one is not written without a look; several organizations hold the
# payee, and whoever follows somebody says which; somebody whom staff had declined has proved a payment.
LETTERS, WHICH, PROVED_AGAIN = "letters", "which", "proved-again"
_JOIN_WAITS = sa.and_(sa.column("route", sa.String()) == JOIN, sa.column("state", sa.String()).in_((ASKED, STAFF)))


class RegistrationDraft(Base, scopes.PayersOwn):
    """What somebody who is not signed in has typed so far, on the way to an account.

    The browser that goes on holds a token, of which the row has only the hash; `other_hash` is that of the browser from which
    another one has taken the draft over by the e-mail's link: its page says so. `values_sealed` is what was typed, as JSON: it
    names a Tax ID and a payment. `confirmed_at` is when the e-mail address was confirmed by its link, whose token has the hash
    `mail_hash`. `ended_at`: registered, or given up.
    """

    __tablename__ = "registration_draft"

    id: Mapped[key]
    seal: Mapped[str] = mapped_column(sa.String(32), unique=True)
    token_hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32), unique=True)
    other_hash: Mapped[bytes | None] = mapped_column(sa.LargeBinary(32), unique=True)
    values_sealed: Mapped[bytes] = mapped_column(info=sealed_column("seal"))
    mail_hash: Mapped[bytes | None] = mapped_column(sa.LargeBinary(32), unique=True)
    mail_expires_at: Mapped[dt.datetime | None]
    confirmed_at: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime]
    touched_at: Mapped[dt.datetime] = mapped_column(index=True)
    ended_at: Mapped[dt.datetime | None]


class Registration(Base, scopes.OwnedByOrganizationOrPayer):
    """Somebody's wish for an account, and what became of it.

    `organization_id` is the organization it is about: the new one, or the one that somebody wants to join; none while the
    provider is not on record. `person_id` is the account, once there is one. `payee_id` is what was proved, or is to be proved by
    a PIN; `proved_at` when. `own_id` is the organization that holds provisional access of somebody whose predecessor has left.
    `why` is why staff have to look, where that is told.
    `facts_sealed`: what was given, as JSON, sealed for `seal`. `due_at`: when the state ends by itself. The person without an
    account follows a link whose token has the hash `status_hash`; whoever asked once more has another, `again_hash`.
    """

    __tablename__ = "registration"
    __table_args__ = (
        sa.Index("ix_registration_state_due_at", "state", "due_at"),
        # Of each e-mail address one request to join an organization waits at a time.
        sa.Index(
            "uq_registration_waiting_join",
            "organization_id",
            "email",
            unique=True,
            sqlite_where=_JOIN_WAITS,
            postgresql_where=_JOIN_WAITS,
        ),
    )

    id: Mapped[key]
    path: Mapped[str] = mapped_column(sa.String(10))
    route: Mapped[str] = mapped_column(sa.String(10))
    state: Mapped[str] = mapped_column(sa.String(12))
    why: Mapped[str] = mapped_column(sa.String(20), default="", server_default="")
    seal: Mapped[str] = mapped_column(sa.String(32), unique=True)
    facts_sealed: Mapped[bytes] = mapped_column(info=sealed_column("seal"))
    status_hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32), unique=True)
    again_hash: Mapped[bytes | None] = mapped_column(sa.LargeBinary(32), unique=True, index=True)
    name: Mapped[str] = mapped_column(sa.String(200))
    email: Mapped[str] = mapped_column(sa.String(254), index=True)
    person_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"), index=True)
    own_id: Mapped[int | None] = mapped_column(sa.ForeignKey("organization.id"))
    payee_id: Mapped[int | None] = mapped_column(sa.ForeignKey("payee.id"))
    proved_at: Mapped[dt.datetime | None]
    email_confirmed_at: Mapped[dt.datetime | None]
    left_reason: Mapped[str] = mapped_column(sa.String(20), default="")
    objection: Mapped[str] = mapped_column(sa.String(500), default="")
    objected_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    # What the person is told of the decision.
    answer: Mapped[str] = mapped_column(sa.String(500), default="")
    decided_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    # The person says that the letter cannot arrive: staff look at the address on record.
    address_wrong_at: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime]
    due_at: Mapped[dt.datetime | None]
    ended_at: Mapped[dt.datetime | None]


class RegistrationPin(Base, scopes.PayersOwn):
    """A PIN that is on its way by mail: only its argon2id hash is kept. `tries_left` wrong ones end it."""

    __tablename__ = "registration_pin"

    id: Mapped[key]
    registration_id: Mapped[int] = mapped_column(sa.ForeignKey("registration.id"), index=True)
    pin_hash: Mapped[str] = mapped_column(sa.String(200))
    message_id: Mapped[int] = mapped_column(sa.ForeignKey("message.id"))
    made_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    tries_left: Mapped[int]
    ended_at: Mapped[dt.datetime | None]


class ProofCluster(Base, scopes.PayersOwn):
    """Wrong proofs for many Tax IDs from one source, until staff have looked into it. `kind`: address, network, or domain of
    e-mail addresses. `aims` is at how many Tax IDs or NPIs somebody has failed within a day, `failed` how often in all."""

    __tablename__ = "proof_cluster"
    __table_args__ = (sa.Index("ix_proof_cluster_kind_source", "kind", "source"),)

    id: Mapped[key]
    kind: Mapped[str] = mapped_column(sa.String(10))
    source: Mapped[str] = mapped_column(sa.String(254))
    aims: Mapped[int]
    failed: Mapped[int]
    first_at: Mapped[dt.datetime]
    last_at: Mapped[dt.datetime]
    settled_at: Mapped[dt.datetime | None] = mapped_column(index=True)
    settled_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("person.id"))
    note: Mapped[str] = mapped_column(sa.String(200), default="")
