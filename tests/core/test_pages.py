"""Public pages, help, and what the portal says when something is wrong."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from hp_portal.core.access import rules as access
from tests.conftest import MakeApp
from tests.support.client import PortalClient, heading_of, tree_of
from tests.support.databases import mighty_engine
from tests.support.html import text_of
from tests.support.world import World

PAYER: dict[str, Any] = {
    "name": "Sample Health Plan",
    "short_name": "Sample",
    "payer_id": "12345",
    "phone": "555-0123",
    "hours": "Mondays only",
    "email": "help@plan.example",
    "address": ["1 Example Street", "Exampleton MN 55000"],
    "eft_enrollment_url": "https://enrol.example/",
}


@pytest.fixture
def portal(sqlite_app: Flask) -> World:
    return World(sqlite_app)


@pytest.fixture
def anonymous(portal: World) -> PortalClient:
    return portal.client()


def test_the_public_home_says_what_this_is_and_lets_one_sign_in(portal: World, anonymous: PortalClient) -> None:
    home = anonymous.get("/")
    assert heading_of(home) == "Sample Health Plan provider portal"
    assert "Remittance Inquiry" in home.text
    assert "Enter a check or EFT number" in home.text
    forms = [form.get("action") for form in tree_of(home).iter("form")]
    assert forms == ["/sign-in", "/sign-in/passkey"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("/contact", ("555-0123", "Mondays only", "help@plan.example", "Exampleton MN 55000", "12345")),
        ("/e-services", ("12345", "837", "835", "270/271", "276/277", "https://enrol.example/")),
        ("/policies", ("Sample Health Plan", "15 minutes", "12 hours")),
    ],
)
def test_what_pages_say_of_the_payer_comes_from_its_settings(
    databases: Any, tmp_path: Any, make_app: MakeApp, url: str, said: tuple[str, ...]
) -> None:
    app = make_app(databases.new_sqlite(tmp_path / "own.sqlite"), payer=PAYER)
    text = PortalClient(app).get(url).text
    for words in said:
        assert words in text


def test_pages_hold_when_the_payer_has_said_nothing(databases: Any, tmp_path: Any, make_app: MakeApp) -> None:
    client = PortalClient(make_app(databases.new_sqlite(tmp_path / "own.sqlite"), payer={}))
    for url in ("/", "/sign-in", "/contact", "/policies", "/help/"):
        assert client.get(url).status_code == 200
    assert "To enroll" in client.get("/e-services").text


CORE_TOPICS = {
    "signing-in",
    "applications",
    "accounts-and-sharing",
    "tax-id-npi-access",
    "my-activity",
    "sessions",
    "privacy",
    "registration-faq",
}


def test_every_help_topic_can_be_read(anonymous: PortalClient) -> None:
    index = tree_of(anonymous.get("/help/"))
    topics = {
        (link.get("href") or "").removeprefix("/help/")
        for link in index.iter("a")
        if (link.get("href") or "").startswith("/help/") and link.get("href") != "/help/"
    }
    assert topics >= CORE_TOPICS
    for topic in topics:
        page = anonymous.get(f"/help/{topic}")
        assert page.status_code == 200
        assert heading_of(page)
    assert anonymous.get("/help/no-such-topic").status_code == 404


@pytest.mark.parametrize(
    ("url", "topic"),
    [
        ("/", "applications"),
        ("/my-sign-ins", "sessions"),
        ("/my-activity", "my-activity"),
        ("/change-password", "signing-in"),
        ("/terms", "agreements"),
        ("/policies", "privacy"),
        ("/apps/tax-id-npi-access/", "tax-id-npi-access"),
        ("/apps/tax-id-npi-access/add", "tax-id-npi-access"),
        ("/contact", "faq"),
    ],
)
def test_help_opens_at_the_page_s_topic(portal: World, url: str, topic: str) -> None:
    portal.person("a.clerk")
    client = portal.sign_in("a.clerk")
    links = [link for link in tree_of(client.get(url)).iter("a") if text_of(link).startswith("Help")]
    assert links[0].get("href") == f"/help/{topic}"
    assert client.get(f"/help/{topic}").status_code == 200


# ---- errors, each as a page and as a fragment


def broken(app: Flask, error: Exception) -> None:
    """/contact raises from here on."""

    def view() -> str:
        raise error

    app.view_functions["pages.contact"] = access.public(view)


def both(client: PortalClient, method: str, url: str, **options: Any) -> list[tuple[int, str]]:
    """Status and body of the page and of the fragment."""
    found = []
    for fragment in (False, True):
        answer = getattr(client, method)(url, fragment=fragment, **options)
        is_page = answer.text.lower().lstrip().startswith("<!doctype")
        assert is_page is not fragment
        assert {"HX-Request", "HX-Request-Type"} <= {name.strip() for name in answer.headers.get("Vary", "").split(",")}
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Request-ID"] in answer.text
        found.append((answer.status_code, answer.text))
    return found


def test_400_for_a_form_without_a_token(portal: World, anonymous: PortalClient) -> None:
    for status, text in both(anonymous, "post", "/sign-in", data={"csrf_token": "wrong"}):
        assert status == 400
        assert "too old to be accepted" in text


def test_400_for_the_token_of_another_session(portal: World) -> None:
    mine, theirs = portal.client(), portal.client()
    for client, status in ((theirs, 400), (mine, 422)):
        token = mine.csrf_token()
        client.csrf_token()
        form = {"csrf_token": token, "username": "a.clerk", "password": "wrong"}
        assert client.flask.post("/sign-in", data=form).status_code == status


def test_403_names_what_is_missing(portal: World) -> None:
    portal.staff("a.staff", permissions=["staff:console:open"])
    for status, text in both(portal.sign_in("a.staff"), "get", "/staff/plugins"):
        assert status == 403
        assert "You do not have access" in text


def test_404(portal: World, anonymous: PortalClient) -> None:
    portal.person("a.clerk")
    for client in (anonymous, portal.sign_in("a.clerk")):
        for status, text in both(client, "get", "/nowhere"):
            assert status == 404
            assert "Page not found" in text


def test_405_says_what_is_allowed(anonymous: PortalClient) -> None:
    answer = anonymous.post("/contact")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_413(databases: Any, tmp_path: Any, make_app: MakeApp) -> None:
    client = PortalClient(make_app(databases.new_sqlite(tmp_path / "own.sqlite"), max_upload_mb=1))
    for status, text in both(client, "post", "/sign-in", data={"username": "x" * 1_200_000}):
        assert status == 413
        assert "too large" in text


def test_422_leads_to_the_fields(anonymous: PortalClient) -> None:
    answer = anonymous.post("/sign-in", {"username": "", "password": ""})
    assert answer.status_code == 422
    links = [link.get("href") for link in tree_of(answer).iter("a") if text_of(link).startswith("Enter your")]
    assert links == ["#username", "#password"]


def test_500_shows_nothing_of_the_cause(portal: World, anonymous: PortalClient) -> None:
    broken(portal.app, RuntimeError("secret detail"))
    for status, text in both(anonymous, "get", "/contact"):
        assert status == 500
        assert "secret" not in text


@pytest.mark.parametrize(
    "error",
    [
        sa.exc.OperationalError("select", {}, Exception("gone")),
        sa.exc.InterfaceError("select", {}, Exception("gone")),
        sa.exc.TimeoutError("no connection left"),
    ],
)
def test_503_when_the_database_does_not_answer(portal: World, anonymous: PortalClient, error: Exception) -> None:
    broken(portal.app, error)
    for status, text in both(anonymous, "get", "/contact"):
        assert status == 503
        assert "not available right now" in text
    assert anonymous.get("/contact").headers["Retry-After"] == "10"


def test_503_even_where_the_error_page_itself_needs_the_database(portal: World) -> None:
    portal.person("a.clerk")
    client = portal.sign_in("a.clerk")
    with mighty_engine(portal.app) as engine, engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE sign_in RENAME TO away")
    for url in ("/", "/nowhere", "/my-activity"):
        assert client.get(url).status_code == 503
    assert client.get("/healthz").status_code == 200


# The pages that search engines may find; `sign-in` is on the first of them.
TO_BE_FOUND = ("/", "/contact", "/e-services", "/policies", "/help/", "/help/signing-in")


def test_public_pages_describe_themselves_and_no_others_can_be_found(portal: World, anonymous: PortalClient) -> None:
    """Every page that any test opens says one or the other (tests/support/html.py)."""

    def described(url: str, client: PortalClient) -> bool:
        return any(meta.get("name") == "description" for meta in tree_of(client.get(url)).iter("meta"))

    assert [url for url in TO_BE_FOUND if not described(url, anonymous)] == []
    assert [url for url in ("/sign-in", "/sign-in?next=/contact", "/no-such-page") if described(url, anonymous)] == []
    portal.person("a.clerk")
    assert [url for url in TO_BE_FOUND if described(url, portal.sign_in("a.clerk"))] == []
    robots = anonymous.get("/robots.txt").text.splitlines()
    assert robots == ["User-agent: *", "Disallow: /apps/", "Disallow: /staff/", "Disallow: /set-password"]
