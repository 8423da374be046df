"""Forgetting a plugin that was uninstalled: its tables, files and settings, and to whom it was given. Its cases stay, as the
history that they are, without their files."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from flask import Flask

from hp_portal import migrations
from hp_portal.core.attachments.attaching import forget_attached
from hp_portal.core.attachments.models import AttachedFile
from hp_portal.core.audit.record import record
from hp_portal.core.cases.models import Case
from hp_portal.core.drafts.models import Draft
from hp_portal.core.files.models import StoredFile, StoredPiece
from hp_portal.core.identity.applications import ApplicationDefault, ApplicationSetting, PersonApplication
from hp_portal.core.jobs.models import JobRun, PluginFailure
from hp_portal.core.kept.models import KeptValues
from hp_portal.core.sheets.models import SheetMapping
from hp_portal.database import PortalSession, schema_connection
from hp_portal.migrations.chains import CORE
from hp_portal.plugins import KEY, Plugins


class CannotForget(Exception):
    """The plugin is still installed, or there is nothing of it."""


@dataclass(frozen=True)
class Left:
    """What a plugin left: names of tables, how many settings and people's applications, and the files that were attached to its
    cases and drafts, by what each is attached to."""

    tables: tuple[str, ...]
    settings: int
    given: int
    files: tuple[AttachedFile, ...] = ()

    @property
    def size(self) -> int:
        """Of the files, in bytes."""
        return sum(one.size for one in self.files)


def what_is_left(session: PortalSession, app: Flask, key: str) -> Left:
    """What `forget` would drop. Raises CannotForget."""
    if not KEY.fullmatch(key) or key == CORE:
        raise CannotForget(f"{key!r} is no key of a plugin.")
    plugins: Plugins = app.extensions["hp_portal.plugins"]
    if any(key in (state.key, state.name) and not state.left_out for state in plugins.states.values()):
        raise CannotForget(f"{key} is installed. Uninstall it first, or leave it out by HP_PORTAL_PLUGINS_LEFT_OUT.")
    left = Left(
        tuple(migrations.tables_of(app, key)),
        _count(session, ApplicationSetting, key),
        _count(session, PersonApplication, key),
        _attached(session, key),
    )
    if left == Left((), 0, 0):
        raise CannotForget(f"There is nothing of a plugin {key!r} in the database.")
    return left


def _count(session: PortalSession, model: type[ApplicationSetting] | type[PersonApplication], key: str) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(model).where(model.application == key)) or 0


def _attached(session: PortalSession, key: str) -> tuple[AttachedFile, ...]:
    """Files of the plugin's cases and drafts, and of what it calls by its own key."""
    start = f"{key}."
    of_case = sa.literal("case:") + sa.cast(Case.id, sa.String)
    of_draft = sa.literal("draft:") + sa.cast(Draft.id, sa.String) + ":%"
    theirs = sa.or_(
        AttachedFile.about.startswith(f"{key}:", autoescape=True),
        sa.exists().where(Case.kind.startswith(start, autoescape=True), AttachedFile.about == of_case),
        sa.exists().where(Draft.kind.startswith(start, autoescape=True), AttachedFile.about.like(of_draft)),
    )
    return tuple(session.scalars(sa.select(AttachedFile).where(theirs).order_by(AttachedFile.about, AttachedFile.id)))


def forget(session: PortalSession, app: Flask, key: str) -> Left:
    """Drop what the plugin left, audited. The record keeps its events. Raises CannotForget."""
    left = what_is_left(session, app, key)
    for model in (ApplicationSetting, ApplicationDefault, PersonApplication):
        session.execute(sa.delete(model).where(model.application == key))
    session.execute(sa.delete(PluginFailure).where(PluginFailure.plugin == key))
    session.execute(sa.delete(JobRun).where(JobRun.job.startswith(f"{key}.", autoescape=True)))
    migrations.drop_tables(schema_connection(session), left.tables)
    _forget_files(session, key)
    for about in dict.fromkeys([one.about for one in left.files]):
        forget_attached(session, about)
    record(session, "staff.plugin.forgotten", plugin=key, tables=list(left.tables), given=left.given)
    return left


def _forget_files(session: PortalSession, key: str) -> None:
    """Remove the files that people sent to the plugin, and what it kept for them, once its tables name them no longer."""
    start = f"{key} "
    files = sa.select(StoredFile.id).where(StoredFile.kind.startswith(start, autoescape=True))
    session.execute(sa.delete(StoredPiece).where(StoredPiece.file_id.in_(files)))
    for model in (StoredFile, KeptValues):
        session.execute(sa.delete(model).where(model.kind.startswith(start, autoescape=True)))
    session.execute(sa.delete(SheetMapping).where(SheetMapping.layout.startswith(start, autoescape=True)))
