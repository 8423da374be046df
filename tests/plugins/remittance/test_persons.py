"""Whose claim it is can be read in the portal, and by nobody in the database or a backup of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from hypothesis import given
from hypothesis import strategies as st

from hp_portal import backup, migrations, row_security
from hp_portal.database import changing_schema
from hp_portal.migrations import comparing
from hp_portal.vault import SealBroken, Vault
from hp_portal_plugins.remittance.keys import name_key, number_key
from hp_portal_plugins.remittance.models import Claim
from hp_portal_plugins.remittance.persons import NOBODY, Person, Tokens, pack, tokens_of, unpack
from tests.support.databases import as_owner, database_of, mighty_engine
from tests.support.world import World

from .inquiry import Office, claim, url_of

SURNAME, FIRST, MEMBER = "VANDERSAMPLE", "WILHELMINA", "M00000077"
SECRETS = (SURNAME, FIRST, MEMBER)
BEFORE = "1795604331"
ONE, OTHER = b"k" * 32, b"l" * 32
names = st.text(st.characters(categories=("Lu", "Nd")), max_size=30)
texts = st.none() | st.text(min_size=1, max_size=40)


def stored(world: World) -> Iterator[str]:
    """Everything in the database as text, table by table, as who has it without its keys sees it; an SQLite file as it lies on
    the disk, with what it no longer uses."""
    if database_of(world.app).engine.dialect.name == "sqlite":
        file = Path(database_of(world.app).engine.url.database or "")
        with database_of(world.app).engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        for one in (file, *file.parent.glob(f"{file.name}-*")):
            yield one.read_bytes().decode("latin-1")
        return
    with mighty_engine(world.app) as engine, engine.connect() as connection:
        for table in sa.inspect(engine).get_table_names():
            for (row,) in connection.exec_driver_sql(f'SELECT t::text FROM "{table}" AS t'):
                yield row


def readable(world: World) -> set[str]:
    found: set[str] = set()
    for text in stored(world):
        plain = text.upper()
        found |= {secret for secret in SECRETS if secret in plain or secret.encode().hex().upper() in plain}
    return found


def test_the_database_tells_nobody_s_name(office: Office, tmp_path: Path) -> None:
    """After an import, a search, a look at the claim and a download."""
    payment = office.paid("4512", claim(77, (SURNAME, FIRST)))
    service = (dt.date(2026, 3, 2) - dt.timedelta(days=20)).isoformat()
    for typed in ({"member_id": MEMBER}, {"last_name": SURNAME, "first_name": FIRST, "service_from": service}):
        answer = office.client.post("/apps/remittance/search", typed)
        assert SURNAME in office.client.get(answer.headers["Location"], fragment=True).text
    for address in (url_of(payment), url_of(payment, 1), f"{url_of(payment)}?text={SURNAME}"):
        assert SURNAME in office.client.get(address).text
    assert readable(office.world) == set()
    engine = database_of(office.world.app).engine
    if engine.dialect.name == "sqlite":
        backup.back_up(engine, tmp_path / "portal.backup")
        held = (tmp_path / "portal.backup").read_bytes()
        assert not [secret for secret in SECRETS if secret.encode() in held]


def test_a_person_cannot_be_moved_to_another_claim(office: Office) -> None:
    office.paid("4512", claim(1, ("SAMPLE", "ANN")), claim(2, ("EXAMPLE", "BOB")))
    with office.world.session() as session:
        rows = session.execute(sa.select(Claim.claim, Claim.person_sealed).order_by(Claim.claim)).all()
        for number, sealed in ((1, rows[1].person_sealed), (2, rows[0].person_sealed)):
            session.execute(sa.update(Claim).where(Claim.claim == number).values(person_sealed=sealed))
    with office.world.session() as session, pytest.raises(SealBroken, match="moved from another place"):
        session.scalars(sa.select(Claim)).all()


def test_an_upgrade_seals_what_was_there_and_leaves_no_trace(office: Office) -> None:
    payment = office.paid("4512", claim(77, (SURNAME, FIRST)), *(claim(number) for number in range(1, 30)))
    app = office.world.app
    with as_owner(app) as engine:
        chain = migrations.chains_of(app)["remittance"]
        with changing_schema(engine) as connection:
            connection.info["hp_portal.vault"] = database_of(app).vault
            if connection.dialect.name == "postgresql":
                row_security.lift(connection, chain.prefix)  # as before every upgrade
            command.downgrade(chain.config(connection=connection), BEFORE)
        assert readable(office.world) == set(SECRETS), "as it was before"
        assert migrations.upgrade(app).failed == {}
    assert comparing.differences(app) == []
    assert SURNAME in office.client.get(url_of(payment)).text
    answer = office.client.post("/apps/remittance/search", {"member_id": MEMBER})
    assert SURNAME in office.client.get(answer.headers["Location"], fragment=True).text
    assert readable(office.world) == set()


def test_an_entity_is_sealed_when_it_is_written_and_opened_when_it_is_read(office: Office) -> None:
    payment = office.paid("4512", claim(1))
    with office.world.session() as session:
        session.add(
            Claim(
                payment_id=payment, claim=2, line_count=0, balanced=True, patient_last_name="NEWSAMPLE", member_id="M9"
            )
        )
    with office.world.session() as session:
        one = session.scalars(sa.select(Claim).where(Claim.name_begins(session, "NEWSAMPLE,"))).one()
        assert (one.patient_last_name, one.member_id, one.patient_first_name) == ("NEWSAMPLE", "M9", None)
        one.patient_first_name = "ANN"
    with office.world.session() as session:
        one = session.scalars(sa.select(Claim).where(Claim.name_begins(session, "NEWSAMPLE,AN"))).one()
        assert (one.patient_last_name, one.patient_first_name, one.member_id) == ("NEWSAMPLE", "ANN", "M9")


@given(st.tuples(*[texts] * len(Person._fields)))
def test_what_is_packed_is_unpacked(values: tuple[str | None, ...]) -> None:
    assert unpack(pack(values)) == Person(*values)


@pytest.mark.parametrize("odd", ["\x1f", "\x1e", "\x1eX", "A\x1fB", '\x1e["X"]'])
def test_separators_in_a_name_are_part_of_it(odd: str) -> None:
    for place in range(len(Person._fields)):
        person = Person(*(odd if place == number else "X" for number in range(len(Person._fields))))
        assert unpack(pack(person)) == person
    assert unpack(pack(NOBODY)) == NOBODY


@given(names, names, st.integers(0, 30))
def test_the_beginning_of_a_name_is_the_beginning_of_its_token(last: str, first: str, length: int) -> None:
    tokens = Tokens(ONE)
    whole, begun = tokens.name(f"{last},{first}"), tokens.name(f"{last},{first[:length]}")
    assert whole.startswith(begun)
    assert len(whole) == 8 + 3 * min(len(first), 20)


def test_no_other_name_begins_so() -> None:
    tokens = Tokens(ONE)
    whole = tokens.name("SAMPLE,ANNA")
    for other in ("SAMPL,E", "SAMPLE,B", "SAMPLE,ANB", "SAMPLES,A", "SAMPLEA,NNA", ",SAMPLE"):
        assert not whole.startswith(tokens.name(other)), other
    assert tokens.name("SAMPLE,ANNA") == Tokens(ONE).name("SAMPLE,ANNA")
    assert tokens.name("SAMPLE,ANNA")[:8] != Tokens(OTHER).name("SAMPLE,ANNA")[:8]
    assert len({tokens.name(f"SAMPLE,{letter}")[8:] for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}) == 26
    assert tokens.name("SAMPLE,A")[8:] != tokens.name("EXAMPLE,A")[8:], "a letter says nothing across last names"


def test_the_token_of_a_number() -> None:
    tokens = Tokens(ONE)
    assert tokens.number("") is None
    assert tokens.number("M1") == Tokens(ONE).number("M1") != Tokens(OTHER).number("M1")
    assert tokens.number("M1") != tokens.number("M2")
    person = Person(patient_last_name="Sample", patient_first_name="Ann", subscriber_id="m-001")
    assert tokens.of(person) == (tokens.number(number_key("M001")), tokens.name(name_key("SAMPLE", "ANN")))
    assert tokens.of(person._replace(member_id="M2"))[0] == tokens.number("M2")
    assert tokens.of(NOBODY) == (None, None)


def test_tokens_of_one_release_are_found_by_the_next() -> None:
    assert tokens_of(Vault([ONE])).name("SAMPLE,AN").hex() == "72bcf97d1ec2eddd412ed3e9ad88"
    assert (tokens_of(Vault([ONE])).number("M1") or b"").hex() == "1ba2f6c049b4ed77326283f2"
