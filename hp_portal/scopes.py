"""Row scopes: whose rows a session may see.

A model says to whom its rows belong by a mark; `Base` refuses a model without one:

- `OwnedByOrganization`: the rows of one organization (`organization_id`);
- `OwnedByOrganizationOrPayer`: the same, and rows with no organization are the payer's own;
- `PaidTo`: rows about a payee (`payee_id`), seen by every organization with a grant to it;
- `Scoped` with a `scope_criterion` of its own, for what fits none of these;
- `Shared`: rows that are nobody's in particular, with the reason in `__shared__`.

A session's scope (`set_scope`) is one organization's, or the payer's, or the system's. A listener adds it to every select,
update and delete; with no scope set, touching a marked table raises `ScopeMissing`, so forgetting fails loudly.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar, cast
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    ORMExecuteState,
    Session,
    declared_attr,
    mapped_column,
    with_loader_criteria,
)
from sqlalchemy.sql import visitors

from hp_portal.session import OrganizationScope as OrganizationScope
from hp_portal.session import PortalSession
from hp_portal.session import Scope as Scope
from hp_portal.session import WholeScope as WholeScope


class ScopeMissing(Exception):
    """A scoped table was touched by a session without a scope: a page forgot to say for whom it asks."""


class ScopeViolation(Exception):
    """A row of another organization was about to be written, or a statement the scope cannot be added to was run."""


# The listener puts the session's organization here before each of its statements; the one bind parameter below reads it.
# Built once, the criteria stay in SQLAlchemy's statement cache.
_current: ContextVar[int | None] = ContextVar("scope_organization", default=None)


def _current_organization() -> int:
    organization_id = _current.get()
    if organization_id is None:
        raise ScopeMissing("no scope is set for this session: whose rows may it see?")
    return organization_id


scope_organization: sa.BindParameter[int] = sa.bindparam(
    "scope_organization_id", callable_=_current_organization, type_=sa.Integer()
)
"""The organization whose session runs the statement, for criteria of one's own."""
_grant = sa.table("access_grant", sa.column("payee_id"), sa.column("organization_id"), sa.column("ended_at"))


def granted_payees() -> sa.Select[Any]:
    """The payee ids that the scope's organization holds a grant to."""
    return sa.select(_grant.c.payee_id).where(
        _grant.c.organization_id == scope_organization, _grant.c.ended_at.is_(None)
    )


class Scoped:
    """Mark of rows that only some organizations may see; the criterion says which.

    The marks below bring their column with an index. A table that has a better one which begins with the column, or that
    is found by other means, says `__scope_index__ = False`.
    """

    __scope_index__: ClassVar[bool] = True

    @classmethod
    def scope_criterion(cls) -> sa.ColumnElement[bool]:
        """The rows the scope's organization may see, in terms of `scope_organization` or `granted_payees()`.

        A model that forgets to say shows nothing.
        """
        return sa.false()


class OwnedByOrganization(Scoped):
    """Mark of rows that belong to one organization."""

    @declared_attr
    def organization_id(cls) -> Mapped[int]:
        """The column: whose row it is."""
        return mapped_column(sa.ForeignKey("organization.id"), index=cls.__scope_index__)

    @classmethod
    def scope_criterion(cls) -> sa.ColumnElement[bool]:
        return cls.organization_id == scope_organization


class OwnedByOrganizationOrPayer(Scoped):
    """Mark of rows that belong to one organization or, with none, to the payer, whose staff alone see them."""

    @declared_attr
    def organization_id(cls) -> Mapped[int | None]:
        """The column: whose row it is; None is the payer's."""
        return mapped_column(sa.ForeignKey("organization.id"), index=cls.__scope_index__)

    @classmethod
    def scope_criterion(cls) -> sa.ColumnElement[bool]:
        return cls.organization_id == scope_organization


