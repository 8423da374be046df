"""A delegate invites somebody; whoever gets the link makes an account, or accepts with the one they have."""

from __future__ import annotations

import datetime as dt
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from hp_portal.core.delegates import accepting, invitations
from hp_portal.core.delegates.models import Invitation
from hp_portal.core.identity.applications import PersonApplication
from hp_portal.core.identity.models import Acceptance, Person
from hp_portal.core.organizations.models import Organization
from hp_portal.core.people.models import ChangeNotice
from tests.support.client import PortalClient, heading_of, tree_of, words_of
from tests.support.clock import Clock
from tests.support.messages import mails
from tests.support.people import NEW_PASSWORD, enter, find, recorded
from tests.support.registering import asking
from tests.support.world import PASSWORD, World

pytestmark = pytest.mark.either_database

NOON = dt.datetime(2026, 6, 1, 17, tzinfo=dt.UTC)
WHO = {"name": "Robin Newcomer", "email": "Robin@Office.Example"}
EMAIL = "robin@office.example"
TERMS = {"terms_of_use": "2026-01"}
ACCOUNT = {"username": "robin.new", "new": NEW_PASSWORD, "again": NEW_PASSWORD, **TERMS}
DEAD = "This invitation does not work anymore"


@pytest.fixture
def clinic(world: World, clock: Clock) -> Organization:
    clock.set(NOON)
    return world.organization("Sample Clinic")


@pytest.fixture
def delegate(world: World, clinic: Organization) -> PortalClient:
    world.person("d.elegate", organization=clinic, delegate=True, name="Dana Delegate")
    return world.sign_in("d.elegate")


def invite(client: PortalClient, **values: Any) -> TestResponse:
    data = {**WHO, "applications": ["remittance"], **values}
    return client.post("/accounts/invitations/new", data, follow_redirects=True)


def link(world: World) -> str:
    """That of the newest invitation: it is removed from a message that is not needed anymore."""
    address: str = mails(world, "invitation")[-1][1]["link"]
    return urlsplit(address).path


def opened(world: World, client: PortalClient | None = None, path: str = "") -> tuple[PortalClient, TestResponse]:
    """Somebody follows the newest link, or another one."""
    client = client or world.client()
    answer = client.get(path or link(world))
    assert (answer.status_code, answer.location) == (303, "/invitation")
    return client, client.get("/invitation")


def invitation(world: World) -> Invitation:
    with world.session() as session:
        return session.scalars(sa.select(Invitation).order_by(Invitation.id.desc())).first()  # type: ignore[return-value] # there is one


def do(client: PortalClient, world: World, verb: str) -> TestResponse:
    return client.post(f"/accounts/invitations/{invitation(world).id}/{verb}", follow_redirects=True)


def change(world: World, username: str, **values: Any) -> None:
    with world.session() as session:
        session.execute(sa.update(Person).where(Person.username == username).values(**values))
        session.commit()


