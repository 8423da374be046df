"""What somebody tries who has one valid thing in hand: a payment of their own, a mailbox, a second window."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
import sqlalchemy as sa

from hp_portal import clock as portal_clock
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.core.registration import deciding, drafts
from hp_portal.core.registration.models import Registration, RegistrationDraft
from hp_portal.database import lock
from tests.core.test_registration_joins import FRESH, NOW, NPI, TIN, Scene, follow, payments, scene
from tests.support.client import tree_of
from tests.support.identifiers import make_npi, make_tin
from tests.support.registering import ADDRESS, PERSON, Payments, Visitor, mails, mails_leave, registrations, tidy

pytestmark = pytest.mark.either_database

__all__ = ["payments", "scene"]
OWN = "PROOF-0009"


def staff_of(scene: Scene) -> Actor:
    return cast(Actor, SimpleNamespace(person_id=scene.world.staff("a.staff").id, is_staff=True))


def test_a_payment_of_one_s_own_proves_nothing_of_somebody_else_s_tax_id(scene: Scene, payments: Payments) -> None:
    payee = scene.world.payee(make_tin(9), make_npi(9))
    payments.add(scene.world, OWN, payee, make_tin(9), day=dt.date(2026, 2, 20))
    visitor = Visitor(scene.world)
    visitor.begin("mail")
    visitor.prove(tin=TIN, npi=NPI)
    visitor.go_on("left", "left")
    visitor.finish()
    given = {"number": OWN, "npi": make_npi(9), "amount": "100.00"}
    assert visitor.client.post("/registration/payment", given).status_code == 422
    assert scene.case().state == "pin"
    given = {"number": FRESH, "npi": NPI, "amount": "100.00"}
    assert visitor.client.post("/registration/payment", given).status_code == 303
    assert scene.case().state == "challenged"


def test_a_tax_id_alone_tells_little_and_not_often(scene: Scene) -> None:
    scene.world.organization("Ledger Billing", audience="billing")
    with scene.world.session() as session:
        ledger = session.scalars(sa.select(Organization).where(Organization.audience == "billing")).one()
        ledger.set_tin(session, make_tin(8))
    scene.world.person("b.biller", organization=ledger, delegate=True)
    visitor = Visitor(scene.world)
    visitor.begin("billing")
    own = {"organization": "Another Billing", "address": ADDRESS, "answers": "Owen Ledger"}
    assert visitor.prove(tin=make_tin(8), **own).location == "/register/organization"
    page = visitor.client.get("/register/organization").text
    assert "Ledger Billing" not in page
    assert "b•••" not in page
    statuses = [visitor.prove(tin=make_tin(500 + number), **own).status_code for number in range(10)]
    assert statuses[:9] == [303] * 9
    assert statuses[9] == 429


def test_a_name_is_no_advertisement(scene: Scene) -> None:
    visitor = Visitor(scene.world)
    visitor.choose("check")
    for name in ("Win at https://prize.example", "Mina Keeper 2183334444", "M" * 81):
        assert visitor.say_who(name=name).status_code == 422
    assert not mails(scene.world, PERSON["email"])


def test_names_that_are_taken_are_not_tried_without_end(scene: Scene) -> None:
    visitor = Visitor(scene.world)
    visitor.begin("unlisted")
    visitor.choose("billing")
    visitor.prove(tin=make_tin(700), organization="Another Billing", address=ADDRESS, answers="Owen Ledger")
    statuses = [visitor.finish(username="a.delegate").status_code for _ in range(11)]
    assert statuses == [422] * 10 + [429]


def at_the_lock(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, change: Callable[[Any, RegistrationDraft], None]
) -> None:
    """Another window changes the draft just before this request gets its lock."""
    done: list[str] = []

    def first(session: Any, name: str) -> None:
        if not done:
            done.append(name)
            with scene.world.session() as other:
                change(other, other.scalars(sa.select(RegistrationDraft)).one())
        lock(session, name)

    monkeypatch.setattr(drafts, "lock", first)


def other_address(session: Any, row: RegistrationDraft) -> None:
    draft = drafts.Draft(row, drafts.find_open(session, RegistrationDraft.id == row.id).typed)
    drafts.change_email(session, draft, "a.colleague@office.example")
    drafts.keep(session, draft)


def test_the_button_confirms_the_address_that_the_link_was_sent_to(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = Visitor(scene.world)
    visitor.choose("check")
    visitor.say_who()
    at_the_lock(scene, monkeypatch, other_address)
    assert visitor.confirm().status_code == 410
    with scene.world.session() as session:
        assert session.scalars(sa.select(RegistrationDraft.confirmed_at)).one() is None


def test_nobody_registers_with_an_address_changed_at_the_last_moment(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = scene.visitor()
    visitor.go_on("join")
    at_the_lock(scene, monkeypatch, other_address)
    assert visitor.finish().location == "/register/mail"
    assert not registrations(scene.world)


def test_a_browser_that_loses_the_draft_at_the_last_moment_goes_no_further(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken_over(_session: Any, row: RegistrationDraft) -> None:
        row.other_hash, row.token_hash = row.token_hash, b"another browser's token as a hash"

    visitor = scene.visitor()
    visitor.go_on("join")
    at_the_lock(scene, monkeypatch, taken_over)
    assert visitor.finish().location == "/register/elsewhere"
    assert not registrations(scene.world)


def test_who_was_objected_to_with_reason_is_put_before_the_staff(scene: Scene, payments: Payments) -> None:
    follow(scene)
    case = scene.case()
    scene.client().post(f"/joins/{case.id}/object")
    with scene.world.app.test_request_context(), scene.world.session() as session:
        deciding.uphold(session, staff_of(scene), session.get_one(Registration, case.id), "No.")
    payments.add(scene.world, OWN, scene.payee, TIN, day=dt.date(2026, 2, 20))
    again = Visitor(scene.world, email="again@office.example")
    again.begin("check")
    again.prove(number=OWN, npi=NPI, amount="100.00")
    again.go_on("left", "left")
    again.finish()
    newest = registrations(scene.world)[-1]
    assert newest.state == "staff"
    assert scene.grants(newest.own_id) == set()


def test_staff_look_first_where_nobody_could_object(scene: Scene) -> None:
    with scene.world.session() as session:
        session.execute(sa.update(Person).values(deactivated_at=NOW))
    visitor = follow(scene)
    assert scene.case().state == "staff"
    assert "staff have to look" in visitor.client.get("/registration").text


def test_a_letter_tells_nothing_before_its_pin(scene: Scene) -> None:
    other = scene.world.payee(make_tin(9), make_npi(9), "Secret Payee", address=ADDRESS)
    visitor = Visitor(scene.world)
    visitor.begin("mail")
    visitor.prove(tin=make_tin(9), npi=other.npi)
    visitor.finish()
    assert "Secret Payee" not in visitor.client.get("/").text + visitor.client.get("/registration").text
    assert "Office of Mina Keeper" in visitor.client.get("/").text


def test_an_account_closed_during_the_trial_takes_nothing_over(scene: Scene) -> None:
    follow(scene)
    mails_leave(scene.world)
    with scene.world.session() as session:
        session.get_one(Person, scene.newcomer().id).deactivated_at = portal_clock.now()
    scene.clock.advance(days=10)
    tidy(scene.world)
    case = scene.case()
    assert case.state == "declined"
    assert scene.newcomer().organization_id == case.own_id
    assert scene.grants(case.own_id) == set()


def test_delegates_are_not_asked_without_end(scene: Scene) -> None:
    """Five messages in a day, and one that says that there are more: all of them wait in the list."""
    for number in range(7):
        visitor = Visitor(scene.world, email=f"keeper{number}@office.example")
        visitor.begin("check")
        visitor.prove(number=FRESH, npi=NPI, amount="100.00")
        visitor.go_on("join")
        visitor.finish()
    assert [one.state for one in registrations(scene.world)] == ["asked"] * 7
    told = [message.template for message, _ in mails(scene.world, "a.delegate@office.example")]
    assert told == ["registration_joins", *["registration_join"] * 5]
    assert len(list(tree_of(scene.client().get("/joins")).iter("tr"))) == 8
