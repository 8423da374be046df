"""The wrong data key refuses the start, in words, before anything is read or written with it."""

from __future__ import annotations

import base64
import datetime as dt
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from hp_portal import cli
from hp_portal.app import create_app
from hp_portal.core.keys.models import DataKey
from hp_portal.core.payees.models import Payee
from hp_portal.database import make_engine
from hp_portal.key_strength import weakness_of_bytes, weakness_of_text
from hp_portal.seals import sealed_columns
from hp_portal.settings import ConfigurationError, load_settings
from hp_portal.vault import Vault, key_mark
from tests.conftest import MakeApp
from tests.support.databases import DATA_KEY, SECRET_KEY, Databases, as_owner, data_key, database_of, settings_for
from tests.support.identifiers import make_npi, make_tin
from tests.support.world import World

WRONG = data_key("wrong")
NEW = data_key("new")
NOT_THE_KEY = "HP_PORTAL_DATA_KEY is not the data key of this database"


def key_id(text: str) -> str:
    return key_mark(base64.b64decode(text)).id


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    def run(app: Flask, *arguments: object) -> Result:
        monkeypatch.setattr(cli, "_app", [app])
        return CliRunner().invoke(cli.cli, [str(argument) for argument in arguments])

    return run


def known_keys(world: World) -> dict[str, DataKey]:
    with world.session() as session:
        return {row.id: row for row in session.scalars(sa.select(DataKey))}


def change(world: World, statement: Any) -> None:
    with as_owner(world.app) as engine, engine.begin() as connection:
        connection.execute(statement)


def payees_file(folder: Path) -> Path:
    file = folder / "payees.csv"
    file.write_text(
        "tin,npi,vendor_number,name,provider_type,network_status\n"
        f"{make_tin(1)},{make_npi(1)},V1,Sample Clinic,physician,contracted\n",
        encoding="utf-8",
    )
    return file


def test_a_wrong_key_adds_no_payee_twice(
    world: World, database_url: str, make_app: MakeApp, run: Callable[..., Result], tmp_path: Path
) -> None:
    file = payees_file(tmp_path)
    assert "1 added" in run(world.app, "payees", "import", file).output
    refused = run(make_app(database_url, data_key=WRONG), "payees", "import", file)
    assert isinstance(refused.exception, ConfigurationError)
    assert NOT_THE_KEY in str(refused.exception)
    assert key_id(DATA_KEY) in str(refused.exception)
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(Payee.id))) == 1
    assert "1 unchanged" in run(world.app, "payees", "import", file).output


@pytest.mark.parametrize(
    "command",
    [
        ("serve",),
        ("worker", "--once"),
        ("db", "upgrade"),
        ("audit", "verify"),
        ("remittance", "import", __file__),
        ("staff", "role", "Reader", "--all"),
    ],
    ids=" ".join,
)
def test_commands_refuse_a_wrong_key(
    world: World, database_url: str, make_app: MakeApp, run: Callable[..., Result], command: tuple[str, ...]
) -> None:
    world.payee(make_tin(1))
    refused = run(make_app(database_url, data_key=WRONG), *command)
    assert isinstance(refused.exception, ConfigurationError), refused.output
    assert NOT_THE_KEY in str(refused.exception)


def test_a_backup_needs_no_key(
    databases: Databases, make_app: MakeApp, run: Callable[..., Result], tmp_path: Path
) -> None:
    """Whoever has lost the key still wants to keep what there is."""
    url = databases.new_sqlite(tmp_path / "portal.sqlite")
    World(make_app(url)).payee(make_tin(1))
    made = run(make_app(url, data_key=WRONG), "backup", tmp_path / "portal.backup")
    assert made.exit_code == 0, made.output


def forget_keys(world: World) -> None:
    change(world, sa.delete(DataKey))


def forget_table(world: World) -> None:
    """As before the upgrade that brought it."""
    change(world, sa.schema.DropTable(DataKey.__table__))  # type: ignore[arg-type]


