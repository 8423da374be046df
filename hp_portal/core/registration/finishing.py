"""The last step: a draft becomes an account, or a wish that somebody has to answer.

Every verb needs a whole scope; the caller commits.
"""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.audience import Audience
from hp_portal.core.audit.record import Who, get_who, record
from hp_portal.core.identity import passwords
from hp_portal.core.identity.actor import hash_token
from hp_portal.core.identity.delegates import has_delegate
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.unconfirmed import unconfirmed_address
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.people.accounts import create_person
from hp_portal.core.registration import telling
from hp_portal.core.registration.drafts import Draft, Typed, end
from hp_portal.core.registration.facts import add_registration
from hp_portal.core.registration.later import ask_to_confirm, waits_for_address
from hp_portal.core.registration.models import (
    ASKED,
    BILLING,
    CHALLENGED,
    CHECK,
    DECLINED,
    DISPUTED,
    JOIN,
    LEFT,
    LETTERS,
    MAIL,
    NEW_BILLING,
    NOTICE,
    OPEN,
    PIN,
    STAFF,
    UNLISTED,
    Registration,
)
from hp_portal.core.registration.pins import NoAddress, TooManyLetters, check_letters, send_pin
from hp_portal.core.registration.proving import Answer, find_billing, look_up
from hp_portal.core.registration.unlisted import waiting_case
from hp_portal.core.tax_ids.ending import end_overdue
from hp_portal.core.tax_ids.notices import tell_of_link
from hp_portal.core.tax_ids.proving import use_payment
from hp_portal.database import PortalSession, lock
from hp_portal.hookspecs import PortalEvent
from hp_portal.plugins import Plugins
from hp_portal.settings import Settings

MOST_JOINS_A_DAY = 5
"""About how many people the delegates of an organization get a message in a day; one more says that others wait in the list."""


class RegisteredMeanwhile(Exception):
    """Somebody has registered this organization since the proof was given: join it, or say that they have left."""


class NotProved(Exception):
    """The proof is missing, or holds no longer: it has to be given again."""


@dataclass(frozen=True)
class Account:
    """What somebody chooses for an account."""

    username: str
    password: str


@dataclass(frozen=True)
class Registered:
    """What came of it. `person` is None where somebody has to answer first; `token` is that of the status page. `again`: they
    had asked before, and this is how that stands."""

    registration: Registration
    person: Person | None
    token: str
    again: bool = False


def needs_account(typed: Typed) -> bool:
    """Does the last step make an account? Not while delegates or staff have to say yes first."""
    return typed.path != UNLISTED and typed.route != JOIN and (typed.path, typed.route) != (BILLING, LEFT)


def is_providers_tin(session: PortalSession, tin: str) -> bool:
    """Is this the Tax ID of a payee on record, so of a provider?"""
    return session.scalar(sa.select(Payee.id).where(Payee.tin_is(session, tin)).limit(1)) is not None


def register(
    session: PortalSession, settings: Settings, plugins: Plugins, draft: Draft, account: Account | None
) -> Registered:
    """Finish a draft that is held (`drafts.hold`). An account that is chosen is checked first, and wrong ones change nothing.

    Raises WeakPassword, NameTaken, RegisteredMeanwhile, NotProved.
    """
    typed = draft.typed
    answer = _prove_again(session, settings, plugins, typed)
    if needs_account(typed) != (account is not None):
        raise NotProved
    if account is not None:
        about = (account.username, typed.email, typed.name, _name(session, typed), *_payer(settings))
        passwords.check_acceptable(account.password, min_length=settings.password_min_length, about=about)
    if typed.path == UNLISTED:
        done = _unlisted(session, draft)
    elif typed.path == BILLING:
        done = _billing(session, settings, plugins, draft, account)
    else:
        done = _provider(session, settings, plugins, draft, account, answer)
    end(session, draft)
    if waits_for_address(session, done.registration):
        ask_to_confirm(session, done.registration, done.token)
    elif not done.again:
        telling.welcome(session, done.registration, done.token)
    return done


def _unlisted(session: PortalSession, draft: Draft) -> Registered:
    if (waiting := waiting_case(session, draft.typed)) is not None:
        return _asked_again(session, waiting, draft.typed, None)
    registration, token = add_registration(session, draft, STAFF)
    return Registered(registration, None, token)


def _payer(settings: Settings) -> tuple[str, ...]:
    return settings.payer.name, settings.payer.short_name, settings.payer.payer_id


def _name(session: PortalSession, typed: Typed) -> str:
    payee = session.get(Payee, typed.payee_id) if typed.payee_id else None
    return payee.name if payee else typed.organization


def _prove_again(session: PortalSession, settings: Settings, plugins: Plugins, typed: Typed) -> Answer | None:
    """The proof as it holds now, locked against whoever registers the same Tax ID at this moment."""
    if typed.path not in (CHECK, NOTICE, MAIL):
        lock(session, f"registration of:{typed.tin or typed.organization.lower()}")
        return None
    payee = session.get(Payee, typed.payee_id) if typed.payee_id else None
    if payee is None:
        raise NotProved
    lock(session, f"registration of:{payee.whole_tin(session)}")
    answer = look_up(session, settings, plugins, typed)
    if answer is None or answer.payee_id != payee.id:
        raise NotProved
    if typed.route == "new" and answer.held_by:
        raise RegisteredMeanwhile
    if typed.route != "new" and not _is_target(typed, answer):
        raise NotProved
    if answer.used and typed.route != JOIN:
        raise NotProved
    return answer


