"""What plugins are told of what happens: in its transaction, just before the commit, and never of what is undone."""

from __future__ import annotations

from types import ModuleType

import pytest
import sqlalchemy as sa
from flask import Flask

from hp_portal.core.organizations.models import Organization
from hp_portal.database import PortalSession
from hp_portal.events import PortalEvent
from hp_portal.hookspecs import hookimpl
from hp_portal.scopes import WholeScope
from tests.conftest import MakeApp
from tests.support.world import World


def test_events_wait_for_the_outermost_commit(world: World) -> None:
    told: list[PortalEvent] = []
    with world.database.new_session(WholeScope("a test")) as session:
        session.context.dispatch = lambda _session, event: told.append(event)
        session.announce(PortalEvent("first"))
        with session.begin_nested():
            session.announce(PortalEvent("kept"))
        nested = session.begin_nested()
        session.announce(PortalEvent("undone"))
        nested.rollback()
        assert told == []
        session.commit()
        assert [event.key for event in told] == ["first", "kept"]
        session.announce(PortalEvent("lost"))
        session.connection()
        session.rollback()
        session.commit()
        assert len(told) == 2


def listening(url: str, make_app: MakeApp, **hooks: object) -> Flask:
    """An app with plugins by name that listen with the given functions."""
    plugins = {}
    for name, function in hooks.items():
        module = ModuleType(name)
        module.portal_event = hookimpl(function, specname="portal_event")  # type: ignore[attr-defined,call-overload]
        plugins[name] = module
    return make_app(url, extra_plugins=dict(plugins))


def rename(name: str) -> object:
    def told(session: PortalSession, event: PortalEvent) -> None:
        session.get_one(Organization, event.ids["organization"]).name += name
        session.flush()

    return told


def names(app: Flask) -> list[str]:
    with World(app).session() as session:
        return list(session.scalars(sa.select(Organization.name)))


def test_a_handler_reads_and_writes_and_a_failing_one_is_undone(database_url: str, make_app: MakeApp) -> None:
    def fails(session: PortalSession, event: PortalEvent) -> None:
        rename(" never")(session, event)  # type: ignore[operator]
        session.execute(sa.insert(Organization).values(name=None))

    app = listening(database_url, make_app, a=rename(" one"), b=fails, c=rename(" two"))
    organization = World(app).organization("Clinic")
    with app.app_context(), World(app).session() as session:
        session.announce(PortalEvent("trial", {"organization": organization.id}))
        assert session.get_one(Organization, organization.id).name == "Clinic", "nothing is told before the commit"
    assert names(app) == ["Clinic one two"]


def test_what_a_handler_wrote_is_undone_with_what_it_was_told_of(database_url: str, make_app: MakeApp) -> None:
    """When the commit itself fails, or the process dies before it, neither is there."""
    app = listening(database_url, make_app, a=rename(" one"))
    organization = World(app).organization("Clinic")

    def refuse(_session: object) -> None:
        raise OSError("the database went away")

    with app.app_context(), World(app).database.new_session(WholeScope("a test")) as session:
        sa.event.listen(session, "before_commit", lambda one: None if one.in_nested_transaction() else refuse(one))
        session.announce(PortalEvent("trial", {"organization": organization.id}))
        with pytest.raises(OSError, match="went away"):
            session.commit()
        session.rollback()
    assert names(app) == ["Clinic"]


def test_a_handler_in_an_organizations_session_sees_every_row(database_url: str, make_app: MakeApp) -> None:
    seen: list[int] = []

    def counts(session: PortalSession, event: PortalEvent) -> None:
        seen.append(len(session.scalars(sa.select(Organization)).all()))

    app = listening(database_url, make_app, a=counts)
    world = World(app)
    world.organization()
    with app.app_context(), world.session_of(world.organization()) as session:
        session.announce(PortalEvent("trial"))
        session.commit()
        assert len(session.scalars(sa.select(Organization)).all()) == 1, "the view's own scope is back"
    assert seen == [2]


def test_a_handler_does_not_commit(database_url: str, make_app: MakeApp) -> None:
    def commits(session: PortalSession, event: PortalEvent) -> None:
        rename(" half")(session, event)  # type: ignore[operator]
        session.commit()

    app = listening(database_url, make_app, a=commits)
    organization = World(app).organization("Clinic")
    with app.app_context(), World(app).session() as session:
        session.announce(PortalEvent("trial", {"organization": organization.id}))
    assert names(app) == ["Clinic"]


def test_handlers_that_answer_each_other_come_to_an_end(world: World) -> None:
    with world.database.new_session(WholeScope("a test")) as session:
        session.context.dispatch = lambda one, event: one.announce(event)
        session.announce(PortalEvent("again"))
        with pytest.raises(RuntimeError, match="without end"):
            session.commit()
