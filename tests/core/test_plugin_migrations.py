"""Migrations of plugins: removed, rolled back or broken, they concern their own tables and the portal runs on."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from flask import Flask

from hp_portal import cli, clock, forgetting, migrations
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.files.models import StoredFile, StoredPiece
from hp_portal.core.files.storing import receive_file
from hp_portal.core.identity.applications import ApplicationSetting, PersonApplication
from hp_portal.core.kept.keeping import keep_values
from hp_portal.core.kept.models import KeptValues
from hp_portal.core.sheets.models import SheetMapping
from hp_portal.migrations import comparing
from hp_portal.settings import ConfigurationError
from tests.conftest import MakeApp
from tests.support.client import PortalClient
from tests.support.databases import Databases, database_of, owner_url, prepare_database
from tests.support.plugins import plugins_of, revision, table, write_plugin
from tests.support.world import World


@pytest.fixture
def database_url(database_url: str) -> str:
    """Who changes the schema owns the tables."""
    return owner_url(database_url)


FIRST = {"a1_first.py": revision("a1", table("claim_status_note"))}
SECOND = FIRST | {"a2_second.py": revision("a2", table("claim_status_more"), after="a1")}


def tables(app: Flask) -> set[str]:
    return set(sa.inspect(database_of(app).engine).get_table_names())


def ready(app: Flask) -> tuple[int, str]:
    answer = app.test_client().get("/readyz")
    return answer.status_code, answer.text.partition("warning:")[0]  # of the owner, who migrates here


def plugins_page(app: Flask) -> str:
    world = World(app)
    world.staff("a.keeper", permissions=("staff:console:open", "staff:plugins:read"))
    return world.sign_in("a.keeper").get("/staff/plugins").text


def install(make_app: MakeApp, url: str, **plugins: ModuleType) -> Flask:
    """An app with these plugins on a database brought up to date."""
    app = make_app(url, extra_plugins={name.replace("_", "-"): module for name, module in plugins.items()})
    prepare_database(app)
    return app


def test_a_removed_plugin_is_named_and_forgotten(database_url: str, make_app: MakeApp, tmp_path: Path) -> None:
    claim_status = write_plugin(tmp_path, "claim-status", migrations=FIRST)
    claim = write_plugin(tmp_path, "claim", migrations={"b1.py": revision("b1", table("claim_line"))})
    with_both = install(make_app, database_url, claim_status=claim_status, claim=claim)
    World(with_both).person("a.clerk", applications=("claim", "claim-status"))
    with pytest.raises(forgetting.CannotForget, match="is installed"), World(with_both).session() as session:
        forgetting.forget(session, with_both, "claim-status")

    app = make_app(database_url)
    assert ready(app) == (200, "ready\n")
    notes = migrations.upgrade(app).notes
    assert [note for note in notes if "claim-status is not installed; its revision a1" in note]
    assert comparing.differences(app) == []
    page = plugins_page(app)
    assert "hp-portal plugins forget claim-status" in page
    assert "claim_status_note" in page

    with World(app).session() as session:
        left = forgetting.forget(session, app, "claim")
    assert left.tables == ("claim_alembic_version", "claim_line")
    assert "claim_status_note" in tables(app), "another plugin's, though its name begins alike"
    with World(app).session() as session:
        forgetting.forget(session, app, "claim-status")
    assert not {name for name in tables(app) if name.startswith("claim")}
    with World(app).session() as session:
        for model in (ApplicationSetting, PersonApplication):
            assert not set(session.scalars(sa.select(model.application))) & {"claim", "claim-status"}
        told = session.scalars(sa.select(AuditEvent.fields).where(AuditEvent.event == "staff.plugin.forgotten")).all()
    assert '"plugin":"claim"' in told[0]
    assert migrations.upgrade(app).notes == []


@dataclass(frozen=True)
class Owner:
    person_id: int
    organization_id: int | None


def test_files_and_kept_values_are_forgotten_with_their_plugin(
    database_url: str, make_app: MakeApp, tmp_path: Path
) -> None:
    """What people sent to it, and nothing of a plugin whose key begins alike."""
    file = 'op.create_table("claim_attachment", sa.Column("file_id", sa.BigInteger(), sa.ForeignKey("stored_file.id")))'
    install(make_app, database_url, claim=write_plugin(tmp_path, "claim", migrations={"b1.py": revision("b1", file)}))
    app = make_app(database_url)
    world = World(app)
    person = world.person("a.clerk")
    owner = Owner(person.id, person.organization_id)
    with world.session() as session:
        for kind in ("claim attachment", "claim-status attachment"):
            stored = receive_file(session, io.BytesIO(b"sample"), "sample.txt", owner=owner, kind=kind)
            keep_values(session, owner, kind, {"last_name": "SAMPLE"})
            session.add(SheetMapping(layout=kind, headings=b"1", keys="{}", used_at=clock.now()))
            if kind.startswith("claim "):
                session.connection().execute(
                    sa.text("INSERT INTO claim_attachment VALUES (:file)"), {"file": stored.id}
                )
        session.commit()
    with world.session() as session:
        forgetting.forget(session, app, "claim")
        session.commit()
    with world.session() as session:
        assert list(session.scalars(sa.select(StoredFile.kind))) == ["claim-status attachment"]
        assert list(session.scalars(sa.select(KeptValues.kind))) == ["claim-status attachment"]
        assert list(session.scalars(sa.select(SheetMapping.layout))) == ["claim-status attachment"]
        assert len(session.scalars(sa.select(StoredPiece.file_id)).all()) == 1


@pytest.mark.parametrize("key", ["core", "", "staff", "remittance", "never-there", "../x"])
def test_what_cannot_be_forgotten(key: str, sqlite_app: Flask) -> None:
    before = tables(sqlite_app)
    with pytest.raises(forgetting.CannotForget), World(sqlite_app).session() as session:
        forgetting.forget(session, sqlite_app, key)
    assert tables(sqlite_app) == before


def listed(app: Flask, monkeypatch: pytest.MonkeyPatch, *options: str) -> Result:
    """What `hp-portal plugins list` says."""
    monkeypatch.setattr(cli, "_app", [app])
    return CliRunner().invoke(cli.cli, ("plugins", "list", *options), catch_exceptions=False)


def test_a_plugin_that_was_rolled_back(
    database_url: str, make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(make_app, database_url, claim_status=write_plugin(tmp_path / "new", "claim-status", migrations=SECOND))
    old = write_plugin(tmp_path / "old", "claim-status", migrations=FIRST)
    app = make_app(database_url, extra_plugins={"claim-status": old})
    assert ready(app) == (200, "ready\n")
    done = migrations.upgrade(app)
    assert (done.failed, len(done.notes)) == ({}, 1)
    assert "revision a2" in done.notes[0]
    assert comparing.differences(app) == []
    assert "claim_status_more" in tables(app)
    shown = plugins_page(app)
    assert "revision a2" in shown
    assert "Rolled back" in shown
    rows = {row["name"]: row for row in json.loads(listed(app, monkeypatch, "--json").stdout)}
    assert {name: row["state"] for name, row in rows.items()} == {
        "tax_ids": "loaded",
        "profiles": "loaded",
        "remittance": "loaded",
        "claim-status": "rolled back",
    }
    assert "revision a2" in rows["claim-status"]["error"]

    def away(_app: Flask) -> dict[str, str]:
        raise sa.exc.OperationalError("", {}, ConnectionRefusedError())

    monkeypatch.setattr(migrations, "rolled_back", away)
    assert "is not known" in listed(app, monkeypatch).stderr
    monkeypatch.undo()
    World(app).person("a.clerk", applications=("claim-status",))
    World(app).enable("claim-status", "physician")
    assert World(app).sign_in("a.clerk").get("/apps/claim-status/").status_code == 200


BAD: dict[str, tuple[dict[str, str], str]] = {
    "no revision": ({"README.txt": "soon"}, "has no revision"),
    "two of one id": ({"a.py": revision("a1"), "b.py": revision("a1")}, "two files are revision 'a1'"),
    "two starts": ({"a.py": revision("a1"), "b.py": revision("b1")}, "not one chain"),
    "two ends": (FIRST | {"b.py": revision("b1", after="a1"), "c.py": revision("c1", after="a1")}, "not one chain"),
    "after another's": ({"a.py": revision("a1", after="1795316396")}, "not among the plugin's own"),
    "depends on another's": ({"a.py": revision("a1", more='depends_on = "core"')}, "leave it out"),
    "another's label": ({"a.py": revision("a1", more='branch_labels = ("remittance",)')}, "the label 'remittance'"),
    "no Python": ({"a.py": "def ("}, "SyntaxError"),
    "ends the process": ({"a.py": "raise SystemExit(3)"}, "SystemExit: 3"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_migrations_leave_the_plugin_out(case: str, sqlite_app: Flask, make_app: MakeApp, tmp_path: Path) -> None:
    files, words = BAD[case]
    url = sqlite_app.extensions["hp_portal.settings"].database_url
    app = make_app(url, extra_plugins={"claim-status": write_plugin(tmp_path, "claim-status", migrations=files)})
    assert words in plugins_of(app).states["claim-status"].error
    status, text = ready(app)
    assert status == 503
    assert "the migrations of the plugin claim-status cannot be used" in text
    assert words in text
    done = migrations.upgrade(app)
    assert words in done.failed["claim-status"]
    assert words.split(":")[0].replace("'", "&#39;") in plugins_page(app)
    World(app).person("a.clerk")
    client = World(app).sign_in("a.clerk")
    assert client.get("/apps/tax-id-npi-access/").status_code == 200
    assert client.get("/apps/claim-status/").status_code == 404


def test_no_revision_is_written_for_a_plugin_that_is_not_loaded(
    sqlite_app: Flask, make_app: MakeApp, tmp_path: Path
) -> None:
    """Without its models the revision would drop every table it has."""
    plugin = write_plugin(tmp_path, "claim-status", migrations=FIRST)
    url = sqlite_app.extensions["hp_portal.settings"].database_url
    app = make_app(url, extra_plugins={"claim-status": plugin})
    plugins_of(app).leave_out("claim-status", "import: SyntaxError")
    with pytest.raises(ConfigurationError, match="not loaded: import: SyntaxError"):
        comparing.make_revision(app, "claim-status", "more")
    assert len(list(tmp_path.rglob("migrations/*.py"))) == 1


def test_the_first_revision_makes_the_folder_and_an_unknown_plugin_gets_none(
    sqlite_app: Flask, make_app: MakeApp, tmp_path: Path
) -> None:
    url = sqlite_app.extensions["hp_portal.settings"].database_url
    app = make_app(url, extra_plugins={"claim-status": write_plugin(tmp_path, "claim-status")})
    assert Path(comparing.make_revision(app, "claim-status", "first")).parent.name == "migrations"
    with pytest.raises(ConfigurationError, match="no plugin 'claims-status' that could have migrations"):
        comparing.make_revision(app, "claims-status", "first")


def test_a_label_of_its_own_is_fine(sqlite_app: Flask, make_app: MakeApp, tmp_path: Path) -> None:
    files = {"a.py": revision("a1", more='branch_labels = ("claim_status",)')}
    url = sqlite_app.extensions["hp_portal.settings"].database_url
    app = make_app(url, extra_plugins={"claim-status": write_plugin(tmp_path, "claim-status", migrations=files)})
    assert plugins_of(app).states["claim-status"].loaded
    assert ready(app) == (503, "the database needs `hp-portal db upgrade` (claim-status)\n")


def test_a_setting_leaves_a_plugin_out(
    sqlite_app: Flask, make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even one whose migrations are bad: the portal is ready again without uninstalling it."""
    plugin = write_plugin(tmp_path, "claim-status", migrations={"a.py": "raise SystemExit(3)"})
    url = sqlite_app.extensions["hp_portal.settings"].database_url
    app = make_app(url, extra_plugins={"claim-status": plugin}, plugins_left_out="remittance, claim-status, dentl")
    assert [key for key, state in plugins_of(app).states.items() if state.left_out] == ["remittance", "claim-status"]
    assert ready(app) == (200, "ready\n")
    assert migrations.upgrade(app).failed == {}
    assert comparing.differences(app) == []
    shown = plugins_page(app)
    assert shown.count("Left out") == 2
    assert "HP_PORTAL_PLUGINS_LEFT_OUT names dentl." in shown, "and nothing is stopped by it"
    said = listed(app, monkeypatch).output
    assert "HP_PORTAL_PLUGINS_LEFT_OUT names dentl, which is not installed." in said
    assert said.count("left out") == 2
    World(app).person("a.clerk")
    client = World(app).sign_in("a.clerk")
    assert client.get("/apps/remittance/").status_code == 404
    assert client.get("/apps/tax-id-npi-access/").status_code == 200


