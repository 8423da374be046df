"""Somebody who belongs to another organization now: nothing of the former one's payments, notes and searches is theirs to see."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from hp_portal.core.downloads.models import DocumentRequest
from hp_portal.core.identity.models import Person
from hp_portal.core.kept.models import KeptValues
from hp_portal.core.organizations.models import Organization
from hp_portal.core.registration.moving import move_person
from hp_portal_plugins.remittance.downloads import documents
from tests.plugins.remittance.inquiry import Office, claim, url_of
from tests.plugins.remittance.test_download_queue import ask, make_all
from tests.support.client import tree_of
from tests.support.people import recorded
from tests.support.world import World

HOME = "/apps/remittance/"
SOUGHT = {"last_name": "SECRETNAME", "service_from": "2026-01-01", "service_to": "2026-12-31"}


@pytest.fixture
def office(world: World, monkeypatch: pytest.MonkeyPatch) -> Office:
    """An office for which every document is a large one."""
    for kind in documents.MOST_AT_ONCE:
        monkeypatch.setitem(documents.MOST_AT_ONCE, kind, 0)
    monkeypatch.setattr(documents, "LARGEST_AT_ONCE", 0)
    return Office(world, username="pat.mover")


def move(office: Office, to: Organization) -> None:
    with office.world.app.test_request_context(), office.world.session() as session:
        person = session.query(Person).filter_by(username=office.username, account_id=None).one()
        move_person(session, person, session.get_one(Organization, to.id), delegate=False)


def test_nothing_of_the_former_organization_is_seen(office: Office, world: World) -> None:
    """Whatever one had open, saved, chosen or asked for there."""
    client = office.client
    payment = office.paid("4512", claim(1, ("SECRETNAME", "KIM")))
    world.person("cole.colleague", organization=office.organization)
    client.post(f"{url_of(payment)}/notes", {"note-new-text": "SECRETNAME has called"})
    client.post(f"{url_of(payment)}/posted", {"deed": "post"})
    client.post(f"{HOME}saved-searches/new?zero=1", {"name": "Zero of the former office"})
    client.post(f"{HOME}saved-searches/new?unposted=1", {"name": "Shared by the former office", "shared": "y"})
    results = client.post(f"{HOME}search", SOUGHT).headers["Location"]
    chosen = client.post(f"{HOME}payments/together", {"payment": [str(payment)]}).headers["Location"]
    made = ask(client, f"{url_of(payment)}/csv")
    make_all(world)
    waiting = ask(client, f"{url_of(payment)}/pdf")
    assert "KIM" in client.get(results).text
    assert "4512" in client.get(chosen).text
    assert client.get(f"{made}/file").status_code == 200

    cedar = Office(world, "Cedar Sample Clinic")
    cedar.paid("7777")
    move(office, cedar.organization)
    for address in (url_of(payment), url_of(payment, 1), f"{url_of(payment)}/835", f"{made}/file", f"{waiting}/file"):
        assert client.get(address).status_code == 404, address
    make_all(world)
    for address in (made, waiting):
        assert "no longer yours to see" in client.get(address).text
        assert client.get(f"{address}/file").status_code == 404
    assert "KIM" not in client.get(results).text
    kept = client.get(chosen).text
    assert 'name="payment"' not in kept
    for address in (HOME, f"{HOME}saved-searches", results, chosen, "/", "/documents/"):
        text = client.get(address).text
        for words in ("has called", "former office", "M00000001", "ACCT-00001"):
            assert words not in text, address
    assert "7777" in client.get(HOME).text
    assert "4512" not in client.get(HOME).text
    for search in (1, 2):
        assert client.get(f"{HOME}saved-searches/{search}").status_code == 404
    assert tree_of(client.get("/my-activity")) is not None


def test_who_works_there_already_goes_on_with_what_was_asked_for(office: Office, world: World) -> None:
    """The row that ends keeps nothing; the other one has the documents, and what addresses stand for."""
    client = office.client
    payment = office.paid("4512", claim(1, ("SECRETNAME", "KIM")))
    results = client.post(f"{HOME}search", SOUGHT).headers["Location"]
    made = ask(client, f"{url_of(payment)}/csv")
    make_all(world)
    waiting = ask(client, f"{url_of(payment)}/pdf")
    cedar = Office(world, "Cedar Sample Clinic")
    with world.session() as session:
        person = session.query(Person).filter_by(username=office.username, account_id=None).one()
    there = world.membership(person, cedar.organization)
    move(office, cedar.organization)
    assert client.get(f"{made}/file").status_code == 404
    make_all(world)
    for address in (made, waiting):
        assert "no longer yours to see" in client.get(address).text
        assert client.get(f"{address}/file").status_code == 404
    shown = client.get(results)
    assert shown.status_code == 200
    assert "SECRETNAME" in shown.text, "what was looked for is kept"
    assert "KIM" not in shown.text
    with world.session() as session:
        documents_of = session.execute(sa.select(DocumentRequest.person_id, DocumentRequest.organization_id)).all()
        kept_of = session.execute(sa.select(KeptValues.person_id, KeptValues.organization_id)).all()
    assert {tuple(row) for row in (*documents_of, *kept_of)} == {(there.id, cedar.organization.id)}
    assert len(recorded(world, "document.moved")) == 2
