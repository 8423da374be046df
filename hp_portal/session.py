"""The database session, and what it carries along: the vault, whose rows it may see, who acts, what is announced."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapper, Session, SessionTransaction
from sqlalchemy.util import immutabledict

from hp_portal.events import EventRegistry, PortalEvent
from hp_portal.file_store import FileStore
from hp_portal.vault import Vault


class ScopeMissing(Exception):
    """A scoped table was touched by a session without a scope: a page forgot to say for whom it asks."""


class ScopeViolation(Exception):
    """A row of another organization was about to be read or written, or something the scope cannot be added to was run."""


# Execution options by which statements pass the wall (hp_portal/wall): the core's own on the connection, and those that were
# given their scope.
CORE: Mapping[str, object] = immutabledict({"portal_pass": object()})
SCOPED: Mapping[str, object] = immutabledict({"portal_pass": object()})


@dataclass(frozen=True)
class OrganizationScope:
    """One organization: its own rows, and those of the payees it holds grants to."""

    organization_id: int


@dataclass(frozen=True)
class WholeScope:
    """Every row. For the payer's staff behind a permission, the worker, imports and the gate; says why.

    `organization_id` is whose session it is where a block looks beyond one organization, None otherwise.
    """

    reason: str
    organization_id: int | None = None


Scope = OrganizationScope | WholeScope


@dataclass(frozen=True)
class Who:
    """Who acts, from where, in which request, and for which reason member data is looked at, as the person gave it for the
    session. Commands and the worker have neither person nor address."""

    person_id: int | None = None
    organization_id: int | None = None
    sign_in_id: int | None = None
    request_id: str = ""
    address: str = ""
    reason: str = ""


@dataclass
class SessionContext:
    """What one session carries along.

    `events` are the declared kinds of audit events; `dispatch` tells plugins of a portal event just before the commit.
    `announced` are the portal events that wait for the commit, each with the savepoint it hangs on. `in_hook` says that a
    plugin's hook is at work, which leaves committing to its caller. `unfinished`: rows that are being written in several
    transactions are seen, too. `store`: where the contents of files are kept; None: in the database.
    """

    vault: Vault
    events: EventRegistry
    dispatch: Callable[[PortalSession, PortalEvent], object] | None = None
    scope: Scope | None = None
    who: Who = Who()
    announced: list[tuple[SessionTransaction | None, PortalEvent]] = field(default_factory=list)
    in_hook: bool = False
    unfinished: bool = False
    store: FileStore | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "scope" and name in self.__dict__:
            raise ScopeViolation("the scope of a session is set by hp_portal.scopes alone")
        super().__setattr__(name, value)


Row = TypeVar("Row")


class PortalSession(Session):
    """A session with its context."""

    def __init__(self, bind: sa.Engine, *, context: SessionContext, **options: Any) -> None:
        if sys._getframe(1).f_globals.get("__name__") != "hp_portal.database":
            raise ScopeViolation("sessions are made by Database.new_session")
        super().__init__(bind, **options)
        self.context = context
        # the connections it holds at present: see hp_portal/wall/executing.py
        self.guards: list[Any] = []

    def change_scope(self, scope: Scope | None) -> None:
        """For hp_portal.scopes. What waits to be written is written in the scope it was made in."""
        if scope == self.context.scope:
            return
        if not self._flushing:
            self.flush()
        self.leave_scope(scope)

    def leave_scope(self, scope: Scope | None) -> None:
        """The same after an error, which leaves nothing to be written."""
        self.context.__dict__["scope"] = scope
        for guard in self.guards:
            guard.settle()

    def _identity_lookup(self, mapper: Mapper[Any], *given: Any, **options: Any) -> Any:
        """A row that was loaded in a wider scope is not at hand in a narrower one: it is read again."""
        if isinstance(self.context.scope, WholeScope):
            return super()._identity_lookup(mapper, *given, **options)
        return None

    def _bulk_save_mappings(self, *given: Any, **options: Any) -> None:
        if not isinstance(self.context.scope, WholeScope):
            raise ScopeViolation("bulk writing takes no scope: add objects, or execute an insert of the model")
        super()._bulk_save_mappings(*given, **options)

    @property
    def vault(self) -> Vault:
        """Seals and opens values, and makes keyed hashes of them: `seal_text(value, purpose)`, `open_text`, `digest`."""
        return self.context.vault

    def get(self, entity: type[Row] | Mapper[Row], ident: Any, **options: Any) -> Row | None:
        """`Session.get`, in the session's scope also for a row that was loaded in a wider one."""
        if not isinstance(self.context.scope, WholeScope):
            self.flush()
            options["populate_existing"] = True
        return super().get(entity, ident, **options)

    def get_one(self, entity: type[Row] | Mapper[Row], ident: Any, **options: Any) -> Row:
        """The same, or sqlalchemy.exc.NoResultFound."""
        found = self.get(entity, ident, **options)
        if found is None:
            raise sa.exc.NoResultFound(f"no {getattr(entity, '__name__', entity)} with that key in the scope")
        return found

    def announce(self, event: PortalEvent) -> None:
        """Tell the plugins' `portal_event` just before this transaction is committed; a rollback forgets it.

        Raises UndeclaredEvent when a plugin announces an event whose key is not `<its key>.…`.
        """
        self.context.events.check_own(sys._getframe(1).f_globals.get("__name__", ""), event.key)
        self.context.announced.append((self.get_nested_transaction(), event))

    def commit(self) -> None:
        """Tell the plugins what was announced, then commit: their writes and this session's stand or fall together."""
        if self.context.in_hook:
            raise RuntimeError("a hook does not commit; who called it does, or undoes everything")
        for _ in range(ROUNDS):
            announced, self.context.announced = self.context.announced, []
            if not announced or self.context.dispatch is None:
                break
            for _, event in announced:
                self.context.dispatch(self, event)
        else:
            raise RuntimeError("plugins answer events with events without end")
        super().commit()


ROUNDS = 20  # events that answer events, before somebody is taken to go round in circles


@sa.event.listens_for(PortalSession, "after_commit")
def _fold(session: Session) -> None:
    """A savepoint is released: what was announced since now hangs on the transaction around it."""
    if not session.in_nested_transaction():
        return
    context, done = cast(PortalSession, session).context, session.get_nested_transaction()
    around = done.parent if done is not None and done.parent is not None and done.parent.nested else None
    context.announced = [(around if where is done else where, event) for where, event in context.announced]


@sa.event.listens_for(PortalSession, "after_rollback")
def _forget(session: Session) -> None:
    context = cast(PortalSession, session).context
    announced, context.announced = context.announced, []
    if session.in_nested_transaction():
        undone = session.get_nested_transaction()
        context.announced = [(where, event) for where, event in announced if where is not undone]
