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

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, cast

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


class ScopeMissing(Exception):
    """A scoped table was touched by a session without a scope: a page forgot to say for whom it asks."""


class ScopeViolation(Exception):
    """A row of another organization was about to be written, or a statement the scope cannot be added to was run."""


@dataclass(frozen=True)
class OrganizationScope:
    """One organization: its own rows, and those of the payees it holds grants to."""

    organization_id: int


@dataclass(frozen=True)
class WholeScope:
    """Every row. For the payer's staff behind a permission, the worker, imports and the gate; says why."""

    reason: str


Scope = OrganizationScope | WholeScope


# The listener puts the organization here just before a statement runs; the one bind parameter below reads it. Built once,
# the criteria stay in SQLAlchemy's statement cache.
_current = threading.local()


def _current_organization() -> int:
    organization_id: int | None = getattr(_current, "organization_id", None)
    if organization_id is None:
        raise ScopeMissing("no scope is set for this session: whose rows may it see?")
    return organization_id


scope_organization: sa.BindParameter[int] = sa.bindparam(
    "scope_organization_id", callable_=_current_organization, type_=sa.Integer()
)
_grant = sa.table("access_grant", sa.column("payee_id"), sa.column("organization_id"), sa.column("ended_at"))


def granted_payees() -> sa.Select[Any]:
    """The payee ids that the scope's organization holds a grant to."""
    return sa.select(_grant.c.payee_id).where(
        _grant.c.organization_id == scope_organization, _grant.c.ended_at.is_(None)
    )


class Scoped:
    """Mark of rows that only some organizations may see; the criterion says which."""

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
        return mapped_column(sa.ForeignKey("organization.id"))

    @classmethod
    def scope_criterion(cls) -> sa.ColumnElement[bool]:
        return cls.organization_id == scope_organization


class OwnedByOrganizationOrPayer(Scoped):
    """Mark of rows that belong to one organization or, with none, to the payer, whose staff alone see them."""

    @declared_attr
    def organization_id(cls) -> Mapped[int | None]:
        return mapped_column(sa.ForeignKey("organization.id"))

    @classmethod
    def scope_criterion(cls) -> sa.ColumnElement[bool]:
        return cls.organization_id == scope_organization


class PaidTo(Scoped):
    """Mark of rows about a payee. Rows whose payee is unknown (null) are the payer's staff's alone."""

    @declared_attr
    def payee_id(cls) -> Mapped[int | None]:
        return mapped_column(sa.ForeignKey("payee.id"))

    @classmethod
    def scope_criterion(cls) -> sa.ColumnElement[bool]:
        return cls.payee_id.in_(granted_payees())


class Shared:
    """Mark of rows that no organization owns; `__shared__` gives the reason."""

    __shared__: ClassVar[str] = ""


def check_marked(cls: type[DeclarativeBase]) -> None:
    """Raise TypeError unless a mapped class carries exactly one mark."""
    if issubclass(cls, Scoped) == issubclass(cls, Shared):
        raise TypeError(f"{cls.__name__} needs either a mark of hp_portal.scopes that scopes it, or Shared")
    if issubclass(cls, Shared) and not cls.__shared__:
        raise TypeError(f"{cls.__name__} is Shared; say why in __shared__")


# Not propagated with the rows it loads: a later load of theirs gets the scope of its own time, here.
_CRITERIA = with_loader_criteria(
    Scoped, lambda cls: cls.scope_criterion(), include_aliases=True, propagate_to_loaders=False
)


def set_scope(session: Session, scope: Scope) -> None:
    """Say whose rows this session may see from here on."""
    session.info["scope"] = scope


def get_scope(session: Session) -> Scope | None:
    return session.info.get("scope")


@contextmanager
def whole(session: Session, reason: str) -> Iterator[None]:
    """See every row for the length of a block: for verbs that must look beyond one organization, such as a proof."""
    before = session.info.get("scope")
    session.info["scope"] = WholeScope(reason)
    try:
        yield
    finally:
        session.info["scope"] = before


def _scoped_tables() -> set[sa.FromClause]:
    from hp_portal.database import Base

    return {mapper.local_table for mapper in Base.registry.mappers if issubclass(mapper.class_, Scoped)}


def _refuse_unscopable(statement: sa.Executable) -> None:
    """Statements that name tables instead of models, and raw SQL, would slip past the criteria."""
    scoped = _scoped_tables()
    for element in visitors.iterate(cast(visitors.ExternallyTraversible, statement)):
        if isinstance(element, sa.TextClause):
            raise ScopeViolation('raw SQL needs execution_options(unscoped="why")')
        if element in scoped:
            raise ScopeViolation(f"name the model, not the table {element}: sa.select(Model.id).exists()")


def _refuse_other_tables(statement: sa.Update | sa.Delete) -> None:
    """An update or delete gets the criteria of its own table alone, not of others that `where()` joins it with."""
    if statement.whereclause is None:
        return
    scoped = _scoped_tables()
    for source in sa.select(sa.literal(1)).where(statement.whereclause).get_final_froms():
        if source != statement.table and any(element in scoped for element in visitors.iterate(source)):
            raise ScopeViolation(f"{statement.table} joined with a scoped table: say which rows by a select in where()")


def apply_scope(state: ORMExecuteState) -> None:
    """`do_orm_execute` listener: adds the session's scope to the statement."""
    scope = state.session.info.get("scope")
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
    _current.organization_id = scope.organization_id if scope is not None else None
    state.statement = statement.options(_CRITERIA)


OWNED = (OwnedByOrganization, OwnedByOrganizationOrPayer)


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
    """`before_flush` listener: an organization's session writes its own rows alone.

    What is scoped by a payee or otherwise is the payer's record: written in a whole scope, which says why.
    """
    scope = session.info.get("scope")
    if not isinstance(scope, OrganizationScope):
        return
    for row in (*session.new, *session.dirty, *session.deleted):
        if not isinstance(row, Scoped) or (row in session.dirty and not session.is_modified(row)):
            continue
        if not isinstance(row, OWNED) or _owners(row) != {scope.organization_id}:
            raise ScopeViolation(f"{type(row).__name__} that is not {scope}'s own was about to be written")


def install(session_class: type[Session]) -> None:
    """Listen on a session class."""
    sa.event.listen(session_class, "do_orm_execute", apply_scope)
    sa.event.listen(session_class, "before_flush", check_written)
