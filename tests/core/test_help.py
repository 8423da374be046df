"""Help: a search that answers what people ask, topics of staff for staff, and a topic for every page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask

from hp_portal.core.pages.help_search import HelpIndex, Section, words
from tests.support.client import PortalClient, tree_of
from tests.support.html import text_of
from tests.support.world import World

ROOT = Path(__file__).parents[2]
QUESTIONS = [
    ("how do I sign in", "signing-in"),
    ("I forgot my password", "faq"),
    ("reset password", "faq"),
    ("change my password", "signing-in"),
    ("why am I locked out", "faq"),
    ("can I share my login with a coworker?", "faq"),
    ("what is a delegate", "accounts-and-sharing"),
    ("is my organization registered", "find-my-delegate"),
    ("why is my applications menu empty", "applications"),
    ("I can't find a payment", "faq"),
    ("how do I add a TIN", "tax-id-npi-access"),
    ("link an NPI without a check", "tax-id-npi-access"),
    ("billing service access to provider payments", "tax-id-npi-access"),
    ("download a remittance as PDF", "documents"),
    ("what does the adjustment group mean", "remittance-payment"),
    ("reversal and correction of a claim", "remittance-payment"),
    ("search by patient name", "remittance-inquiry"),
    ("why was I signed out", "faq"),
    ("session timeout", "sessions"),
    ("who looked at my activity", "my-activity"),
    ("PIN by letter", "registration-faq"),
    ("payer ID for electronic claims", "faq"),
    ("what is recorded about privacy", "privacy"),
]


@pytest.fixture
def anonymous(sqlite_app: Flask) -> PortalClient:
    return PortalClient(sqlite_app)


def found(client: PortalClient, query: str) -> list[str]:
    """The topics that a search finds, the best first."""
    answer = client.get("/help/", query_string={"q": query})
    for part in tree_of(answer).iter("ol"):
        if part.get("class") == "help-hits":
            return [re.sub(r"#.*", "", link.get("href", "")).removeprefix("/help/") for link in part.iter("a")]
    return []


@pytest.mark.parametrize(("question", "topic"), QUESTIONS)
def test_what_people_ask_is_answered_by_one_of_the_first_two(
    anonymous: PortalClient, question: str, topic: str
) -> None:
    assert topic in found(anonymous, question)[:2]


def test_most_questions_are_answered_by_the_first(sqlite_app: Flask) -> None:
    client = PortalClient(sqlite_app)
    first = sum(found(client, question)[:1] == [topic] for question, topic in QUESTIONS)
    assert first >= 22


def test_a_hit_leads_to_its_heading(anonymous: PortalClient) -> None:
    answer = anonymous.get("/help/?q=what does NP in front of a number mean")
    link = next(link for part in tree_of(answer).iter("ol") for link in part.iter("a"))
    assert text_of(link) == "Frequently asked questions: What does the NP in front of a number mean?"
    topic, _, anchor = link.get("href", "").partition("#")
    assert any(heading.get("id") == anchor for heading in tree_of(anonymous.get(topic)).iter("h2"))


@pytest.mark.parametrize("query", ["xyzzy", "the of and", "<script>", "%", "x" * 5000, "日本"])
def test_nothing_found(anonymous: PortalClient, query: str) -> None:
    assert found(anonymous, query) == []
    answer = anonymous.get("/help/", query_string={"q": query})
    assert answer.status_code == 200
    assert "Nothing found" in answer.text
    assert "<script>" not in answer.text.partition("<main")[2]


def test_results_come_as_a_fragment(anonymous: PortalClient) -> None:
    answer = anonymous.get("/help/?q=password", fragment=True)
    assert "<h1" not in answer.text
    assert "topics found" in answer.text


def test_topics_of_staff_are_for_staff(world: World) -> None:
    """Neither listed nor found nor opened by anybody else."""
    world.person("a.clerk")
    world.staff("a.staff", permissions=["staff:console:open"])
    for client in (world.client(), world.sign_in("a.clerk")):
        assert "staff-people" not in client.get("/help/").text
        assert client.get("/help/staff-people").status_code == 404
        assert client.get("/help/remittance-import").status_code == 404
        assert not [topic for topic in found(client, "deactivate an account of staff") if "staff" in topic]
    staff = world.sign_in("a.staff")
    assert 'href="/help/staff-people"' in staff.get("/help/").text
    assert staff.get("/help/remittance-import").status_code == 200
    assert found(staff, "unlock an account")[0] == "staff-people"
    assert found(staff, "give an application to everybody")[0] == "staff-applications"
    assert found(staff, "upload 835 files")[0] == "remittance-import"


def test_every_page_opens_help_at_a_topic(sqlite_app: Flask) -> None:
    known = sqlite_app.extensions["hp_portal.help"].topics
    missing = []
    for path in [*(ROOT / "templates").rglob("*.html"), *(ROOT / "plugins").rglob("*.html")]:
        text = path.read_text(encoding="utf-8")
        if 'extends "base.html"' not in text or path.parent.name == "errors":
            continue
        named = re.search(r"block help_topic %}([^{]*|\{\{.*?)\{%", text)
        if named is None or not (named[1] in known or named[1].startswith("{{")):
            missing.append(f"{path.name}: {named[1] if named else 'none'}")
    assert missing == []


def test_endings_and_spellings_do_not_matter() -> None:
    assert words("Signing in, signed, SIGNS") == ["sign"] * 3
    assert words("log-in") == words("sign in") == ["sign"]
    assert words("Policies & policy") == ["policy", "policy"]


def test_what_is_rare_counts_more() -> None:
    sections = [
        Section(key, key, "", "", text, False)
        for key, text in (("one", "payments and claims"), ("two", "payments and letters"), ("three", "payments"))
    ]
    hits = HelpIndex(sections).search("payments letters")
    assert hits[0].section.topic == "two"
