"""The reason of access: asked once per session, kept with the sign-in, written into the record; nothing typed is lost."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from hp_portal.core.audit.models import AuditEvent
from hp_portal.settings import REASONS, ConfigurationError, load_settings
from tests.conftest import MakeApp
from tests.plugins.remittance.inquiry import Office, claim
from tests.support.client import PortalClient, heading_of, tree_of
from tests.support.databases import DATA_KEY, SECRET_KEY
from tests.support.world import World

pytestmark = pytest.mark.either_database

ASKS = "Why are you looking at patient information?"
SEARCH = "/apps/remittance/"
APPEAL = {"why-choice": "An appeal"}


@pytest.fixture
def office(database_url: str, make_app: MakeApp) -> Office:
    """Asked when claims are opened, which is the default."""
    return Office(World(make_app(database_url, reason_asked="member-data")))


def asked(answer: TestResponse) -> str:
    """Where the page that asks leads to that the answer leads to."""
    assert answer.status_code == 303
    parts = urlsplit(answer.headers["Location"])
    assert parts.path == "/reason"
    return parse_qs(parts.query)["next"][0]


def waiting_fields(answer: TestResponse) -> dict[str, str]:
    """What the first form of the page that asks would send, but for the token and the button."""
    assert heading_of(answer) == ASKS or not answer.text.lstrip().startswith("<!doctype")
    form = next(form for form in tree_of(answer).iter("form") if form.get("action") == "/reason")
    fields = {field.get("name") or "": field.get("value") or "" for field in form.iter("input")}
    assert fields.pop("csrf_token")
    return fields


def events(office: Office, *kinds: str) -> list[tuple[str, str]]:
    """The events of these kinds, oldest first, each with its reason."""
    with office.world.session() as session:
        rows = session.execute(
            sa.select(AuditEvent.event, AuditEvent.reason).where(AuditEvent.event.in_(kinds)).order_by(AuditEvent.id)
        )
        return [(event, reason) for event, reason in rows]


def test_asked_before_claims_and_then_never_again(office: Office) -> None:
    payment = office.paid("9400000001", claim(1))
    address = f"{SEARCH}payments/{payment}"
    assert office.client.get(SEARCH).status_code == 200
    assert asked(office.client.get(f"{address}?sort=-paid")) == f"{address}?sort=-paid"
    page = office.client.get(f"/reason?next={address}")
    assert heading_of(page) == ASKS
    chosen = office.client.post("/reason", {**APPEAL, "why-next": address})
    assert (chosen.status_code, chosen.headers["Location"]) == (303, address)
    assert office.client.get(address).status_code == 200
    assert office.client.get(f"{address}/claims/1").status_code == 200
    kinds = ("identity.reason.given", "remittance.payment.viewed", "remittance.claim.viewed")
    assert events(office, *kinds) == [(kind, "An appeal") for kind in kinds]


def test_nothing_is_read_or_recorded_before_the_reason(office: Office) -> None:
    payment = office.paid("9400000001", claim(1))
    for address in ("", "/claims/1", "/pdf", "/csv", "/xlsx", "/835", "/claims/1/pdf"):
        assert asked(office.client.get(f"{SEARCH}payments/{payment}{address}")).endswith(address)
    assert office.client.post(f"{SEARCH}payments/{payment}/filter", {"text": "SAMPLE"}).status_code == 428
    assert events(office, "remittance.payment.viewed", "remittance.claim.viewed", "remittance.payment.downloaded") == []


def test_what_waits_in_a_form_is_sent_on(office: Office) -> None:
    payment = office.paid("9400000001", claim(1), claim(2, ("OTHER", "BO")))
    address = f"{SEARCH}payments/{payment}/filter"
    page = office.client.post(address, {"text": 'O\'Malley "Ann" <b>', "status": "1"})
    fields = waiting_fields(page)
    assert fields == {"why-next": address, "why-waits": "1", "text": 'O\'Malley "Ann" <b>', "status": "1"}
    # A slip first: what waits is still there.
    again = office.client.post("/reason", {**fields, "why-other": "x"})
    assert again.status_code == 422
    assert waiting_fields(again) == fields
    sent_on = office.client.post("/reason", {**fields, **APPEAL})
    # 307: the browser sends the same form again, by POST.
    assert (sent_on.status_code, sent_on.headers["Location"]) == (307, address)
    found = office.client.post(address, {**fields, **APPEAL})
    assert found.status_code == 303
    shown = office.client.get(found.headers["Location"].partition("#")[0])
    assert "O&#39;Malley &#34;Ann&#34; &lt;b&gt;" in shown.text


def test_a_search_for_a_patient_is_asked_before_its_results(office: Office) -> None:
    office.paid("9400000001", claim(1))
    found = office.client.post(f"{SEARCH}search", {"claim_number": "26X000001"})
    results = found.headers["Location"]
    assert asked(office.client.get(results)) == results
    office.client.post("/reason", {**APPEAL, "why-next": results})
    assert "26X000001" in office.client.get(results).text
    assert events(office, "remittance.payment.searched") == [("remittance.payment.searched", "An appeal")]


def test_htmx_is_led_to_the_page_that_asks(office: Office) -> None:
    payment = office.paid("9400000001", claim(1))
    address = f"{SEARCH}payments/{payment}"
    answer = office.client.get(
        f"{address}?sort=paid", fragment=True, headers={"HX-Current-URL": f"http://localhost{address}?sort=paid"}
    )
    assert answer.headers["HX-Redirect"].startswith("/reason?next=")
    part = office.client.post(f"{address}/filter", {"text": "SAMPLE"}, fragment=True)
    assert part.status_code == 428
    assert waiting_fields(part)["text"] == "SAMPLE"


def test_another_site_s_form_is_not_sent_on(office: Office) -> None:
    payment = office.paid("9400000001", claim(1))
    answer = office.client.flask.post(f"{SEARCH}payments/{payment}/filter", data={"text": "SAMPLE", "csrf_token": "no"})
    assert answer.status_code == 303
    assert asked(answer) == "/"


@pytest.mark.parametrize("given", [{}, {"why-other": "no"}, {"why-other": "x" * 101}, {"why-choice": "made up"}])
def test_a_reason_of_one_s_own_is_a_few_words(office: Office, given: dict[str, str]) -> None:
    answer = office.client.post("/reason", {**given, "why-next": SEARCH})
    assert answer.status_code == 422
    assert given.get("why-other", "") in answer.text
    assert events(office, "identity.reason.given") == []


def test_a_reason_of_one_s_own_can_be_changed_from_the_menu(office: Office) -> None:
    office.client.post("/reason", {"why-other": "  Recovering an\x00 overpayment "})
    assert "Reason: Recovering an overpayment" in office.client.get("/").text
    changed = office.client.post("/reason", {**APPEAL, "why-next": SEARCH})
    assert changed.headers["Location"] == SEARCH
    page = office.client.get(SEARCH).text
    assert "Reason: An appeal" in page
    assert "Your reason is now: An appeal." in page


def test_never_leads_away_from_the_portal(office: Office) -> None:
    for target in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        for waits in ({}, {"why-waits": "1"}):
            assert office.client.post("/reason", {**APPEAL, **waits, "why-next": target}).headers["Location"] == "/"


def test_a_reason_is_one_session_s(office: Office) -> None:
    payment = office.paid("9400000001", claim(1))
    office.client.post("/reason", APPEAL)
    other = office.world.sign_in(office.username)
    assert asked(other.get(f"{SEARCH}payments/{payment}"))
    assert office.client.get(f"{SEARCH}payments/{payment}").status_code == 200


def test_once_per_session_asks_before_the_application(database_url: str, make_app: MakeApp) -> None:
    office = Office(World(make_app(database_url, reason_asked="session")))
    assert asked(office.client.get(f"{SEARCH}?number=94000")) == f"{SEARCH}?number=94000"
    fields = waiting_fields(office.client.post(f"{SEARCH}search", {"last_name": "SAMPLE"}))
    assert fields["last_name"] == "SAMPLE"
    # An application without patients' data is none of it.
    assert office.client.get("/apps/tax-id-npi-access/").status_code == 200
    office.client.post("/reason", APPEAL)
    assert office.client.get(SEARCH).status_code == 200
    assert events(office, "remittance.payment.searched") == [("remittance.payment.searched", "An appeal")]


def test_never_asks_nobody(database_url: str, make_app: MakeApp) -> None:
    office = Office(World(make_app(database_url, reason_asked="never")))
    payment = office.paid("9400000001", claim(1))
    assert office.client.get(f"{SEARCH}payments/{payment}").status_code == 200
    assert "Reason" not in office.client.get("/").text
    assert events(office, "remittance.payment.viewed") == [("remittance.payment.viewed", "")]


def test_a_download_s_own_reason_wins(office: Office) -> None:
    payment = office.paid("9400000001", claim(1))
    office.client.post("/reason", APPEAL)
    assert office.client.get(f"{SEARCH}payments/{payment}/csv").status_code == 200
    assert office.client.get(f"{SEARCH}payments/{payment}/csv?reason=secondary-billing").status_code == 200
    kind = "remittance.payment.downloaded"
    assert events(office, kind) == [(kind, "An appeal"), (kind, "Billing a secondary payer")]


@pytest.mark.parametrize(("given", "first"), [("An appeal", "appeal"), ("Recovering an overpayment", "")])
def test_a_download_starts_with_the_session_s_reason(office: Office, given: str, first: str) -> None:
    payment = office.paid("9400000001", claim(1))
    office.client.post("/reason", {"why-other": given})
    page = tree_of(office.client.get(f"{SEARCH}payments/{payment}"))
    (chosen,) = [option for option in page.iter("option") if option.get("selected") is not None]
    assert (chosen.get("value"), chosen.text) == (first, given)
    assert office.client.get(f"{SEARCH}payments/{payment}/csv?reason={first}").status_code == 200
    kind = "remittance.payment.downloaded"
    assert events(office, kind) == [(kind, given)]


def test_staff_are_asked_by_their_own_pages(office: Office) -> None:
    office.world.staff("s.staff", permissions=["staff:console:open", "remittance:payment:inspect"])
    staff: PortalClient = office.world.sign_in("s.staff")
    assert staff.get("/staff/remittance/inspect").status_code == 200
    assert "Reason for access" not in staff.get("/staff/").text


def test_the_payer_chooses_reasons() -> None:
    values: dict[str, Any] = {"secret_key": SECRET_KEY, "data_key": DATA_KEY}
    assert load_settings(**values).reasons == REASONS
    assert load_settings(**values).reason_asked == "member-data"
    assert load_settings(**values, reasons="Posting, An appeal,").reasons == ("Posting", "An appeal")
    with pytest.raises(ConfigurationError, match="HP_PORTAL_REASONS"):
        load_settings(**values, reasons="no")
