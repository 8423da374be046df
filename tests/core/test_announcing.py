"""What is told to plugins of what has happened: only once it is committed."""

from __future__ import annotations

from hp_portal.hookspecs import PortalEvent
from hp_portal.scopes import WholeScope
from tests.support.world import World


def test_events_wait_for_the_outermost_commit(world: World) -> None:
    told: list[PortalEvent] = []
    with world.database.new_session(WholeScope("a test")) as session:
        session.context.dispatch = told.append
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
