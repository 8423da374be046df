"""The database session, and what it carries along: the vault, whose rows it may see, who acts, what is announced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapper, Session, SessionTransaction

from hp_portal.events import EventRegistry, PortalEvent
from hp_portal.vault import Vault


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
    """Who acts, from where, in which request. Commands and the worker have neither person nor address."""

    person_id: int | None = None
    organization_id: int | None = None
    sign_in_id: int | None = None
    request_id: str = ""
    address: str = ""


@dataclass
class SessionContext:
    """What one session carries along.

    `events` are the declared kinds of audit events; `dispatch` tells plugins of a portal event once it is committed.
    `announced` are the portal events that wait for the commit, each with the savepoint it hangs on.
    """

    vault: Vault
    events: EventRegistry
    dispatch: Callable[[PortalEvent], object] | None = None
    scope: Scope | None = None
    who: Who = Who()
    announced: list[tuple[SessionTransaction | None, PortalEvent]] = field(default_factory=list)


Row = TypeVar("Row")


class PortalSession(Session):
    """A session with its context."""

    def __init__(self, bind: sa.Engine, *, context: SessionContext, **options: Any) -> None:
        super().__init__(bind, **options)
        self.context = context

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
        """Tell the plugins' `portal_event` once this transaction is committed; a rollback forgets it."""
        self.context.announced.append((self.get_nested_transaction(), event))


@sa.event.listens_for(PortalSession, "after_commit")
def _dispatch(session: Session) -> None:
    context = cast(PortalSession, session).context
    announced, context.announced = context.announced, []
    if session.in_nested_transaction():
        # A savepoint is released: what was announced since now hangs on the transaction around it.
        done = session.get_nested_transaction()
        around = done.parent if done is not None and done.parent is not None and done.parent.nested else None
        context.announced = [(around if where is done else where, event) for where, event in announced]
        return
    for _, event in announced:
        if context.dispatch is not None:
            context.dispatch(event)


@sa.event.listens_for(PortalSession, "after_rollback")
def _forget(session: Session) -> None:
    context = cast(PortalSession, session).context
    announced, context.announced = context.announced, []
    if session.in_nested_transaction():
        undone = session.get_nested_transaction()
        context.announced = [(where, event) for where, event in announced if where is not undone]
