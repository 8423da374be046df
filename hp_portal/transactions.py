"""Telling what became of each transaction of a pooled connection, for what is counted beside the database."""

from __future__ import annotations

from typing import Any, Protocol

import sqlalchemy as sa


class Follower(Protocol):
    """What is told of the transactions of one pooled connection, from `connection.info[FOLLOWER]`."""

    def committed(self) -> None: ...
    def rolled_back(self) -> None: ...
    def savepoint(self, name: str) -> None: ...
    def rolled_back_to(self, name: str) -> None: ...


FOLLOWER = "hp_portal.follower"


def _follower(connection: Any) -> Follower | None:
    try:
        found: Follower | None = connection.info.get(FOLLOWER)
    except NotImplementedError:
        # What the dialect does with a connection before the pool has it.
        return None
    return found


def follow_transactions(engine: sa.Engine) -> sa.Engine:
    """Tell followers what became of each transaction.

    Not by SQLAlchemy's engine events: those speak before the commit, and make every statement of the engine slower.
    """
    dialect: Any = engine.dialect
    commit, rollback = dialect.do_commit, dialect.do_rollback
    savepoint, rollback_to = dialect.do_savepoint, dialect.do_rollback_to_savepoint

    def do_commit(connection: Any) -> None:
        follower = _follower(connection)
        try:
            commit(connection)
        except BaseException:
            if follower is not None:
                # Whether it was committed is not known: whoever follows begins anew.
                connection.info.pop(FOLLOWER, None)
            raise
        if follower is not None:
            follower.committed()

    def do_rollback(connection: Any) -> None:
        rollback(connection)
        if (follower := _follower(connection)) is not None:
            follower.rolled_back()

    def do_savepoint(connection: sa.Connection, name: str) -> None:
        savepoint(connection, name)
        if (follower := _follower(connection)) is not None:
            follower.savepoint(name)

    def do_rollback_to_savepoint(connection: sa.Connection, name: str) -> None:
        rollback_to(connection, name)
        if (follower := _follower(connection)) is not None:
            follower.rolled_back_to(name)

    dialect.do_commit, dialect.do_rollback = do_commit, do_rollback
    dialect.do_savepoint, dialect.do_rollback_to_savepoint = do_savepoint, do_rollback_to_savepoint
    return engine