def test_from_the_invitation_to_the_account(world: World, clinic: Organization, delegate: PortalClient) -> None:
    asked = delegate.get("/accounts/new?name=Robin+Newcomer&email=robin%40office.example")
    assert "Nobody at Sample Clinic has this name or address yet" in asked.text
    boxes = [one for one in tree_of(asked).iter("input") if one.get("name") == "applications"]
    assert [one.get("value") for one in boxes if one.get("checked") is not None] == list(world.applications), (
        "as for all"
    )
    page = invite(delegate)
    assert "on its way to Robin@Office.Example" in page.text
    assert "Open" in page.text
    assert link(world).rpartition("/")[2] not in page.text
    path = link(world)
    client, shown = opened(world)
    assert heading_of(shown) == "You are invited to Sample Clinic"
    for word in ("Dana Delegate", "Remittance Inquiry", "robin@"):
        assert word in shown.text
    assert find(world, "robin.new") is None, "looking changes nothing"
    assert client.post("/invitation/account", {**ACCOUNT, "terms_of_use": ""}).status_code == 422
    assert client.post("/invitation/account", {**ACCOUNT, "new": "short", "again": "short"}).status_code == 422
    taken = client.post("/invitation/account", {**ACCOUNT, "username": "d.elegate"})
    assert "This user name is taken" in taken.text
    assert client.post("/invitation/account", ACCOUNT).location == "/"
    assert "Welcome. Your user name is robin.new." in client.get("/").text
    made = find(world, "robin.new")
    assert made is not None
    assert (made.organization_id, made.email, made.name, made.is_delegate) == (
        clinic.id,
        EMAIL,
        "Robin Newcomer",
        False,
    )
    with world.session() as session:
        given = session.execute(
            sa.select(PersonApplication.application, PersonApplication.given_by_id).where(
                PersonApplication.person_id == made.id
            )
        ).all()
        accepted = session.scalars(sa.select(Acceptance.agreement).where(Acceptance.person_id == made.id)).all()
    assert [tuple(row) for row in given] == [("remittance", find(world, "d.elegate").id)]  # type: ignore[union-attr] # made above
    assert list(accepted) == ["terms-of-use"]
    assert enter(world, "robin.new", NEW_PASSWORD) == 303
    assert [to for to, _ in mails(world, "invitation_answered")] == ["d.elegate@office.example"]
    assert [to for to, _ in mails(world, "invitation_accepted")] == [EMAIL]
    assert recorded(world, "delegates.invitation.accepted") == [{"invitation": invitation(world).id, "person": made.id}]
    assert "It was accepted already" in opened(world, path=path)[1].text, "once"
    assert "Accepted" in delegate.get("/accounts/invitations").text


def test_sent_again_canceled_expired_and_declined(
    world: World, clinic: Organization, delegate: PortalClient, clock: Clock
) -> None:
    world.person("s.econd", organization=clinic, delegate=True, name="Sam Second")
    second = world.sign_in("s.econd")
    invite(delegate)
    first = link(world)
    assert "works no longer" in do(second, world, "send-again").text
    assert len(mails(world, "invitation")) == 2
    assert DEAD in opened(world, path=first)[1].text
    assert opened(world, path="/invitation/nobody-made-this")[1].status_code == 410
    assert "Sam Second" in opened(world)[1].text, "who sent it last invites"
    clock.set(NOON + dt.timedelta(days=7, seconds=1))
    delegate, second = world.sign_in("d.elegate"), world.sign_in("s.econd")
    assert opened(world)[1].status_code == 410
    listed = delegate.get("/accounts/invitations").text
    assert "Expired" in listed
    assert "Invite again" in listed
    do(delegate, world, "send-again")
    visitor, shown = opened(world)
    assert shown.status_code == 200, "for another seven days"
    # Whoever invited is no delegate anymore, or is deactivated.
    for values in ({"is_delegate": False}, {"is_delegate": True, "deactivated_at": clock.now()}):
        change(world, "d.elegate", **values)
        assert "no longer a delegate" in opened(world)[1].text
        assert visitor.post("/invitation/account", ACCOUNT).status_code == 410
        assert "Dana Delegate is not a delegate anymore" in second.get("/accounts/invitations").text
    assert "on its way" in do(second, world, "send-again").text
    path = link(world)
    visitor, shown = opened(world)
    assert shown.status_code == 200
    assert "is canceled" in do(second, world, "cancel").text
    assert "has canceled it" in opened(world, path=path)[1].text
    assert visitor.post("/invitation/account", ACCOUNT).status_code == 410
    assert [to for to, _ in mails(world, "invitation_canceled")] == [EMAIL]
    for verb in ("cancel", "send-again"):
        assert "changed in the meantime" in do(second, world, verb).text
    invite(second, email="other@office.example", delegate="y")
    path = link(world)
    visitor, shown = opened(world)
    assert "as another delegate" in shown.text
    assert visitor.post("/invitation/decline").location == "/"
    assert "It was declined" in opened(world, path=path)[1].text
    assert mails(world, "invitation_answered")[-1][1]["answer"] == "declined"
    assert recorded(world, "delegates.invitation.made")[-1]["delegate"] is True
    assert find(world, "robin.new") is None


