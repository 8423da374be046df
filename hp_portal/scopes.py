"""Row scopes: whose rows a session may see.

A model says to whom its rows belong by a mark; `Base` refuses a model without one:

- `OwnedByOrganization`: the rows of one organization (`organization_id`);
- `OwnedByOrganizationAlone`: the same, and on PostgreSQL not even the payer's staff see them;
- `OwnedByOrganizationOrPayer`: the same as the first, and rows with no organization are the payer's own;
- `PaidTo`: rows about a payee (`payee_id`), seen by every organization with a grant to it;
- `Scoped` with a `scope_criterion` of its own, for what fits none of these;
- `OfPerson`: rows about a person (`person_id`), seen by that person's organization;
- `PayersOwn`: rows that no organization sees;
- `Shared`: rows that everybody may read, with the reason in `__shared__`.

`WrittenInSteps` beside one of them marks rows that are written in several transactions, such as those of a long import: in no
scope, not even a whole one, they are seen before they are finished.

A session's scope (`set_scope`) is one organization's, or the payer's, or the system's. A listener adds it to every select,
update and delete; with no scope set, touching a marked table raises `ScopeMissing`, so forgetting fails loudly. What the
criteria do not cover is refused by the wall (`hp_portal/wall`), and so is what an organization may not write (`May`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, ParamSpec, TypeVar, cast
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    ORMExecuteState,
    declared_attr,
    mapped_column,
    with_loader_criteria,
)

from hp_portal.moments import is_open
from hp_portal.session import SCOPED, PortalSession
from hp_portal.session import OrganizationScope as OrganizationScope
from hp_portal.session import Scope as Scope
from hp_portal.session import ScopeMissing as ScopeMissing
from hp_portal.session import ScopeViolation as ScopeViolation
from hp_portal.session import WholeScope as WholeScope
from hp_portal.statements import TABLES, ScopeCriterion

# The listener puts the session's organization here before each of its statements; the one bind parameter below reads it.
# Built once, the criteria stay in SQLAlchemy's statement cache.
_current: ContextVar[int | None] = ContextVar("scope_organization", default=None)


def _current_organization() -> int:
    organization_id = _current.get()
    if organization_id is None:
        raise ScopeMissing("no scope is set for this session: whose rows may it see?")
    return organization_id


_current_organization.of_scope = True  # type: ignore[attr-defined]
scope_organization: sa.BindParameter[int] = sa.bindparam(
    "scope_organization_id", callable_=_current_organization, type_=sa.Integer()
)
"""The organization whose session runs the statement, for criteria of one's own."""
_grant = sa.table("access_grant", *map(sa.column, ("payee_id", "organization_id", "ended_at", "ends_at")))
_person = sa.table("person", sa.column("id"), sa.column("organization_id"))


def granted_payees() -> sa.Select[Any]:
    """The payee ids that the scope's organization holds a grant to."""
    own = sa.and_(_grant.c.organization_id == scope_organization, is_open(_grant.c.ended_at, _grant.c.ends_at))
    return sa.select(_grant.c.payee_id).where(ScopeCriterion(own, [_grant.c.organization_id]))


@dataclass(frozen=True)
class May:
    """What an organization's session may write of a model's rows that it sees: `__organization_may__ = May(…)`.

    `add`: with these attributes given, and always as its own; `change`: these attributes; `remove`: delete. Never the
    organization of a row, and references only to rows that it sees. Everything else is written in a whole scope.
    """

    add: tuple[str, ...] = ()
    change: tuple[str, ...] = ()
    remove: bool = False


NOTHING = May()


class Scoped:
    """Mark of rows that only some organizations may see; the criterion says which.

    The marks below bring their column with an index. A table that has a better one which begins with the column, or that
    is found by other means, says `__scope_index__ = False`.
    """

    __scope_index__: ClassVar[bool] = True
    __organization_may__: ClassVar[May] = NOTHING

    @classmethod
    def scope_criterion(cls) -> sa.ColumnElement[bool]:
        """The rows the scope's organization may see, in terms of `scope_organization` or `granted_payees()`.

        A model that forgets to say shows nothing.
        """
        return sa.false()

    @classmethod
    def seen_criterion(cls) -> sa.ColumnElement[bool]:
        """The same, without rows that are not finished."""
        return cls.scope_criterion()

    @classmethod
    def scope_wall(cls) -> ScopeCriterion:
        """The criterion as statements get it, with a column of each of the model's tables."""
        entity: Any = sa.inspect(cls, raiseerr=False)
        if entity is None:
            return ScopeCriterion(cls.scope_criterion(), ())  # a mark, which SQLAlchemy tries the criterion with
        keys = [next(iter(table.primary_key)) for table in entity.mapper.tables]
        adapt = entity._adapt_element if entity.is_aliased_class else (lambda key: key)
        return ScopeCriterion(cls.seen_criterion(), [adapt(key) for key in keys])


