"""What a billing organization asks, asks again and corrects, and how it reads where its requests stand."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.core.organizations.access_requests import AccessRequest
from hp_portal.core.organizations.models import BY_PROVIDER, Grant
from hp_portal.core.tax_ids.several import COLUMNS as SEVERAL
from hp_portal.core.tax_ids.tables import read_table
from tests.core.test_billing_access import rows_of
from tests.core.test_billing_access import scene as scene
from tests.support.access_requests import access_request
from tests.support.asked import BASE, NPI, OFFICE, ONE, SECOND, START, TIN, Scene
from tests.support.client import tree_of
from tests.support.html import text_of
from tests.support.identifiers import make_tin


def _words(page: Any) -> str:
    """A page as it reads without the numbers that differ from request to request."""
    return re.sub(r"•+\d+|ending in \d+|Request \d+", "", text_of(tree_of(page)).partition("Version")[0])


def _alike(scene: Scene, address: str) -> str:
    return _words(scene.asker.get(address))


def test_nothing_tells_what_staff_look_at_from_what_was_sent(scene: Scene) -> None:
    scene.world.staff("s.links", permissions=["staff:tax-ids:manage", "staff:console:open"])
    known, held = [scene.ask(tin=tin, form=tin[:5]).location for tin in (TIN, make_tin(999))]
    for days, resends in ((1, True), (0, True), (8, False), (1, True), (7, False)):
        scene.clock.advance(days=days, seconds=1)
        scene.work()
        if resends:
            said = [scene.asker.post(f"{one}/resend", {}, follow_redirects=True) for one in (known, held)]
            assert _words(said[0]) == _words(said[1])
        assert _alike(scene, known) == _alike(scene, held)
    assert "Reminded" in _alike(scene, held)
    assert {to for to, _ in scene.messages("access_asked")} == {OFFICE["email"]}
    mails = len(scene.messages("access_asked"))
    asked_about = {values["tin"][-4:] for _, values in scene.messages("access_asked")}
    assert asked_about == {TIN[-4:]}, "nor is anybody reminded of what staff have not let go"
    scene.world.payee(make_tin(999))  # by now
    staff = scene.world.sign_in("s.links")
    path = f"/staff/access-requests/{held.rpartition('/')[2]}/send"
    assert staff.post(path, {"reason": "called them"}).status_code == 303
    assert len(scene.messages("access_asked")) == mails + 1
    assert _alike(scene, known) == _alike(scene, held), "nor when staff have let it go"
    said = [scene.asker.post(f"{one}/resend", {}, follow_redirects=True) for one in (known, held)]
    assert _words(said[0]) == _words(said[1]), "nor by when it can be sent again"


def test_the_office_never_finds_what_was_not_sent(scene: Scene) -> None:
    delegate = scene.world.sign_in("h.delegate")
    gone = scene.ask(email="olive@gmail.com").location
    office = f"/access-requests/{gone.rpartition('/')[2]}"
    assert "Ledger Billing" not in delegate.get("/access-requests").text
    scene.asker.post(f"{gone}/withdraw", {})
    assert delegate.get(office).status_code == 404
    scene.ask(email="olive@gmail.com", form="f2")
    scene.clock.advance(days=31)
    scene.work()
    assert "Expired" in scene.status()
    assert "Ledger Billing" not in delegate.get("/access-requests").text


HEADS = ("provider", "tin", "npis", "name", "title", "email", "phone")


def _table(*rows: dict[str, str]) -> str:
    return "\n".join(["\t".join(HEADS), *("\t".join({**ONE, **row}[head] for head in HEADS) for row in rows)])


def test_a_corrected_approver_is_never_dropped(scene: Scene) -> None:
    """Whoever goes back in the browser and corrects the form has sent the wrong one already, and is told so."""
    assert scene.ask().status_code == 303
    for changed in (
        {"email": "other@harbor.example"},
        {"name": "Paul Partner"},
        {"phone": "952-555-0199"},
        {"provider": "Harbor Clinic"},
        {"whom": "delegates", "name": "", "title": "", "email": "", "phone": ""},
    ):
        answer = scene.ask(**changed)
        assert answer.status_code == 422, changed
        assert "Change the approver there" in text_of(tree_of(answer))
    assert scene.ask(email=OFFICE["email"].upper()).status_code == 303, "the very same, though, asks once"
    assert len(scene.messages("access_asked")) == 1


def test_the_rest_of_a_table_is_checked_again_and_asks_for_nothing_twice(scene: Scene) -> None:
    client = scene.asker
    checked = client.post(
        f"{BASE}/many/check",
        {"table": _table({}, {"tin": make_tin(5), "email": "a@ledger.example"}, {}, {"email": "x@harbor.example"})},
    )
    rest = rows_of(client.post(f"{BASE}/many/send", rows_of(checked)))
    assert [name for name in rest if name.endswith("-tin")] == ["rows-1-tin", "rows-2-tin", "rows-3-tin"]
    again = client.post(f"{BASE}/many/check", {**rest, "rows-1-email": "a@clinic.example"})
    assert again.status_code == 422
    assert "a@clinic.example" in again.text
    left = text_of(tree_of(again))
    assert re.search(r"Row [23]: You have asked for this on", left), "the summary names the row"
    assert "1 of 3 rows can be sent" in left
    assert left.count("You have asked for this on") == 4, "neither is on the way, as the summary and the fields say"
    sent = client.post(f"{BASE}/many/send", rows_of(again))
    assert "One request is on the way" in text_of(tree_of(sent))
    assert len(scene.messages("access_asked")) == 1, "of the other Tax ID nobody knows anything: staff look"
    with scene.world.session() as session:
        assert session.scalar(sa.select(sa.func.count(AccessRequest.id))) == 2


def test_a_column_without_a_heading_is_not_left_out(scene: Scene) -> None:
    table = _table({"npis": NPI}).replace("\tnpis\t", "\t\t")
    answer = scene.asker.post(f"{BASE}/many/check", {"table": table})
    assert answer.status_code == 422
    assert "Column 3 has no heading, and cells below it are filled." in text_of(tree_of(answer))
    assert NPI in answer.text, "what was pasted stays"
    empty = scene.asker.post(f"{BASE}/many/check", {"table": _table({}).replace("\tnpis\t", "\t\t")})
    assert empty.status_code == 200
    assert rows_of(empty)["rows-0-npis"] == ""


def test_changing_the_approver_is_limited_as_sending_is(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    few = scene.world.settings.model_copy(update={"access_requests_per_day": 5})
    monkeypatch.setitem(scene.world.app.extensions, "hp_portal.settings", few)
    one = scene.ask().location
    asker = scene.asker

    def change(email: str) -> Any:
        return asker.post(f"{one}/approver/change", {**OFFICE, "email": email})

    same = change(OFFICE["email"].title())
    assert same.status_code == 422
    assert "sent to this address less than a day ago" in text_of(tree_of(same))
    for number in range(3):
        assert change(f"p{number}@harbor.example").status_code == 303
    fourth = change("p4@harbor.example")
    assert fourth.status_code == 429
    assert "can be changed 3 times in 24 hours" in fourth.text
    assert 'value="p4@harbor.example"' in fourth.text, "what was typed stays"
    assert len(scene.messages("access_asked")) == 4
    assert scene.ask(tin=make_tin(2), form="f2").status_code == 303
    assert scene.ask(tin=make_tin(3), form="f3").status_code == 429, "each change was one of the day"
    for number in range(4):
        scene.clock.advance(days=25)
        change(f"d{number}@harbor.example")
        scene.work()
    assert "Expired" in _alike(scene, one), "and goes on for 90 days in all"


def test_days_are_those_of_the_payer(scene: Scene) -> None:
    scene.clock.set(START.replace(day=3, hour=3))  # the evening before, where the payer is
    scene.ask()
    assert "You have asked for this on Mar 2, 2026 already" in text_of(tree_of(scene.ask(form="f2")))


def test_a_second_question_about_a_tax_id_is_not_swallowed(scene: Scene) -> None:
    client, send = scene.world.sign_in("h.delegate"), "/apps/tax-id-npi-access/case/send"
    form = {"tin": make_tin(8), "npi": "", "phone": "952-555-0100", "about": "The first payment is to come."}
    assert client.post(send, form).status_code == client.post(send, form).status_code == 303
    for changed in ({"phone": "952-555-0199"}, {"about": "They pay us next week."}):
        answer = client.post(send, {**form, **changed})
        assert answer.status_code == 409
        assert "asked about this Tax ID and NPI on Mar 2, 2026 already" in text_of(tree_of(answer))
        assert next(iter(changed.values())) in answer.text, "what was typed stays"


def test_rows_to_correct_come_back_as_they_were(scene: Scene) -> None:
    client, send = scene.world.sign_in("h.delegate"), "/apps/tax-id-npi-access/add-several/send"
    number = '7"8\tA\nB'
    quoted = '"7""8\tA\nB"'
    table = f"tin\tnpi\tnumber\tvendor\tamount\tdate\n{TIN}\t{NPI}\t{quoted}\t\t\t"
    for _ in range(2):
        answer = client.post(send, {"table": table})
        assert answer.status_code == 422
        [area] = tree_of(answer).iter("textarea")
        table = (area.text_content() if hasattr(area, "text_content") else "".join(area.itertext())).strip("\n")
        [row] = read_table(table, SEVERAL, 5)
        assert row["number"] == number


def test_a_request_stands_as_the_access_that_it_opened(scene: Scene) -> None:
    first = scene.ask().location
    scene.approve(scene.follow(), until="2026-09-01")
    other = scene.ask(form="f2", provider="Longer").location
    scene.approve(scene.follow(), [scene.payees[0].id], until="2026-12-01")
    for one in (first, other):
        shown = _alike(scene, one)
        assert f"Harbor {NPI[-1]} (NPI {NPI}): approved" in shown
    assert "Partly approved" in _alike(scene, other)
    assert "payments until Dec" in _alike(scene, other)
    assert "payments until Sep" in _alike(scene, first), "of the second payee it is over sooner"
    with scene.world.session() as session:
        longer = sa.select(Grant.id).where(
            Grant.organization_id == scene.ledger.id, Grant.payee_id == scene.payees[0].id
        )
        session.execute(
            sa.update(Grant).where(Grant.id.in_(longer)).values(ended_at=START + dt.timedelta(1), ended_how=BY_PROVIDER)
        )
    scene.clock.advance(days=2)
    assert "Revoked" in _alike(scene, other)
    half = _alike(scene, first)
    assert f"(NPI {NPI}): ended" in half
    assert f"(NPI {SECOND}): approved" in half
    scene.clock.advance(days=200)
    scene.work()
    assert "Revoked" in _alike(scene, first)
    listed = scene.asker
    assert "2 requests" in text_of(tree_of(listed.get(f"{BASE}?status=revoked")))
    assert "No request fits" in listed.get(f"{BASE}?status=approved").text
    assert scene.asker.post(f"{first}/again", {}).status_code == 303
    scene.approve(scene.follow(), until="2026-12-01")
    assert "1 request" in text_of(tree_of(listed.get(f"{BASE}?status=approved")))
    assert "Revoked" in _alike(scene, first), "what came later is of another request"


def test_a_long_list_opens_and_reads_a_page_of_requests(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    with scene.world.session() as session:
        for number in range(130):
            state = "approved" if number % 2 else "expired"
            access_request(
                session, scene.ledger, tin=make_tin(number + 1), state=state, ended_at=START, provider=f"P{number}"
            )
    opened: list[int] = []
    masked = AccessRequest.masked_tin

    def count(one: AccessRequest, session: Any) -> str:
        opened.append(1)
        return masked(one, session)

    monkeypatch.setattr(AccessRequest, "masked_tin", count)
    widths: list[int] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        widths.append(len(parameters) if "access_request" in statement else 0)

    engine = scene.world.app.extensions["hp_portal.database"].engine
    sa.event.listen(engine, "before_cursor_execute", note)
    client = scene.asker
    for query, total, rows in (("", 130, 50), ("?page=3", 130, 30), ("?status=ended", 65, 50), ("?text=P12", 11, 11)):
        opened.clear()
        page = client.get(BASE + query)
        assert f"{total} requests" in text_of(tree_of(page))
        assert len(opened) == rows
    assert 50 <= max(widths) <= 60
    assert "1 request" in text_of(tree_of(client.get(f"{BASE}?text={make_tin(77)[-4:]}")))
    assert client.get(f"{BASE}/csv").text.count("\n") == 131
    sa.event.remove(engine, "before_cursor_execute", note)


def test_what_is_over_is_not_sent_again(scene: Scene) -> None:
    """Between the end and the worker's next minute: a link that left now would open nothing."""
    one, asker = scene.ask().location, scene.asker
    scene.clock.advance(days=30)
    for how, form in (("resend", {}), ("approver/change", {**OFFICE, "email": "paul@harbor.example"})):
        asker = scene.asker
        said = asker.post(f"{one}/{how}", form, follow_redirects=True)
        assert "Nobody has answered in time, so the request has expired" in text_of(tree_of(said))
        assert "Ask for the same again" in said.text
        assert [values["what"] for _, values in scene.messages("access_answered")] == [
            "Nobody has answered your request in 30 days: it has expired."
        ] * (1 if how == "resend" else 2)
        sent = len(scene.messages("access_asked"))
        scene.work()
        assert len(scene.messages("access_answered")) == (1 if how == "resend" else 2), "told once"
        one = asker.post(f"{one}/again", {}).location
        assert len(scene.messages("access_asked")) == sent + 1
        for number in range(3):
            scene.clock.advance(days=29)
            changed = {**OFFICE, "email": f"p{number}{len(how)}@harbor.example"}
            assert scene.asker.post(f"{one}/approver/change", changed).status_code == 303
        scene.clock.advance(days=3)
