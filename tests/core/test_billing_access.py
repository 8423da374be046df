"""A billing organization asks a provider's office for access, and the office answers."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.organizations.access_requests import AccessRequest
from hp_portal.core.organizations.models import Grant
from tests.support.asked import BASE, NPI, OFFICE, SECOND, TIN, Scene, make_scene
from tests.support.client import tree_of
from tests.support.clock import Clock
from tests.support.html import text_of
from tests.support.identifiers import make_tin
from tests.support.world import World


@pytest.fixture
def scene(world: World, clock: Clock) -> Scene:
    return make_scene(world, clock)


def test_from_the_request_to_the_end_of_access(scene: Scene) -> None:
    assert scene.ask().status_code == 303
    assert scene.ask().status_code == 303, "the button pressed twice"
    [(recipient, values)] = scene.messages("access_asked")
    assert recipient == "olive@harbor.example"
    assert TIN not in json.dumps(values)
    assert "Requested" in scene.status()
    token = values["link"].rpartition("/")[2]
    with scene.world.session() as session:
        assert token not in str(session.execute(sa.text("SELECT * FROM access_request_link")).all())
    scanner = scene.world.client()
    scanner.get(f"/approve/{token}")
    scanner.get("/approve")
    assert scanner.get("/approve/request").status_code == 303
    assert scene.request().opened_at is None, "what only looks at the link changes nothing"
    client = scene.follow()
    assert scene.request().opened_at is not None
    assert "Opened" in scene.status()
    page = client.get("/approve/request").text
    assert TIN not in page
    assert all(word in page for word in ("Ledger Billing", NPI, SECOND, "2027-03-02"))
    refused = scene.approve(client, until="2030-01-01", signed_name="")
    assert refused.status_code == 422
    assert "Type your name" in refused.text
    assert scene.sees() == []
    assert scene.approve(client, [scene.payees[0].id]).status_code == 303
    assert scene.approve(client, [scene.payees[0].id]).status_code == 303
    assert scene.sees() == [scene.payees[0].id]
    request = scene.request()
    assert (request.state, request.signed_name, request.signed_title) == ("partly", "Olive Office", "Office manager")
    assert "Partly approved" in scene.status()
    assert [to for to, _ in scene.messages("access_answered")] == ["l@ledger.example"]
    assert [to for to, _ in scene.messages("access_approved")] == ["olive@harbor.example"]
    record = scene.asker.get(f"{BASE}/{request.id}/record")
    assert record.data.startswith(b"%PDF-")
    assert scene.world.sign_in("h.delegate").get(f"/access-requests/{request.id}/record").data.startswith(b"%PDF-")
    assert "Ledger Billing was linked to your Tax ID" in scene.world.sign_in("h.delegate").get("/").text
    scene.clock.advance(days=366)
    assert scene.sees() == []
    assert "Ended" in scene.status()
    scene.work()
    answer = scene.asker.post(f"{BASE}/{request.id}/again", {})
    assert answer.status_code == 303
    assert scene.request().id != request.id
    assert "Requested" in scene.status()
    assert scene.approve(scene.follow(), until="2027-09-01").status_code == 303
    assert len(scene.sees()) == 2
    assert scene.ask(form="f9").status_code == 303
    assert scene.approve(scene.follow(), until="2027-12-01").status_code == 303, "asked again before the end"
    with scene.world.session() as session:
        open_now = session.scalars(sa.select(Grant).where(Grant.organization_id == scene.ledger.id, Grant.is_open()))
        assert {f"{grant.ends_at:%Y-%m-%d}" for grant in open_now} == {"2027-12-02"}, (
            "midnight of the payer is later in UTC"
        )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"email": "l@ledger.example"}, "address of an account of your own organization"),
        ({"email": "boss@ledger.example"}, "ledger.example is your own organization’s e-mail domain"),
        ({"name": "sample, Lanna"}, "Somebody of this name has an account in your own organization"),
        ({"tin": "12345"}, "A Tax ID has 9 digits"),
        ({"npis": "1234567890"}, "check digit is wrong"),
        ({"whom": "delegates"}, "You have named somebody below"),
        ({"phone": "12"}, "telephone number with its area code"),
        ({"name": "", "title": "", "email": "", "phone": ""}, "first and last name"),
    ],
)
def test_an_approver_who_may_not_be_one(scene: Scene, changed: dict[str, str], words: str) -> None:
    answer = scene.ask(**changed)
    assert answer.status_code == 422
    assert words in text_of(tree_of(answer))
    assert 'value="Office manager"' in answer.text or "title" in changed, "what was typed stays"
    assert scene.messages("access_asked") == []


def test_what_staff_look_at_first_looks_the_same(scene: Scene) -> None:
    scene.world.staff("s.links", permissions=["staff:tax-ids:manage", "staff:console:open"])
    known = scene.ask()
    unknown = scene.ask(tin=make_tin(999), form="f2")
    free = scene.ask(tin=TIN, npis=SECOND, email="olive@gmail.com", form="f3")
    assert free.status_code == 422, "the same Tax ID is asked for already"
    assert known.status_code == unknown.status_code == 303
    pages = [text_of(tree_of(scene.asker.get(answer.location))).partition("Version")[0] for answer in (known, unknown)]
    assert re.sub(r"\d+", "0", pages[0]) == re.sub(r"\d+", "0", pages[1])
    assert len(scene.messages("access_asked")) == 1
    scene.asker.post(f"{BASE}/{scene.request().id - 1}/withdraw", {})
    assert scene.ask(email="olive@gmail.com", form="f4").status_code == 303
    assert len(scene.messages("access_asked")) == 1
    staff = scene.world.sign_in("s.links")
    queue = text_of(tree_of(staff.get("/staff/access-requests")))
    assert "We have no payee" in queue
    assert "free one" in queue
    assert "requests for access are to be looked at" in staff.get("/staff/").text
    held = scene.request().id
    assert staff.post(f"/staff/access-requests/{held}/send", {"reason": ""}).status_code == 422
    assert staff.post(f"/staff/access-requests/{held}/send", {"reason": "called them"}).status_code == 303
    assert scene.messages("access_asked")[-1][0] == "olive@gmail.com"
    assert (
        staff.post(
            f"/staff/access-requests/{held - 1}/refuse", {"reason": "This Tax ID is not paid by us."}
        ).status_code
        == 303
    )
    assert "This Tax ID is not paid by us." in scene.asker.get(f"{BASE}/{held - 1}").text


def test_the_delegates_of_the_provider_answer_signed_in(scene: Scene) -> None:
    scene.world.person("h.clerk", organization=scene.harbor)
    scene.world.person("o.delegate", delegate=True)
    assert scene.ask(whom="delegates", name="", title="", email="", phone="").status_code == 303
    assert [to for to, _ in scene.messages("access_asked")] == ["h@harbor.example"]
    page = scene.asker.get(f"{BASE}/{scene.request().id}").text
    assert "h@harbor.example" not in page
    assert "Hanna" not in page
    delegate = scene.world.sign_in("h.delegate")
    assert "A billing organization asks to see your payments" in delegate.get("/").text
    assert "asks to see your payments" not in scene.world.sign_in("h.clerk").get("/").text
    one = f"/access-requests/{scene.request().id}"
    for stranger in ("o.delegate", "l.biller"):
        assert scene.world.sign_in(stranger).get(one).status_code == 404
        assert scene.world.sign_in(stranger).post(f"{one}/not-known", {}).status_code == 404
    assert scene.world.sign_in("h.clerk").get(one).status_code == 403
    form = {
        "payees": [str(one.id) for one in scene.payees],
        "until": "2026-09-01",
        "signed_name": "Hanna",
        "signed_title": "Owner",
    }
    scene.world.grant(scene.harbor, scene.payees[1])
    assert delegate.post(f"{one}/approve", form).status_code == 303
    assert len(scene.sees()) == 2
    with scene.world.session() as session:
        events = session.scalars(sa.select(AuditEvent.event).where(AuditEvent.event.like("billing.access.a%"))).all()
    assert sorted(events) == ["billing.access.answered", "billing.access.approved"]


def test_other_answers_end_it_and_the_link(scene: Scene) -> None:
    scene.world.staff("s.links", permissions=["staff:tax-ids:manage", "staff:console:open"])
    scene.ask()
    client = scene.follow()
    other = {f"other-{key}": value for key, value in {**OFFICE, "name": "Paul Partner"}.items()}
    refused = scene.answer(client, "pass-on", {**other, "other-email": "x@ledger.example"})
    assert refused.status_code == 422
    assert "seems to belong to the organization that asks" in refused.text
    assert scene.answer(client, "pass-on", {**other, "other-email": "paul@harbor.example"}).status_code == 303
    assert scene.messages("access_asked")[-1][0] == "paul@harbor.example"
    assert scene.approve(client).status_code == 410, "the link of the wrong person opens nothing any more"
    client = scene.follow()
    assert scene.answer(client, "decline", {"decline-answer": "We end the contract."}).status_code == 303
    assert scene.approve(client).status_code == 303
    assert scene.sees() == []
    assert "Declined" in scene.status()
    assert "We end the contract." in scene.asker.get(f"{BASE}/{scene.request().id}").text
    scene.ask(form="f2")
    assert scene.answer(scene.follow(), "not-known", {}).status_code == 303
    staff = scene.world.sign_in("s.links")
    assert "came from somebody the approver does not know" in staff.get("/staff/").text
    assert staff.post(f"/staff/access-requests/{scene.request().id}/settle", {}).status_code == 303
    assert "No alarm is open" in staff.get("/staff/access-requests").text


def test_reminders_the_end_and_what_the_asker_does_meanwhile(scene: Scene) -> None:
    scene.ask()
    first = scene.messages("access_asked")[0][1]["link"].rpartition("/")[2]
    for day, mails in ((6, 1), (1, 2), (1, 2), (6, 3), (7, 4), (7, 5)):
        scene.clock.advance(days=day)
        scene.work()
        assert len(scene.messages("access_asked")) == mails
    assert "Reminded" in scene.status()
    old = scene.world.client()
    old.get(f"/approve/{first}")
    assert "Read the request" in old.get("/approve").text, "every link to the same person works"
    request_id = scene.request().id
    assert scene.asker.post(f"{BASE}/{request_id}/resend", {}).status_code == 303
    assert scene.asker.post(f"{BASE}/{request_id}/resend", {}).status_code == 303
    assert len(scene.messages("access_asked")) == 6, "once a day"
    late = scene.follow()
    scene.clock.advance(days=2)
    assert scene.approve(late).status_code == 303
    assert scene.sees() == [], "expired, though no worker has noted it"
    scene.work()
    assert "Expired" in scene.status()
    assert [values["what"] for _, values in scene.messages("access_answered")][-1].startswith("Nobody has answered")
    again = scene.asker.post(f"{BASE}/{request_id}/again", {})
    form = {**OFFICE, "email": "new@harbor.example"}
    assert (
        scene.asker.post(f"{again.location}/approver/change", {**form, "email": "a@ledger.example"}).status_code == 422
    )
    assert scene.asker.post(f"{again.location}/approver/change", form).status_code == 303
    assert scene.asker.post(f"{again.location}/withdraw", {}).status_code == 303
    assert scene.asker.post(f"{again.location}/withdraw", {}).status_code == 303
    assert "Withdrawn" in scene.status()


def rows_of(page: Any) -> dict[str, str]:
    """What the form of checked rows would send."""
    found = {}
    for control in tree_of(page).iter("input"):
        name = control.get("name") or ""
        if name.startswith("rows-") or name == "form":
            found[name] = control.get("value") or ""
    return found


def test_forty_at_once_checked_row_by_row(scene: Scene) -> None:
    head = "Provider\tTax ID\tNPI\tApprover\tTitle\tE-mail\tPhone\n"
    lines = [
        f"Clinic {n}\t{make_tin(n)}\t\tAnna Adams\tManager\ta{n}@clinic{n}.example\t952-555-0100" for n in range(1, 41)
    ]
    lines[3] = lines[3].replace("a4@clinic4.example", "a4@ledger.example")
    lines[4] = lines[4].replace(make_tin(5), "12").replace("a5@clinic5.example", "l@ledger.example")
    lines.append(f"Clinic 1 again\t{make_tin(1)}\t\t\t\t\t")
    client = scene.asker
    assert client.post(f"{BASE}/many/check", {"table": ""}).status_code == 422
    checked = client.post(f"{BASE}/many/check", {"table": head + "\n".join(lines)})
    assert checked.status_code == 422
    assert "38 of 41 rows can be sent" in text_of(tree_of(checked))
    assert scene.messages("access_asked") == [], "nothing is sent yet"
    form = rows_of(checked)
    assert form["rows-4-tin"] == "12"
    assert "address of an account of your own organization" in text_of(tree_of(checked)), (
        "all that is wrong is said at once"
    )
    sent = client.post(f"{BASE}/many/send", form)
    assert sent.status_code == 422
    text = text_of(tree_of(sent))
    assert "38 requests are on the way" in text
    assert "3 rows were not sent" in text
    rest = rows_of(sent)
    assert [name for name in rest if name.endswith("-tin")] == ["rows-3-tin", "rows-4-tin", "rows-40-tin"]
    rest |= {
        "rows-3-email": "a4@clinic4.example",
        "rows-4-tin": make_tin(5),
        "rows-4-email": "a5@clinic5.example",
        "rows-40-tin": make_tin(77),
    }
    assert client.post(f"{BASE}/many/send", rest).status_code == 303
    assert client.post(f"{BASE}/many/send", rest).status_code == 303, "pressed twice"
    with scene.world.session() as session:
        assert session.scalar(sa.select(sa.func.count(AccessRequest.id))) == 41
    listed = text_of(tree_of(client.get(BASE)))
    assert "41 requests" in listed
    csv = client.get(f"{BASE}/csv?text=Clinic+4").text
    assert csv.count("\n") == 3  # the head, Clinic 4 and Clinic 40
    assert make_tin(4) not in csv
    assert "No request fits" in client.get(f"{BASE}?status=approved").text
    for path in ("", "/new", "/many", "/csv"):
        assert scene.world.sign_in("h.delegate").get(BASE + path).location == "/apps/tax-id-npi-access/"


def test_so_many_requests_a_day_and_what_was_typed_stays(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    few = scene.world.settings.model_copy(update={"access_requests_per_day": 1})
    monkeypatch.setitem(scene.world.app.extensions, "hp_portal.settings", few)
    assert scene.ask().status_code == 303
    refused = scene.ask(tin=make_tin(2), form="f2")
    assert refused.status_code == 429
    assert "At most 1 requests can be sent in 24 hours" in refused.text
    assert f'value="{make_tin(2)}"' in refused.text
    scene.clock.advance(days=1)
    assert scene.ask(tin=make_tin(2), form="f2").status_code == 303


def test_two_answers_at_once_are_one(scene: Scene) -> None:
    with ThreadPoolExecutor(3) as pool:
        asked = list(pool.map(lambda _: scene.ask().status_code, range(3)))
    assert asked == [303] * 3
    assert len(scene.messages("access_asked")) == 1
    visitors = [scene.follow() for _ in range(2)]
    delegate = scene.world.sign_in("h.delegate")
    one = f"/access-requests/{scene.request().id}"
    form = {"payees": [str(scene.payees[0].id)], "until": "2026-09-01", "signed_name": "Hanna", "signed_title": "Owner"}
    deeds = [
        lambda: scene.approve(visitors[0]).status_code,
        lambda: scene.answer(visitors[1], "decline", {"decline-answer": "We do not know why."}).status_code,
        lambda: delegate.post(f"{one}/approve", form).status_code,
    ]
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda deed: deed(), deeds))
    assert answers == [303] * 3
    assert len(scene.messages("access_answered")) == 1
    seen = {"approved": 2, "partly": 1, "declined": 0}[scene.request().state]
    assert len(scene.sees()) == seen
    assert len(scene.messages("access_approved")) == (1 if seen else 0)
    with scene.world.session() as session:
        assert (
            session.scalar(sa.select(sa.func.count(Grant.id)).where(Grant.organization_id == scene.ledger.id)) == seen
        )


def test_forty_requests_take_less_than_ten_minutes(scene: Scene) -> None:
    """The pages from the home page to forty requests, how many words stand on them, and what is pressed."""
    client, clicks = scene.asker, 0
    lines = [f"Clinic {n}\t{make_tin(n)}\t\tAnna Adams\tManager\ta@c{n}.example\t952-555-0100" for n in range(1, 41)]
    pages = [client.get(path) for path in ("/", "/apps/tax-id-npi-access/", f"{BASE}/many")]
    pages.append(client.post(f"{BASE}/many/check", {"table": "\n".join(lines)}))
    sent = client.post(f"{BASE}/many/send", rows_of(pages[-1]))
    pages.append(client.get(sent.location))
    clicks = len(pages)  # the application and Go, Many at once, Check the table, Send 40 requests
    words = 0
    for one in pages[:-1]:  # whoever sees the list has finished
        main = next(tree_of(one).iter("main"))
        for closed in [found for found in main.iter("details") if found.get("open") is None]:
            closed.clear()
        words += len(text_of(main).split())
    seconds = words / 250 * 60 + clicks * 5 + 30  # read at 250 words a minute; half a minute to copy the table
    print(f"{len(pages)} pages, {clicks} clicks, {words} words, {seconds:.0f} seconds")
    with scene.world.session() as session:
        assert session.scalar(sa.select(sa.func.count(AccessRequest.id))) == 40
    assert (len(pages), clicks) == (5, 5)
    assert seconds <= 600
