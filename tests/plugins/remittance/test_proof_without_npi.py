"""A payee with a Tax ID and no NPI is linked with a payment as proof; one that has an NPI is not without it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hp_portal import clock
from tests.plugins.remittance.import_files import CLINIC, import_835, payment
from tests.plugins.remittance.import_files import file_of as file_with
from tests.support.client import PortalClient
from tests.support.identifiers import make_npi, make_tin
from tests.support.world import World

from .inquiry import events

TIN, NPI = make_tin(8101), make_npi(8101)
ADD = "/apps/tax-id-npi-access/add"


@pytest.fixture
def office(world: World) -> PortalClient:
    world.person("person.81", organization=world.organization("Wayside Sample Therapy"))
    return world.sign_in("person.81")


def pay(world: World, number: str, npi: str) -> str:
    """Import a payment of today to the TIN, with this NPI or none; its date as a form takes it."""
    day = clock.now().astimezone(world.settings.payer.zone).date()
    import_835(world, file_with(payment(number, payee=replace(CLINIC, tin=TIN, npi=npi), issued=day)))
    return day.isoformat()


def test_a_tax_id_without_an_npi_is_linked_by_a_payment(world: World, office: PortalClient) -> None:
    world.payee(TIN, None, "Wayside Sample Therapy")
    day = pay(world, "8101", "")
    assert "Leave it empty when the remittance advice names none" in office.get(ADD).text
    answer = office.post(ADD, {"tin": TIN, "npi": "", "number": "8101", "paid_on": day})
    assert (answer.status_code, answer.location) == (303, "/apps/tax-id-npi-access/")
    assert "Wayside Sample Therapy" in office.get("/apps/tax-id-npi-access/").text
    assert "8101" in office.get("/apps/remittance/").text


def test_the_amount_of_the_payment_proves_it_as_well(world: World, office: PortalClient) -> None:
    world.payee(TIN, None)
    pay(world, "8101", "")
    assert office.post(ADD, {"tin": TIN, "npi": "", "number": "8101", "amount": "80"}).status_code == 303


def test_who_has_an_npi_is_not_linked_without_it(world: World, office: PortalClient) -> None:
    payee = world.payee(TIN, NPI, vendor_number="V8101")
    day = pay(world, "8101", NPI)
    for more in ({"paid_on": day}, {"vendor_number": payee.vendor_number}):
        answer = office.post(ADD, {"tin": TIN, "npi": "", "number": "8101", **more})
        assert answer.status_code == 422
        assert "does not match a payment to this Tax ID and NPI" in answer.text
    refused = events(world, "tax-id-npi-access.grant.refused")
    assert [entry["npi"] for entry in refused] == ["none", "none"]
    assert office.post(ADD, {"tin": TIN, "npi": NPI, "number": "8101", "paid_on": day}).status_code == 303


def test_who_has_no_npi_is_not_linked_with_one(world: World, office: PortalClient) -> None:
    world.payee(TIN, None)
    day = pay(world, "8101", "")
    assert office.post(ADD, {"tin": TIN, "npi": NPI, "number": "8101", "paid_on": day}).status_code == 422