def test_an_organization_that_has_ended_lets_nobody_in(
    world: World, clinic: Organization, delegate: PortalClient, clock: Clock
) -> None:
    invite(delegate)
    visitor, _ = opened(world)
    with world.session() as session:
        session.execute(sa.update(Organization).where(Organization.id == clinic.id).values(ended_at=clock.now()))
    assert "has ended on the portal" in opened(world)[1].text
    assert visitor.post("/invitation/account", ACCOUNT).status_code == 410
    assert "nobody can be invited" in do(delegate, world, "send-again").text
    # It ends while the button is being pressed: what was looked at before does not count.
    token, applications = link(world).rpartition("/")[2], world.app.extensions["hp_portal.plugins"].applications
    given = {"username": "robin.new", "password": NEW_PASSWORD}
    with world.app.app_context(), world.session() as session, pytest.raises(accepting.NotOpen):
        accepting.accept_as_new(session, world.settings, applications, token, **given)
    assert find(world, "robin.new") is None
    assert invite(delegate, email="other@office.example").status_code == 422


@pytest.mark.parametrize("values", [{"validated_at": None}, {"provisional": True}])
def test_whoever_has_not_proved_anything_yet_writes_to_nobody(
    world: World, clinic: Organization, delegate: PortalClient, values: dict[str, Any]
) -> None:
    with world.session() as session:
        session.execute(sa.update(Organization).where(Organization.id == clinic.id).values(**values))
    answer = invite(delegate)
    assert answer.status_code == 422
    assert "once the registration of your organization is finished" in answer.text
    assert mails(world, "invitation") == []


def test_whoever_has_an_account_accepts_with_it_and_no_delegate_learns_of_it(
    world: World, clinic: Organization, delegate: PortalClient, clock: Clock
) -> None:
    other = world.organization("Other Clinic")
    person = world.person("r.obin", organization=other, name="Robin Newcomer")
    asked = delegate.get("/accounts/new?name=Robin+Newcomer&email=r.obin%40office.example")
    assert "Nobody at Sample Clinic" in asked.text
    unknown = delegate.get("/accounts/new?name=Robin+Newcomer&email=r.obim%40office.example")
    same = [
        re.findall(r">([^<]+)<", one.text.partition("<footer")[0].replace("obim", "obin")) for one in (asked, unknown)
    ]
    assert same[0] == same[1], "the same page, whether the address has an account or not"
    invite(delegate, email="r.obin@office.example", delegate="y")
    visitor, shown = opened(world)
    assert "You have an account with this e-mail address" in words_of(shown)
    assert visitor.post("/invitation/account", ACCOUNT).status_code == 303, "no second account for the address"
    assert visitor.post("/invitation/accept").location == "/sign-in?next=/invitation"
    signed = visitor.post("/sign-in", {"username": "r.obin", "password": PASSWORD, "next": "/invitation"})
    assert signed.location == "/invitation", "the link is kept while one signs in"
    assert "opens Sample Clinic as well" in visitor.get("/invitation").text
    stranger = world.person("x.stranger", organization=other)
    wrong, shown = opened(world, world.sign_in("x.stranger"))
    assert "belongs to another account than x.stranger" in shown.text
    assert "Accept the invitation" not in shown.text
    wrong.post("/invitation/accept")
    assert recorded(world, "people.membership.added") == [], "another account does not accept what is this one's"
    change(world, "r.obin", deactivated_at=clock.now())
    assert "Your account is deactivated" in opened(world)[1].text
    change(world, "r.obin", deactivated_at=None)
    assert visitor.post("/invitation/accept").location == f"/o/{clinic.id}/", "the new organization opens"
    with world.session() as session:
        rows = session.scalars(sa.select(Person).where(Person.email == person.email).order_by(Person.id)).all()
    assert [(row.organization_id, row.account_id, row.is_delegate) for row in rows] == [
        (other.id, None, False),
        (clinic.id, person.id, True),
    ]
    assert [to for to, _ in mails(world, "invitation_accepted")] == [person.email]
    # Somebody with another address accepts with the account they have.
    invite(delegate, email="x.at.work@office.example")
    client, shown = opened(world, world.sign_in("x.stranger"))
    assert "Accept with this account" in shown.text
    with world.session() as session:
        now = clock.now()
        values = {"token_hash": b"x" * 32, "what": "password", "at": now, "disowned_at": now, "expires_at": now}
        session.add(ChangeNotice(person_id=stranger.id, detail="", email_before="", **values))
    locked = client.get("/invitation").text
    assert "Your account is locked" in locked
    assert "Accept the invitation" not in locked
    client.post("/invitation/accept")
    with world.session() as session:
        session.execute(sa.update(ChangeNotice).values(settled_at=now))
    client.post("/invitation/accept")
    assert len(recorded(world, "people.membership.added")) == 2
    assert [to for to, _ in mails(world, "invitation_accepted")][1:] == ["x.at.work@office.example", stranger.email]
    # Whoever was deactivated here reads so, whatever address the invitation has.
    with world.session() as session:
        here = Person.account_id == stranger.id
        session.execute(sa.update(Person).where(here).values(deactivated_at=clock.now()))
    invite(delegate, email="x.again@office.example")
    client, shown = opened(world, world.sign_in("x.stranger"))
    assert "Your account is deactivated at Sample Clinic" in shown.text
    assert "Accept the invitation" not in shown.text
    assert client.post("/invitation/accept").location == "/invitation"


