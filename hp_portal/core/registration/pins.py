"""PINs by mail: made for a registration, printed in a letter to the payee's address on record, entered once.

Only a hash of a PIN is kept; the letter forgets it when it is mailed. Every verb needs a whole scope.
"""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.audit.refusals import record_refusal
from hp_portal.core.delivery.letters import Letter, add_letter
from hp_portal.core.delivery.models import Message, PrintRun
from hp_portal.core.delivery.outbox import CANCELED, FAILED, PRINTED, RETURNED, SENT, cancel_messages, values_of
from hp_portal.core.identity.passwords import hash_password, verify_password
from hp_portal.core.payees.models import Payee
from hp_portal.core.registration.addresses import envelope_lines
from hp_portal.core.registration.models import PIN, Registration, RegistrationPin
from hp_portal.core.web.links import absolute_url
from hp_portal.core.web.render import settings as portal_settings
from hp_portal.database import PortalSession, lock
from hp_portal.settings import Settings

# Without letters and digits that look alike in print: 0 O, 1 I L, 2 Z, 5 S, 8 B, U V.
ALPHABET = "34679ACDEFGHJKMNPQRTWXY"
LENGTH = 8
# Letters of one registration at most, and how long after a letter the next may be asked for.
MOST_LETTERS = 3
LETTER_EVERY = dt.timedelta(days=7)
LOST = (CANCELED, FAILED)
"""The states of a letter that does not come."""


class NoAddress(Exception):
    """The address on record does not fit an envelope: staff look into it."""


class WrongPin(Exception):
    """Not this PIN; `left` says how many tries are left."""

    def __init__(self, left: int) -> None:
        super().__init__("wrong PIN")
        self.left = left


class PinDead(Exception):
    """No PIN is open: expired, tried too often, or replaced."""


class TooSoon(Exception):
    """Another letter may be asked for from `at` on; never when it is None."""

    def __init__(self, at: dt.datetime | None) -> None:
        super().__init__("too soon for another letter")
        self.at = at


class TooManyLetters(Exception):
    """So many letters have gone to this payee lately that staff look before another one is written."""


@dataclass(frozen=True)
class PinState:
    """How far the letter is, as its person sees it. `expected_by` once it is mailed; `tries_left` is 0 for a dead PIN.
    The PIN works for `days` from the mailing on: until `expires_at`, which before the mailing is when one that nobody mails ends.

    `lost`: the letter was canceled, or could not be sent: it does not come, and its PIN is dead.
    """

    made_at: dt.datetime
    printed: bool
    posted_at: dt.datetime | None
    expected_by: dt.date | None
    returned: bool
    lost: bool
    days: int
    expires_at: dt.datetime
    tries_left: int
    open: bool


class MailedPin(Protocol):
    """The row of a PIN that a letter brings. Times in UTC; `expires_at` counts from the making."""

    pin_hash: str
    message_id: int
    made_at: dt.datetime
    expires_at: dt.datetime
    ended_at: dt.datetime | None
    tries_left: int


