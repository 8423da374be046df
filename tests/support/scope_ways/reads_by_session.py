"""Ways to read past the session's own statements: connections, other sessions, loads and refreshes, and rows left from before."""

from __future__ import annotations

import sqlite3
from typing import Any

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.orm import Session, make_transient_to_detached, selectinload, undefer, with_parent

from hp_portal import api, scopes
from hp_portal.core.files.models import StoredFile
from hp_portal.core.identity.applications import PersonApplication
from hp_portal.core.identity.models import Acceptance, SignIn
from hp_portal.core.identity.staff_roles import StaffRole
from hp_portal.core.jobs.models import PluginFailure
from hp_portal.core.people.models import PasswordLink
from hp_portal.session import SessionContext
from hp_portal_plugins.remittance.models import RemittanceFile
from tests.sample_plugin.notes import Note

from . import apart
from .way import NOTES, THE_NOTE, Attack, read, reads, rows, scalars

_every = "SELECT text FROM sample_note"


def _raw(connection: Any, statement: str = _every) -> list[Any]:
    cursor = connection.cursor()
    try:
        cursor.execute(statement)
        return list(cursor.fetchall())
    finally:
        cursor.close()


def _with(connection: Any, statement: Any) -> list[Any]:
    with connection:
        return list(connection.execute(statement).all())


