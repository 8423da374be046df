"""Marks of models: to whom their rows belong. hp_portal/scopes.py shows a session the rows of its own scope.

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
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from hp_portal.moments import is_open
from hp_portal.session import ScopeMissing
from hp_portal.statements import TABLES, ScopeCriterion

# The listener of scopes.py puts the session's organization here before each of its statements; the one bind parameter below
# reads it. Built once, the criteria stay in SQLAlchemy's statement cache.
current: ContextVar[int | None] = ContextVar("scope_organization", default=None)


def _current_organization() -> int:
    organization_id = current.get()
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
