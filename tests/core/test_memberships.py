"""Somebody with one account in several organizations: how a membership is added, and what follows the account."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from hp_portal.core.applications.giving import new_people_get
from hp_portal.core.identity.accounts import by_name
from hp_portal.core.identity.models import Person
from hp_portal.core.people.accounts import NameTaken, create_person
from hp_portal.core.people.memberships import AccountClosed, AlreadyMember, add_membership, find_row
from tests.support.people import recorded
from tests.support.world import World


def test_a_membership_is_added_once_and_follows_its_account(world: World) -> None:
    practice, hospital, third = [world.organization(name) for name in ("Practice", "Hospital", "Third")]
    account = world.person("mina.keeper", organization=practice, name="Mina Keeper")
    staff = world.staff("a.staff")
    installed = list(world.app.extensions["hp_portal.plugins"].applications)
    with world.session() as session:
        there = add_membership(session, None, installed, account=account, organization_id=hospital.id, delegate=True)
        there_id = there.id
        assert (there.root_id, there.username, there.email) == (account.id, account.username, account.email)
        starting = new_people_get(session)
    assert recorded(world, "people.membership.added") == [
        {"person": there_id, "organization": hospital.id, "delegate": True}
    ]
    assert {one["application"] for one in recorded(world, "person.application.given")} == starting != set()
    with world.session() as session:
        for own, organization in ((account, hospital), (there, practice)):
            with pytest.raises(AlreadyMember) as raised:
                add_membership(session, None, installed, account=own, organization_id=organization.id)
            assert raised.value.person.organization_id == organization.id
        with pytest.raises(AccountClosed):
            add_membership(session, None, installed, account=staff, organization_id=hospital.id)
        with pytest.raises(NameTaken):
            create_person(session, None, installed, organization_id=hospital.id, name="Other", email=account.email)
    with world.session() as session:
        root = session.get_one(Person, account.id)
        root.email, root.name = "mina@new.example", "Mina Lee"
        session.flush()
        row = find_row(session, root, hospital.id)
        assert row is not None
        session.refresh(row)
        assert (row.id, row.email, row.name) == (there_id, "mina@new.example", "Mina Lee")
        assert session.scalars(sa.select(Person).where(by_name("mina@new.example"))).all() == [root]
        for one in (root, row):
            one.deactivated_at = one.created_at
        session.flush()
        with pytest.raises(AccountClosed):
            add_membership(session, None, installed, account=row, organization_id=third.id)
