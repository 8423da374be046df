"""Drafts: who finds them, who is told of their end, and what becomes of them, with the sample plugin's form."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from hp_portal.core.applications.mounting import check_drafts
from hp_portal.core.attachments.models import AttachedFile
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.drafts.models import Draft, DraftVisit
from hp_portal.core.drafts.tending import hand_over_drafts
from hp_portal.core.identity.models import Person
from hp_portal.draft_kinds import DraftKind
from hp_portal.hookspecs import Application, Permission
from hp_portal.settings import ConfigurationError
from hp_portal.worker import all_jobs, run_job
from tests.support.client import PortalClient, tree_of, words_of
from tests.support.clock import Clock
from tests.support.drafts import draft_row
from tests.support.html import text_of
from tests.support.messages import mails
from tests.support.wizards import REPORT, WHAT, begin, filled, hidden, path_of, save
from tests.support.world import PASSWORD, World

NOON = dt.datetime(2026, 6, 1, 17, tzinfo=dt.UTC)


@pytest.fixture
def world(sample_world: World, clock: Clock) -> World:
    clock.set(NOON)
    return sample_world


def tend(world: World) -> None:
    job = next(one for one in all_jobs(world.app) if one.key == "drafts.tend")
    with world.app.app_context():
        assert run_job(world.app, job)


def events(world: World) -> list[str]:
    with world.session() as session:
        kinds = sa.select(AuditEvent.event).where(AuditEvent.event.startswith("draft.")).order_by(AuditEvent.id)
        return [kind.removeprefix("draft.") for kind in session.scalars(kinds)]


def home_links(client: PortalClient) -> list[str]:
    return [text_of(one) for one in tree_of(client.get("/")).iter("a") if text_of(one).startswith("Continue: ")]


def test_drafts_are_found_gone_on_with_and_thrown_away(world: World) -> None:
    """By the people of the organization who have the application, and nobody else; what is in them is sealed."""
    clinic = world.organization("Alder Clinic")
    world.person("alder", organization=clinic, name="Alex Alder")
    world.person("birch", organization=clinic, name="Bo Birch")
    world.person("cedar", organization=clinic, applications=("remittance",))
    world.person("elm")
    alder, birch, cedar, elm = (world.sign_in(name) for name in ("alder", "birch", "cedar", "elm"))
    assert "No drafts" in alder.get("/drafts/").text
    begin(alder)
    assert home_links(alder) == [], "one in which nothing was saved is not listed"
    draft = filled(alder, note="SECRETNOTE")
    draft_id = int(draft.rpartition("/")[2])
    assert home_links(alder) == ["Continue: Report a mistake (SECRETNOTE)"]
    assert "by Alex Alder" in words_of(alder.get("/"))
    assert "A colleague has a draft" in words_of(birch.get("/"))
    listed = words_of(birch.get("/drafts/"))
    for words in ("Report a mistake", "SECRETNOTE", "Alex Alder", "Jul 31, 2026"):
        assert words in listed
    assert "SECRETNOTE" in words_of(birch.get(f"{REPORT}/"))
    with world.session() as session:
        row = session.get_one(Draft, draft_id)
        assert b"SECRETNOTE" not in row.contents_sealed + row.title_sealed
    for stranger in (cedar, elm):
        assert "SECRETNOTE" not in stranger.get("/").text + stranger.get("/drafts/").text
        assert stranger.get(f"/drafts/{draft_id}/throw-away").status_code == 404
        assert stranger.post(f"/drafts/{draft_id}/remove").status_code == 404
    assert elm.get(f"{draft}/review").status_code == 404
    assert cedar.get(f"{draft}/review").status_code == 403
    assert birch.get(f"{draft}/review").status_code == 200
    assert "Alex Alder on Jun 1, 2026" in words_of(birch.get(f"/drafts/{draft_id}/throw-away"))
    assert path_of(birch.post(f"/drafts/{draft_id}/remove")) == "/drafts/"
    assert birch.post(f"/drafts/{draft_id}/remove").status_code == 404
    assert alder.get(f"{draft}/review").status_code == 404
    with world.session() as session:
        assert session.scalars(sa.select(AttachedFile)).all() == []
        assert session.scalars(sa.select(DraftVisit).where(DraftVisit.draft_id == draft_id)).all() == []
    assert events(world) == ["started", "started", "saved", "saved", "saved", "opened", "removed"]
    assert "Threw away a draft of “Report a mistake”" in words_of(birch.get("/my-activity"))


def test_what_is_typed_when_the_session_ends_is_saved_after_signing_in(world: World, clock: Clock) -> None:
    world.person("alder")
    client = world.sign_in("alder")
    draft = begin(client)
    page = hidden(client.get(f"{draft}/steps/what"))
    clock.advance(hours=1)
    typed = {**page, **WHAT, "go": "continue"}
    quiet = client.post(f"{draft}/steps/what/keep", {**page, **WHAT}, fragment=True, headers={"HX-Request": "true"})
    assert quiet.status_code == 401
    sent = client.post(f"{draft}/steps/what/save", typed, headers={"Referer": f"http://localhost{draft}/steps/what"})
    to = sent.headers["Location"].partition("next=")[2]
    client.post("/sign-in", {"username": "alder", "password": PASSWORD, "next": to.replace("%2F", "/")})
    again = client.post(to.replace("%2F", "/"), typed)
    assert (again.status_code, again.headers["Location"]) == (307, f"{draft}/steps/what/save")
    assert path_of(client.post(f"{draft}/steps/what/save", typed)) == f"{draft}/steps/when"
    assert 'value="Note 12"' in client.get(f"{draft}/steps/what").text


def test_whoever_has_a_draft_is_warned_before_it_is_deleted(world: World, clock: Clock) -> None:
    """On the home page and by e-mail; saving it once more keeps it; one in which nothing was saved goes after a day."""
    clinic = world.organization("Alder Clinic")
    world.person("alder", organization=clinic, name="Alex Alder")
    world.person("dana", organization=clinic, delegate=True)
    client = world.sign_in("alder")
    begin(client)
    kept, lost = filled(client, note="Kept"), filled(client, note="Lost")
    clock.advance(days=1, minutes=1)
    tend(world)
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Draft)) == 2
    clock.advance(days=51)
    tend(world)
    assert mails(world, "draft_ends") == []
    clock.advance(days=1)
    client = world.sign_in("alder")
    assert "Deleted on Jul 31, 2026" in client.get("/").text
    tend(world)
    tend(world)
    told = [(email, values["until"]) for email, values in mails(world, "draft_ends")]
    assert told == [("alder@office.example", "Jul 31, 2026")] * 2, "once for each"
    save(client, kept, "what", {**WHAT, "note": "Kept again"}, "close")
    clock.advance(days=7)
    tend(world)
    client = world.sign_in("alder")
    assert home_links(client) == ["Continue: Report a mistake (Kept again)"]
    assert client.get(f"{lost}/review").status_code == 404
    with world.session() as session:
        assert len(session.scalars(sa.select(AttachedFile)).all()) == 1
    assert "A draft of “Report a mistake” was deleted: nobody went on with it" in words_of(client.get("/my-activity"))

    # A worker that was away warns first, and deletes a week later all the same.
    clock.advance(days=90)
    tend(world)
    assert len(mails(world, "draft_ends")) == 3
    clock.advance(days=6)
    tend(world)
    assert home_links(world.sign_in("alder")) != []
    clock.advance(days=1)
    tend(world)
    assert home_links(world.sign_in("alder")) == []


def test_a_draft_that_was_sent_is_forgotten_after_a_while(world: World, clock: Clock) -> None:
    world.person("alder")
    client = world.sign_in("alder")
    draft = filled(client)
    to = path_of(client.post(f"{draft}/send"))
    assert home_links(client) == []
    clock.advance(days=59)
    tend(world)
    client = world.sign_in("alder")
    assert path_of(client.post(f"{draft}/send")) == to
    clock.advance(days=1)
    tend(world)
    assert world.sign_in("alder").post(f"{draft}/send").status_code == 404
    assert mails(world, "draft_ends") == []


def test_the_drafts_of_somebody_who_leaves_go_to_a_colleague(world: World) -> None:
    clinic = world.organization("Alder Clinic")
    alder = world.person("alder", organization=clinic)
    birch = world.person("birch", organization=clinic)
    cedar = world.person("cedar", organization=clinic, applications=(), name="Cy Cedar")
    dana = world.person("dana", organization=clinic, delegate=True, name="Dana Delegate")
    with world.app.app_context(), world.session() as session:
        first = draft_row(session, clinic, alder.id).id
        draft_row(session, clinic, alder.id, saved_at=None)
        assert hand_over_drafts(session, alder.id, session.get_one(Person, birch.id)) == ["1 draft"]
        assert session.get_one(Draft, first).person_id == birch.id
        words = hand_over_drafts(session, birch.id, session.get_one(Person, cedar.id))
        assert words == ["1 draft, which Dana Delegate has now"]
        assert session.get_one(Draft, first).person_id == dana.id
        assert hand_over_drafts(session, dana.id, session.get_one(Person, cedar.id)) == []
        assert session.get_one(Draft, first).person_id == dana.id, "it stays with the organization"


def test_a_kind_of_drafts_that_cannot_be_stops_the_start(world: World) -> None:
    directory = world.app.extensions["hp_portal.directory"]
    plugins = world.app.extensions["hp_portal.plugins"]
    own = next(one for one in plugins.applications if one.key == "sample")
    for kind, said in (
        (DraftKind("other.report", "Report", "sample:note:read", "sample.report_go_on"), "must start with 'sample'"),
        (DraftKind("sample.x", "Report", "sample:note:write", "sample.report_go_on"), "does not declare"),
        (DraftKind("sample.x", "Report", "sample:note:read", "sample.index"), "no page of the application that takes"),
        (DraftKind("sample.x", "Report", "sample:note:read", "drafts.ask"), "no page of the application that takes"),
    ):
        wrong = Application(
            "sample", "", "", 1, own.blueprint, own.index, permissions=(Permission("x:y:z", ""),), draft_kinds=(kind,)
        )
        with pytest.raises(ConfigurationError, match=said):
            check_drafts(world.app, directory, wrong, "sample")
