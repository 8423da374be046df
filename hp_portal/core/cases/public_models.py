"""What people without an account have typed and not confirmed yet, who they are, and how they get to their case."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.database import Base, key
from hp_portal.seals import sealed_column, seat

KEPT = dt.timedelta(hours=24)
"""How long a form waits for its e-mail address to be confirmed."""
CONFIRMED, DISOWNED, FORGOTTEN = "confirmed", "disowned", "forgotten"
EMAIL_HASH = "case submitter"
"""What the keyed hash of an e-mail address is for."""


class CaseForm(Base, scopes.PayersOwn):
    """A public form that somebody has filled in. It becomes a case when the button behind the e-mail's link is pressed.

    The link's token has the hash `mail_hash`. `values_sealed` is who they are and what they typed, as JSON; nothing of it is kept
    once it has ended, by one of the `outcomes` above. `case_id` is what became of it.
    """

    __tablename__ = "portal_case_form"

    id: Mapped[key]
    kind: Mapped[str] = mapped_column(sa.String(80))
    token: Mapped[str] = mapped_column(sa.String(32), unique=True)
    values_sealed: Mapped[bytes | None] = mapped_column(info=sealed_column("token"))
    mail_hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32), unique=True)
    sent_at: Mapped[dt.datetime] = mapped_column(index=True)
    ended_at: Mapped[dt.datetime | None]
    outcome: Mapped[str] = mapped_column(sa.String(10), default="")
    case_id: Mapped[int | None] = mapped_column(sa.ForeignKey("portal_case.id"))


class CaseSubmitter(Base, scopes.PayersOwn):
    """Who has sent in a case without an account. `confirmed_at` is when their e-mail address was confirmed, `payee_id` the
    payee of the payer's record that staff say the case is about."""

    __tablename__ = "portal_case_submitter"

    id: Mapped[key]
    case_id: Mapped[int] = mapped_column(sa.ForeignKey("portal_case.id"), unique=True)
    token: Mapped[str] = mapped_column(sa.String(32), unique=True)
    name_sealed: Mapped[bytes] = mapped_column(info=sealed_column("token"))
    email_sealed: Mapped[bytes] = mapped_column(info=sealed_column("token", hashed=("email_hash", EMAIL_HASH)))
    email_hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32), index=True)
    telephone_sealed: Mapped[bytes] = mapped_column(info=sealed_column("token"))
    confirmed_at: Mapped[dt.datetime]
    payee_id: Mapped[int | None] = mapped_column(sa.ForeignKey("payee.id"))


class CasePass(Base, scopes.PayersOwn):
    """A link that was mailed to whoever sent a case in, and opens it: only the hash of its token is kept. Each use lets it work
    on for a while, until `ends_at` at the latest."""

    __tablename__ = "portal_case_pass"

    id: Mapped[key]
    case_id: Mapped[int] = mapped_column(sa.ForeignKey("portal_case.id"), index=True)
    token_hash: Mapped[bytes] = mapped_column(sa.LargeBinary(32), unique=True)
    made_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime] = mapped_column(index=True)
    ends_at: Mapped[dt.datetime]


FORM_VALUES = seat(CaseForm.values_sealed)
SUBMITTER_NAME = seat(CaseSubmitter.name_sealed)
SUBMITTER_EMAIL = seat(CaseSubmitter.email_sealed)
SUBMITTER_TELEPHONE = seat(CaseSubmitter.telephone_sealed)