MODEL = """
from hp_portal.api import Base, Shared, key
from sqlalchemy.orm import Mapped

class Thing{unique}(Base, Shared):
    __tablename__ = "{table}"
    __shared__ = "a trial"
    id: Mapped[key]
"""


def test_tables_are_called_after_their_plugin(sqlite_app: Flask, make_app: MakeApp, tmp_path: Path) -> None:
    body = MODEL.format(unique=abs(hash(tmp_path)), table="elsewhere_thing")
    plugin = write_plugin(tmp_path, "claim-status", migrations=FIRST, body=body)
    app = make_app(sqlite_app.extensions["hp_portal.settings"].database_url, extra_plugins={"claim-status": plugin})
    assert "'elsewhere_thing' must be called claim_status_…" in plugins_of(app).states["claim-status"].error
    assert comparing.differences(app) == []


def test_a_key_that_the_portals_own_tables_begin_with(sqlite_app: Flask, make_app: MakeApp, tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path, "person", migrations={"a.py": revision("a1", table("person_x"))})
    app = make_app(sqlite_app.extensions["hp_portal.settings"].database_url, extra_plugins={"person": plugin})
    assert "choose another key" in plugins_of(app).states["person"].error


STEPS_OUTSIDE = {
    "a table of another name": table("elsewhere"),
    "a column of the portal's": 'op.add_column("organization", sa.Column("trial", sa.Integer()))',
    "an index on the portal's": 'op.create_index("ix_claim_status_name", "organization", ["name"])',
    "a table of the portal's": 'op.drop_table("attempt")',
    "failing half way": f"{table('claim_status_note')}; 1 / 0",
    "ending the process half way": f"{table('claim_status_note')}; exit(1)",
}