class PaidTo(Scoped):
    """Mark of rows about a payee. Rows whose payee is unknown (null) are the payer's staff's alone."""

    @declared_attr
    def payee_id(cls) -> Mapped[int | None]:
        """The column: which payee the row is about; None is not known yet."""
        return mapped_column(sa.ForeignKey("payee.id"), index=cls.__scope_index__)

    @classmethod
    def scope_criterion(cls) -> sa.ColumnElement[bool]:
        return cls.payee_id.in_(granted_payees())


class Shared:
    """Mark of rows that no organization owns; `__shared__` gives the reason."""

    __shared__: ClassVar[str] = ""


OWNED = (OwnedByOrganization, OwnedByOrganizationOrPayer)
_scoped_tables: set[sa.FromClause] = set()


def check_marked(cls: type[DeclarativeBase]) -> None:
    """Raise TypeError unless a mapped class says once, and without contradicting itself, whose rows it holds."""
    name = cls.__name__
    if issubclass(cls, Scoped) == issubclass(cls, Shared):
        raise TypeError(f"{name} needs either a mark of hp_portal.scopes that scopes it, or Shared")
    if issubclass(cls, Shared):
        if not cls.__shared__:
            raise TypeError(f"{name} is Shared; say why in __shared__")
        return
    if getattr(cls, "__shared__", ""):
        raise TypeError(f"{name} is scoped and says in __shared__ why it is not; take one of both away")
    marks = [mark.__name__ for mark in (*OWNED, PaidTo) if issubclass(cls, mark)]
    if len(marks) > 1 and "scope_criterion" not in vars(cls):
        raise TypeError(f"{name} is marked as {' and '.join(marks)}; say in scope_criterion what that means")


def register(cls: type[DeclarativeBase]) -> None:
    """Remember a mapped class's table when its rows are scoped: statements that name it would slip past the criteria."""
    if issubclass(cls, Scoped) and not vars(cls).get("__abstract__"):
        _scoped_tables.add(sa.inspect(cls).local_table)


# Not propagated with the rows it loads: a later load of theirs gets the scope of its own time, here.
_CRITERIA = with_loader_criteria(
    Scoped, lambda cls: cls.scope_criterion(), include_aliases=True, propagate_to_loaders=False
)


def set_scope(session: PortalSession, scope: Scope) -> None:
    """Say whose rows this session may see from here on."""
    session.context.scope = scope


@contextmanager
def whole(session: PortalSession, reason: str) -> Iterator[None]:
    """See every row for the length of a block: for verbs that must look beyond one organization, such as a proof.

    Whose session it is stays the same: `granted_payees()` and `scope_organization` still speak of its organization.
    """
    before = session.context.scope
    session.context.scope = WholeScope(reason, before.organization_id if before else None)
    try:
        yield
    finally:
        session.context.scope = before


def whole_for_plugins(session: PortalSession, reason: str) -> AbstractContextManager[None]:
    """See every row for the length of a block, in a job, a command, a hook or a page of the payer's staff.

    Raises ScopeViolation in a page of an organization: what it may see is what its scope shows, and looking beyond is for the
    core's own verbs, such as a proof.
    """
    if isinstance(session.context.scope, OrganizationScope):
        raise ScopeViolation(f"whole() in a page of an organization ({reason}); see only what its scope shows")
    return whole(session, reason)


def _refuse_unscopable(statement: sa.Executable) -> None:
    """Statements that name tables instead of models, and raw SQL, would slip past the criteria."""
    for element in visitors.iterate(cast(visitors.ExternallyTraversible, statement)):
        if isinstance(element, sa.TextClause):
            raise ScopeViolation('raw SQL needs execution_options(unscoped="why")')
        if element in _scoped_tables:
            raise ScopeViolation(f"name the model, not the table {element}: sa.select(Model.id).exists()")


def _refuse_other_tables(statement: sa.Update | sa.Delete) -> None:
    """An update or delete gets the criteria of its own table alone, not of others that `where()` joins it with."""
    if statement.whereclause is None:
        return
    for source in sa.select(sa.literal(1)).where(statement.whereclause).get_final_froms():
        if source != statement.table and any(element in _scoped_tables for element in visitors.iterate(source)):
            raise ScopeViolation(f"{statement.table} joined with a scoped table: say which rows by a select in where()")