class WrittenInSteps:
    """Mark of rows that are written in several transactions: what is not finished is seen in no scope, except in a block of
    `with_unfinished`. It stands before the mark that says whose rows they are, and is not itself `Scoped`: SQLAlchemy would come
    to the model by two ways then and write the criterion twice.
    """

    if TYPE_CHECKING:

        @classmethod
        def scope_criterion(cls) -> sa.ColumnElement[bool]:
            """As the mark beside this one says."""

    @classmethod
    def finished_criterion(cls) -> sa.ColumnElement[bool]:
        """The rows that are finished. A model that forgets to say shows nothing."""
        return sa.false()

    @classmethod
    def seen_criterion(cls) -> sa.ColumnElement[bool]:
        """The finished rows that the scope's organization may see."""
        return sa.and_(cls.finished_criterion(), cls.scope_criterion())


class OwnedByOrganization(Scoped):
    """Mark of rows that belong to one organization."""

    @declared_attr
    def organization_id(cls) -> Mapped[int]:
        """The column: whose row it is."""
        return mapped_column(sa.ForeignKey("organization.id"), index=cls.__scope_index__)

    @classmethod
    def scope_criterion(cls) -> sa.ColumnElement[bool]:
        return cls.organization_id == scope_organization


class OwnedByOrganizationAlone(OwnedByOrganization):
    """Mark of rows that belong to one organization, and that nobody beside it sees, the payer's staff no more than others.

    On PostgreSQL a whole scope sees none of them: whoever must reach them, as the rotation of keys does, enters the scope of the
    organization.
    """


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


class OfPerson(Scoped):
    """Mark of rows about a person (`person_id`), seen by the organization of that person."""

    if TYPE_CHECKING:
        person_id: Mapped[int]

    @classmethod
    def scope_criterion(cls) -> sa.ColumnElement[bool]:
        return cls.person_id.in_(sa.select(_person.c.id).where(_person.c.organization_id == scope_organization))


class PayersOwn(Scoped):
    """Mark of rows that no organization sees: those of the payer's staff, of the system, of verbs in a whole scope."""

    @classmethod
    def scope_criterion(cls) -> sa.ColumnElement[bool]:
        # Never true, and asked of a session that has a scope.
        return scope_organization < 0


class Shared:
    """Mark of rows that every organization may read and none may write; `__shared__` gives the reason."""

    __shared__: ClassVar[str] = ""


OWNED = (OwnedByOrganization, OwnedByOrganizationOrPayer)


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
    marks = [mark.__name__ for mark in (*OWNED, PaidTo, OfPerson, PayersOwn) if issubclass(cls, mark)]
    if len(marks) > 1 and "scope_criterion" not in vars(cls):
        raise TypeError(f"{name} is marked as {' and '.join(marks)}; say in scope_criterion what that means")


def register(cls: type[DeclarativeBase]) -> None:
    """Remember whose rows a mapped class's table holds: a statement that names another table, or this one without its
    criterion, is not run in a scope."""
    if not vars(cls).get("__abstract__"):
        TABLES.add(sa.inspect(cls).local_table, scoped=issubclass(cls, Scoped))


TABLES.add(_grant, scoped=True)

# Not propagated with the rows it loads: a later load of theirs gets the scope of its own time, here.
_CRITERIA = with_loader_criteria(Scoped, lambda cls: cls.scope_wall(), include_aliases=True, propagate_to_loaders=False)
_FINISHED = with_loader_criteria(
    WrittenInSteps, lambda cls: cls.finished_criterion(), include_aliases=True, propagate_to_loaders=False
)


def set_scope(session: PortalSession, scope: Scope | None) -> None:
    """Say whose rows this session may see from here on."""
    session.change_scope(scope)


@contextmanager
def whole(session: PortalSession, reason: str) -> Iterator[None]:
    """See every row for the length of a block: for verbs that must look beyond one organization, such as a proof.

    Whose session it is stays the same: `granted_payees()` and `scope_organization` still speak of its organization.
    """
    before = session.context.scope
    with _entered(session, WholeScope(reason, before.organization_id if before else None)):
        yield


