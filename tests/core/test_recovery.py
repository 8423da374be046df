"""A forgotten password or user name: the same answer for everybody, and a link to the address of the account alone."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.delivery.models import Message
from hp_portal.core.delivery.outbox import CANCELED, values_of
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.unconfirmed import unconfirmed_address
from hp_portal.core.people.models import PasswordLink
from hp_portal.core.recovery import asking
from hp_portal.core.recovery.models import RecoveryAsk
from hp_portal.worker import all_jobs, run_job
from tests.support.client import PortalClient, heading_of
from tests.support.clock import Clock
from tests.support.factors import add_app
from tests.support.people import NEW_PASSWORD, PERMISSIONS, enter, follow, make_link, recorded, set_password
from tests.support.world import PASSWORD, World

pytestmark = pytest.mark.either_database

ASK = "/forgot-password"


def answer(world: World) -> bool:
    """The worker's part; False when the job failed."""
    (job,) = [one for one in all_jobs(world.app) if one.key == "recovery.answer"]
    with world.app.app_context():
        return run_job(world.app, job)


def ask(world: World, typed: str, client: PortalClient | None = None) -> Any:
    said = (client or world.client()).post(ASK, {"typed": typed})
    answer(world)
    return said


def mails(world: World) -> list[tuple[str, str, dict[str, Any]]]:
    """To whom, by which template, and what fills it in, oldest first."""
    with world.session() as session:
        rows = session.scalars(sa.select(Message).where(Message.template.startswith("recovery")).order_by(Message.id))
        return [(row.recipient, row.template, values_of(session, row)) for row in rows]


def link_in(mail: tuple[str, str, dict[str, Any]]) -> str:
    return urlsplit(str(mail[2]["link"])).path


def change(world: World, person: Person, **values: Any) -> None:
    with world.session() as session:
        session.execute(sa.update(Person).where(Person.id == person.id).values(**values))
        session.commit()


@pytest.mark.parametrize("typed", ["m.keeper", " M.Keeper@Demo.Example "])
def test_the_link_sets_a_password_and_tells_the_user_name(world: World, typed: str) -> None:
    person = world.person("m.keeper")
    elsewhere = world.sign_in("m.keeper")
    assert "/forgot-password" in world.client().get("/sign-in").text
    said = ask(world, typed.replace("M.Keeper@Demo.Example", person.email.upper()))
    assert (said.status_code, said.location) == (303, "/forgot-password/asked")
    (mail,) = mails(world)
    assert mail[:2] == (person.email, "recovery_link")
    assert mail[2]["username"] == "m.keeper"
    client = world.client()
    assert "m.keeper" in follow(client, link_in(mail)).text
    assert set_password(client).status_code == 303
    assert enter(world, "m.keeper", NEW_PASSWORD) == 303
    assert enter(world, "m.keeper", PASSWORD) == 422
    assert elsewhere.get("/my-sign-ins").status_code == 303, "every session has ended"
    assert follow(world.client(), link_in(mail)).status_code == 410, "once"


def test_everybody_is_answered_the_same(world: World) -> None:
    """Whether there is such an account is nowhere in what the page says, in what it sets, or in what the request does."""
    known, closed, staff = world.person("m.keeper"), world.person("c.losed"), world.staff("a.staff")
    change(world, closed, deactivated_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    said = set()
    for typed in (known.email, closed.email, staff.email, "m.keeper", "nobody@office.example", "nobody"):
        client = world.client()
        answer = client.post(ASK, {"typed": typed})
        shown = client.get(answer.location)
        said.add((answer.status_code, answer.location, tuple(sorted(answer.headers.keys())), heading_of(shown)))
        assert typed not in shown.text
    assert len(said) == 1
    assert mails(world) == [], "the worker writes them"
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(RecoveryAsk.id))) == 6
        kept = session.scalars(sa.select(RecoveryAsk)).all()
        assert not any(b"keeper" in one.typed_sealed or b"nobody" in one.typed_sealed for one in kept)
    assert recorded(world, "identity.recovery.asked") == [{}] * 6


