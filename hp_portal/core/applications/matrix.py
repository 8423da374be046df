"""The staff's matrix: which application is enabled for which provider type and for billing organizations.

The gate reads the same table at every request, so a change takes effect at once in every worker.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.audience import Audience
from hp_portal.core.audit.record import record
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.applications import ApplicationSetting
from hp_portal.core.identity.models import Person
from hp_portal.database import PortalSession, lock
from hp_portal.hookspecs import Application


@dataclass(frozen=True)
class Cell:
    """One application for one audience. `changed_by` is empty for a cell that nobody has touched since set-up."""

    application: str
    application_label: str
    audience: Audience
    enabled: bool
    changed_at: dt.datetime | None
    changed_by: str


@dataclass(frozen=True)
class MatrixRow:
    """An application with its cells, in the order of `Audience`."""

    application: Application
    cells: list[Cell]


def matrix(session: PortalSession, applications: Iterable[Application]) -> list[MatrixRow]:
    """Every cell of these applications; one that was never set is off, as for the gate."""
    settings = {
        (setting.application, setting.audience): (setting, name)
        for setting, name in session.execute(
            sa.select(ApplicationSetting, Person.name).outerjoin(Person, Person.id == ApplicationSetting.changed_by_id)
        )
    }
    rows = []
    for application in applications:
        cells = []
        for audience in Audience:
            setting, name = settings.get((application.key, audience.value), (None, None))
            cells.append(_cell(application, audience, setting, name))
        rows.append(MatrixRow(application, cells))
    return rows


def _cell(
    application: Application, audience: Audience, setting: ApplicationSetting | None, changed_by: str | None
) -> Cell:
    return Cell(
        application.key,
        application.label,
        audience,
        setting.enabled if setting else False,
        setting.changed_at if setting else None,
        changed_by or "",
    )


def audiences_of(session: PortalSession, application: Application) -> list[Audience]:
    """For whom an application is enabled."""
    enabled = set(
        session.scalars(
            sa.select(ApplicationSetting.audience).where(
                ApplicationSetting.application == application.key, ApplicationSetting.enabled
            )
        )
    )
    return [audience for audience in Audience if audience.value in enabled]


def enabled_for(session: PortalSession, audience: Audience) -> set[str]:
    """The keys of the applications that are enabled for an audience."""
    wanted = ApplicationSetting.audience == audience.value
    return set(session.scalars(sa.select(ApplicationSetting.application).where(wanted, ApplicationSetting.enabled)))


def set_cell(
    session: PortalSession, actor: Actor, application: Application, audience: Audience, *, enabled: bool
) -> Cell:
    """Enable or disable an application for an audience. A cell that already is so stays as it was, unrecorded."""
    lock(session, f"matrix:{application.key}:{audience.value}")
    setting = session.get(ApplicationSetting, (application.key, audience.value), populate_existing=True)
    if setting is not None and setting.enabled == enabled:
        name = session.scalar(sa.select(Person.name).where(Person.id == setting.changed_by_id))
        return _cell(application, audience, setting, name)
    if setting is None:
        setting = ApplicationSetting(application=application.key, audience=audience.value)
        session.add(setting)
    setting.enabled = enabled
    setting.changed_by_id = actor.person_id
    setting.changed_at = clock.now()
    session.flush()
    event = "staff.application.enabled" if enabled else "staff.application.disabled"
    record(session, event, application=application.key, audience=audience.value)
    return _cell(application, audience, setting, actor.display_name)
