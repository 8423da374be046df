"""Whoever registers with a payment says on the last page why they look at it, and is not asked once more."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.identity.models import SignIn
from tests.conftest import MakeApp
from tests.core.test_registration import DAY, NPI, NUMBER, TIN
from tests.support.registering import ADDRESS, Payments, Visitor
from tests.support.world import World

pytestmark = pytest.mark.either_database


@pytest.fixture
def asking(database_url: str, make_app: MakeApp) -> World:
    """A payer that asks for the reason."""
    payments = Payments()
    extra = {"payments-of-the-test": payments}
    world = World(
        make_app(database_url, extra_plugins=extra, reason_asked="member-data", reasons=("Posting", "An audit"))
    )
    payments.add(world, NUMBER, world.payee(TIN, NPI, "Harbor Payee", address=ADDRESS), TIN, day=DAY)
    return world


def proved(world: World) -> Visitor:
    visitor = Visitor(world)
    visitor.begin("check")
    visitor.prove(number=NUMBER, npi=NPI)
    return visitor


def reasons(world: World) -> list[str]:
    """What is kept with the sign-ins."""
    with world.session() as session:
        return list(session.scalars(sa.select(SignIn.access_reason)))


def test_it_is_kept_with_the_sign_in_and_recorded(asking: World) -> None:
    assert proved(asking).finish(reason="Posting").status_code == 303
    assert reasons(asking) == ["Posting"]
    with asking.session() as session:
        wanted = sa.select(AuditEvent).where(AuditEvent.event == "identity.reason.given")
        event = session.scalars(wanted).one()
        [sign_in] = session.scalars(sa.select(SignIn))
        assert (event.reason, event.person_id, event.sign_in_id) == ("Posting", sign_in.person_id, sign_in.id)
        assert json.loads(event.fields) == {}


@pytest.mark.parametrize("reason", ["", "Curiosity"])
def test_one_of_the_reasons_has_to_be_chosen(asking: World, reason: str) -> None:
    visitor = proved(asking)
    answer = visitor.finish(reason=reason)
    assert answer.status_code == 422
    assert "Choose why you look at patient information." in answer.text
    assert reasons(asking) == []


def test_another_reason_is_asked_for_later(asking: World) -> None:
    assert proved(asking).finish(reason="another").status_code == 303
    assert reasons(asking) == [""]


def test_whoever_waits_for_a_pin_is_not_asked_yet(asking: World) -> None:
    visitor = Visitor(asking)
    visitor.begin("mail")
    visitor.prove(tin=TIN, npi=NPI)
    assert "Why you look" not in visitor.client.get("/register/finish").text
    assert visitor.finish().location == "/registration"