@pytest.mark.parametrize("case", STEPS_OUTSIDE)
def test_an_upgrade_that_fails_or_steps_outside_is_undone(
    case: str, database_url: str, make_app: MakeApp, tmp_path: Path
) -> None:
    bad = write_plugin(tmp_path, "claim-status", migrations={"a.py": revision("a1", STEPS_OUTSIDE[case])})
    good = write_plugin(tmp_path, "zeta", migrations={"z.py": revision("z1", table("zeta_thing"))})
    app = make_app(database_url, extra_plugins={"claim-status": bad, "zeta": good})
    before = tables(app)
    columns = sa.inspect(database_of(app).engine).get_columns("organization")
    done = migrations.upgrade(app)
    assert done.failed.keys() == {"claim-status"}
    assert tables(app) == before | {"zeta_thing", "zeta_alembic_version"}
    assert len(sa.inspect(database_of(app).engine).get_columns("organization")) == len(columns)


def test_readyz_has_words_when_the_database_does_not_answer(make_app: MakeApp) -> None:
    app = make_app("postgresql://nobody@127.0.0.1:1/none")
    assert PortalClient(app).get("/healthz").text == "ok\n"
    assert ready(app) == (503, "the database does not answer\n")


def test_a_database_newer_than_the_portal(database_url: str, make_app: MakeApp) -> None:
    app = make_app(database_url)
    with database_of(app).engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'f9'"))
    status, text = ready(app)
    assert status == 503
    assert "revision f9, which this version of the portal does not know" in text