def test_the_link_works_for_half_an_hour(world: World, clock: Clock) -> None:
    world.person("m.keeper")
    ask(world, "m.keeper")
    (mail,) = mails(world)
    client, made = world.client(), clock.now()
    clock.set(made + dt.timedelta(minutes=30, seconds=-5))
    assert follow(client, link_in(mail)).status_code == 200
    clock.set(made + dt.timedelta(minutes=30, seconds=5))
    dead = set_password(client)
    assert dead.status_code == 410
    assert "/forgot-password" in dead.text, "the page leads to a new link"


def test_whoever_has_no_account_reads_that_there_is_none_once_a_day(world: World, clock: Clock) -> None:
    for _ in range(2):
        ask(world, "nobody@office.example")
    ask(world, "nobody")
    assert [mail[:2] for mail in mails(world)] == [("nobody@office.example", "recovery_nobody")]
    clock.advance(days=1, seconds=1)
    ask(world, "nobody@office.example")
    assert len(mails(world)) == 2


def test_strangers_get_no_more_messages_than_a_limit_in_a_day(world: World) -> None:
    with world.app.app_context(), world.session() as session:
        for number in range(203):
            asking.ask(session, f"nobody{number}@office.example", f"192.{number}.2.1", "192.0.2.1")
        session.commit()
    for _ in range(5):
        answer(world)
    assert len(mails(world)) == 200
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(RecoveryAsk.id))) == 0


def test_a_deactivated_account_gets_no_link_but_the_names_of_its_delegates(world: World) -> None:
    clinic = world.organization("Sample Clinic")
    delegate = world.person("d.elegate", organization=clinic, delegate=True)
    person = world.person("m.keeper", organization=clinic)
    change(world, person, deactivated_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    ask(world, "m.keeper")
    (mail,) = mails(world)
    assert mail[:2] == (person.email, "recovery_closed")
    assert mail[2]["delegates"] == delegate.name
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(PasswordLink.id))) == 0


def test_staff_get_a_link_only_with_a_second_factor(world: World) -> None:
    staff = world.staff("a.staff")
    ask(world, "a.staff")
    add_app(world, staff)
    ask(world, "a.staff")
    assert [mail[:2] for mail in mails(world)] == [(staff.email, "recovery_staff"), (staff.email, "recovery_link")]


def test_the_second_factor_stays(world: World) -> None:
    add_app(world, world.person("m.keeper"))
    ask(world, "m.keeper")
    (mail,) = mails(world)
    assert mail[2]["second_step"]
    client = world.client()
    follow(client, link_in(mail))
    set_password(client)
    half = client.post("/sign-in", {"username": "m.keeper", "password": NEW_PASSWORD})
    assert half.location == "/sign-in/second-step"
    assert client.get("/my-sign-ins").status_code == 303


def test_an_address_that_nobody_confirmed_gets_nothing_and_staff_can_read_why(world: World) -> None:
    change(world, world.person("m.keeper"), email=unconfirmed_address())
    ask(world, "m.keeper")
    assert mails(world) == []
    assert recorded(world, "identity.recovery.answered") == [{"how": "unconfirmed"}]


def test_asking_again_ends_no_link_and_using_one_ends_them_all(world: World) -> None:
    """Whoever asks in somebody's name again and again does not keep them out."""
    world.person("m.keeper")
    for _ in range(3):
        ask(world, "m.keeper")
    first, second, third = mails(world)
    client, other = world.client(), world.client()
    follow(client, link_in(first))
    assert follow(other, link_in(third)).status_code == 200
    assert set_password(client).status_code == 303
    assert set_password(other).status_code == 410
    assert follow(world.client(), link_in(second)).status_code == 410
    with world.session() as session:
        assert set(session.scalars(sa.select(Message.state).where(Message.template == "recovery_link"))) == {CANCELED}


