"""What an organization's session may write: the rows and columns that a model allows (`May`), and references to rows it sees.

Statements are looked at before they run; rows of a flush before they are written, when their listeners may still change them,
and again after, when nothing can. A session without a scope writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import Mapper, ORMExecuteState, Session, object_session
from sqlalchemy.sql.elements import BindParameter
from sqlalchemy.sql.expression import ClauseElement

from hp_portal.scopes import OWNED, May, Scoped
from hp_portal.session import OrganizationScope, PortalSession, ScopeMissing, ScopeViolation, WholeScope

OWNER = "organization_id"


def _may(mapper: Mapper[Any]) -> May:
    return cast(May, getattr(mapper.class_, "__organization_may__", May()))


def _organization(session: PortalSession, what: object) -> OrganizationScope:
    scope = session.context.scope
    if not isinstance(scope, OrganizationScope):
        raise ScopeMissing(f"no scope is set for this session: {what} was about to be written")
    return scope


@cache
def _model_of(registry: Any, table: sa.Table) -> type[Any] | None:
    found = [mapper.class_ for mapper in registry.mappers if mapper.local_table is table]
    return found[0] if found else None


@cache
def _is_there(model: Any, column: Any) -> sa.Select[Any]:
    return sa.select(sa.literal(1)).select_from(model).where(column == sa.bindparam("referred")).limit(1)


def _check_values(session: PortalSession, mapper: Mapper[Any], values: Mapping[str, Any]) -> None:
    """References are plain values, and the rows they refer to are in the scope."""
    for name, value in values.items():
        column = mapper.attrs[name].columns[0] if name in mapper.column_attrs else None
        if column is None or not column.foreign_keys or value is None:
            continue
        if isinstance(value, ClauseElement):
            raise ScopeViolation(f"{mapper.class_.__name__}.{name} was about to be set to an expression")
        for key in column.foreign_keys:
            model = _model_of(mapper.registry, key.column.table)
            if model is None or not issubclass(model, Scoped):
                continue
            if session.scalar(_is_there(cast(Any, model), key.column), {"referred": value}) is None:
                raise ScopeViolation(f"{mapper.class_.__name__}.{name} was about to refer to a row of somebody else")


def _check_names(mapper: Mapper[Any], names: Iterable[str], allowed: Iterable[str], deed: str) -> None:
    refused = sorted(set(names) - set(allowed))
    if refused:
        model = mapper.class_.__name__
        raise ScopeViolation(
            f"an organization's session was about to {deed} {model} with {', '.join(refused)}: "
            f"say in {model}.__organization_may__ what it may, or write in a whole scope"
        )


def _check_added(
    session: PortalSession, mapper: Mapper[Any], values: Mapping[str, Any], who: OrganizationScope
) -> None:
    may = _may(mapper)
    if not issubclass(mapper.class_, OWNED) or not may.add:
        _check_names(mapper, values or ("a row",), (), "add")
        raise ScopeViolation(f"an organization's session was about to add {mapper.class_.__name__}")
    if values.get(OWNER) != who.organization_id or isinstance(values.get(OWNER), ClauseElement):
        raise ScopeViolation(f"{mapper.class_.__name__} of another organization was about to be added by {who}")
    _check_names(mapper, values, {*may.add, OWNER}, "add")
    _check_values(session, mapper, values)


# Statements


def check_statement(state: ORMExecuteState) -> None:
    """Raise ScopeViolation or ScopeMissing for a change that the session may not make."""
    session, statement = cast(PortalSession, state.session), state.statement
    if isinstance(session.context.scope, WholeScope) or not isinstance(statement, sa.Insert | sa.Update | sa.Delete):
        return
    mapper = state.bind_mapper
    if mapper is None or not state.is_orm_statement:
        raise ScopeViolation(f"name the model, not the table {statement.table}")
    scope = _organization(session, mapper.class_.__name__)
    if isinstance(statement, sa.Insert):
        for values in _inserted(mapper, statement, state.parameters):
            _check_added(session, mapper, values, scope)
    elif state.is_executemany:
        # Rows named one by one by their keys, which takes no criteria.
        raise ScopeViolation("an update by primary keys cannot be scoped; say which rows in where()")
    elif isinstance(statement, sa.Update):
        given = {**_set(mapper, statement), **_named(mapper, cast(Any, state.parameters) or {})}
        _check_names(mapper, given, _may(mapper).change, "change")
        _check_values(session, mapper, given)
    elif not _may(mapper).remove:
        raise ScopeViolation(f"an organization's session was about to remove {mapper.class_.__name__}")


def _inserted(mapper: Mapper[Any], statement: sa.Insert, given: Any) -> list[dict[str, Any]]:
    if statement.select is not None or statement._multi_values or statement._post_values_clause is not None:
        raise ScopeViolation("rows are inserted in a scope as values: session.execute(sa.insert(Model), [{…}, …])")
    fixed = _set(mapper, statement)
    rows = [given] if isinstance(given, Mapping) else list(given or [{}])
    if any(fixed.keys() & row.keys() for row in rows):
        raise ScopeViolation("a value was given twice")
    return [{**fixed, **_named(mapper, row)} for row in rows]


def _set(mapper: Mapper[Any], statement: Any) -> dict[str, Any]:
    """What `values()` says, by the names of attributes."""
    pairs = [*(statement._values or {}).items(), *(getattr(statement, "_ordered_values", None) or ())]
    return {_name(mapper, key): _plain(value) for key, value in pairs}


def _plain(value: Any) -> Any:
    """A plain value that SQLAlchemy has made a parameter of; anything else is an expression."""
    return value.value if isinstance(value, BindParameter) and value.callable is None else value


def _named(mapper: Mapper[Any], row: Mapping[Any, Any]) -> dict[str, Any]:
    # Other parameters, as of where(), have names that no attribute has.
    return {_name(mapper, key): value for key, value in row.items() if not isinstance(key, str) or _knows(mapper, key)}


def _knows(mapper: Mapper[Any], name: str) -> bool:
    return name in mapper.column_attrs or name in mapper.columns


def _name(mapper: Mapper[Any], key: Any) -> str:
    if isinstance(key, str):
        return key if key in mapper.column_attrs or key not in mapper.columns else _key(mapper, mapper.columns[key])
    return _key(mapper, key)


def _key(mapper: Mapper[Any], column: Any) -> str:
    try:
        return mapper.get_property_by_column(column).key
    except (sa.exc.InvalidRequestError, KeyError):
        return str(column.key)


# Rows of a flush


def _asked(target: object) -> PortalSession | None:
    """The session of a row whose writing is to be looked at."""
    session = object_session(target)
    if not isinstance(session, PortalSession) or isinstance(session.context.scope, WholeScope):
        return None
    return session


def _check_expressions(target: object) -> None:
    for name, value in sa.inspect(target).dict.items():
        if isinstance(value, ClauseElement) or hasattr(value, "__clause_element__"):
            raise ScopeViolation(f"{type(target).__name__}.{name} was about to be set to an expression")


def _check_own(session: PortalSession, mapper: Mapper[Any], target: object) -> None:
    """The row is one that the session sees, whatever the object says."""
    scope = _organization(session, type(target).__name__)
    model: Any = mapper.class_
    identity = sa.inspect(target).identity or ()
    where = [column == value for column, value in zip(mapper.primary_key, identity, strict=True)]
    if session.scalar(sa.select(sa.literal(1)).select_from(model).where(*where).limit(1)) is None:
        raise ScopeViolation(f"{type(target).__name__} that is not {scope}'s own was about to be written")


def _set_on(target: object, mapper: Mapper[Any]) -> dict[str, Any]:
    state: Any = sa.inspect(target)
    return {key: state.dict[key] for key in mapper.column_attrs.keys() if state.attrs[key].history.added}  # noqa: SIM118


def before_flush(session: Session, _context: object, _instances: object) -> None:
    """What can be told before anything is written, and so without undoing what was."""
    if not isinstance(session, PortalSession) or isinstance(session.context.scope, WholeScope):
        return
    for row in session.new:
        scope = _organization(session, type(row).__name__)
        if getattr(row, OWNER, None) != scope.organization_id:
            raise ScopeViolation(f"{type(row).__name__} of another organization was about to be added by {scope}")
    for row in session.dirty:
        if session.is_modified(row, include_collections=False):
            mapper: Any = sa.inspect(row).mapper
            _organization(session, type(row).__name__)
            _check_names(mapper, _set_on(row, mapper), _may(mapper).change, "change")


def before_insert(_mapper: Mapper[Any], _connection: sa.Connection, target: object) -> None:
    """A row is about to be added."""
    if session := _asked(target):
        _organization(session, type(target).__name__)
        _check_expressions(target)


def after_insert(mapper: Mapper[Any], _connection: sa.Connection, target: object) -> None:
    """A row was added: was it allowed? Otherwise all of the flush is undone."""
    if session := _asked(target):
        given = {name: value for name, value in _set_on(target, mapper).items() if value is not None}
        keys = {mapper.get_property_by_column(column).key for column in mapper.primary_key}
        made = keys - set(_may(mapper).add) if sa.inspect(target).identity is None else set()
        values = {name: value for name, value in given.items() if name not in made}
        _check_added(session, mapper, values, _organization(session, type(target).__name__))


def before_update(mapper: Mapper[Any], _connection: sa.Connection, target: object) -> None:
    """A row is about to be changed, or only thought to be."""
    session = _asked(target)
    if session is not None and session.is_modified(target, include_collections=False):
        _check_own(session, mapper, target)
        _check_expressions(target)


def after_update(mapper: Mapper[Any], _connection: sa.Connection, target: object) -> None:
    """A row was changed: was it allowed?"""
    session = _asked(target)
    if session is not None and session.is_modified(target, include_collections=False):
        _organization(session, type(target).__name__)
        changed = _set_on(target, mapper)
        _check_names(mapper, changed, _may(mapper).change, "change")
        _check_values(session, mapper, changed)


def before_delete(mapper: Mapper[Any], _connection: sa.Connection, target: object) -> None:
    """A row is about to be removed."""
    if session := _asked(target):
        _check_own(session, mapper, target)
        if not _may(mapper).remove:
            raise ScopeViolation(f"an organization's session was about to remove {type(target).__name__}")


def install() -> None:
    """Look at every change of every session of the portal."""
    sa.event.listen(PortalSession, "do_orm_execute", check_statement)
    sa.event.listen(PortalSession, "before_flush", before_flush)
    for check in (before_insert, after_insert, before_update, after_update, before_delete):
        sa.event.listen(Mapper, check.__name__, check)