reads(
    {
        "the connection": lambda a: a.session.connection().execute(sa.select(NOTES.c.text)).all(),
        "the connection, the model": lambda a: a.session.connection().execute(sa.select(Note.text)).all(),
        "the connection, text": lambda a: a.session.connection().execute(sa.text(_every)).all(),
        "the connection, the driver's text": lambda a: a.session.connection().exec_driver_sql(_every).all(),
        "the connection that says it is unscoped": lambda a: (
            a.session.connection().execute(sa.select(NOTES.c.text), execution_options={"unscoped": "why not"}).all()
        ),
        "the driver's cursor": lambda a: _raw(a.session.connection().connection),
        "the driver's connection": lambda a: _raw(a.session.connection().connection.dbapi_connection),
        "the driver's cursor, a comment first": lambda a: _raw(a.session.connection().connection, f"/* x */ {_every}"),
        "the driver's cursor within a function": lambda a: _raw(
            a.session.connection().connection, f"SELECT max(text) FROM ({_every}) AS n"
        ),
        "the bind": lambda a: _with(a.session.bind.connect(), sa.select(NOTES.c.text)),  # type: ignore[union-attr]
        "the bind, text": lambda a: _with(a.session.get_bind().connect(), sa.text(_every)),  # type: ignore[union-attr]
        "the bind, begun": lambda a: _begun(a.session.get_bind()),
        "the bind's driver": lambda a: _closing(a.session.get_bind().raw_connection()),  # type: ignore[union-attr]
        "the connection's engine": lambda a: _with(a.session.connection().engine.connect(), sa.text(_every)),
        "the engine of the database": lambda a: _with(a.database.engine.connect(), sa.select(NOTES.c.text)),
        "the driver of the engine of the database": lambda a: _closing(a.database.engine.raw_connection()),
        "another kind of session": lambda a: _in_session(Session(a.session.get_bind())),
        "another kind of session on the connection": lambda a: _in_session(Session(a.session.connection())),
        "a session with the class of this one": lambda a: _in_session(
            type(a.session)(
                a.session.get_bind(),  # type: ignore[arg-type]
                context=SessionContext(a.session.vault, a.session.context.events, None, api.WholeScope("x")),
            )
        ),
        "a new session of a whole scope": lambda a: _in_session(a.database.new_session(api.WholeScope("curious"))),
        "a new session of the other": lambda a: _in_session(
            a.database.new_session(api.OrganizationScope(a.other.id)), Note.text
        ),
        "a new session found by the app": lambda a: _in_session(
            current_app.extensions["hp_portal.database"].new_session(api.WholeScope("curious"))
        ),
        "a plugin's whole()": lambda a: _whole(a),
        "the session's context": lambda a: _context(a),
        "the rows of a forged identity": lambda a: _forged(a).text,
        "a refresh of a forged identity": lambda a: _refreshed(a, _forged(a)),
        "a refresh of one column": lambda a: _refreshed(a, _forged(a), ["text"]),
        "a refresh that locks": lambda a: _refreshed(a, _forged(a), with_for_update={"read": True}),
        "an expired row": lambda a: _expired(a),
        "get": lambda a: _text(a.session.get(Note, a.other.notes[0])),
        "get that says it is unscoped": lambda a: _text(
            a.session.get(Note, a.other.notes[0], execution_options={"unscoped": "why not"})
        ),
        "get that locks": lambda a: _text(a.session.get(Note, a.other.notes[0], with_for_update=True)),
        "get with options": lambda a: _text(a.session.get(Note, a.other.notes[0], options=[undefer("*")])),
        "get one": lambda a: a.session.get_one(Note, a.other.notes[0]).text,
        "get of a query": lambda a: _text(a.session.query(Note).get(a.other.notes[0])),
        "merge": lambda a: _merged(a),
        "what was left, by get": lambda a: _text(_left(a, lambda: a.session.get(Note, a.other.notes[0]))),
        "what was left, by a query's get": lambda a: _text(
            _left(a, lambda: a.session.query(Note).get(a.other.notes[0]))
        ),
        "what was left, by get with the choice": lambda a: _text(
            _left(a, lambda: a.session.get(Note, a.other.notes[0], populate_existing=False))
        ),
        "a relationship of what was left": lambda a: [memo.text for memo in _clinic(a).memos],
        "a relationship to what was left": lambda a: _names(_memo_of(a)),
        "a refreshed relationship": lambda a: _relationship_again(a),
        "rows with a parent that was left": lambda a: scalars(
            a, sa.select(apart.Memo.text).where(with_parent(_clinic(a), apart.Clinic.memos))
        ),
        "a load beside the parent": lambda a: [
            memo.text
            for clinic in scalars(a, sa.select(apart.Clinic).options(selectinload(apart.Clinic.memos.and_(sa.true()))))
            for memo in clinic.memos
        ],
        "sign-ins of the other": lambda a: scalars(a, sa.select(SignIn.user_agent)),
        "sign-ins of the other, by get": lambda a: _agent(a.session.get(SignIn, a.other.sign_in)),
        "terms the other accepted": lambda a: scalars(a, sa.select(Acceptance.version)),
        "applications of the other's people": lambda a: scalars(a, sa.select(PersonApplication.application)),
        "links of the other's people": lambda a: [
            "birch" for person_id in scalars(a, sa.select(PasswordLink.person_id)) if person_id == a.other.person.id
        ],
        "files the payer imported": lambda a: scalars(a, sa.select(RemittanceFile.name)),
        "files of the other": lambda a: scalars(a, sa.select(StoredFile.name)),
        "roles of the payer's staff": lambda a: scalars(a, sa.select(StaffRole.name)),
        "failures of plugins": lambda a: scalars(a, sa.select(PluginFailure.error)),
    }
)


def _begun(engine: Any) -> list[Any]:
    with engine.begin() as connection:
        return list(connection.exec_driver_sql(_every).all())


def _closing(connection: Any) -> list[Any]:
    try:
        return _raw(connection)
    finally:
        connection.close()


def _in_session(session: Session, column: Any = NOTES.c.text) -> list[Any]:
    with session:
        return list(session.execute(sa.select(column)).all())


def _whole(attack: Attack) -> list[Any]:
    with api.whole(attack.session, "curious"):
        return scalars(attack, sa.select(Note.text))


def _context(attack: Attack) -> list[Any]:
    before = attack.session.context.scope
    try:
        attack.session.context.scope = api.WholeScope("curious")
        return scalars(attack, sa.select(Note.text))
    finally:
        attack.session.context.scope = before


def _forged(attack: Attack, kind: Any = Note) -> Any:
    """An object with the key of the other's row, as if it had been loaded from there."""
    forged = kind(id=attack.other.notes[0])
    make_transient_to_detached(forged)
    attack.session.add(forged)
    return forged


def _refreshed(attack: Attack, forged: Any, names: list[str] | None = None, **options: Any) -> object:
    attack.session.refresh(forged, names, **options)
    return forged.text


