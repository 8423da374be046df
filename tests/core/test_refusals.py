"""Refusals: noted for every page, told apart from slips by the worker, without a trace in answers; staff are warned."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Blueprint, abort
from flask.typing import ResponseReturnValue

from hp_portal.api import Application, Audience, Permission, access, db_session, hookimpl
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.audit.record import Who
from hp_portal.core.audit.shown import read_spans
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.core.refusals import judging, noting
from hp_portal.core.refusals.models import Refusal
from hp_portal.worker import all_jobs
from tests import sample_plugin
from tests.conftest import MakeApp
from tests.core.test_staff_home import waiting
from tests.sample_plugin.notes import Note
from tests.support.client import PortalClient, tree_of
from tests.support.clock import Clock
from tests.support.databases import database_of, prepare_database
from tests.support.html import text_of
from tests.support.scenes import scenes_of
from tests.support.world import World

pytestmark = pytest.mark.either_database

NOTE = "/apps/sample/notes/{}"
STAFF = ("staff:console:open", "staff:activity:search", "staff:refusals:read", "staff:people:search")


class Two:
    """Two organizations with a note each, and somebody of the first signed in."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.mine, self.others = world.organization("Aspen Clinic"), world.organization("Birch Clinic")
        world.person("a.clerk", organization=self.mine, name="Ann Clerk")
        self.client = world.sign_in("a.clerk")
        self.own_note, self.foreign = self.note(self.mine), self.note(self.others)
        self.missing = self.foreign + 1000

    def note(self, organization: Organization) -> int:
        with self.world.session() as session:
            note = Note(organization_id=organization.id, text="A note")
            session.add(note)
        return note.id

    def judged(self) -> None:
        with self.world.session() as session:
            judging.judge(session)


@pytest.fixture
def two(sample_world: World, clock: Clock) -> Two:
    return Two(sample_world)


def events(world: World, key: str) -> list[dict[str, Any]]:
    with world.session() as session:
        found = session.scalars(sa.select(AuditEvent.fields).where(AuditEvent.event == key).order_by(AuditEvent.id))
        return [json.loads(fields) for fields in found]


def noted(world: World) -> list[tuple[str, str, str]]:
    """Every refusal: kind, page, whose."""
    with world.session() as session:
        rows = session.execute(sa.select(Refusal.kind, Refusal.page, Refusal.whose).order_by(Refusal.id))
        return [(kind, page, whose) for kind, page, whose in rows]


def test_another_organization_s_row_is_recorded_and_one_that_is_not_there_is_not(two: Two) -> None:
    assert two.client.get(NOTE.format(two.own_note)).status_code == 200
    for note in (two.foreign, two.missing, two.foreign):
        assert two.client.get(NOTE.format(note)).status_code == 404
    assert noted(two.world) == [("row", "sample.note", "")] * 3
    two.judged()
    assert [whose for _, _, whose in noted(two.world)] == ["others", "nobodys", "others"]
    (event,) = events(two.world, "access.row.refused")
    assert (event["page"], event["table"], event["times"]) == ("sample.note", "sample_note", 2)
    assert read_spans(event["rows"]) == [two.foreign]
    with two.world.session() as session:
        row = session.scalars(sa.select(AuditEvent).where(AuditEvent.event == "access.row.refused")).one()
        assert row.organization_id == two.mine.id
        assert row.request_id
        assert row.sign_in_id
        assert row.address


def test_a_row_that_was_one_s_own_a_moment_ago_is_judged_as_it_is_now(two: Two) -> None:
    two.client.get(NOTE.format(two.foreign))
    with two.world.session() as session:
        session.get_one(Note, two.foreign).organization_id = two.mine.id
    two.judged()
    assert noted(two.world) == [("row", "sample.note", "nobodys")]


@pytest.mark.parametrize("fragment", [False, True])
def test_nothing_in_the_work_of_a_request_tells_foreign_from_missing(two: Two, fragment: bool) -> None:
    """The same statements, commits and rollbacks in the same order: there is nothing to measure."""
    engine = database_of(two.world.app).engine
    done: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *given: done.append(given[2]))
    sa.event.listen(engine, "commit", lambda _connection: done.append("commit"))
    sa.event.listen(engine, "rollback", lambda _connection: done.append("rollback"))

    def work(note: int) -> list[str]:
        done.clear()
        answer = two.client.get(NOTE.format(note), fragment=fragment)
        return [str(answer.status_code), *done]

    work(two.missing)
    for _ in range(3):
        assert work(two.foreign) == work(two.missing)
    assert len(work(two.foreign)) > 5
    assert any("INSERT INTO refusal" in statement for statement in done)


