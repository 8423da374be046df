"""How the trial ends of somebody who has registered in place of one who is said to have left. Needs a whole scope."""

from __future__ import annotations

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.identity.accounts import hold_account
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import BY_TRIAL, Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.people.changes import is_disowned
from hp_portal.core.people.ended import hold_organization
from hp_portal.core.registration import challenges, telling
from hp_portal.core.registration.facts import AccountClosed, move
from hp_portal.core.registration.finishing import open_access
from hp_portal.core.registration.models import DECLINED, LOCKED, OPEN, PROVED_AGAIN, STAFF, Registration
from hp_portal.core.registration.moving import end_if_empty, move_person
from hp_portal.core.tax_ids.ending import end_leaning, hold_links
from hp_portal.core.tax_ids.notices import tell_of_link
from hp_portal.database import PortalSession
from hp_portal.hookspecs import PortalEvent


def hold_newcomer(session: PortalSession, registration: Registration) -> Person:
    """Lock the account of a registration that is held, and read it anew. Raises AccountClosed."""
    person = session.get_one(Person, registration.person_id)
    hold_account(session, person)
    if person.deactivated_at is not None:
        raise AccountClosed(person.name)
    return person


def end_grants(session: PortalSession, organization_id: int | None, by_id: int | None) -> list[tuple[int, str]]:
    """End what an organization sees: each payee with what had proved it."""
    links = hold_links(session, Grant.organization_id == organization_id)
    ended = session.execute(
        sa.update(Grant)
        .where(Grant.organization_id == organization_id, Grant.ended_at.is_(None))
        .values(ended_at=clock.now(), ended_by_id=by_id, ended_how=BY_TRIAL)
        .returning(Grant.payee_id, Grant.proof)
        .execution_options(synchronize_session=False)
    ).all()
    for payee_id, _ in ended:
        record(session, "registration.access.ended", organization=organization_id, payee=payee_id)
        session.announce(PortalEvent("grant.ended", {"organization": organization_id or 0, "payee": payee_id}))
    end_leaning(session, None, links)
    return [(payee_id, proof) for payee_id, proof in ended]


def _proved_unseen(registration: Registration) -> list[tuple[int, str]]:
    """What was proved, where nothing was opened before staff had looked."""
    unseen = registration.state == STAFF and registration.why in ("", PROVED_AGAIN)
    return [(registration.payee_id, "payer")] if unseen and registration.payee_id is not None else []


def _links(session: PortalSession, organization_id: int) -> list[Grant]:
    wanted = sa.select(Grant).where(Grant.organization_id == organization_id, Grant.is_open())
    return list(session.scalars(wanted.order_by(Grant.id)))


def take_over(session: PortalSession, registration: Registration, by: str) -> None:
    """Nobody has objected, or not with reason: from the provisional access to being a delegate of the organization, or of the
    one of their own where that organization has ended meanwhile. Raises AccountClosed."""
    person = hold_newcomer(session, registration)
    organization = hold_organization(session, registration.organization_id or 0)
    if organization.ended_at is None:
        ended = end_grants(session, registration.own_id, None)
        proved = _proved_unseen(registration) or ended
        move_person(session, person, organization, delegate=True)
    else:
        proved, organization = _proved_unseen(registration), _make_own(session, registration)
    held = {grant.payee_id for grant in _links(session, organization.id)}
    for payee_id, proof in proved:
        if payee_id not in held:
            open_access(session, organization, session.get_one(Payee, payee_id), proof, person)
    move(session, registration, OPEN, by=by)
    telling.tell_of_newcomer(session, registration, person)
    telling.tell_outcome(session, registration)


def _make_own(session: PortalSession, registration: Registration) -> Organization:
    """There is nobody to follow any more: the organization on trial is one like any other, and those who are linked to the same
    Tax ID are told of it as of every new link."""
    own = hold_organization(session, registration.own_id or 0)
    own.provisional, own.validated_at = False, own.validated_at or clock.now()
    session.flush()
    for grant in _links(session, own.id):
        tell_of_link(session, grant)
    return own


def end_trial(session: PortalSession, registration: Registration) -> None:
    """The days are over: time gives an organization to nobody who could not have been objected to, and to no closed account."""
    person = session.get_one(Person, registration.person_id)
    hold_account(session, person)
    problem = challenges.problem(session, registration)
    if not problem and person.deactivated_at is not None and is_disowned(session, person.id):
        problem = LOCKED
    if problem:
        move(session, registration, STAFF, by="time", why=problem)
        telling.tell_outcome(session, registration)
    elif person.deactivated_at is not None:  # closed by staff during the trial
        end_grants(session, registration.own_id, None)
        end_if_empty(session, registration.own_id or 0)
        move(session, registration, DECLINED, by="time")
    else:
        take_over(session, registration, "time")
