"""Moments in the database, and the present one, which statements ask for as they run."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.expression import SQLColumnExpression

from hp_portal import clock


class UTCDateTime(sa.types.TypeDecorator[dt.datetime]):
    """A moment: aware in Python, UTC in storage. SQLite keeps no zone, so it is taken off and put back."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: sa.Dialect) -> dt.datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError("a moment without a time zone: use hp_portal.clock.now()")
        value = value.astimezone(dt.UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: dt.datetime | None, dialect: sa.Dialect) -> dt.datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if dialect.name == "sqlite" else value.astimezone(dt.UTC)


at_present: sa.BindParameter[dt.datetime] = sa.bindparam("at_present", callable_=clock.now, type_=UTCDateTime())
"""The moment at which a statement runs. Built once, so that SQLAlchemy finds the statements in its cache."""


def is_open(ended_at: SQLColumnExpression[Any], ends_at: SQLColumnExpression[Any]) -> sa.ColumnElement[bool]:
    """A condition: what these columns are about has not been ended, and its own end has not come, noted or not."""
    return sa.and_(ended_at.is_(None), sa.or_(ends_at.is_(None), ends_at > at_present))