def apply_scope(state: ORMExecuteState) -> None:
    """Add the session's scope to a statement that is about to run."""
    scope = cast(PortalSession, state.session).context.scope
    # Before anything else: what a statement says of the scope's organization itself is true in every case below.
    _current.set(scope.organization_id if scope is not None else None)
    if isinstance(scope, WholeScope) or state.execution_options.get("unscoped"):
        return
    statement = state.statement
    if isinstance(statement, sa.Insert):
        _check_insert(state, scope, statement)
        return
    if not state.is_orm_statement or state.is_from_statement:
        _refuse_unscopable(statement)
        return
    if state.is_executemany:
        # Rows named one by one by their keys, which takes no criteria.
        raise ScopeViolation("an update by primary keys cannot be scoped; say which rows in where()")
    if isinstance(statement, sa.Update | sa.Delete):
        _refuse_other_tables(statement)
    state.statement = _with_criteria(statement)


# A statement that a module made once is given the criteria once: SQLAlchemy then finds it in its cache without a look at its
# parts. Those made for one request are forgotten with it.
_scoped_statements: WeakKeyDictionary[sa.Executable, sa.Executable] = WeakKeyDictionary()


def _with_criteria(statement: sa.Executable) -> sa.Executable:
    found = _scoped_statements.get(statement)
    if found is None:
        found = _scoped_statements[statement] = statement.options(_CRITERIA)
    return found


def select_rows(session: PortalSession, statement: sa.Select[Any], values: dict[str, Any]) -> sa.Result[Any]:
    """The rows of a select of columns that a module made once, for the busiest pages: the same as `session.execute`, without
    what that does for entities.

    The criteria are those that the listener has given this very statement before; what it has not seen yet, and every other
    scope than an organization's, takes the usual way.
    """
    scope = session.context.scope
    scoped = _scoped_statements.get(statement)
    if scoped is None or not isinstance(scope, OrganizationScope):
        return session.execute(statement, values)
    session.flush()
    _current.set(scope.organization_id)
    return session.connection().execute(scoped, values)


def _check_insert(state: ORMExecuteState, scope: OrganizationScope | None, statement: sa.Insert) -> None:
    """An insert that names a model writes the scope's own rows, given as values; one that names a table, as the audit's
    does, reads nothing scoped.
    """
    if statement.select is not None:
        _refuse_unscopable(statement.select)
    mapper = state.bind_mapper
    if not state.is_orm_statement or mapper is None or scope is None or not issubclass(mapper.class_, Scoped):
        return
    given: Any = state.parameters or ()
    rows = [given] if isinstance(given, dict) else list(given)
    if not (issubclass(mapper.class_, OWNED) and rows) or any(
        row.get("organization_id") != scope.organization_id for row in rows
    ):
        raise ScopeViolation(f"{mapper.class_.__name__} of another organization inserted by {scope}")


def _owners(row: object) -> set[int | None]:
    """Whose row it is, and whose it was before this flush."""
    history = sa.inspect(row).attrs.organization_id.history
    return {*(history.added or ()), *(history.unchanged or ()), *(history.deleted or ())} or {None}


def check_written(session: Session, _context: object, _instances: object) -> None:
    """An organization's session writes its own rows alone.

    What is scoped by a payee or otherwise is the payer's record: written in a whole scope, which says why.
    """
    scope = cast(PortalSession, session).context.scope
    if not isinstance(scope, OrganizationScope):
        return
    for row in (*session.new, *session.dirty, *session.deleted):
        if not isinstance(row, Scoped) or (row in session.dirty and not session.is_modified(row)):
            continue
        if not isinstance(row, OWNED) or _owners(row) != {scope.organization_id}:
            raise ScopeViolation(f"{type(row).__name__} that is not {scope}'s own was about to be written")


sa.event.listen(PortalSession, "do_orm_execute", apply_scope)
sa.event.listen(PortalSession, "before_flush", check_written)
