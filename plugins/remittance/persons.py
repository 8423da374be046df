"""Whose claim it is: sealed together in one column of the claim, and found by keyed tokens.

Names, member ids and what else of a claim says who somebody is can be read with the data key alone, in the database and in every
backup. A token is what a search compares instead: of a number it is one keyed hash, of a name a hash of the last name followed by
one for each letter of the first name, so that *last name and the beginning of the first* is still the beginning of a token.
Whoever has the database without the key sees which claims have the same last name or number, and nothing else of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy.orm import object_session

from hp_portal import api

from .keys import name_key, number_key


class Person(NamedTuple):
    """What of a claim is sealed, as the file says it; None where it says nothing. `more` is JSON: see x12/records.py."""

    patient_last_name: str | None = None
    patient_first_name: str | None = None
    patient_middle_name: str | None = None
    member_id_qualifier: str | None = None
    member_id: str | None = None
    subscriber_name: str | None = None
    subscriber_id: str | None = None
    corrected_name: str | None = None
    corrected_id: str | None = None
    more: str | None = None


NOBODY = Person()
_FIELDS = frozenset(Person._fields)
_BETWEEN = "\x1f"
_JSON = "\x1e"


def pack(person: Sequence[str | None]) -> bytes:
    """The text that is sealed."""
    text = _BETWEEN.join([value or "" for value in person])
    if text.count(_BETWEEN) != len(Person._fields) - 1 or text.startswith(_JSON):
        text = _JSON + json.dumps([value or "" for value in person])
    return text.encode()


def unpack(packed: bytes) -> Person:
    """The person in a text that `pack` has made."""
    text = packed.decode()
    values: Iterable[str] = json.loads(text[1:]) if text.startswith(_JSON) else text.split(_BETWEEN)
    return Person._make([value or None for value in values])


_WORD, _LETTER, _LETTERS, _NUMBER = 8, 3, 20, 12
_REMEMBERED = 4_096
# No token is longer, and none that begins like another lies behind it.
_LAST = b"\xff" * (_WORD + _LETTER * _LETTERS)


class Tokens:
    """The tokens under one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.number = lru_cache(_REMEMBERED)(self._number)
        """The token of a number in the form of `number_key`, 12 bytes; None for an empty one."""
        self.name = lru_cache(_REMEMBERED)(self._name)
        """The token of a name in the form of `name_key`: 8 bytes for the last name, 3 for each of 20 letters of the first."""
        # Of what a file says, before it is brought into that form: families and their claims come in rows.
        self._patient = lru_cache(_REMEMBERED)(lambda last, first: self._name(name_key(last, first)))

    def _number(self, number: str) -> bytes | None:
        return (
            blake2b(number.encode(), digest_size=_NUMBER, key=self._key, person=b"number").digest() if number else None
        )

    def _name(self, name: str) -> bytes:
        last, _, first = name.partition(",")
        found = [blake2b(last.encode(), digest_size=_WORD, key=self._key, person=b"last name").digest()]
        letters = blake2b(f"{last},".encode(), digest_size=_LETTER, key=self._key, person=b"first name")
        for letter in first[:_LETTERS]:
            letters.update(letter.encode())
            found.append(letters.copy().digest())
        return b"".join(found)

    def of(self, person: Sequence[str | None]) -> tuple[bytes | None, bytes | None]:
        """The tokens of a claim's member and of its patient."""
        last, first, _, _, member, _, subscriber, *_ = person
        # The patient is often the subscriber, and then some payers send the number with the subscriber alone.
        return self.number(number_key(member or subscriber)), self._patient(last, first) if last else None


_tokens_under = cache(Tokens)


def tokens_of(vault: api.Vault) -> Tokens:
    """The tokens under the key that seals."""
    return _tokens_under(vault.subkeys("remittance person")[0])


def tokens_of_every_key(vault: api.Vault) -> list[Tokens]:
    """The tokens under every listed key, for looking up while keys rotate."""
    return [_tokens_under(key) for key in vault.subkeys("remittance person")]


def tokens_again(vault: api.Vault, packed: bytes) -> dict[str, bytes | None]:
    """The tokens of a claim whose sealed text is this, by column, when its key is rotated."""
    return dict(zip(("member_token", "patient_token"), tokens_of(vault).of(unpack(packed)), strict=True))