def _is_target(typed: Typed, answer: Answer) -> bool:
    """Is what the draft is about registered for it now? With a payment as proof one of several is chosen."""
    if typed.target_id is None:
        return not typed.proved and bool(answer.tin_held_by)
    return typed.target_id in answer.tin_held_by


def _provider(
    session: PortalSession,
    settings: Settings,
    plugins: Plugins,
    draft: Draft,
    account: Account | None,
    answer: Answer | None,
) -> Registered:
    typed, now = draft.typed, clock.now()
    if answer is None:
        raise NotProved
    payee = session.get_one(Payee, answer.payee_id)
    proved = now if typed.path != MAIL else None
    if account is None:
        return _ask_to_join(session, settings, draft, proved)
    # What is on record is shown to whoever has proved something.
    name = payee.name if proved else f"Office of {typed.name}"
    organization = _new_organization(session, name[:200], payee.provider_type, validated=proved)
    person = _new_person(session, plugins, organization, draft, account)
    due: dt.datetime | None = None
    if typed.route == LEFT:
        organization.provisional = True
        values = {"organization_id": typed.target_id, "own_id": organization.id}
        # Before a PIN nobody has said which of several organizations it is about.
        if typed.target_id is not None and must_look_first(session, settings, typed.target_id):
            state, organization.validated_at = STAFF, None
        elif proved:
            state, due = CHALLENGED, now + dt.timedelta(days=settings.registration_challenge_days)
        else:
            state = PIN
    else:
        values, state = {"organization_id": organization.id}, OPEN if proved else PIN
    registration, token = add_registration(
        session,
        draft,
        state,
        person_id=person.id,
        proved_at=proved,
        due_at=due,
        ended_at=now if state == OPEN else None,
        **values,
    )
    if state == STAFF:
        pass
    elif proved:
        open_access(session, organization, payee, "check" if typed.path == CHECK else "non_payment", person)
        _use(session, answer, organization)
    else:
        write_letter(session, settings, registration, payee)
    if state == CHALLENGED:
        telling.tell_of_challenge(session, settings, registration)
    return Registered(registration, person, token)


def find_link(session: PortalSession, organization: Organization, payee: Payee) -> Grant | None:
    """The organization's open link to a payee, or None."""
    return session.scalars(sa.select(Grant).where(Grant.links(organization.id, payee.id))).one_or_none()


def must_look_first(session: PortalSession, settings: Settings, organization_id: int) -> bool:
    """Nobody there could object, or somebody has, with reason: staff decide before anything opens."""
    return not has_delegate(session, organization_id) or was_upheld(session, settings, organization_id)


def was_upheld(session: PortalSession, settings: Settings, organization_id: int | None) -> bool:
    """Was an objection of this organization upheld, in the days for which a payment proves something?"""
    since = clock.now() - dt.timedelta(days=settings.proof_days)
    wanted = sa.select(Registration.id).where(
        Registration.organization_id == organization_id,
        Registration.route == LEFT,
        Registration.state == DECLINED,
        Registration.objected_by_id.is_not(None),
        Registration.ended_at > since,
    )
    return session.scalar(wanted.limit(1)) is not None


def open_access(session: PortalSession, organization: Organization, payee: Payee, proof: str, person: Person) -> Grant:
    """Let an organization see what is paid to a payee, as its person has proved."""
    end_overdue(session, organization.id, payee.id)
    grant = Grant(
        organization_id=organization.id,
        payee_id=payee.id,
        proof=proof,
        granted_by_id=person.id,
        granted_at=clock.now(),
    )
    session.add(grant)
    if organization.validated_at is None:
        organization.name, organization.audience = payee.name, payee.provider_type
        organization.validated_at = clock.now()
    session.flush()
    who = Who(person.id, organization.id, None, get_who(session).request_id, get_who(session).address)
    record(session, "registration.access.opened", who=who, organization=organization.id, payee=payee.id, proof=proof)
    session.announce(PortalEvent("grant.added", {"organization": organization.id, "payee": payee.id}))
    if not organization.provisional:
        tell_of_link(session, grant)
    return grant


def _use(session: PortalSession, answer: Answer, organization: Organization) -> None:
    grant = session.scalars(
        sa.select(Grant).where(Grant.organization_id == organization.id, Grant.payee_id == answer.payee_id)
    ).one()
    use_payment(session, answer.number, grant)


def write_letter(session: PortalSession, settings: Settings, registration: Registration, payee: Payee) -> None:
    """The letter with the PIN; an address on record that fits no envelope, and one letter too many to it, are put before the
    staff."""
    try:
        check_letters(session, settings, payee)
        send_pin(session, settings, registration, payee)
    except TooManyLetters:
        hold_letter(session, registration)
    except NoAddress:
        registration.address_wrong_at = clock.now()
        session.flush()
        record(session, "registration.address.unusable", registration=registration.id)