def new_pin() -> str:
    """Eight signs."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def read_pin(text: str) -> str:
    """What was typed without blanks and dashes, in capitals."""
    return "".join(letter for letter in text.upper() if letter.isalnum())


def about(registration: Registration) -> str:
    """What the letters of a registration are found by."""
    return f"registration-pin:{registration.id}"


def send_pin(session: PortalSession, settings: Settings, registration: Registration, payee: Payee) -> None:
    """Make a PIN and write its letter; an earlier PIN works no longer. Raises NoAddress."""
    lines = envelope_lines(payee)
    if lines is None:
        raise NoAddress
    _end_pins(session, registration.id)
    cancel_messages(session, about(registration))
    now, pin = clock.now(), new_pin()
    expires = now + dt.timedelta(days=settings.pin_days)
    letter = Letter(
        lines,
        "Your PIN for the provider portal",
        about(registration),
        [
            f"{registration.name} has asked to use the provider portal of {settings.payer.name} for {payee.name}. "
            "Please give this letter to them.",
            "With the PIN below they can see the payments to your Tax ID. If you do not know them or do not want this, "
            f"do not share the PIN{', and call us at ' + settings.payer.phone if settings.payer.phone else ''}.",
        ],
        [
            "Sign in at the address below with the user name and password you chose when you registered.",
            f"Enter the PIN within {settings.pin_days} days after this letter was mailed. The page shows the last day.",
        ],
        f"{pin[:4]} {pin[4:]}",
        "PIN",
        absolute_url("registration.own"),
        secret=True,
    )
    message_id = add_letter(session, letter)
    session.add(
        RegistrationPin(
            registration_id=registration.id,
            # No key's hash: a PIN in the mail outlives the rotation of the data key.
            pin_hash=hash_password(pin),
            message_id=message_id,
            made_at=now,
            expires_at=expires,
            tries_left=settings.pin_attempts,
        )
    )
    session.flush()
    record(session, "registration.pin.made", registration=registration.id)


def check_letters(session: PortalSession, settings: Settings, payee: Payee) -> None:
    """Raise TooManyLetters when the payee has got as many letters as are written without a look, for whomever."""
    lock(session, f"letters:{payee.id}")
    since = clock.now() - dt.timedelta(days=settings.pin_letters_days)
    written = (
        sa.select(sa.func.count(RegistrationPin.id))
        .join(Registration, Registration.id == RegistrationPin.registration_id)
        .where(Registration.payee_id == payee.id, RegistrationPin.made_at > since)
    )
    if (session.scalar(written) or 0) >= settings.pin_letters_per_payee:
        raise TooManyLetters


def has_moved(session: PortalSession, registration: Registration, payee: Payee) -> bool:
    """Does the record's address fit an envelope, and differ from the last letter's or from one that was said to be wrong?"""
    lines, pin = envelope_lines(payee), _newest(session, registration.id)
    if lines is None or pin is None:
        return lines is not None and registration.address_wrong_at is not None
    return bool(values_of(session, session.get_one(Message, pin.message_id)).get("address") != lines)


def _end_pins(session: PortalSession, registration_id: int) -> None:
    session.execute(
        sa.update(RegistrationPin)
        .where(RegistrationPin.registration_id == registration_id, RegistrationPin.ended_at.is_(None))
        .values(ended_at=clock.now())
        .execution_options(synchronize_session=False)
    )


def _newest(session: PortalSession, registration_id: int) -> RegistrationPin | None:
    wanted = sa.select(RegistrationPin).where(RegistrationPin.registration_id == registration_id)
    return session.scalars(wanted.order_by(RegistrationPin.id.desc()).limit(1)).one_or_none()


def state_of(session: PortalSession, registration: Registration) -> PinState | None:
    """How far the newest letter is; None when none was written."""
    pin = _newest(session, registration.id)
    return pin_state(session, pin) if pin is not None else None


def pin_state(session: PortalSession, pin: MailedPin) -> PinState:
    """How far the letter of a PIN is."""
    message = session.get_one(Message, pin.message_id)
    run = session.get(PrintRun, message.print_run_id) if message.print_run_id else None
    # A plugin's way sends letters without a print run.
    posted = run.posted_at if run else message.ended_at if message.state == SENT else None
    lost = message.state in LOST
    works = pin.expires_at - pin.made_at
    # The mail takes none of the days; a letter that nobody marks as mailed does not keep its PIN for ever.
    expires = posted + works if posted else pin.made_at + 2 * works
    alive = pin.ended_at is None and expires > clock.now() and pin.tries_left > 0 and not lost
    return PinState(
        made_at=pin.made_at,
        printed=message.state in (PRINTED, SENT, RETURNED),
        posted_at=posted,
        expected_by=_expected_by(posted) if posted else None,
        returned=message.state == RETURNED,
        lost=lost,
        days=works.days,
        expires_at=expires,
        tries_left=pin.tries_left if alive else 0,
        open=alive,
    )


def _expected_by(posted: dt.datetime) -> dt.date:
    settings = portal_settings()
    return posted.astimezone(settings.payer.zone).date() + dt.timedelta(days=settings.letter_days)


def next_letter_at(session: PortalSession, registration: Registration) -> dt.datetime | None:
    """From when on another letter may be asked for; None: no other one, ask us."""
    made = session.scalars(
        sa.select(RegistrationPin.made_at)
        .where(RegistrationPin.registration_id == registration.id)
        .order_by(RegistrationPin.id)
    ).all()
    return made[-1] + LETTER_EVERY if made and len(made) < MOST_LETTERS else None


def may_ask(state: PinState | None, at: dt.datetime) -> bool:
    """May another letter be asked for now: a week after the last, or at once when its PIN is dead or the mail brought it back?"""
    return state is None or not state.open or state.returned or at <= clock.now()


def send_another(session: PortalSession, settings: Settings, registration: Registration, payee: Payee) -> None:
    """Another letter with a new PIN, as the person asks. Raises TooSoon, TooManyLetters or NoAddress."""
    lock(session, f"registration:{registration.id}")
    state, at = state_of(session, registration), next_letter_at(session, registration)
    if at is None or not may_ask(state, at):
        raise TooSoon(at)
    check_letters(session, settings, payee)
    send_pin(session, settings, registration, payee)


def enter_pin(session: PortalSession, registration: Registration, typed: str) -> None:
    """Use the PIN up. Raises WrongPin (counted: the caller commits) or PinDead. The caller holds the registration."""
    pin = _newest(session, registration.id)
    if pin is None:
        raise PinDead
    try:
        use_pin(session, pin, typed)
    except WrongPin as wrong:
        record_refusal(session, "registration.pin.refused", registration=registration.id, left=wrong.left)
        raise
    record(session, "registration.pin.accepted", registration=registration.id)


def use_pin(session: PortalSession, pin: MailedPin, typed: str) -> None:
    """Use a PIN up, or count a wrong one. Raises WrongPin or PinDead. The caller holds what the PIN is for."""
    session.refresh(pin)
    if not pin_state(session, pin).open:
        raise PinDead
    if verify_password(pin.pin_hash, read_pin(typed)):
        pin.ended_at = clock.now()
    else:
        pin.tries_left -= 1
        if pin.tries_left == 0:
            pin.ended_at = clock.now()
        session.flush()
        raise WrongPin(pin.tries_left)
    session.flush()


def letter_came_back(session: PortalSession, message_id: int) -> None:
    """The mail brought a letter back: whose PIN it had, is as if its person had said that the address is wrong. Any letter may be
    told."""
    waits = sa.select(Registration).join(RegistrationPin, RegistrationPin.registration_id == Registration.id)
    registration = session.scalars(waits.where(RegistrationPin.message_id == message_id)).one_or_none()
    if registration is None or registration.state != PIN or registration.address_wrong_at is not None:
        return
    registration.address_wrong_at = clock.now()
    session.flush()
    record(session, "registration.address.disputed", registration=registration.id)


def end_pins(session: PortalSession, registration: Registration) -> None:
    """The PIN is not needed any more; a letter that has not been printed is not sent."""
    _end_pins(session, registration.id)
    cancel_messages(session, about(registration))
