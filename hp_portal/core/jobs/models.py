"""Jobs and failures."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal import scopes
from hp_portal.database import Base


class JobRun(Base, scopes.PayersOwn):
    """A job's turn: when it is due, and the worker that holds it until its lease runs out."""

    __tablename__ = "job_run"

    job: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    due_at: Mapped[dt.datetime]
    holder: Mapped[str] = mapped_column(sa.String(80))
    leased_until: Mapped[dt.datetime | None]


class PluginFailure(Base, scopes.PayersOwn):
    """A hook or job that fails: what, since when and how often, until it succeeds. `plugin` is `core` for the core's jobs."""

    __tablename__ = "plugin_failure"

    plugin: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    place: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    error: Mapped[str] = mapped_column(sa.String(300))
    times: Mapped[int]
    first_at: Mapped[dt.datetime]
    last_at: Mapped[dt.datetime]


class JobReport(Base, scopes.PayersOwn):
    """What a job did when it last ran, as a sentence, and what it found that somebody should look at, one a line."""

    __tablename__ = "job_report"

    job: Mapped[str] = mapped_column(sa.String(80), primary_key=True)
    at: Mapped[dt.datetime]
    said: Mapped[str] = mapped_column(sa.Text())
    problems: Mapped[str] = mapped_column(sa.Text())
