"""Failures of hooks and jobs in the database, so that the *Plugins* page of every process shows those of all."""

from __future__ import annotations

import sqlalchemy as sa
import structlog
from flask import Flask

from hp_portal import clock
from hp_portal.core.jobs.models import PluginFailure
from hp_portal.database import Database, PortalSession, lock
from hp_portal.plugins import Outcome, Plugins
from hp_portal.scopes import WholeScope

log = structlog.get_logger(__name__)


def write_outcomes(app: Flask) -> None:
    """Keep what failed and clear what succeeds again, of this thread. Call with no other transaction of its own open."""
    plugins: Plugins = app.extensions["hp_portal.plugins"]
    outcomes = plugins.take_outcomes()
    if not outcomes:
        return
    database: Database = app.extensions["hp_portal.database"]
    try:
        with database.new_session(WholeScope("failures of plugins")) as session:
            note(session, outcomes)
    except sa.exc.SQLAlchemyError:
        # Before the first upgrade there is no table; and what failed is in the log already.
        log.exception("plugin.failure-not-kept")


def note(session: PortalSession, outcomes: list[Outcome]) -> None:
    """Add, count or clear failures, and commit. Nothing is written when all succeeded that did before."""
    known = {(row.plugin, row.place): row for row in session.scalars(sa.select(PluginFailure))}
    if not any(outcome.error or (outcome.plugin, outcome.place) in known for outcome in outcomes):
        return
    session.rollback()
    lock(session, "plugin failures")
    for outcome in outcomes:
        row = session.get(PluginFailure, (outcome.plugin, outcome.place), populate_existing=True)
        if not outcome.error:
            if row is not None:
                session.delete(row)
        elif row is None:
            now = clock.now()
            session.add(
                PluginFailure(
                    plugin=outcome.plugin,
                    place=outcome.place,
                    error=outcome.error[:300],
                    times=1,
                    first_at=now,
                    last_at=now,
                )
            )
        else:
            row.error, row.times, row.last_at = outcome.error[:300], row.times + 1, clock.now()
        session.flush()
    session.commit()


def failures(session: PortalSession) -> list[PluginFailure]:
    """Everything that fails at present, by plugin."""
    return list(session.scalars(sa.select(PluginFailure).order_by(PluginFailure.plugin, PluginFailure.place)))
