"""Provider updates: from a public page to the staff's queue and back, without an account."""

from __future__ import annotations

import re

import sqlalchemy as sa
from flask import Flask

from hp_portal.core.cases.models import Case
from hp_portal.core.cases.numbers import show_number
from hp_portal_plugins.profiles.updates.models import ProviderUpdate
from tests.support.client import PortalClient, tree_of, words_of
from tests.support.html import text_of
from tests.support.identifiers import make_npi, make_tin
from tests.support.messages import mails
from tests.support.world import World

TIN, NPI = make_tin(812), make_npi(812)
FORM = "/profiles/updates"
TYPED = {
    "name": "Kim Sample",
    "email": "kim@faraway.example",
    "telephone": "307-555-0142",
    "role": "Office manager",
    "provider": "Faraway Clinic",
    "tin": TIN,
    "npi": NPI,
    "change": "name",
    "effective_on": "2026-12-01",
    "words": "We are called Faraway Health from then on.",
}


def path_of(world: World, template: str) -> str:
    return re.sub(r"^https?://[^/]+", "", mails(world, template)[-1][1]["link"])


def sent(world: World, client: PortalClient, **typed: str) -> Case:
    """Somebody has sent an update and confirmed it: the case."""
    assert client.post(FORM, {**TYPED, **typed}).location == "/case-status/sent"
    client.get(path_of(world, "case_public_confirm"))
    assert client.post("/case-status/confirm").location == "/case-status/case"
    with world.session() as session:
        return session.scalars(sa.select(Case).order_by(Case.id.desc()).limit(1)).one()


def test_an_update_from_the_public_page_to_its_end(world: World) -> None:
    world.staff("w.worker", permissions=["staff:console:open", "staff:cases:work", "profiles:change:work"])
    client, staff = world.client(), world.sign_in("w.worker")
    for page in ("/", "/sign-in", "/e-services"):
        assert f'href="{FORM}"' in client.get(page).text, page
    assert "You need no account." in words_of(client.get(FORM))
    assert client.post(FORM, TYPED).status_code == 303
    client.get(path_of(world, "case_public_confirm"))
    read = client.get("/case-status/confirm")
    assert "Faraway Health" in words_of(read)
    assert TIN not in read.text, "a Tax ID is shown by its last digits"
    assert client.post("/case-status/confirm").status_code == 303
    with world.session() as session:
        case = session.scalars(sa.select(Case)).one()
        assert case.title == "New name: Faraway Clinic"
        row = session.scalars(sa.select(ProviderUpdate)).one()
        assert (row.whole_tin(session), row.npi, row.organization_id) == (TIN, NPI, None)
    page = words_of(client.get("/case-status/case"))
    assert "Attach a signed W-9" in page
    assert "within 10 business days" in page
    assert "our service standard" in page

    path = f"/staff/cases/{case.id}"
    assert show_number(case.number) in words_of(staff.get("/staff/cases"))
    shown = words_of(staff.get(path))
    assert "Faraway Health" in shown
    assert "W-9needed" in shown
    assert "No payee on record has this Tax ID." in shown
    assert "No payee on record" not in page, "which is said to staff alone"
    assert staff.post(f"{path}/step", {"step": "work", "seen": "received"}).status_code == 303
    assert (
        staff.post(f"{path}/step", {"step": "ask", "seen": "worked", "words": "Where is the W-9?"}).status_code == 303
    )
    assert "Where is the W-9?" in words_of(client.get("/case-status/case"))
    reply = {"step": "reply", "seen": "question", "words": "It comes by mail."}
    assert client.post("/case-status/case/step", reply).status_code == 303
    world.payee(TIN, NPI, name="Faraway Clinic")
    assert f"On record with this Tax ID: Faraway Clinic, NPI {NPI}." in words_of(staff.get(path))
    assert staff.post(f"{path}/payee", {"tin": TIN, "npi": NPI}).status_code == 303
    assert "Faraway Clinic" in words_of(staff.get(path))
    assert staff.post(f"{path}/step", {"step": "done", "seen": "worked"}).status_code == 303
    assert "Our records show the change." in words_of(client.get("/case-status/case"))
    assert mails(world, "case_public_told")[-1][1]["told"] == "Done"


def test_an_update_is_withdrawn_or_refused_with_the_reason(world: World) -> None:
    world.staff("w.worker", permissions=["staff:cases:work", "profiles:change:work"])
    world.staff("o.other", permissions=["staff:cases:work"])
    client, staff = world.client(), world.sign_in("w.worker")
    first = sent(world, client)
    assert client.post("/case-status/case/step", {"step": "withdraw", "seen": "received"}).status_code == 303
    assert "Withdrawn" in words_of(client.get("/case-status/case"))
    second = sent(world, client, change="telephone")
    assert "Attach a signed W-9" not in words_of(client.get("/case-status/case"))
    path = f"/staff/cases/{second.id}"
    assert staff.post(f"{path}/step", {"step": "refuse", "seen": "received"}).status_code == 422, "not without a reason"
    refused = {"step": "refuse", "seen": "received", "words": "We do not pay this provider."}
    assert staff.post(f"{path}/step", refused).status_code == 303
    assert "We do not pay this provider." in words_of(client.get("/case-status/case"))
    assert show_number(first.number) not in words_of(client.get("/case-status/case"))
    assert world.sign_in("o.other").get(path).status_code == 404


WRONG = {
    "tin": ("12", "Tax ID"),
    "npi": ("1234567890", "NPI"),
    "change": ("everything", "Choose what fits best."),
    "effective_on": ("1960-01-01", "Check the year."),
    "email": ("kim", "Enter an e-mail address"),
    "words": ("", "Write what was"),
}


def test_what_is_wrong_is_said_and_what_was_typed_is_kept(sqlite_app: Flask) -> None:
    world = World(sqlite_app)
    client = world.client()
    for field, (typed, said) in WRONG.items():
        answer = client.post(FORM, {**TYPED, field: typed})
        assert answer.status_code == 422
        assert said in text_of(tree_of(answer)), field
        assert "Faraway Clinic" in answer.text
        assert "We are called Faraway Health" in answer.text or field == "words"
    assert mails(world, "case_public_confirm") == []


def test_organizations_see_what_staff_gave_them(world: World) -> None:
    world.staff("w.worker", permissions=["staff:cases:work", "profiles:change:work"])
    office = world.organization("Faraway Clinic")
    world.grant(office, world.payee(TIN, NPI))
    world.person("f.clerk", organization=office)
    client, staff, clerk = world.client(), world.sign_in("w.worker"), world.sign_in("f.clerk")
    case = sent(world, client)
    path = f"/staff/cases/{case.id}"
    assert clerk.get(f"/cases/{case.id}").status_code == 404
    staff.post(f"{path}/payee", {"tin": TIN, "npi": NPI})
    assert staff.post(f"{path}/organization", {"organization": str(office.id)}).status_code == 303
    assert "Faraway Health" in words_of(clerk.get(f"/cases/{case.id}"))
    assert show_number(case.number) in words_of(clerk.get("/apps/profiles/"))