def test_staff_join_no_organization(world: World, clinic: Organization, delegate: PortalClient) -> None:
    world.staff("a.staff")
    invite(delegate, email="a.staff@plan.example")
    assert "account of our staff" in opened(world)[1].text
    client = opened(world, world.sign_in("a.staff"))[0]
    assert client.post("/invitation/accept").location == "/invitation"
    invite(delegate, email="b@plan.example")
    client, shown = opened(world, client)
    assert "account of our staff" in shown.text
    assert client.post("/invitation/accept").location == "/invitation"
    assert client.post("/invitation/account", ACCOUNT).location == "/invitation"
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(Invitation.id)).where(Invitation.ended_at.is_not(None))) == 0


def test_whoever_got_an_account_here_meanwhile_keeps_it(
    world: World, clinic: Organization, delegate: PortalClient
) -> None:
    """They registered, or staff let them in: accepting gives what was offered, and makes no second account."""
    invite(delegate, email="r.obin@office.example", delegate="y")
    world.person("r.obin", organization=clinic, applications=())
    client, _ = opened(world, world.sign_in("r.obin"))
    client.post("/invitation/accept")
    with world.session() as session:
        row = session.scalars(sa.select(Person).where(Person.username == "r.obin")).one()
        given = session.scalars(sa.select(PersonApplication.application).where(PersonApplication.person_id == row.id))
        assert (row.is_delegate, list(given)) == (True, ["remittance"])
    assert "this is their account" in invite(delegate, email="r.obin@office.example").text


def test_who_is_known_here_is_shown_first(
    world: World, clinic: Organization, delegate: PortalClient, clock: Clock
) -> None:
    world.person("g.one", organization=clinic, name="Robin Gone Newcomer")
    change(world, "g.one", deactivated_at=clock.now())
    world.person("x.robin", organization=world.organization("Other Clinic"), name="Robin Elsewhere Newcomer")
    with world.session() as session:
        row = asking(clinic)
        row.name = "Robin Newcomer"
        session.add(row)
    invite(delegate, email="robin@invited.example")
    shown = delegate.get("/accounts/new?name=robin+newcomer&email=new%40office.example").text
    for words in ("has a deactivated account here", "was invited by Dana Delegate", "asked to join on"):
        assert words in shown
    assert "Elsewhere" not in shown
    same = delegate.get("/accounts/new?name=Somebody+Else&email=g.one%40office.example").text
    assert "has a deactivated account here" in same
    assert "Send the invitation" not in same
    waits = delegate.get("/accounts/new?name=Somebody+Else&email=Robin%40invited.example").text
    assert "This address has an invitation that waits" in waits
    assert "Send the invitation" not in waits
    world.staff("a.staff", permissions=("staff:console:open", "staff:people:search"))
    assert "robin@" in world.sign_in("a.staff").get(f"/staff/organizations/{clinic.id}").text
    again = invite(delegate, email="ROBIN@invited.example")
    assert "was invited by Dana Delegate" in again.text
    assert len(mails(world, "invitation")) == 1
    for query in ("name=R&email=x", "name=&email=robin%40office.example"):
        assert delegate.get(f"/accounts/new?{query}").status_code == 422
    assert recorded(world, "delegates.person.looked-for")[0] == {"found": 3}


