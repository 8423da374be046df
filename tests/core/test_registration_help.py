"""Each step of registering leads to its answer in help, and the answers lead back into the flow."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.core.test_registration import NPI, TIN, payments, portal
from tests.support.client import PortalClient, tree_of
from tests.support.registering import Visitor
from tests.support.world import World

__all__ = ["payments", "portal"]

HELP = "/help/registration"
# What somebody on the way to an account asks, and the answer that comes first.
ASKED = {
    "how do I register": "registration",
    "what do I need to register": "registration#what-do-i-need-to-register",
    "my PIN has not arrived": "registration#the-letter-with-my-pin-has-not-come",
    "the letter has not come": "registration#the-letter-with-my-pin-has-not-come",
    "the PIN does not work": "registration",
    "send another letter": "registration",
    "wrong address on the letter": "registration#the-address-on-the-letter-is-wrong",
    "my entries do not match": "registration#it-says-that-my-entries-do-not-match-your-records",
    "where is the vendor number": "registration#which-numbers-does-the-page-ask-for",
    "I did not get the confirmation e-mail": "registration#the-e-mail-with-the-link-has-not-come",
    "verify my email": "registration#the-e-mail-with-the-link-has-not-come",
    "code on my phone": "registration#i-opened-the-link-on-my-phone-and-want-to-continue-on-my-computer",
    "the person who registered left": "registration#the-person-who-registered-has-left",
    "our office manager left": "registration-faq#why-can-i-not-sign-in-with-the-account-of-a-coworker-who-left",
    "join an organization": "registration#my-organization-is-already-registered-how-do-i-join-it",
    "register a billing service": "registration#how-does-a-billing-service-register",
    "provider not listed": "registration#my-provider-is-not-listed-or-was-never-paid-by-this-health-plan",
    "use a shared mailbox": "registration-faq#why-does-the-page-ask-whether-the-name-or-mailbox-is-mine",
    "I have no check": "registration-faq#we-have-no-check-can-we-register",
    "my registration was declined": "registration-faq#my-registration-was-declined-what-now",
    "register for a doctor": "registration-faq#may-i-register-for-the-doctor-or-for-the-front-desk",
    "someone objected to my registration": "registration-faq#what-can-i-see-while-delegates-can-still-object",
    "is my office registered": "find-my-delegate#is-my-organization-registered",
    "find my delegate": "find-my-delegate",
}


def answer_of(client: PortalClient, path: str) -> str:
    """The heading of the answer that a page leads to."""
    page = tree_of(client.get(path))
    [link] = {one.get("href", "") for one in page.iter("a") if one.get("href", "").startswith(f"{HELP}#")}
    headings = {one.get("id"): "".join(one.itertext()) for one in tree_of(client.get(HELP)).iter("h2")}
    return headings[link.partition("#")[2]]


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("check", "Which numbers does the page ask for?"),
        ("notice", "Which numbers does the page ask for?"),
        ("mail", "I have no payment"),
        ("unlisted", "My provider is not listed, or was never paid by this health plan"),
        ("billing", "How does a billing service register?"),
    ],
)
def test_every_way_has_its_answer(portal: World, path: str, answer: str) -> None:
    visitor = Visitor(portal)
    visitor.begin(path)
    assert answer_of(visitor.client, "/register/proof") == answer


def test_every_step_has_its_answer(portal: World) -> None:
    visitor = Visitor(portal)
    visitor.choose("mail")
    assert answer_of(visitor.client, "/register/you") == "In whose name is the account?"
    visitor.say_who()
    assert answer_of(visitor.client, "/register/mail") == "The e-mail with the link has not come"
    visitor.confirm()
    visitor.prove(tin=TIN, npi=NPI)
    assert answer_of(visitor.client, "/register/finish") == "What do I accept?"
    visitor.finish()
    assert answer_of(visitor.client, "/registration") == "The letter with my PIN has not come"


@pytest.mark.parametrize(("question", "answer"), ASKED.items())
def test_a_question_about_registering_finds_its_answer_first(sqlite_app: Flask, question: str, answer: str) -> None:
    page = tree_of(PortalClient(sqlite_app).get("/help/", query_string={"q": question}))
    lists = [part for part in page.iter("ol") if part.get("class") == "help-hits"]
    hits = [link.get("href", "") for part in lists for link in part.iter("a")]
    assert hits[0].removeprefix("/help/").startswith(answer)


def test_the_answers_lead_into_the_flow_at_the_right_step(portal: World) -> None:
    visitor = Visitor(portal)
    visitor.begin("mail")
    for topic in (HELP, "/help/registration-faq"):
        links = {one.get("href", "") for one in tree_of(visitor.client.get(topic)).iter("a")}
        within = {
            link for link in links if link.startswith(("/register", "/registration", "/find-my-delegate", "/help/"))
        }
        assert within, topic
        for link in within:
            path, _, anchor = link.partition("#")
            page = visitor.client.get(path, follow_redirects=True)
            assert page.status_code == 200, link
            assert not anchor or any(one.get("id") == anchor for one in tree_of(page).iter("h2")), link
    assert "/register/proof" in {one.get("href") for one in tree_of(visitor.client.get(HELP)).iter("a")}
    assert visitor.client.get("/register/proof").status_code == 200