def _left(attack: Attack, load: Any) -> Any:
    """Ask for a row that a block of the core's with a wider scope has loaded before, and which is still at hand."""
    with scopes.whole(attack.session, "a test leaves a row behind"):
        kept = attack.session.get(Note, attack.other.notes[0])
    found = load()
    del kept
    return found


def _expired(attack: Attack) -> object:
    with scopes.whole(attack.session, "a test leaves a row behind"):
        kept = attack.session.get_one(Note, attack.other.notes[0])
    attack.session.expire(kept)
    return kept.text


def _clinic(attack: Attack) -> Any:
    with scopes.whole(attack.session, "a test leaves a row behind"):
        return attack.session.get_one(apart.Clinic, attack.other.id)


def _memo_of(attack: Attack) -> Any:
    with scopes.whole(attack.session, "a test leaves a row behind"):
        memo = attack.session.get_one(apart.Memo, attack.other.notes[0])
        clinic = attack.session.get_one(apart.Clinic, attack.other.id)
    found = memo.clinic
    del clinic
    return found


def _relationship_again(attack: Attack) -> object:
    clinic = _clinic(attack)
    attack.session.expire(clinic, ["memos"])
    return [memo.text for memo in clinic.memos]


def _merged(attack: Attack) -> object:
    return attack.session.merge(Note(id=attack.other.notes[0])).text


def _text(note: Any) -> str:
    return note.text if note is not None else ""


def _names(clinic: Any) -> str:
    return clinic.name if clinic is not None else ""


def _agent(sign_in: Any) -> str:
    return sign_in.user_agent if sign_in is not None else ""


@read("the driver's cursor, a statement that ran before", only="sqlite")
def prepared_before(attack: Attack) -> object:
    """The driver keeps prepared statements by their text."""
    seen: list[str] = []
    sa.event.listen(attack.database.engine, "before_cursor_execute", _note_into(seen))
    rows(attack, sa.select(Note.text))
    statement = seen[-1]
    cursor = attack.session.connection().connection.cursor()
    cursor.execute(statement, [attack.other.id] * statement.count("?"))
    return list(cursor.fetchall())


def _note_into(seen: list[str]) -> Any:
    def note(_connection: Any, _cursor: Any, statement: str, *_others: Any) -> None:
        seen.append(statement)

    return note


@read("the driver's cursor, a statement that ran in a wider scope")
def prepared_in_a_wider_scope(attack: Attack) -> object:
    with scopes.whole(attack.session, "a test runs a statement"):
        _raw(attack.session.connection().connection)
    return _raw(attack.session.connection().connection)


@read("a listener of the mapper")
def by_the_mapper(attack: Attack) -> object:
    found: list[Any] = []

    def look(_mapper: Any, connection: Any, _target: Any) -> None:
        found.extend(connection.execute(sa.select(NOTES.c.text)).all())

    sa.event.listen(Note, "before_insert", look)
    try:
        attack.session.add(Note(organization_id=attack.own.id, text="x"))
        attack.session.flush()
    finally:
        sa.event.remove(Note, "before_insert", look)
    return found


@read("a listener of the flush")
def by_the_flush(attack: Attack) -> object:
    found: list[Any] = []

    def look(session: Any, *_others: Any) -> None:
        found.extend(session.connection().exec_driver_sql(THE_NOTE).all())

    sa.event.listen(attack.session, "before_flush", look)
    attack.session.add(Note(organization_id=attack.own.id, text="x"))
    attack.session.flush()
    return found


@read("the database's file", only="sqlite")
def file(attack: Attack) -> object:
    connection = sqlite3.connect(attack.database.engine.url.database or "")
    try:
        return _raw(connection)
    finally:
        connection.close()


@read("a second database attached", only="sqlite")
def attached(attack: Attack) -> object:
    connection = attack.session.connection().connection
    connection.cursor().execute("ATTACH ? AS again", [attack.database.engine.url.database])
    try:
        return _raw(connection, "SELECT text FROM again.sample_note")
    finally:
        connection.cursor().execute("DETACH again")