def test_the_person_learns_nothing_from_their_own_activity(two: Two) -> None:
    two.client.get(NOTE.format(two.foreign))
    two.judged()
    assert len(events(two.world, "access.row.refused")) == 1
    page = two.client.get("/my-activity").text
    assert "another organization" not in page
    # Nor from how many there are.
    assert "Events 0 to 0 of 0" in page


def test_many_are_one_event_and_one_more_at_the_end(two: Two, clock: Clock) -> None:
    notes = [two.note(two.others) for _ in range(30)]
    for note in notes[:2]:
        two.client.get(NOTE.format(note))
    two.judged()
    for note in notes[2:]:
        two.client.get(NOTE.format(note))
        two.judged()
    assert [event["times"] for event in events(two.world, "access.row.refused")] == [2]
    clock.advance(minutes=15, seconds=1)
    two.judged()
    first, rest = events(two.world, "access.row.refused")
    assert rest["times"] == 28
    assert read_spans(first["rows"]) + read_spans(rest["rows"]) == notes
    two.judged()
    assert len(events(two.world, "access.row.refused")) == 2


def test_a_flood_is_kept_within_bounds(two: Two, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(noting, "MOST", 5)
    for _ in range(8):
        assert two.client.get(NOTE.format(two.foreign)).status_code == 404
    assert len(noted(two.world)) == 5
    clock.advance(minutes=16)
    two.client = two.world.sign_in("a.clerk")
    two.client.get(NOTE.format(two.foreign))
    assert len(noted(two.world)) == 6


def test_pages_that_one_may_not_open_are_recorded_at_once(two: Two) -> None:
    assert two.client.get("/staff/").status_code == 404
    assert two.client.get("/staff/activity").status_code == 404
    two.world.person("no.app", organization=two.mine, applications=["remittance"])
    assert two.world.sign_in("no.app").get("/apps/sample/").status_code == 403
    two.world.disable("sample", "physician")
    assert two.client.get("/apps/sample/").status_code == 404
    two.world.staff("s.staff", permissions=["staff:console:open"])
    assert two.world.sign_in("s.staff").get("/staff/activity").status_code == 403
    assert [(event["page"], event["why"]) for event in events(two.world, "access.page.refused")] == [
        ("staff.console", "not allowed"),
        ("staff.activity", "not allowed"),
        ("sample.index", "not given to the person"),
        ("sample.index", "not enabled for the organization"),
        ("staff.activity", "not allowed"),
    ]
    assert [kind for kind, _, _ in noted(two.world)] == ["page", "page", "application", "application", "page"]
    assert "Was refused a page of the staff console: not allowed" in two.client.get("/my-activity").text


def test_what_is_no_refusal_is_not_noted(two: Two) -> None:
    for address in ("/no-such-page", "/help/no-such-topic", "/apps/sample/?page=99", "/apps/sample/notes/x", "/go"):
        assert two.client.get(address).status_code == 404
    stranger: PortalClient = two.world.client()
    assert stranger.get(NOTE.format(two.foreign)).status_code == 303
    assert noted(two.world) == []


def test_a_lost_database_does_not_change_the_answer(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object, **__: object) -> None:
        raise sa.exc.OperationalError("insert", {}, Exception("gone"))

    monkeypatch.setattr(noting, "note_refusal", gone)
    assert two.client.get(NOTE.format(two.foreign)).status_code == 404
    assert noted(two.world) == []


class Vaults:
    """A plugin whose addresses call a note otherwise, and whose view refuses by itself after it has written."""

    @hookimpl
    def portal_application(self) -> Application:
        blueprint = Blueprint("vaults", __name__)

        @blueprint.get("/")
        @access.requires("vaults:vault:read")
        def index() -> ResponseReturnValue:
            db_session().add(Note(organization_id=1, text="not committed"))
            db_session().flush()
            return abort(403)

        @blueprint.get("/<id:number>/<id:other>")
        @access.requires("vaults:vault:read")
        def vault(number: int, other: int) -> ResponseReturnValue:
            return abort(404)

        permission = Permission("vaults:vault:read", "Read")
        return Application(
            key="vaults",
            label="Vaults",
            summary="",
            weight=9,
            blueprint=blueprint,
            index="vaults.index",
            permissions=(permission,),
            starts_enabled_for=frozenset(Audience),
            rows={"number": Note},
        )


def test_a_plugin_says_what_its_addresses_name(database_url: str, make_app: MakeApp) -> None:
    app = make_app(database_url, extra_plugins={"sample": sample_plugin, "vaults": Vaults()})
    prepare_database(app)
    two = Two(World(app))
    assert two.client.get(f"/apps/vaults/{two.foreign}/{two.own_note}").status_code == 404
    assert two.client.get("/apps/vaults/").status_code == 403
    two.judged()
    assert noted(two.world) == [("row", "vaults.vault", "others"), ("page", "vaults.index", "")]


def test_every_row_that_one_organization_owns_is_known_by_its_address(sample_world: World) -> None:
    """For plugins with a scene: nobody has to say it."""
    from hp_portal.core.refusals.rows import _models

    app = sample_world.app
    plugins = {one.key: one for one in app.extensions["hp_portal.plugins"].applications}
    scenes = scenes_of(app)
    assert scenes
    for key, scene in scenes.items():
        assert set(scene.owned) <= set(_models(app, plugins[key])), key


def test_staff_are_warned_when_it_is_no_slip(two: Two) -> None:
    two.world.staff("s.staff", permissions=STAFF)
    staff = two.world.sign_in("s.staff")
    for _ in range(4):
        two.client.get(NOTE.format(two.foreign))
    for _ in range(20):
        two.client.get(NOTE.format(two.missing))
    two.judged()
    assert waiting(staff) == []
    two.client.get("/staff/")
    assert waiting(staff) == [("1 person was refused often", "/staff/refusals", "warn")]
    (row,) = [row for row in tree_of(staff.get("/staff/refusals")).iter("tr") if "Ann Clerk" in text_of(row)]
    words = text_of(row)
    for said in (
        "Often",
        "Aspen Clinic",
        "4 records of other organizations",
        "1 page they may not open",
        "20 records that do",
    ):
        assert said in words
    (link,) = [link.get("href") or "" for link in row.iter("a") if text_of(link) == "Activity"]
    found = text_of(tree_of(staff.get(link)))
    assert "Asked 4 times for what another organization has, on a page of Sample notes" in found
    assert "Refusals of every kind" in found
    assert "Events 1 to 2 of 2" in found
    assert events(two.world, "staff.refusals.viewed") == [{"shown": 1}]


def test_blocked_payment_numbers_are_no_slip(two: Two) -> None:
    two.world.staff("s.staff", permissions=STAFF)
    staff = two.world.sign_in("s.staff")
    with two.world.session() as session:
        person = session.scalars(sa.select(Person).where(Person.username == "a.clerk")).one()
        for _ in range(5):
            noting.note_refusal(session, noting.PROOF, Who(person.id, two.mine.id))
        noting.note_refusal(session, noting.PROOF, Who())  # nobody signed in, nobody to name
    assert [words for words, _, _ in waiting(staff)] == ["1 person was refused often"]
    assert "5 payment numbers, blocked after too many wrong ones" in text_of(tree_of(staff.get("/staff/refusals")))


def test_very_many_that_are_not_there_are_no_slip(two: Two) -> None:
    two.world.staff("s.staff", permissions=STAFF)
    staff = two.world.sign_in("s.staff")
    for _ in range(25):
        two.client.get(NOTE.format(two.missing))
    assert [words for words, _, _ in waiting(staff)] == ["1 person was refused often"]


def test_a_warning_ends_and_the_record_stays(two: Two, clock: Clock) -> None:
    two.world.staff("s.staff", permissions=STAFF)
    for _ in range(5):
        two.client.get(NOTE.format(two.foreign))
    two.judged()
    clock.advance(hours=24, minutes=1)
    staff = two.world.sign_in("s.staff")
    assert waiting(staff) == []
    assert "Nobody was refused" in staff.get("/staff/refusals").text
    clock.advance(days=30)
    (job,) = [job for job in all_jobs(two.world.app) if job.key == "refusals.forget"]
    with two.world.session() as session:
        job.run(session)
    assert noted(two.world) == []
    assert len(events(two.world, "access.row.refused")) == 1