def hold_letter(session: PortalSession, registration: Registration) -> None:
    """Nothing is dropped: staff look at it before another letter is written."""
    registration.why = LETTERS
    session.flush()
    record(session, "registration.letter.held", registration=registration.id)


def _new_organization(
    session: PortalSession, name: str, audience: str, *, validated: dt.datetime | None
) -> Organization:
    organization = Organization(name=name, audience=audience, validated_at=validated, created_at=clock.now())
    session.add(organization)
    session.flush()
    record(session, "registration.organization.made", organization=organization.id)
    return organization


def _new_person(
    session: PortalSession, plugins: Plugins, organization: Organization, draft: Draft, account: Account
) -> Person:
    person = create_person(
        session,
        None,
        list(plugins.applications),
        organization_id=organization.id,
        name=draft.typed.name,
        # An address that nobody has confirmed is not the account's, so nobody learns whether it is another's.
        email=draft.typed.email if draft.confirmed else unconfirmed_address(),
        username=account.username,
        delegate=True,
    )
    person.password_hash = passwords.hash_password(account.password)
    session.flush()
    return person


def _ask_to_join(session: PortalSession, settings: Settings, draft: Draft, proved: dt.datetime | None) -> Registered:
    # None: several organizations are registered, and nothing is proved. Staff say which one it is about.
    target = draft.typed.target_id
    lock(session, f"join:{target or 0}:{draft.typed.email}")
    if (waiting := waiting_join(session, target, draft.typed.email, draft.typed.payee_id)) is not None:
        return _asked_again(session, waiting, draft.typed, proved)
    # Nobody there could answer: staff do.
    asked = sa.select(sa.func.count(Registration.id)).where(
        Registration.organization_id == target,
        Registration.route == JOIN,
        Registration.created_at > clock.now() - dt.timedelta(days=1),
    )
    # Delegates are not asked without end: of those who come after, one message tells that there are more.
    before = session.scalar(asked) or 0
    state = ASKED if has_delegate(session, target) else STAFF
    due = clock.now() + dt.timedelta(days=settings.registration_join_days) if state == ASKED else None
    registration, token = add_registration(session, draft, state, organization_id=target, proved_at=proved, due_at=due)
    if state == ASKED and before < MOST_JOINS_A_DAY:
        telling.tell_of_join(session, settings, registration)
    elif state == ASKED and before == MOST_JOINS_A_DAY:
        telling.tell_of_more(session, registration)
    return Registered(registration, None, token)


def waiting_join(
    session: PortalSession, organization_id: int | None, email: str, payee_id: int | None = None
) -> Registration | None:
    """The request to join an organization, or one of those that hold a payee, that waits for this e-mail address already."""
    wanted = sa.select(Registration).where(
        Registration.organization_id.is_not_distinct_from(organization_id),
        Registration.email == email,
        Registration.route == JOIN,
        Registration.state.in_((ASKED, STAFF)),
    )
    if organization_id is None:
        wanted = wanted.where(Registration.payee_id == payee_id)
    return session.scalars(wanted.order_by(Registration.id).limit(1)).one_or_none()


def _asked_again(
    session: PortalSession, registration: Registration, typed: Typed, proved: dt.datetime | None
) -> Registered:
    """Nobody is asked twice: the one that waits goes on, with the proof when it had none."""
    token = secrets.token_urlsafe(32)
    registration.again_hash = hash_token(token)
    if proved is not None and registration.proved_at is None:
        registration.path, registration.payee_id, registration.proved_at = typed.path, typed.payee_id, proved
    session.flush()
    record(session, "registration.join.repeated", registration=registration.id, proved=proved is not None)
    return Registered(registration, None, token, again=True)


def _billing(
    session: PortalSession,
    settings: Settings,
    plugins: Plugins,
    draft: Draft,
    account: Account | None,
) -> Registered:
    typed, now = draft.typed, clock.now()
    if is_providers_tin(session, typed.tin):
        raise NotProved
    known = find_billing(session, typed.tin)
    if account is None:
        if known is None or known.id != typed.target_id:
            raise NotProved
        return _dispute(session, draft) if typed.route == LEFT else _ask_to_join(session, settings, draft, None)
    if known is not None:
        raise RegisteredMeanwhile
    organization = _new_organization(session, typed.organization, Audience.BILLING, validated=now)
    organization.set_tin(session, typed.tin)
    person = _new_person(session, plugins, organization, draft, account)
    registration, token = add_registration(
        session, draft, OPEN, organization_id=organization.id, person_id=person.id, ended_at=now, why=NEW_BILLING
    )
    return Registered(registration, person, token)


def _dispute(session: PortalSession, draft: Draft) -> Registered:
    """Nothing proves whose a billing organization is, so staff decide; its delegates are told."""
    registration, token = add_registration(session, draft, STAFF, organization_id=draft.typed.target_id, why=DISPUTED)
    telling.tell_of_dispute(session, registration)
    return Registered(registration, None, token)