@pytest.mark.parametrize("forget", [forget_keys, forget_table])
def test_a_database_from_before_is_taken_over_by_its_own_key_alone(
    world: World, database_url: str, make_app: MakeApp, forget: Callable[[World], None]
) -> None:
    world.payee(make_tin(1))
    forget(world)
    with pytest.raises(ConfigurationError, match=NOT_THE_KEY):
        database_of(make_app(database_url, data_key=WRONG)).new_session()
    right = World(make_app(database_url))
    if forget is forget_keys:
        assert list(known_keys(right)) == [key_id(DATA_KEY)]
        assert known_keys(right)[key_id(DATA_KEY)].complete_at is None
    else:
        with right.session() as session:
            assert session.scalars(sa.select(Payee)).one().whole_tin(session) == make_tin(1)


def test_in_the_middle_of_a_rotation_both_keys_are_taken_over(
    world: World, database_url: str, make_app: MakeApp
) -> None:
    world.payee(make_tin(1), make_npi(1))
    both = World(make_app(database_url, data_key=f"{NEW},{DATA_KEY}"))
    both.payee(make_tin(2), make_npi(2))
    forget_keys(both)
    for alone in (NEW, DATA_KEY):
        with pytest.raises(ConfigurationError, match="lacks a key"):
            database_of(make_app(database_url, data_key=alone)).new_session()
    again = World(make_app(database_url, data_key=f"{NEW},{DATA_KEY}"))
    assert set(known_keys(again)) == {key_id(NEW), key_id(DATA_KEY)}


def test_a_fresh_database_notes_its_key(world: World) -> None:
    (row,) = known_keys(world).values()
    assert row.id == key_id(DATA_KEY)
    assert row.complete_at is not None
    assert row.retired_at is None


def test_a_new_key_in_front_is_noted_and_then_needed(world: World, database_url: str, make_app: MakeApp) -> None:
    world.payee(make_tin(1))
    rotating = World(make_app(database_url, data_key=f"{NEW},{DATA_KEY}"))
    assert set(known_keys(rotating)) == {key_id(NEW), key_id(DATA_KEY)}
    with pytest.raises(ConfigurationError, match=f"lacks a key .*{key_id(NEW)}"):
        database_of(make_app(database_url)).new_session()


def test_a_retired_key_does_not_seal(world: World, database_url: str, make_app: MakeApp) -> None:
    database_of(make_app(database_url, data_key=f"{NEW},{DATA_KEY}")).check_keys()
    change(
        world,
        sa.update(DataKey)
        .where(DataKey.id == key_id(DATA_KEY))
        .values(retired_at=dt.datetime(2026, 1, 2, tzinfo=dt.UTC)),
    )
    with pytest.raises(ConfigurationError, match=r"was retired on 2026-01-02"):
        database_of(make_app(database_url, data_key=f"{DATA_KEY},{NEW}")).new_session()
    database_of(make_app(database_url, data_key=NEW)).check_keys()


def test_a_changed_check_value_is_told(world: World, database_url: str, make_app: MakeApp) -> None:
    database_of(world.app).check_keys()
    change(world, sa.update(DataKey).values(check_value=b"x" * 32))
    with pytest.raises(ConfigurationError, match="table data_key was changed"):
        database_of(make_app(database_url)).new_session()


def test_a_process_without_the_new_key_is_not_ready(world: World, database_url: str, make_app: MakeApp) -> None:
    client = world.app.test_client()
    assert client.get("/readyz").status_code == 200
    database_of(make_app(database_url, data_key=f"{NEW},{DATA_KEY}")).check_keys()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "HP_PORTAL_DATA_KEY" in answer.text


def test_every_column_of_sealed_values_is_marked() -> None:
    from hp_portal.database import Base

    marked = {f"{column.table.name}.{column.name}" for column, _ in sealed_columns(Base.metadata)}
    named = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.tables.values()
        for column in table.columns
        if column.name.endswith("sealed") and isinstance(column.type, sa.LargeBinary)
    }
    # The audit's kept keys are in an append-only table; `retire_keys` seals them again.
    assert named - {"audit_key.sealed"} == marked
    assert {"payee.tin_sealed", "remittance_text.sealed", "stored_piece.sealed", "kept_values.sealed"} <= marked


WEAK = {
    "one byte": (b"x" * 32, "repeats one pattern"),
    "zeros": (bytes(32), "repeats one pattern"),
    "a word": (b"password" * 4, "repeats one pattern"),
    "counted": (bytes(range(32)), "counts up or down"),
    "counted down in steps": (bytes(range(255, 159, -3)), "counts up or down"),
    "half zeros": (bytes(15) + bytes(range(3, 88, 5)), "different bytes"),
    "a sentence": (b"My voice is my passport, verify!", "typed text"),
}


