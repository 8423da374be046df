"""Notes of an office: its own alone, sealed, with who and when; changed and removed by the writer or a delegate."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.core.keys.rotating import rotate
from hp_portal.core.organizations.models import Grant
from hp_portal.scopes import OrganizationScope
from hp_portal_plugins.remittance.office import notes
from hp_portal_plugins.remittance.office.models import Note
from tests.conftest import MakeApp
from tests.support.client import tree_of
from tests.support.databases import DATA_KEY, as_owner, data_key
from tests.support.world import World

from .inquiry import Office, claim, events, url_of, words

TEXT = "Called about SECRETNAME, ask for Ms. Sample on Monday"


@pytest.fixture
def office(world: World) -> Office:
    return Office(world, username="pat.writer")


def write(client: Any, payment: int, text: str, number: int | None = None) -> Any:
    return client.post(f"{url_of(payment, number)}/notes", {"note-new-text": text})


def read(client: Any, payment: int, number: int | None = None) -> list[str]:
    """The notes on a page as they are read, without the forms."""
    tree = tree_of(client.get(url_of(payment, number)))
    found = [item for part in tree.iter("ul") if part.get("class") == "notes" for item in part.findall("li")]
    return [" ".join(words(part) for part in item.findall("p")) for item in found]


def rows(world: World) -> list[Any]:
    """Every note as it lies in the database."""
    with as_owner(world.app) as engine, engine.connect() as connection:
        return list(connection.execute(sa.text("SELECT * FROM remittance_note ORDER BY id")).mappings())


def test_an_office_reads_its_notes_and_nobody_else_does(office: Office, world: World) -> None:
    payment = office.paid("4512", claim(1), claim(2))
    world.person("cole.colleague", organization=office.organization)
    colleague = world.sign_in("cole.colleague")
    service = Office(world, "Elm Sample Billing")
    world.grant(service.organization, office.payee)
    world.staff("sam.staff", permissions=sorted(world.app.extensions["hp_portal.directory"].staff_permissions))
    staff = world.sign_in("sam.staff")

    answer = write(office.client, payment, f"  {TEXT}\r\nand again  ")
    assert answer.headers["Location"].endswith(f"/payments/{payment}#notes")
    write(colleague, payment, "About one claim", 2)
    (first,) = read(colleague, payment)
    assert first.startswith(f"{TEXT} and again Person Pat Writer, ")
    assert read(office.client, payment, 2)[0].startswith("About one claim Person Cole Colleague, ")
    page = office.client.get(url_of(payment)).text
    assert "1 note</a>" in page
    assert "Your office sees these notes about the payment; the health plan does not" in page
    assert "About one claim" in office.client.get(url_of(payment, 2), fragment=True).text

    assert read(service.client, payment) == []
    assert read(service.client, payment, 2) == []
    # The payer's staff see the payment, and none of this; nor does the record tell what a note says.
    opened = staff.post("/staff/remittance/inspect", {"number": "4512", "reason": "Reported by the provider"})
    for address in (opened.headers["Location"], "/staff/activity?event=remittance.note.written", "/staff/"):
        assert "SECRETNAME" not in staff.get(address).text
    # Nothing of it is readable in the database, nor in another row's place.
    lain = rows(world)
    assert not [row for row in lain if b"SECRETNAME" in bytes(row["text_sealed"])]
    assert "SECRETNAME" not in str(events(world, "remittance.note.written"))
    assert [event["claim"] for event in events(world, "remittance.note.written")] == [None, 2]
    with world.session_of(service.organization) as session:
        assert session.scalars(sa.select(Note)).all() == []
    with world.database.new_session(OrganizationScope(office.organization.id)) as session:
        assert len(session.scalars(sa.select(Note)).all()) == 2
    if world.database.engine.dialect.name == "postgresql":
        with world.session() as session:
            assert session.scalars(sa.select(Note)).all() == []

    # With the access they are out of sight; they are there again when it comes back.
    with world.session() as session:
        grant = session.scalars(sa.select(Grant).where(Grant.organization_id == office.organization.id)).one()
        grant.ended_at = grant.granted_at
    assert office.client.get(url_of(payment)).status_code == 404
    assert office.client.post(f"/apps/remittance/notes/{lain[0]['id']}", {}).status_code == 404
    world.grant(office.organization, office.payee)
    assert len(read(office.client, payment)) == 1


def test_the_writer_and_a_delegate_change_and_remove_a_note(office: Office, world: World) -> None:
    payment = office.paid("4512", claim(1))
    world.person("cole.colleague", organization=office.organization)
    world.person("ada.admin", organization=office.organization, delegate=True)
    colleague, admin = world.sign_in("cole.colleague"), world.sign_in("ada.admin")
    write(office.client, payment, "First words")
    (note,) = rows(world)
    address, field = f"/apps/remittance/notes/{note['id']}", f"note-{note['id']}-text"

    assert address not in colleague.get(url_of(payment)).text
    assert colleague.post(address, {field: "Mine now"}).status_code == 403
    assert colleague.post(f"{address}/remove").status_code == 403
    assert read(colleague, payment)[0].startswith("First words")

    assert office.client.post(address, {field: "Second words"}).status_code == 303
    assert re.search(r"Second words Person Pat Writer, .* changed on ", read(colleague, payment)[0])
    admin.post(address, {field: "Third words"})
    assert "changed by Person Ada Admin on " in read(colleague, payment)[0]
    # What is wrong is said on top and beside the field, and nothing typed is lost.
    for text, said in (("", "Write the note."), ("x" * 1_001, "A note has at most 1,000 characters.")):
        for to, name in ((address, field), (f"{url_of(payment)}/notes", "note-new-text")):
            answer = office.client.post(to, {name: text})
            assert answer.status_code == 422
            assert said in answer.text
            assert "The note was not saved" in answer.text
            assert text in answer.text
    assert office.client.post(f"{url_of(payment, 1)}/notes", {"note-new-text": ""}).status_code == 422
    assert write(office.client, payment, "Nowhere", 99).status_code == 404
    admin.post(f"{address}/remove")
    assert rows(world) == []
    digests = {}
    for deed in ("written", "changed", "removed"):
        digests[deed] = [event["text"] for event in events(world, f"remittance.note.{deed}")]
        assert {event["note"] for event in events(world, f"remittance.note.{deed}")} == {note["id"]}
    assert digests["removed"] == digests["changed"][-1:]
    with world.session() as session:
        assert digests["written"] == [session.vault.digest("First words", "remittance note").hex()]
    assert "Removed a note about" in admin.get("/my-activity").text


def test_a_payment_has_so_many_notes_and_no_more(office: Office, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "MOST", 2)
    payment = office.paid("4512", claim(1))
    write(office.client, payment, "One")
    write(office.client, payment, "Two", 1)
    answer = write(office.client, payment, "Three")
    assert answer.status_code == 422
    assert "This payment has 2 notes, as many as it can have." in answer.text
    assert len(rows(world)) == 2


def test_notes_are_sealed_again_with_a_new_key(
    office: Office, world: World, database_url: str, make_app: MakeApp
) -> None:
    """No whole scope sees them on PostgreSQL, and still none is left behind when the key is rotated."""
    payment = office.paid("4512", claim(1))
    other = Office(world, "Oak Sample Clinic")
    write(office.client, payment, TEXT)
    write(other.client, other.paid("4513", claim(2)), "Theirs")
    other.client.post("/apps/remittance/saved-searches/new?zero=1", {"name": "Theirs"})
    renewed = World(make_app(database_url, data_key=f"{data_key('new')},{DATA_KEY}"))
    head = renewed.database.vault.head
    assert [bytes(row["text_sealed"]).startswith(head) for row in rows(world)] == [False, False]
    with renewed.session() as session:
        done = rotate(session)
    assert done.finished
    with as_owner(world.app) as engine, engine.connect() as connection:
        (saved,) = connection.scalars(sa.text("SELECT search_sealed FROM remittance_saved_search"))
    assert bytes(saved).startswith(head)
    assert [bytes(row["text_sealed"]).startswith(head) for row in rows(world)] == [True, True]
    renewed.person("cole.colleague", organization=office.organization)
    assert read(renewed.sign_in("cole.colleague"), payment)[0].startswith(TEXT)