@contextmanager
def _entered(session: PortalSession, scope: Scope) -> Iterator[None]:
    """Another scope for the length of a block."""
    before = session.context.scope
    session.change_scope(scope)
    try:
        yield
    except BaseException:
        # What the block wrote before it failed may be committed all the same, as a counted try is.
        with suppress(Exception):
            session.change_scope(before)
        session.leave_scope(before)
        raise
    session.change_scope(before)


@contextmanager
def with_unfinished(session: PortalSession) -> Iterator[None]:
    """See rows that are being written in several transactions as well, for the length of a block: for whoever writes them, and
    for cleaning up after one who died. In a whole scope; in another nothing changes.
    """
    before = session.context.unfinished
    session.context.unfinished = True
    try:
        yield
    finally:
        session.context.unfinished = before


Given = ParamSpec("Given")
Answer = TypeVar("Answer")
Verb = Callable[Concatenate[PortalSession, Given], Answer]


def in_whole(reason: str) -> Callable[[Verb[Given, Answer]], Verb[Given, Answer]]:
    """Have a verb of the core, whose first argument is the session, see every row."""

    def wrap(verb: Verb[Given, Answer]) -> Verb[Given, Answer]:
        @wraps(verb)
        def run(session: PortalSession, *given: Given.args, **named: Given.kwargs) -> Answer:
            with whole(session, reason):
                return verb(session, *given, **named)

        return cast("Verb[Given, Answer]", run)

    return wrap


def whole_for_plugins(session: PortalSession, reason: str) -> AbstractContextManager[None]:
    """See every row for the length of a block, in a job, a command, a hook or a page of the payer's staff.

    Raises ScopeViolation in a page of an organization: what it may see is what its scope shows, and looking beyond is for the
    core's own verbs, such as a proof.
    """
    if isinstance(session.context.scope, OrganizationScope):
        raise ScopeViolation(f"whole() in a page of an organization ({reason}); see only what its scope shows")
    return whole(session, reason)


@contextmanager
def of_organization(session: PortalSession, organization_id: int) -> Iterator[None]:
    """See and write what an organization's session does, for the length of a block: in a job, a command or a hook that has to
    do with rows of an organization alone. Raises ScopeViolation in a session that is an organization's already.
    """
    if isinstance(session.context.scope, OrganizationScope):
        raise ScopeViolation("of_organization() in an organization's session")
    with _entered(session, OrganizationScope(organization_id)):
        yield


def apply_scope(state: ORMExecuteState) -> None:
    """Add the session's scope to a statement that is about to run."""
    scope = cast(PortalSession, state.session).context.scope
    # Before anything else: what a statement says of the scope's organization itself is true in every case below.
    _current.set(scope.organization_id if scope is not None else None)
    if isinstance(scope, WholeScope):
        if not (
            cast(PortalSession, state.session).context.unfinished or state.is_column_load or state.is_from_statement
        ):
            state.statement = _finished_alone(state.statement)
        return
    statement = state.statement
    if state.is_from_statement:
        raise ScopeViolation("from_statement takes no scope; select the model")
    if isinstance(statement, sa.Insert | sa.Update | sa.Delete):
        state.update_execution_options(**SCOPED)
        if isinstance(statement, sa.Insert):
            return
    elif state.is_column_load:
        # The row of an object, read again by its key: the criteria of options are not added to that.
        mapper = state.bind_mapper
        if mapper is not None and issubclass(mapper.class_, Scoped) and isinstance(statement, sa.Select):
            statement = statement.where(mapper.class_.scope_wall())
        state.statement = statement.execution_options(**SCOPED)
        return
    state.statement = _with_criteria(statement)


# A statement that a module made once is given the criteria once: SQLAlchemy then finds it in its cache without a look at its
# parts. Those made for one request are forgotten with it.
_scoped_statements: WeakKeyDictionary[sa.Executable, sa.Executable] = WeakKeyDictionary()


def _with_criteria(statement: sa.Executable) -> sa.Executable:
    found = _scoped_statements.get(statement)
    if found is None:
        found = _scoped_statements[statement] = statement.options(_CRITERIA).execution_options(**SCOPED)
    return found


_finished_statements: WeakKeyDictionary[sa.Executable, sa.Executable] = WeakKeyDictionary()


def _finished_alone(statement: sa.Executable) -> sa.Executable:
    if not isinstance(statement, sa.Select | sa.CompoundSelect | sa.Update | sa.Delete):
        return statement
    found = _finished_statements.get(statement)
    if found is None:
        found = _finished_statements[statement] = statement.options(_FINISHED)
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


sa.event.listen(PortalSession, "do_orm_execute", apply_scope)