def test_one_version_table_for_all_is_split(
    database_kind: str, databases: Databases, tmp_path: Path, make_app: MakeApp
) -> None:
    """As it was: a plugin's row stood for the core's that it depended on, and a removed plugin's row stayed."""
    url = databases.new_empty(database_kind, tmp_path)
    app = make_app(url)
    migrations.upgrade(app)
    core, remittance = (migrations.chains_of(app)[key] for key in ("core", "remittance"))
    with database_of(app).engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :head"), {"head": remittance.head})
        connection.execute(sa.text("INSERT INTO alembic_version VALUES (:head), ('1700000001')"), {"head": core.head})
        connection.execute(sa.text("DROP TABLE remittance_alembic_version"))
    done = migrations.upgrade(app)
    assert done.notes == ["Revision 1700000001 belongs to no installed plugin; its tables stay as they are."]
    with database_of(app).engine.connect() as connection:
        assert (core.applied(connection), remittance.applied(connection)) == (core.head, remittance.head)
    databases.drop(url)


def test_a_split_keeps_the_revision_of_a_plugin_that_must_be_mended_first(
    database_kind: str, databases: Databases, tmp_path: Path, make_app: MakeApp
) -> None:
    """A plugin written for the one version table says `depends_on`, which has to go before it can be used again."""
    url = databases.new_empty(database_kind, tmp_path)
    mended = write_plugin(tmp_path / "mended", "claim-status", migrations=FIRST)
    app = install(make_app, url, claim_status=mended)
    core = migrations.chains_of(app)["core"]
    with database_of(app).engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE claim_status_alembic_version"))
        connection.execute(sa.text("INSERT INTO alembic_version VALUES ('a1')"))
    as_it_was = {"a1_first.py": revision("a1", table("claim_status_note"), more='depends_on = "core"')}
    old = write_plugin(tmp_path / "old", "claim-status", migrations=as_it_was)
    done = migrations.upgrade(make_app(url, extra_plugins={"claim-status": old}))
    assert done.notes == []
    assert "depends_on" in done.failed["claim-status"]
    app = make_app(url, extra_plugins={"claim-status": mended})
    assert migrations.upgrade(app).failed == {}
    with database_of(app).engine.connect() as connection:
        assert migrations.chains_of(app)["claim-status"].applied(connection) == "a1"
        assert core.applied(connection) == core.head
    databases.drop(url)


@pytest.fixture(autouse=True)
def no_trial_modules() -> object:
    yield
    for name in [name for name in sys.modules if name.startswith("trial_plugin_")]:
        del sys.modules[name]
