"""The plugin manager: every hook and convention in use, and failures that stay their owner's."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Blueprint, Flask

import tests.sample_plugin as sample
from hp_portal import migrations
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.jobs.models import PluginFailure
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.database import PortalSession
from hp_portal.hookspecs import Application, PaymentProof, hookimpl
from hp_portal.plugins import Plugins
from hp_portal.settings import ConfigurationError
from hp_portal.worker import run_once
from tests.conftest import MakeApp
from tests.sample_plugin import views as sample_views
from tests.sample_plugin.notes import Note
from tests.support import client as portal_client
from tests.support.databases import prepare_database
from tests.support.identifiers import make_tin
from tests.support.world import World


def plugin(**hooks: Any) -> ModuleType:
    module = ModuleType("broken")
    for name, function in hooks.items():
        # A copy: the mark stays on the function, and one function serves several hooks here.
        copy = FunctionType(function.__code__, function.__globals__, name, None, function.__closure__)
        setattr(module, name, hookimpl(copy, specname=name))
    return module


def plugins_of(app: Flask) -> Plugins:
    found: Plugins = app.extensions["hp_portal.plugins"]
    return found


def clerk(world: World, name: str = "a.clerk") -> portal_client.PortalClient:
    world.person(name, applications=("sample", "tax-id-npi-access"))
    return world.sign_in(name)


def test_portal_application_pages_fragments_and_menu(sample_world: World) -> None:
    client = clerk(sample_world)
    assert "Sample notes" in client.get("/").text
    assert client.post("/apps/sample/", {"text": "Call the lab"}).status_code == 303
    assert "Call the lab" in client.get("/apps/sample/").text
    fragment = client.get("/apps/sample/", fragment=True).text
    assert "Call the lab" in fragment
    assert "<h1" not in fragment
    stranger = clerk(sample_world, "b.clerk")
    assert "Call the lab" not in stranger.get("/apps/sample/").text
    with sample_world.session() as session:
        note = session.scalars(sa.select(Note)).one()
    assert client.get(f"/apps/sample/notes/{note.id}").status_code == 200
    assert stranger.get(f"/apps/sample/notes/{note.id}").status_code == 404


def test_public_and_staff_pages(sample_world: World) -> None:
    assert sample_world.client().get("/sample/about").status_code == 200
    sample_world.staff("a.counter", permissions=("staff:console:open", "sample:note:count"))
    sample_world.staff("a.stranger", permissions=("staff:console:open",))
    client = sample_world.sign_in("a.counter")
    assert client.get("/staff/sample/count").status_code == 200
    console = client.get("/staff/").text
    assert "/staff/sample/count" in console
    assert "How many there are" in console
    stranger = sample_world.sign_in("a.stranger")
    assert stranger.get("/staff/sample/count").status_code == 403
    assert "/staff/sample/count" not in stranger.get("/staff/").text


def test_an_application_starts_enabled_for_its_provider_types(sample_world: World) -> None:
    dental = sample_world.organization(audience="dental")
    sample_world.person("d.clerk", organization=dental, applications=("sample",))
    client = sample_world.sign_in("d.clerk")
    assert client.get("/apps/sample/").status_code == 404
    sample_world.enable("sample", "dental")
    assert client.get("/apps/sample/").status_code == 200


def test_static_files_and_help(sample_world: World) -> None:
    client = sample_world.client()
    tree = portal_client.tree_of(client.get("/sample/about"))
    sheet = next(link.get("href") for link in tree.iter("link") if "sample" in (link.get("href") or ""))
    assert sheet is not None
    response = client.get(sheet)
    assert (response.status_code, response.mimetype) == (200, "text/css")
    response.close()
    assert "Notes are for your own organization" in client.get("/help/sample-notes").text


def test_portal_verify_payment_proves_a_payee(sample_world: World) -> None:
    payee = sample_world.payee(tin=make_tin(77))
    client = clerk(sample_world)
    proof = {"tin": make_tin(77), "npi": payee.npi, "number": "SAMPLE-1"}
    assert client.post("/apps/tax-id-npi-access/add", {**proof, "number": "SAMPLE-2"}).status_code == 422
    assert client.post("/apps/tax-id-npi-access/add", proof).status_code == 303
    with sample_world.session() as session:
        assert session.scalars(sa.select(Grant.payee_id)).all() == [payee.id]


def test_portal_event_comes_with_the_commit(sample_world: World) -> None:
    sample.events.clear()
    client = clerk(sample_world)
    client.post("/apps/sample/", {"text": "  One  "})
    assert [event.key for event in sample.events] == ["sample.note.written"]
    with sample_world.session() as session:
        note = session.get_one(Note, sample.events[0].ids["note"])
        assert note.text == "One", "the hook has written in the same transaction"
        assert session.scalar(sa.select(sa.func.count(AuditEvent.id)).where(AuditEvent.event == "sample.note.written"))


def test_portal_jobs_are_run_by_the_worker(sample_world: World) -> None:
    organization = sample_world.organization()
    with sample_world.session() as session:
        session.add_all(Note(organization_id=organization.id, text=text) for text in ("", "kept"))
    assert run_once(sample_world.app)
    with sample_world.session() as session:
        assert session.scalars(sa.select(Note.text)).all() == ["kept"]


def test_portal_demo_loads_data_and_names_checks(sample_world: World) -> None:
    sample_world.organization("Sample Clinic")
    with sample_world.session() as session:
        answers = dict(plugins_of(sample_world.app).collect("portal_demo", session=session))
    assert [(check.number, check.organization) for check in answers["sample"]] == [("SAMPLE-1", "Sample Clinic")]


def test_commands_hang_on_the_blueprint(sample_world: World) -> None:
    runner = sample_world.app.test_cli_runner()
    assert "Hello from the sample." in runner.invoke(sample_views.blueprint.cli, ["hello"]).output


def test_migrations_of_a_plugin_are_on_the_path(sample_world: World) -> None:
    with sample_world.app.app_context():
        assert migrations.is_current(sample_world.app)
    assert sa.inspect(sample_world.database.engine).has_table("sample_note")


# Failures


def boom(*_arguments: object) -> Any:
    raise RuntimeError("the plugin is broken")


def boom_with_session(session: PortalSession, proof: PaymentProof) -> Any:
    """Fails in the middle of writing, with a statement that PostgreSQL ends the transaction for."""
    session.add(Organization(name="Half written", audience="physician", created_at=None))
    session.flush()


def bad_blueprint() -> Application:
    blueprint = Blueprint("bad", "bad")
    blueprint.record(boom)
    return Application("bad", "Bad", "", 1, blueprint, "bad.index")


def wrapper() -> Iterator[None]:
    yield


BROKEN = {
    "raises": plugin(portal_application=boom),
    "answers with something else": plugin(portal_application=lambda: {"key": "bad"}),
    "answers with a blueprint that cannot be mounted": plugin(portal_application=bad_blueprint),
    "has a hook nobody calls": plugin(portal_no_such_hook=boom),
    "asks for an argument the hook has not": plugin(portal_event=lambda payment: None),
}


@pytest.mark.parametrize("case", BROKEN)
def test_the_portal_runs_without_a_plugin_that_does_not_load(case: str, sqlite_app: Flask, make_app: MakeApp) -> None:
    url = sqlite_app.extensions["hp_portal.settings"].database_url
    app = make_app(url, extra_plugins={"bad": BROKEN[case]})
    state = plugins_of(app).states["bad"]
    assert not state.loaded
    assert state.error
    assert state.application is None
    world = World(app)
    assert clerk_of(world).get("/apps/tax-id-npi-access/").status_code == 200
    world.staff("a.keeper", permissions=("staff:console:open", "staff:plugins:read"))
    shown = world.sign_in("a.keeper").get("/staff/plugins").text
    assert state.error.split(":")[0] in shown


def clerk_of(world: World) -> portal_client.PortalClient:
    world.person("a.clerk")
    return world.sign_in("a.clerk")


def test_wrappers_are_refused_as_hooks_are_called_one_by_one(sqlite_app: Flask, make_app: MakeApp) -> None:
    module = ModuleType("wrapper")
    module.portal_jobs = hookimpl(wrapper, wrapper=True, specname="portal_jobs")  # type: ignore[attr-defined]
    url = sqlite_app.extensions["hp_portal.settings"].database_url
    state = plugins_of(make_app(url, extra_plugins={"bad": module})).states["bad"]
    assert "wrapper" in state.error


class Entry:
    """An installed plugin's entry point."""

    def __init__(self, name: str, module: str) -> None:
        self.name, self.module = name, module
        self.dist = None

    def load(self) -> Any:
        raise ImportError("No module named 'something_missing'")