@pytest.mark.parametrize("how", ["password", "email", "staff", "deactivated"])
def test_what_ends_a_link(world: World, how: str) -> None:
    person = world.person("m.keeper")
    ask(world, "m.keeper")
    (mail,) = mails(world)
    client = world.sign_in("m.keeper")
    if how == "password":
        client.post("/change-password", {"current": PASSWORD, "new": NEW_PASSWORD, "again": NEW_PASSWORD})
    elif how == "email":
        client.post("/change-email", {"email": "mina@new.example"})
        with world.session() as session:
            asked = sa.select(Message).where(Message.template == "email_confirm")
            link = urlsplit(values_of(session, session.scalars(asked).one())["link"]).path
        client.get(client.get(link).location or link)
        assert client.post("/confirm-email").status_code == 303
    else:
        world.staff("a.staff", permissions=PERMISSIONS)
        staff = world.sign_in("a.staff")
        if how == "staff":
            make_link(staff, person)
        else:
            staff.post(f"/staff/people/{person.id}/deactivate", {"reason": "Left"})
    assert follow(world.client(), link_in(mail)).status_code == 410


def test_what_was_typed_is_asked_for_five_times_an_hour(world: World, clock: Clock) -> None:
    """Whether there is such an account or not; the links that were sent still work."""
    world.person("m.keeper")
    for typed in ("m.keeper", "nobody"):
        said: TestResponse
        for number in range(6):
            said = world.client().post(
                ASK, {"typed": typed}, environ_base={"REMOTE_ADDR": f"192.0.{number}.{len(typed)}"}
            )
            assert said.status_code == (303 if number < 5 else 429)
        assert typed in said.text, "what was typed stays"
        assert int(said.headers["Retry-After"]) > 3000
    answer(world)
    assert len(mails(world)) == 5
    assert follow(world.client(), link_in(mails(world)[0])).status_code == 200
    clock.advance(hours=1, seconds=1)
    assert ask(world, "m.keeper").status_code == 303


def test_one_address_asks_ten_times_an_hour(world: World) -> None:
    client = world.client()
    said = [client.post(ASK, {"typed": f"somebody{number}"}).status_code for number in range(11)]
    assert said == [303] * 10 + [429]
    assert len(recorded(world, "identity.recovery.blocked")) == 1


def test_by_name_and_address_in_turn_no_more_than_six_messages(world: World) -> None:
    person = world.person("m.keeper")
    for number in range(5):
        for typed in ("m.keeper", person.email):
            world.client().post(ASK, {"typed": typed}, environ_base={"REMOTE_ADDR": f"192.0.{number}.9"})
    answer(world)
    assert len(mails(world)) == 6
    assert [one["how"] for one in recorded(world, "identity.recovery.answered")] == ["link"] * 6 + ["often"] * 4
    with world.session() as session:
        answered = sa.select(AuditEvent).where(AuditEvent.event == "identity.recovery.answered")
        rows = session.scalars(answered).all()
    assert {(row.person_id, row.organization_id) for row in rows} == {(person.id, person.organization_id)}


@pytest.mark.parametrize("typed", ["", "x" * 300])
def test_what_cannot_be_taken_is_said(world: World, typed: str) -> None:
    said = world.client().post(ASK, {"typed": typed})
    assert said.status_code == 422
    assert typed in said.text
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(RecoveryAsk.id))) == 0


def test_one_that_cannot_be_read_stops_no_other(world: World, clock: Clock) -> None:
    """Staff see the job fail; whoever asked asks again, and after a day it is forgotten."""
    world.person("m.keeper")
    client = world.client()
    client.post(ASK, {"typed": "somebody"})
    client.post(ASK, {"typed": "m.keeper"})
    with world.session() as session:
        first = session.scalars(sa.select(RecoveryAsk).order_by(RecoveryAsk.id)).first()
        assert first is not None
        first.typed_sealed = first.typed_sealed[:-1] + bytes([first.typed_sealed[-1] ^ 1])
        session.commit()
    assert not answer(world)
    assert [mail[1] for mail in mails(world)] == ["recovery_link"]
    clock.advance(days=1)
    (job,) = [one for one in all_jobs(world.app) if one.key == "identity.forget-attempts"]
    with world.app.app_context():
        assert run_job(world.app, job)
    assert answer(world)


def test_the_pause_after_wrong_passwords_ends_with_a_new_password(world: World) -> None:
    world.person("m.keeper")
    for _ in range(world.settings.attempts_per_account):
        enter(world, "m.keeper", "wrong")
    ask(world, "m.keeper")
    client = world.client()
    follow(client, link_in(mails(world)[0]))
    set_password(client)
    assert enter(world, "m.keeper", NEW_PASSWORD) == 303