def open_person(vault: api.Vault, sealed: bytes | None, payment_id: int, claim: int) -> Person:
    """Whose claim it is, of a claim's column. Raises SealBroken."""
    return unpack(vault.open(sealed, PERSON(payment_id, claim))) if sealed else NOBODY


PERSON = api.Seat("remittance_claim", "person_sealed")
"""The place of a claim's person: `PERSON(payment id, claim)`."""


class ShownClaim:
    """A row of some columns of a claim, its person among them: read by name like the row."""

    __slots__ = ("person", "row")

    def __init__(self, row: Any, person: Person) -> None:
        self.row, self.person = row, person

    def __getattr__(self, name: str) -> Any:
        return getattr(self.person if name in _FIELDS else self.row, name)


def shower(session: api.PortalSession) -> Callable[[Any], ShownClaim]:
    """Makes a row of `payment_id`, `claim`, `person_sealed` and more columns one that has the person's as well."""
    vault = session.vault
    return lambda row: ShownClaim(row, open_person(vault, row.person_sealed, row.payment_id, row.claim))


def _field(name: str) -> property:
    def read(claim: WithPerson) -> str | None:
        value: str | None = getattr(claim.person, name)
        return value

    def write(claim: WithPerson, value: str | None) -> None:
        claim.person = claim.person._replace(**{name: value})

    return property(read, write, doc=f"`{name}`, sealed with the rest of the person.")


class WithPerson:
    """A claim's person as attributes of the entity: opened when it is loaded, sealed when it is written."""

    payment_id: Any
    claim: Any
    person_sealed: Any
    member_token: Any
    patient_token: Any

    @classmethod
    def member_is(cls, session: api.PortalSession, number: str) -> sa.ColumnElement[bool]:
        """A condition: the member's number, in the form of `number_key`, is this one."""
        found = [tokens.number(number) for tokens in tokens_of_every_key(session.vault)]
        return cast("sa.ColumnElement[bool]", cls.member_token.in_([token for token in found if token]))

    @classmethod
    def name_begins(cls, session: api.PortalSession, name: str) -> sa.ColumnElement[bool]:
        """A condition: the patient's name, in the form of `name_key`, begins so; the last name is whole."""
        found = [tokens.name(name) for tokens in tokens_of_every_key(session.vault)]
        begins = cls.patient_token
        return sa.or_(*(sa.and_(begins >= token, begins <= token + _LAST) for token in found))

    @property
    def person(self) -> Person:
        """Whose claim it is."""
        found: Person = self.__dict__.get("_person", NOBODY)
        return found

    @person.setter
    def person(self, person: Person) -> None:
        self.__dict__["_person"] = person
        session = object_session(self)
        if session is not None:
            self.seal(cast(api.PortalSession, session).vault)

    def seal(self, vault: api.Vault) -> None:
        """Set the columns from the person."""
        self.person_sealed = vault.seal(pack(self.person), PERSON(self.payment_id, self.claim))
        self.member_token, self.patient_token = tokens_of(vault).of(self.person)

    patient_last_name = _field("patient_last_name")
    patient_first_name = _field("patient_first_name")
    patient_middle_name = _field("patient_middle_name")
    member_id_qualifier = _field("member_id_qualifier")
    member_id = _field("member_id")
    subscriber_name = _field("subscriber_name")
    subscriber_id = _field("subscriber_id")
    corrected_name = _field("corrected_name")
    corrected_id = _field("corrected_id")
    more = _field("more")


@sa.event.listens_for(WithPerson, "refresh", propagate=True)
@sa.event.listens_for(WithPerson, "load", propagate=True)
def _open(claim: WithPerson, context: Any, _names: object = None) -> None:
    sealed = claim.__dict__.get("person_sealed")
    if sealed is not None:
        claim.__dict__["_person"] = open_person(context.session.vault, sealed, claim.payment_id, claim.claim)


@sa.event.listens_for(WithPerson, "before_insert", propagate=True)
def _seal(_mapper: object, _connection: object, claim: WithPerson) -> None:
    if claim.person_sealed is None and claim.person != NOBODY:
        claim.seal(cast(api.PortalSession, object_session(claim)).vault)
