"""Row scopes: whose rows a session may see.

A model says by a mark (row_marks.py) to whom its rows belong; `Base` refuses a model without one.

A session's scope (`set_scope`) is one organization's, or the payer's, or the system's. A listener adds it to every select,
update and delete; with no scope set, touching a marked table raises `ScopeMissing`, so forgetting fails loudly. What the
criteria do not cover is refused by the wall (`hp_portal/wall`), and so is what an organization may not write (`May`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.orm import ORMExecuteState, with_loader_criteria

from hp_portal.row_marks import NOTHING as NOTHING
from hp_portal.row_marks import OWNED as OWNED
from hp_portal.row_marks import May as May
from hp_portal.row_marks import OfPerson as OfPerson
from hp_portal.row_marks import OwnedByOrganization as OwnedByOrganization
from hp_portal.row_marks import OwnedByOrganizationAlone as OwnedByOrganizationAlone
from hp_portal.row_marks import OwnedByOrganizationOrPayer as OwnedByOrganizationOrPayer
from hp_portal.row_marks import PaidTo as PaidTo
from hp_portal.row_marks import PayersOwn as PayersOwn
from hp_portal.row_marks import Scoped as Scoped
from hp_portal.row_marks import Shared as Shared
from hp_portal.row_marks import WrittenInSteps as WrittenInSteps
from hp_portal.row_marks import check_marked as check_marked
from hp_portal.row_marks import current
from hp_portal.row_marks import granted_payees as granted_payees
from hp_portal.row_marks import register as register
from hp_portal.row_marks import scope_organization as scope_organization
from hp_portal.session import SCOPED, PortalSession
from hp_portal.session import OrganizationScope as OrganizationScope
from hp_portal.session import Scope as Scope
from hp_portal.session import ScopeMissing as ScopeMissing
from hp_portal.session import ScopeViolation as ScopeViolation
from hp_portal.session import WholeScope as WholeScope

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
    current.set(scope.organization_id if scope is not None else None)
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
    current.set(scope.organization_id)
    return session.connection().execute(scoped, values)


sa.event.listen(PortalSession, "do_orm_execute", apply_scope)
