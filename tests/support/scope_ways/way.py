"""What a way is, and what it works with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.database import Database, PortalSession
from tests.sample_plugin.notes import Note

# In every text of the other organization, and of what is the payer's alone.
MARKS = ("birch", "payers-own")
NOTES: Any = Note.__table__
GRANTS: Any = Grant.__table__
# What a text can say to read the other's note, and what is said where an organization has to be named.
THE_NOTE = "SELECT text FROM sample_note WHERE text = 'birch note' LIMIT 1"


@dataclass(frozen=True)
class Facts:
    """The ids of what one organization has: two notes, a payee with a grant and a payment, a person with a sign-in, a file."""

    organization: Organization
    person: Person
    payee: Payee
    grant: Grant
    notes: tuple[int, int]
    payment: int
    sign_in: int
    stored_file: int

    @property
    def id(self) -> int:
        return self.organization.id


@dataclass(frozen=True)
class Attack:
    """Who attacks: a session of `own`, and everything an attacker may know of the other organization."""

    session: PortalSession
    own: Facts
    other: Facts
    database: Database

    @property
    def is_postgresql(self) -> bool:
        return self.database.engine.dialect.name == "postgresql"


Run = Callable[[Attack], object]


@dataclass(frozen=True)
class Way:
    """One way. `only` names the one database it exists on; `kind` is read or write."""

    name: str
    kind: str
    run: Run
    only: str = ""


WAYS: list[Way] = []


def read(name: str, *, only: str = "") -> Callable[[Run], Run]:
    """Register a way to read; what it returns is looked through for the marks."""

    def add(run: Run) -> Run:
        WAYS.append(Way(name, "read", run, only))
        return run

    return add


def write(name: str, *, only: str = "") -> Callable[[Run], Run]:
    """Register a way to write; everything is compared before and after."""

    def add(run: Run) -> Run:
        WAYS.append(Way(name, "write", run, only))
        return run

    return add


def reads(ways: dict[str, Run]) -> None:
    """Register several."""
    for name, run in ways.items():
        read(name)(run)


def writes(ways: dict[str, Run]) -> None:
    """Register several."""
    for name, run in ways.items():
        write(name)(run)


def texts(found: object) -> Iterator[str]:
    """Every text in what a way returned, however deep."""
    if isinstance(found, str):
        yield found.casefold()
    elif isinstance(found, Iterable) and not isinstance(found, bytes):
        for part in found:
            yield from texts(part)


def leaks(found: object) -> bool:
    """Did a way return something of the other organization or of the payer?"""
    return any(mark in text for text in texts(found) for mark in MARKS)


def scalars(attack: Attack, statement: Any, **options: Any) -> list[Any]:
    return list(attack.session.scalars(statement, **options).all())


def rows(attack: Attack, statement: Any, values: Any = None, **options: Any) -> list[Any]:
    return list(attack.session.execute(statement, values, **options).all())


def the_other_s(attack: Attack, ids: Iterable[Any]) -> str:
    """For ways that read numbers: the mark when the other's payee is among them."""
    return "birch" if attack.other.payee.id in set(ids) else ""


def foreign_text() -> Any:
    """A subquery of the table that reads the other's note."""
    return sa.select(NOTES.c.text).where(NOTES.c.text == "birch note").limit(1).scalar_subquery()