def test_a_plugin_that_cannot_be_imported_keeps_its_migrations(
    sqlite_app: Flask, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tables are in the database: without its branch the whole database would look unknown."""
    entry = Entry("remittance", "hp_portal_plugins.remittance")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [entry])
    app = make_app(sqlite_app.extensions["hp_portal.settings"].database_url)
    state = plugins_of(app).states["remittance"]
    place = f"(test_plugins.py, line {_line_of('raise ImportError')})"
    assert not state.loaded
    assert state.error == f"import: ImportError: No module named 'something_missing' {place}"
    with app.app_context():
        assert migrations.is_current(app)
    world = World(app)
    world.staff("a.keeper", permissions=("staff:console:open", "staff:plugins:read"))
    assert "something_missing" in world.sign_in("a.keeper").get("/staff/plugins").text
    assert world.client().get("/").status_code == 200


def _line_of(text: str) -> int:
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.strip().startswith(text))


def test_a_failing_hook_is_skipped_noted_and_leaves_nothing_behind(database_url: str, make_app: MakeApp) -> None:
    broken = plugin(portal_event=boom, portal_jobs=boom, portal_demo=boom, portal_verify_payment=boom_with_session)
    app = make_app(database_url, extra_plugins={"broken": broken, "sample": sample})
    prepare_database(app)
    world = World(app)
    payee = world.payee(tin=make_tin(78))
    client = clerk(world)
    proof = {"tin": make_tin(78), "npi": payee.npi, "number": "SAMPLE-1"}
    assert client.post("/apps/tax-id-npi-access/add", proof).status_code == 303
    with world.session() as session:
        failed = session.scalars(sa.select(PluginFailure.place).where(PluginFailure.plugin == "broken")).all()
        assert set(failed) == {"portal_verify_payment", "portal_event"}
        assert session.scalar(sa.select(sa.func.count(Grant.id))) == 1
        assert session.scalar(sa.select(sa.func.count(Organization.id)).where(Organization.name == "Half written")) == 0
        assert "sample" in dict(plugins_of(app).collect("portal_demo", session=session))
    assert run_once(app)


def test_collect_goes_by_registration_and_priority(sqlite_app: Flask, make_app: MakeApp) -> None:
    def answering(**options: bool) -> ModuleType:
        def answer() -> list[object]:
            return []

        module = ModuleType("x")
        module.portal_jobs = hookimpl(answer, specname="portal_jobs", **options)  # type: ignore[attr-defined]
        return module

    extra = {"a": answering(trylast=True), "b": answering(), "c": answering(), "d": answering(tryfirst=True)}
    app = make_app(sqlite_app.extensions["hp_portal.settings"].database_url, extra_plugins=extra)
    order = [name for name, _ in plugins_of(app).collect("portal_jobs") if name in extra]
    assert order == ["d", "b", "c", "a"]


def test_folders_entry_points_and_the_installed_ones_agree() -> None:
    """A new plugin needs its line in pyproject.toml and a fresh `pip install -e .`."""
    import tomllib

    root = Path(__file__).parents[2]
    folders = {path.parent.name for path in (root / "plugins").glob("*/__init__.py")}
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["hp_portal"] == {name: f"hp_portal_plugins.{name}" for name in folders}
    installed = {entry.name: entry.value for entry in importlib.metadata.entry_points(group="hp_portal")}
    assert installed == project["entry-points"]["hp_portal"]


def test_a_duplicate_key_stops_the_start(sqlite_app: Flask, make_app: MakeApp) -> None:
    url = sqlite_app.extensions["hp_portal.settings"].database_url
    twin = plugin(portal_application=sample.portal_application)
    with pytest.raises(ConfigurationError, match="both claim"):
        make_app(url, extra_plugins={"sample": sample, "twin": twin})
