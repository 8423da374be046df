"""Whoever registers under the name of a practitioner who rendered what the payment pays is asked whether they are that person."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hp_portal import clock
from tests.plugins.remittance.import_files import CLINIC, import_835, payment
from tests.plugins.remittance.import_files import file_of as file_with
from tests.plugins.remittance.inquiry import claim
from tests.support.identifiers import make_npi, make_tin
from tests.support.registering import Visitor
from tests.support.world import World

TIN, NPI = make_tin(8201), make_npi(8201)


@pytest.mark.parametrize(
    ("name", "asked"),
    [("Dr. Demo Sample MD", True), ("Demo A. López", True), ("Mina Keeper", False), ("Olga Sample", False)],
)
def test_the_name_of_who_rendered_what_was_paid_is_asked_about(world: World, name: str, asked: bool) -> None:
    world.payee(TIN, NPI, "Lakeside Sample Group")
    day = clock.now().astimezone(world.settings.payer.zone).date()
    # Each has the given name DEMO.
    claims = tuple(
        claim(number, rendering=(practitioner, make_npi(8300 + number)))
        for number, practitioner in enumerate(("SAMPLE", "LOPEZ", "KEEPER"), 1)
    )
    import_835(
        world, file_with(replace(payment("8201", payee=replace(CLINIC, tin=TIN, npi=NPI), issued=day), claims=claims))
    )
    visitor = Visitor(world, name=name)
    visitor.begin("check")
    assert visitor.prove(number="8201", npi=NPI, paid_on=day.isoformat()).location == "/register/finish"
    assert ("Yes, I am this practitioner" in visitor.client.get("/register/finish").text) == asked
    assert visitor.finish().status_code == (422 if asked else 303)
    if asked:
        assert visitor.finish(sure_doctor="y").status_code == 303