def test_nobody_is_written_to_without_end(
    world: World, clinic: Organization, delegate: PortalClient, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    invite(delegate)
    do(delegate, world, "send-again")
    do(delegate, world, "send-again")
    assert "Too many invitations" in do(delegate, world, "send-again").text
    do(delegate, world, "cancel")
    assert invite(delegate).status_code == 429, "canceling and inviting anew is no way round"
    assert len(mails(world, "invitation")) == 3
    for day in range(1, 4):
        clock.set(NOON + dt.timedelta(days=day, seconds=day))
        delegate = world.sign_in("d.elegate")
        for _ in range(3):
            invite(delegate)
            do(delegate, world, "cancel")
    assert len(mails(world, "invitation")) == invitations.TO_ADDRESS
    monkeypatch.setattr(invitations, "A_DAY", 2)
    assert invite(delegate, email="a@office.example").status_code == 200
    assert invite(delegate, email="b@office.example").status_code == 429, "nor many people at once"


def test_another_organization_sees_and_ends_nothing_of_it(
    world: World, clinic: Organization, delegate: PortalClient
) -> None:
    invite(delegate)
    world.person("x.delegate", organization=world.organization("Other Clinic"), delegate=True)
    other = world.sign_in("x.delegate")
    assert "Robin" not in other.get("/accounts/invitations").text
    for verb in ("cancel", "send-again"):
        assert other.post(f"/accounts/invitations/{invitation(world).id}/{verb}").status_code == 404
    world.person("c.lerk", organization=clinic)
    for address in ("/accounts/new", "/accounts/invitations"):
        assert world.sign_in("c.lerk").get(address).status_code == 403


def test_two_at_once_have_one_result(world: World, clinic: Organization, delegate: PortalClient) -> None:
    """A double click, two tabs, two delegates: one invitation, one account, one message."""
    world.person("s.econd", organization=clinic, delegate=True, name="Sam Second")
    clients = [delegate, world.sign_in("s.econd")]
    with ThreadPoolExecutor(2) as pool:
        pages = list(pool.map(invite, clients))
    assert sum("was invited by" in page.text for page in pages) == 1, "the other is told who was faster"
    assert len(mails(world, "invitation")) == 1
    tabs = [opened(world)[0], opened(world)[0]]

    def accept(place: int) -> int:
        sent = {**ACCOUNT, "username": f"robin.{place}x"}
        return tabs[place].post("/invitation/account", sent).status_code

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(accept, (0, 1)))
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(Person.id)).where(Person.email == EMAIL)) == 1
    assert len(mails(world, "invitation_accepted")) == len(mails(world, "invitation_answered")) == 1
    assert len(recorded(world, "delegates.invitation.accepted")) == 1


def test_canceled_while_it_is_accepted(world: World, clinic: Organization, delegate: PortalClient) -> None:
    """One is first; the other reads what has become of it."""
    invite(delegate)
    visitor = opened(world)[0]
    deeds = [lambda: do(delegate, world, "cancel"), lambda: visitor.post("/invitation/account", ACCOUNT)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda deed: deed(), deeds))
    state, made = invitation(world).outcome, find(world, "robin.new")
    assert (state, made is not None) in (("canceled", False), ("accepted", True))
    assert len(mails(world, "invitation_canceled")) == (state == "canceled")
