"""Tax IDs in tables: sealed, found by a keyed hash, masked; and payees by what people know of them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from hp_portal.core.identifiers.sealed import masked_tin
from hp_portal.core.organizations.models import Organization
from hp_portal.core.payees.finding import find_payee, find_payees, is_payee
from hp_portal.core.payees.models import Payee
from hp_portal.seals import seat
from hp_portal.vault import Vault
from tests.support.identifiers import make_npi, make_tin
from tests.support.world import World


def test_a_tin_is_unreadable_in_the_row_and_masked_for_people(world: World) -> None:
    payee = world.payee(tin=make_tin(7))
    organization = world.organization()
    with world.session() as session:
        assert make_tin(7).encode() not in payee.tin_sealed
        assert payee.masked_tin(session) == f"•••••{make_tin(7)[-4:]}"
        assert payee.whole_tin(session) == make_tin(7)
        assert organization.masked_tin(session) == organization.whole_tin(session) == ""
        assert masked_tin(session, None, seat(Payee.tin_sealed)()) == ""


def test_an_organization_is_found_by_the_tin_it_was_given(world: World) -> None:
    organization = world.organization()
    with world.session() as session:
        session.get_one(Organization, organization.id).set_tin(session, make_tin(8))
    with world.session() as session:
        found = session.scalars(sa.select(Organization.id).where(Organization.tin_is(session, make_tin(8)))).all()
        assert found == [organization.id]
        assert session.scalars(sa.select(Organization.id).where(Organization.tin_is(session, make_tin(9)))).all() == []


def test_a_tin_is_found_while_data_keys_rotate(world: World) -> None:
    payee = world.payee(tin=make_tin(7))
    old = world.settings.data_keys[0]
    with world.session() as session:
        session.context.vault = Vault([b"n" * 32, old])
        assert session.scalars(sa.select(Payee.id).where(Payee.tin_is(session, make_tin(7)))).all() == [payee.id]


def test_payees_by_what_is_known_of_them(world: World) -> None:
    first = world.payee(make_tin(1), make_npi(1), "A", vendor_number="Ven-1")
    second = world.payee(make_tin(1), make_npi(2), "B", vendor_number="VEN-2")
    without = world.payee(make_tin(1), None, "C", vendor_number="VEN-3")
    with world.session() as session:

        def found(**known: str) -> list[int]:
            return [payee.id for payee in find_payees(session, **known)]

        assert found(tin=make_tin(1)) == [first.id, second.id, without.id]
        assert found(tin=make_tin(1), npi=make_npi(2)) == [second.id]
        assert found(vendor_number=" ven-1 ") == [first.id]
        assert found(npi=make_npi(1), vendor_number="VEN-2") == [], "all of it must fit"
        for nothing in ({}, {"tin": ""}, {"vendor_number": "  "}):
            with pytest.raises(ValueError, match="nothing at all"):
                is_payee(session, **nothing)
        one = find_payee(session, tin=make_tin(1), npi=None)
        assert one is not None
        assert one.id == without.id
        assert find_payee(session, tin=make_tin(2), npi=None) is None


def test_an_organization_finds_its_own_payees_alone(world: World) -> None:
    organization = world.organization()
    mine, other = world.payee(make_tin(1), make_npi(1)), world.payee(make_tin(1), make_npi(2))
    world.grant(organization, mine)
    with world.session_of(organization) as session:
        assert [payee.id for payee in find_payees(session, tin=make_tin(1))] == [mine.id]
        assert find_payee(session, tin=make_tin(1), npi=other.npi) is None
