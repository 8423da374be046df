"""Each step of registering leads to its answer in help, and the answers lead back into the flow."""

from __future__ import annotations

import pytest

from tests.core.test_registration import NPI, TIN, payments, portal
from tests.support.client import PortalClient, tree_of
from tests.support.registering import Visitor
from tests.support.world import World

__all__ = ["payments", "portal"]

HELP = "/help/registration"


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
        ("unlisted", "My provider was never paid by this health plan"),
        ("billing", "I work for a billing organization"),
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
    assert answer_of(visitor.client, "/register/mail") == "The message with the link has not come"
    visitor.confirm()
    visitor.prove(tin=TIN, npi=NPI)
    assert answer_of(visitor.client, "/register/finish") == "What do I accept?"
    visitor.finish()
    assert answer_of(visitor.client, "/registration") == "I have no payment"


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