@pytest.mark.parametrize("name", WEAK)
def test_a_weak_data_key_is_refused_with_the_command_that_makes_a_good_one(name: str) -> None:
    key, why = WEAK[name]
    listed = f"{DATA_KEY},{base64.b64encode(key).decode()}"
    with pytest.raises(ConfigurationError, match=rf"key 2, can be guessed: it .*{why}.* Make one with: python -c"):
        load_settings(secret_key=SECRET_KEY, data_key=listed)


WEAK_TEXTS = [
    "x" * 32,
    "0123456789abcdef" * 2,
    "0" * 20 + "secret-of-mine",
    "abcabcd" * 5,
    "this is the secret key of our portal",
    "correct horse battery staple correct",
    "the-secret-key-of-our-portal-alone",
    "changeme-changeme-please-changeme1",
    "Password1!password2?PASSWORD3:pass4",
    "0123456789abcdefghijklmnopqrstuvwxyz",
    "zyxwvutsrqponmlkjihgfedcba-9876543210",
]


@pytest.mark.parametrize("key", WEAK_TEXTS)
def test_a_weak_secret_key_is_refused(key: str) -> None:
    with pytest.raises(ConfigurationError, match=r"HP_PORTAL_SECRET_KEY can be guessed: it .* Make one with: python"):
        load_settings(secret_key=key, data_key=DATA_KEY)


def test_a_key_twice_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="lists a key twice"):
        load_settings(secret_key=SECRET_KEY, data_key=f"{DATA_KEY},{DATA_KEY}")


@given(st.integers(0, 2**64 - 1))
@settings(max_examples=60, derandomize=True)
def test_keys_that_the_commands_make_are_accepted(seed: int) -> None:
    """`openssl rand -hex 16`, `-hex 32` and `-base64 48`, `-base64 64` in its two lines, and `secrets.token_urlsafe(32)`."""
    made = random.Random(seed)
    lines = base64.b64encode(made.randbytes(64)).decode()
    for key in (
        made.randbytes(16).hex(),
        made.randbytes(32).hex(),
        base64.b64encode(made.randbytes(48)).decode(),
        f"{lines[:64]}\n{lines[64:]}\n",
        base64.urlsafe_b64encode(made.randbytes(32)).rstrip(b"=").decode(),
    ):
        assert weakness_of_text(key) == ""
    assert weakness_of_bytes(made.randbytes(32)) == ""


def test_only_the_portal_s_user_can_read_an_sqlite_database(tmp_path: Path) -> None:
    file = tmp_path / "new" / "folder" / "portal.sqlite"
    engine = make_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE sample (id INTEGER)")
        modes = {path.name: path.stat().st_mode & 0o777 for path in file.parent.iterdir()}
    engine.dispose()
    assert modes == dict.fromkeys(("portal.sqlite", "portal.sqlite-wal", "portal.sqlite-shm"), 384)
    assert [one.stat().st_mode & 0o777 for one in (file.parent, file.parent.parent)] == [0o700, 0o700]


def test_files_that_others_can_read_are_told_of_at_the_start(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, Any]] = []
    monkeypatch.setattr("hp_portal.private_files.log.warning", lambda event, **facts: told.append(facts))
    folder = tmp_path / "open"
    folder.mkdir(mode=0o755)
    file = folder / "portal.sqlite"
    file.touch(mode=0o644)
    create_app(settings_for(f"sqlite:///{file}", databases.instance))
    assert {facts["advice"] for facts in told} >= {f"chmod 0700 {folder}", f"chmod 0600 {file}"}
    assert len([facts for facts in told if facts["path"] == str(file)]) == 1, "told once"


def test_the_mark_of_a_key_says_nothing_of_it() -> None:
    key = base64.b64decode(DATA_KEY)
    (mark,) = Vault([key]).marks
    assert mark == key_mark(key)
    assert mark.check not in (key, bytes.fromhex(mark.id))
    assert len({key_mark(base64.b64decode(data_key(str(n)))).check for n in range(50)}) == 50
