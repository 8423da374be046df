"""Downloads that the worker makes: who waits, in which order, for what, and what is said when it fails."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal import scopes
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.documents.limited import DocumentTooLarge
from hp_portal.core.downloads import making, queue
from hp_portal.core.downloads.kinds import find_kind
from hp_portal.core.downloads.models import DocumentRequest
from hp_portal.core.downloads.slots import folder_of, slot
from hp_portal.core.files.models import StoredFile
from hp_portal.core.identity.models import Person
from hp_portal.core.kept.models import KeptValues
from hp_portal.core.organizations.models import Grant
from hp_portal.hookspecs import DocumentKind, MadeFile, Making
from hp_portal.scopes import WholeScope
from hp_portal.worker import run_once
from hp_portal_plugins.remittance.downloads import documents
from hp_portal_plugins.remittance.intake.kept_text import kept_size
from tests.plugins.remittance.inquiry import Office, claim, url_of
from tests.support.client import PortalClient, heading_of
from tests.support.clock import Clock
from tests.support.world import World

pytestmark = pytest.mark.either_database


@pytest.fixture
def office(world: World, monkeypatch: pytest.MonkeyPatch) -> Office:
    """An office for which every document is a large one."""
    for kind in documents.MOST_AT_ONCE:
        monkeypatch.setitem(documents.MOST_AT_ONCE, kind, 0)
    monkeypatch.setattr(documents, "LARGEST_AT_ONCE", 0)
    return Office(world)


def ask(client: PortalClient, url: str) -> str:
    """Ask for a large document; the address of the page that waits."""
    answer = client.get(url)
    assert answer.status_code == 303, answer.text[:500]
    return answer.headers["Location"]


def make_all(world: World) -> None:
    """What the worker does."""
    with world.app.app_context(), world.database.new_session(WholeScope("job documents.make")) as session:
        while making.make_next(session):
            pass


@pytest.fixture
def made_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., MadeFile | None]], None]:
    """`made_by(function)`: CSV documents are made by it."""

    def change(make: Callable[..., MadeFile | None]) -> None:
        def find(key: str) -> DocumentKind | None:
            kind = find_kind(key)
            return replace(kind, make=make) if kind and key == documents.CSV else kind

        monkeypatch.setattr(making, "find_kind", find)

    return change


def events(world: World, like: str) -> list[tuple[str, dict[str, Any]]]:
    with world.session() as session:
        rows = session.execute(
            sa.select(AuditEvent.event, AuditEvent.fields).where(AuditEvent.event.like(like)).order_by(AuditEvent.id)
        )
        return [(event, json.loads(fields)) for event, fields in rows]


def count(world: World, model: type[Any]) -> int:
    with world.session() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(model)) or 0


@pytest.mark.parametrize("kind", ["pdf", "xlsx", "csv", "835", "claims/1/pdf"])
def test_a_large_document_is_waited_for_and_then_handed_over(office: Office, kind: str) -> None:
    payment = office.paid("0012345")
    url = ask(office.client, f"{url_of(payment)}/{kind}?reason=appeal")
    waiting = office.client.get(url)
    assert "About to begin" in waiting.text
    assert f'href="{url}/progress">Look again' in waiting.text, "for a browser without a script"
    assert f'data-hx-get="{url}/progress"' in waiting.text
    assert office.client.get(f"{url}/file").status_code == 404
    make_all(office.world)
    ready = office.client.get(f"{url}/progress", fragment=True)
    assert "The document is ready" in ready.text
    assert "data-hx-get" not in ready.text
    assert events(office.world, "remittance.%.downloaded") == []
    for _ in range(2):
        answer = office.client.get(f"{url}/file")
        assert answer.headers["Content-Disposition"].startswith('attachment; filename="remittance-0012345')
        assert answer.data[:3] in (b"%PD", b"PK\x03", b"\xef\xbb\xbf", b"ISA")
    suffix = kind.rpartition("/")[2]
    fields = {"payment": payment, "format": suffix} | ({"claim": 1} if "claims" in kind else {})
    assert [found for _, found in events(office.world, "remittance.%.downloaded")] == [fields, fields]
    assert [event for event, _ in events(office.world, "document.%")] == ["document.requested"]


def test_an_835_is_large_by_the_text_that_is_kept_of_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(world)
    payment = office.paid("12345", *(claim(number) for number in range(1, 40)))
    with world.session() as session:
        size = kept_size(session, payment)
    assert size
    monkeypatch.setattr(documents, "LARGEST_AT_ONCE", size)
    at_once = office.client.get(f"{url_of(payment)}/835")
    assert at_once.status_code == 200
    monkeypatch.setattr(documents, "LARGEST_AT_ONCE", size - 1)
    url = ask(office.client, f"{url_of(payment)}/835")
    assert heading_of(office.client.get(url)) == "EFT 12345 as 835 file"
    make_all(world)
    assert office.client.get(f"{url}/file").data == at_once.data


def test_the_same_document_asked_for_twice_is_made_once(office: Office, clock: Clock) -> None:
    url = url_of(office.paid("12345"))
    first = ask(office.client, f"{url}/csv")
    assert ask(office.client, f"{url}/csv") == first
    assert ask(office.client, f"{url}/csv?reason=appeal") != first
    make_all(office.world)
    assert ask(office.client, f"{url}/csv") == first
    clock.advance(queue.FRESH)
    assert ask(office.client, f"{url}/csv") != first


def test_nobody_else_sees_it(office: Office) -> None:
    world, url = office.world, ask(office.client, f"{url_of(office.paid('12345'))}/csv")
    make_all(world)
    colleague = world.sign_in(world.person("colleague", organization=office.organization).username)
    stranger = Office(world, "Cedar Sample Clinic").client
    staff = world.sign_in(world.staff("staff.member").username)
    for client in (colleague, stranger, staff):
        assert [client.get(url + more).status_code for more in ("", "/progress", "/file")] == [404] * 3
        assert [client.post(url + more).status_code for more in ("/again", "/remove")] == [404] * 2
        assert "12345" not in client.get("/documents/").text
    assert "12345" in office.client.get("/documents/").text


def test_who_may_no_longer_see_the_payment_gets_no_file(office: Office) -> None:
    payment = office.paid("12345")
    ready, waiting = (ask(office.client, f"{url_of(payment)}/csv{more}") for more in ("", "?reason=appeal"))
    make_all(office.world)
    late = ask(office.client, f"{url_of(payment)}/pdf")
    with office.world.session() as session:
        session.execute(sa.update(Grant).values(ended_at=dt.datetime.now(dt.UTC)))
    assert office.client.get(f"{ready}/file").status_code == 404
    assert office.client.get(f"{waiting}/file").status_code == 404
    make_all(office.world)
    assert "no longer yours to see" in office.client.get(late).text
    assert events(office.world, "remittance.%.downloaded") == []


def test_so_many_wait_and_no_more_in_words(office: Office) -> None:
    urls = [f"{url_of(office.paid(str(number)))}/csv" for number in range(queue.PER_PERSON + 1)]
    for url in urls[:-1]:
        ask(office.client, url)
    for fragment in (False, True):
        refused = office.client.get(urls[-1], fragment=fragment)
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == "30"
        assert "Nothing is lost" in refused.text
        assert 'href="/documents/"' in refused.text
    other = Office(office.world, "Cedar Sample Clinic")
    theirs = f"{url_of(other.paid('777'))}/csv"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queue, "IN_ALL", queue.PER_PERSON)
        assert "So many documents are being made" in other.client.get(theirs).text
    make_all(office.world)
    assert office.client.get(urls[-1]).status_code in (200, 303)


def test_everybody_s_first_is_made_before_anybody_s_second(office: Office, made_by: Any) -> None:
    other = Office(office.world, "Cedar Sample Clinic")
    order = []

    def make(_session: Any, wanted: dict[str, Any], _making: Making) -> MadeFile:
        order.append(wanted["payment"])
        return MadeFile(b"x", "x.csv", "text/csv")

    made_by(make)
    own = [office.paid(str(number)) for number in range(3)]
    theirs = other.paid("777")
    for payment in own:
        ask(office.client, f"{url_of(payment)}/csv")
    ask(other.client, f"{url_of(theirs)}/csv")
    make_all(office.world)
    assert order.index(theirs) == 1
    assert sorted(order) == sorted([*own, theirs])


def test_one_that_is_too_large_is_said_to_be_in_words_and_can_be_tried_again(office: Office, made_by: Any) -> None:
    def make(*_: Any) -> MadeFile:
        raise DocumentTooLarge("the CSV file took more than 5 MiB of memory")

    made_by(make)
    url = ask(office.client, f"{url_of(office.paid('12345'))}/csv")
    make_all(office.world)
    page = office.client.get(url)
    assert "It is too large for one document. The payment’s own 835 file holds the same facts." in page.text
    assert "MiB" not in page.text
    assert "It is too large for one document." in office.client.get("/documents/").text
    left_out = tuple(f"EFT {number} is not in it." for number in range(200))
    made_by(lambda *_: MadeFile(b"now", "now.csv", "text/csv", left_out=left_out))
    assert office.client.post(f"{url}/again").status_code == 303
    make_all(office.world)
    assert office.client.get(f"{url}/file").data == b"now"
    # Each that is not in it is named: not every file can do so itself. And the list leads to the file at once.
    assert all(line in office.client.get(url).text for line in left_out)
    assert f'href="{url}/file"' in office.client.get("/documents/").text


def test_an_error_of_the_portal_is_told_without_its_data_and_stops_nobody_else(office: Office, made_by: Any) -> None:
    def make(*_: Any) -> MadeFile:
        raise ValueError("TESTPATIENT")

    made_by(make)
    bad = ask(office.client, f"{url_of(office.paid('12345'))}/csv")
    good = ask(office.client, f"{url_of(office.paid('12346'))}/xlsx")
    with pytest.raises(ValueError, match="TESTPATIENT"):
        make_all(office.world)
    make_all(office.world)
    assert "could not be made because of an error" in office.client.get(bad).text
    assert "TESTPATIENT" not in office.client.get(bad).text
    assert "The document is ready" in office.client.get(good).text


def test_one_whose_workers_die_is_given_up(office: Office, clock: Clock, made_by: Any) -> None:
    class Killed(BaseException):
        pass

    def make(*_: Any) -> MadeFile:
        raise Killed

    made_by(make)
    url = ask(office.client, f"{url_of(office.paid('12345'))}/csv")
    for _ in range(making.MOST_ATTEMPTS):
        with pytest.raises(Killed):
            make_all(office.world)
        make_all(office.world)  # its lease holds: nobody takes it up
        assert "Being made" in office.client.get(url).text
        clock.advance(making.LEASE + dt.timedelta(seconds=1))
    make_all(office.world)
    assert "begun three times" in office.client.get(url).text


def test_progress_is_shown_and_one_taken_out_of_line_meanwhile_is_not_kept(office: Office, made_by: Any) -> None:
    shown = []

    def make(_session: Any, _wanted: Any, how: Making) -> MadeFile:
        for done in (3, 4):
            how.progress(done, 4)
            shown.append(office.client.get(f"{url}/progress", fragment=True).text)
        office.client.post(f"{url}/remove")
        return MadeFile(b"x", "x.csv", "text/csv")

    made_by(make)
    url = ask(office.client, f"{url_of(office.paid('12345'))}/csv")
    make_all(office.world)
    assert 'max="4" value="3"' in shown[0]
    assert "Being made" in shown[0]
    assert "The file is being written" in shown[1], "no bar that is full and goes on being full"
    assert "value=" not in shown[1][shown[1].index("<progress") : shown[1].index("</progress>")]
    assert office.client.get(url).status_code == 404
    assert count(office.world, StoredFile) == count(office.world, DocumentRequest) == 0
    assert [event for event, _ in events(office.world, "document.%")] == ["document.requested", "document.removed"]


def test_what_has_expired_is_gone_with_its_file(office: Office, clock: Clock) -> None:
    url = ask(office.client, f"{url_of(office.paid('12345'))}/csv")
    make_all(office.world)
    assert count(office.world, StoredFile) == 1
    clock.advance(dt.timedelta(days=7))
    client = office.world.sign_in(office.username)
    assert client.get(url).status_code == 404
    with office.world.session() as session:
        queue.forget_expired(session)
    assert [count(office.world, model) for model in (DocumentRequest, StoredFile, KeptValues)] == [0, 0, 0]


def test_staff_see_what_waits_and_what_failed_but_not_what_it_is_about(
    office: Office, clock: Clock, made_by: Any
) -> None:
    world = office.world
    world.staff("s.staff", permissions=["staff:console:open", "staff:documents:read"])

    def make(*_: Any) -> MadeFile:
        raise DocumentTooLarge("the CSV file took more than 5 MiB of memory")

    made_by(make)
    ask(office.client, f"{url_of(office.paid('12345'))}/csv")
    make_all(world)
    ask(office.client, f"{url_of(office.paid('12346'))}/xlsx")
    clock.advance(dt.timedelta(minutes=16))
    staff = world.sign_in("s.staff")
    console = staff.get("/staff/").text
    assert "1 document could not be made" in console
    assert "1 document waits too long" in console
    shown = staff.get("/staff/documents").text
    assert "Payment as CSV file" in shown
    assert "It is too large for one document." in shown
    assert "Waits too long" in shown
    assert "Birch Sample Clinic" in shown
    assert "12345" not in shown
    assert events(world, "document.queue-viewed") == [("document.queue-viewed", {"shown": 2})]
    clock.advance(dt.timedelta(days=1))
    assert "could not be made" not in world.sign_in("s.staff").get("/staff/").text


def test_the_worker_has_a_lane_for_it(office: Office) -> None:
    url = ask(office.client, f"{url_of(office.paid('12345'))}/csv")
    assert run_once(office.world.app, ["short", "long"])
    assert "About to begin" in office.client.get(url).text
    assert run_once(office.world.app, ["render"])
    assert "The document is ready" in office.client.get(url).text


def test_a_document_is_made_in_the_scope_of_who_asked(office: Office, made_by: Any) -> None:
    seen = []

    def make(session: Any, _wanted: Any, _making: Making) -> None:
        seen.append(session.context.scope)

    made_by(make)
    ask(office.client, f"{url_of(office.paid('12345'))}/csv")
    make_all(office.world)
    assert seen == [scopes.OrganizationScope(office.organization.id)]


def slots(world: World) -> Any:
    return folder_of(world.settings.instance_path, world.settings.database_url)


def test_a_small_document_comes_at_once_while_few_are_being_made(world: World) -> None:
    office = Office(world)
    with world.session() as session:
        own_id = session.scalars(sa.select(Person.id).where(Person.username == office.username)).one()
    url = f"{url_of(office.paid('12345'))}/csv"
    at_once = office.world.settings.documents_at_once
    assert office.client.get(url).status_code == 200
    with slot(slots(office.world), own_id, at_once=at_once, per_person=1) as held:
        assert held
        assert office.client.get(url).status_code == 303, "one at a time for one person"
    make_all(office.world)
    with (
        slot(slots(office.world), 1001, at_once=at_once, per_person=1),
        slot(slots(office.world), 1002, at_once=at_once, per_person=1),
    ):
        page = office.client.get(f"{url_of(office.paid('12346'))}/csv", follow_redirects=True)
        assert heading_of(page) == "EFT 12346 as CSV file", "all slots of the machine are taken"
    assert office.client.get(f"{url}?reason=appeal").status_code == 200
