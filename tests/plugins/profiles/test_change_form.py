"""The change form of a practitioner for other payers: what it says, who may make it, and that it arrives."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from pypdfium2 import PdfDocument

from hp_portal.core.delivery.attaching import attachments_of
from hp_portal.core.delivery.models import Message
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal_plugins.profiles.changing.cases import ADD_PRACTITIONER
from hp_portal_plugins.profiles.changing.models import CONTENTS as SENT
from hp_portal_plugins.profiles.changing.models import SentForm
from hp_portal_plugins.profiles.loading.importing import load_file
from hp_portal_plugins.profiles.loading.rows import COLUMNS
from hp_portal_plugins.profiles.paper.sending import SUBJECT, send_waiting
from hp_portal_plugins.profiles.record.applying import Fact, Stated, apply_change
from hp_portal_plugins.profiles.record.models import Location, Practitioner
from tests.core.test_staff_console import recorded, rows_of
from tests.support.cases import portal_case
from tests.support.client import PortalClient, words_of
from tests.support.clock import Clock
from tests.support.identifiers import make_npi, make_tin
from tests.support.pdf import TaggedPdf
from tests.support.world import World

from .test_seeing import TODAY

PLACES = "\n".join(
    f",S{number},name,,Site {number} of ours,2026-01-01,,{make_tin(41)},{make_npi(41)}\n"
    f",S{number},street,,{number} Sample Street,2026-01-01\n,S{number},city,,Exampleton,2026-01-01\n"
    f"A,S{number},standing,,active,2026-02-0{number}\nA,S{number},primary,,{'yes' if number == 2 else 'no'},2026-02-01"
    for number in range(1, 6)
)
RECORD = f"""
{PLACES}
,THERE,name,,Site of others,2026-01-01,,{make_tin(42)},{make_npi(42)}
A,,last_name,,Alder,2026-01-01
A,,last_name,,Alder-Newname,2026-08-01
A,,first_name,,Ann,2026-01-01
A,,former_name,,Alder,2026-08-01
A,,npi,,1234567893,2026-01-01
A,,specialty,207Q00000X,primary,2026-01-01
A,,license_number,MN,L-4711,2026-01-01
A,,license_expires,MN,2027-10-01,2026-01-01
A,,dea_number,,SECRETDEA,2026-01-01
A,,birth_date,,1960-02-03,2026-01-01
A,S5,standing,,ended,2026-09-01
A,THERE,standing,,active,2026-01-01
C,,last_name,,Cedar,2026-01-01
C,THERE,standing,,active,2026-01-01
""".replace("\n\n", "\n")
FORM = {
    "reason": "name",
    "words": "She has married.",
    "effective_on": "2026-10-01",
    "as_of": "2026-09-15",
    "phone": "952-555-0100",
}


@pytest.fixture
def clerk(world: World, clock: Clock) -> PortalClient:
    clock.set(TODAY)
    office = world.organization("Aspen Clinic")
    world.grant(office, world.payee(make_tin(41), make_npi(41)))
    world.payee(make_tin(42), make_npi(42))
    world.person("a.clerk", name="Casey Clerk", organization=office)
    with world.session() as session:
        report = load_file(session, io.BytesIO((",".join(COLUMNS) + RECORD).encode()), "record.csv")
        assert not report.refused
    return world.sign_in("a.clerk")


@pytest.fixture
def of(world: World, clerk: PortalClient) -> Iterator[dict[str, int]]:
    with world.session() as session:
        yield {row.reference: row.id for row in session.scalars(sa.select(Practitioner))}


def make(clerk: PortalClient, practitioner: int, **more: str) -> str:
    answer = clerk.post(f"/apps/profiles/practitioners/{practitioner}/change-form/make", data={**FORM, **more})
    assert answer.status_code == 303, words_of(answer)
    return str(answer.location)


def test_the_form_says_what_is_on_record_and_no_more(world: World, clerk: PortalClient, of: dict[str, int]) -> None:
    assert "Change form to send to other payers" in clerk.get(f"/apps/profiles/practitioners/{of['A']}").text
    start = clerk.get(f"/apps/profiles/practitioners/{of['A']}/change-form?on=2026-08-15")
    assert 'value="2026-08-15"' in start.text
    wrong = clerk.post(
        f"/apps/profiles/practitioners/{of['A']}/change-form/make", data={"words": "Kept words", "as_of": "2026-09-15"}
    )
    assert wrong.status_code == 422
    assert "Choose the reason." in wrong.text
    assert "Kept words" in wrong.text
    url = make(clerk, of["A"])
    body = clerk.get(f"{url}/as/pdf").data
    pages = [page.get_textpage().get_text_range() for page in PdfDocument(body)]
    for number in range(1, 6):
        (page,) = [text for text in pages if f"Address\t{number} Sample" in text or f"{number} Sample Street" in text]
        assert all(words in page for words in ("Works here since", "NPI of the group")), "a site is on one page"
    (addendum,) = [text for text in pages if "Site addendum: site 4" in text]
    assert "Submitted by" not in addendum, "the addendum begins a page"
    pdf = TaggedPdf(body).text
    for text in (
        "Alder-Newname",
        "Former name Alder",
        "1234567893",
        "L-4711",
        "She has married.",
        "Casey Clerk",
        "Aspen Clinic",
    ):
        assert text in pdf, text
    assert pdf.index("Site 2 of ours (primary site)") < pdf.index("Site 1 of ours") < pdf.index("Submitted by")
    assert pdf.index("Submitted by") < pdf.index("Site addendum: site 4") < pdf.index("Site addendum: site 5")
    assert "Sites 4 to 5 stand in the site addendum" in pdf
    assert "Has left, or leaves, on Sep 1, 2026" in pdf
    said = json.loads(clerk.get(f"{url}/as/json").data)
    rows = list(csv.DictReader(io.StringIO(clerk.get(f"{url}/as/csv").data.decode("utf-8-sig"))))
    assert [site["name"] for site in said["sites"]] == [row["site_name"] for row in rows]
    assert rows[0]["site_name"] == "Site 2 of ours"
    assert rows[0]["licenses"] == "MN L-4711 2027-10-01"
    page = clerk.get(url)
    for text in (pdf, json.dumps(said), page.text, str(rows)):
        assert "SECRETDEA" not in text
        assert "1960" not in text
        assert "Site of others" not in text
    assert said["practitioner"]["dea_number"] == ""
    url = make(clerk, of["A"], dea="y", birth_date="y", as_of="2026-07-15")
    said = json.loads(clerk.get(f"{url}/as/json").data)
    assert said["practitioner"]["dea_number"] == "SECRETDEA"
    assert said["practitioner"]["birth_date"] == "1960-02-03"
    assert said["practitioner"]["last_name"] == "Alder", "as of a day before the new name"
    assert "Feb 3, 1960" in TaggedPdf(clerk.get(f"{url}/as/pdf").data).text
    assert "This form says more than usual" in clerk.get(url).text
    assert [one["personal"] for one in recorded(world, "profiles.paper.made")] == ["", "birth_date, dea_number"]
    assert [one["format"] for one in recorded(world, "profiles.paper.downloaded")] == [
        "pdf",
        "json",
        "csv",
        "json",
        "pdf",
    ]
    url = make(clerk, of["A"], birth_date="y")
    assert "SECRETDEA" not in clerk.get(f"{url}/as/json").text, "one box says nothing of the other"


def test_nobody_else_has_it_and_it_is_gone_with_the_grant(
    world: World, clerk: PortalClient, of: dict[str, int]
) -> None:
    url = make(clerk, of["A"])
    assert clerk.get(f"/apps/profiles/practitioners/{of['C']}/change-form").status_code == 404
    assert clerk.post(f"/apps/profiles/practitioners/{of['C']}/change-form/make", data=FORM).status_code == 404
    other = world.organization("Birch Clinic")
    world.grant(other, world.payee(make_tin(43), make_npi(43)))
    world.person("b.clerk", organization=other)
    stranger = world.sign_in("b.clerk")
    for path in ("", "/as/pdf", "/as/csv", "/as/json", "/signature", "/recipient"):
        assert stranger.get(url + path).status_code == 404, path
        assert clerk.get(url + path).status_code == 200, path
    for path in ("/sign", "/send"):
        assert stranger.post(url + path, data={}).status_code == 404
    send(clerk, url)
    with world.session() as session:
        grants = session.scalars(sa.select(Grant).order_by(Grant.id)).all()
    world.end_grant(grants[0])
    for path in ("", "/as/pdf", "/as/csv", "/as/json", "/signature", "/recipient"):
        assert clerk.get(url + path).status_code == 404, path
    with world.app.app_context(), world.session() as session:
        send_waiting(session)
        session.commit()
        assert session.scalars(sa.select(Message).where(Message.subject == SUBJECT)).all() == [], (
            "nothing leaves any more"
        )


def send(clerk: PortalClient, url: str, **more: str) -> None:
    data = {"addressee": "Other Plan", "channel": "fax", "fax": "952-555-0142", "confirmed": "y", **more}
    answer = clerk.post(f"{url}/send", data=data)
    assert answer.status_code == 303, words_of(answer)


def test_it_is_signed_and_sent_with_a_receipt(world: World, clerk: PortalClient, of: dict[str, int]) -> None:
    url = make(clerk, of["A"])
    page = clerk.get(f"{url}/signature")
    fields = page_values(page.text)
    assert clerk.post(f"{url}/sign", data={**fields, "agree": "y", "signature": "Somebody Else"}).status_code == 422
    assert clerk.post(f"{url}/sign", data={**fields, "agree": "y", "signature": "Casey Clerk"}).status_code == 303
    assert "Sign electronically" not in clerk.get(url).text
    for wrong, words in (
        ({"fax": "12"}, "use ten digits"),
        ({"channel": "email", "email": "nowhere"}, "Enter an e-mail address"),
        ({"confirmed": ""}, "Confirm what leaves."),
    ):
        data = {"addressee": "Other Plan", "channel": "fax", "fax": "952-555-0142", "confirmed": "y"} | wrong
        answer = clerk.post(f"{url}/send", data={key: value for key, value in data.items() if value})
        assert answer.status_code == 422
        assert words in words_of(answer), words_of(answer)
        assert "Other Plan" in answer.text
    send(clerk, url)
    send(clerk, url, channel="email", email="intake@other-plan.example")
    shown = rows_of(clerk.get(url), "sendings")
    assert [row[1] for row in shown] == ["By e-mail intake@other-plan.example", "By fax 952-555-0142"]
    assert all("Waiting" in row[3] for row in shown)
    with world.app.app_context(), world.session() as session:
        send_waiting(session)
        session.commit()
        messages = session.scalars(sa.select(Message).where(Message.subject == SUBJECT).order_by(Message.id)).all()
        assert [(one.channel, one.recipient) for one in messages] == [
            ("fax", "+19525550142"),
            ("email", "intake@other-plan.example"),
        ]
        for one in messages:
            body = attachments_of(session, one)[0].body
            text = TaggedPdf(body).text
            assert "Alder-Newname" in text
            assert "Signed by Casey Clerk" in text
    assert all("Waiting" in row[3] for row in rows_of(clerk.get(url), "sendings"))
    with world.session() as session:
        for one, state in zip(
            session.scalars(sa.select(Message).order_by(Message.id.desc()).limit(2)), ("failed", "sent"), strict=True
        ):
            one.state, one.ended_at = state, one.created_at
        session.commit()
    shown = rows_of(clerk.get(url), "sendings")
    assert shown[0][3].startswith("Failed")
    assert "could not be sent" in shown[0][3]
    assert shown[1][3].startswith("Sent")
    sent = recorded(world, "profiles.paper.sent")
    assert [(one["channel"], one["addressee"]) for one in sent] == [("fax", "Other Plan"), ("email", "Other Plan")]


def page_values(text: str) -> dict[str, str]:
    """The hidden field that says what was shown to be signed."""
    return {"signing": re.findall(r'name="signing"[^>]*value="([^"]+)"', text)[0]}


def test_the_form_of_a_case(world: World, clerk: PortalClient, of: dict[str, int]) -> None:
    """Of somebody who is not on record yet it says what was sent; of somebody who is, the case leads to the record."""
    with world.session() as session:
        place = session.scalars(sa.select(Location.id).where(Location.reference == "S1")).one()
        other = session.scalars(sa.select(Location.id).where(Location.reference == "THERE")).one()
    answers = {
        "who": {
            "first": "Robin", "middle": "", "last": "Sample", "former": "", "npi": "1234567893", "dea": "AS1234563",
            "licenses": [{"state": "MN", "number": "L-9", "expires": "2028-01-01"}],
        },
        "practice": {"specialties": [{"name": "Family Medicine", "taxonomy": ""}], "languages": "Hmong, Spanish"},
        "where": {
            "effective": "2026-10-01",
            "places": [
                {"location": str(place), "here": True, "primary": True, "accepting": "existing"},
                {"location": str(other), "here": True, "primary": False, "accepting": "new"},
            ],
        },
    }  # fmt: skip
    with world.session() as session:
        office = session.scalars(sa.select(Organization).where(Organization.name == "Aspen Clinic")).one()
        cases = [portal_case(session, office, ADD_PRACTITIONER.key, "received").id for _ in range(2)]
        contents = json.dumps({"sections": [], "doubts": [], "answers": answers})
        sealed = session.vault.seal_text(contents, SENT("word"))
        session.add(SentForm(organization_id=office.id, case_id=cases[0], token="word", contents_sealed=sealed))
        stated = Stated("practitioner-changed", organization_id=office.id, case_id=cases[1])
        apply_change(session, stated, [Fact("practitioner", of["A"], "degree", "", "MD", dt.date(2026, 9, 20))])
    page = clerk.get(f"/cases/{cases[0]}")
    address = f"/apps/profiles/cases/{cases[0]}/change-form"
    assert address in page.text
    assert "Change form of Robin Sample" in words_of(clerk.get(address))
    assert clerk.post(f"{address}/make", data={}).status_code == 422
    made = clerk.post(f"{address}/make", data=FORM)
    said = json.loads(clerk.get(f"{made.location}/as/json").data)
    assert [site["name"] for site in said["sites"]] == ["Site 1 of ours"], "not that of others"
    assert said["practitioner"]["languages"] == ["Hmong", "Spanish"]
    assert said["practitioner"]["dea_number"] == ""
    assert "Site 1 of ours (primary site)" in words_of(clerk.get(made.location))
    led = clerk.get(f"/apps/profiles/cases/{cases[1]}/change-form")
    assert led.location.endswith(f"/practitioners/{of['A']}/change-form?on=2026-09-20")
