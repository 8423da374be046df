"""Giving applications to people: audited, announced, once; and what new people start with."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from hp_portal.core.applications import giving
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.identity.applications import ApplicationDefault, PersonApplication
from hp_portal.hookspecs import Application
from tests.support.plugins import plugins_of
from tests.support.world import World


def application(world: World, key: str = "remittance") -> Application:
    return next(one for one in plugins_of(world.app).applications if one.key == key)


def events(world: World) -> list[tuple[str, dict[str, object]]]:
    with world.session() as session:
        rows = session.execute(
            sa.select(AuditEvent.event, AuditEvent.fields)
            .where(AuditEvent.event.like("%application.%"))
            .order_by(AuditEvent.id)
        ).all()
    return [(event, json.loads(fields)) for event, fields in rows]


def test_given_and_taken_once_each(world: World) -> None:
    person = world.person("a.clerk", applications=())
    client = world.sign_in("a.clerk")
    assert client.get("/apps/remittance/").status_code == 403
    with world.session() as session:
        assert giving.give_application(session, None, person, application(world))
        assert not giving.give_application(session, None, person, application(world))
    assert client.get("/apps/remittance/").status_code == 200
    with world.session() as session:
        assert giving.take_application(session, None, person, application(world))
        assert not giving.take_application(session, None, person, application(world))
    assert client.get("/apps/remittance/").status_code == 403
    fields = {"person": person.id, "application": "remittance"}
    assert events(world) == [("person.application.given", fields), ("person.application.taken", fields)]


def test_staff_are_given_none(world: World) -> None:
    person = world.staff("a.keeper")
    with pytest.raises(giving.NotAMember), world.session() as session:
        giving.give_application(session, None, person, application(world))


def test_what_new_people_get(world: World) -> None:
    """As set up, what the applications say; afterwards what staff have set."""
    applications = plugins_of(world.app).applications
    person = world.person("a.clerk", applications=())
    with world.session() as session:
        assert giving.new_people_get(session) == {"profiles", "remittance", "tax-id-npi-access"}
        session.execute(sa.update(ApplicationDefault).values(new_people=False))
    with world.session() as session:
        giving.give_starting_applications(session, None, person, applications)
        assert session.scalars(sa.select(PersonApplication.application)).all() == []
        row = session.get_one(ApplicationDefault, "remittance")
        row.new_people = True
        giving.give_starting_applications(session, None, person, applications)
        assert session.scalars(sa.select(PersonApplication.application)).all() == ["remittance"]
