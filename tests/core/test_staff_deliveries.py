"""Deliveries in the console: what became of messages, found again, counted by day, and sent again one by one or all at once."""

from __future__ import annotations

import datetime as dt
import re

from hp_portal.core.delivery.outbox import note_attempt
from tests.core.test_delivery import NOW, TO, mailing, message, server, work, write
from tests.support.client import words_of
from tests.support.clock import Clock
from tests.support.mail_server import MailServer
from tests.support.world import World

__all__ = ["mailing", "server"]


def test_staff_see_what_became_of_a_message_and_send_it_again(mailing: World, server: MailServer) -> None:
    mailing.staff("a.staff", permissions={"staff:console:open", "staff:deliveries:read", "staff:deliveries:manage"})
    staff = mailing.sign_in("a.staff")
    server.at_recipient = lambda: "550 no such user"
    written = staff.post("/staff/deliveries", {"address": TO})
    assert written.status_code == 303
    page, other = written.headers["Location"], write(mailing, "else@where.example")
    assert "Waiting" in staff.get(page).text
    work(mailing)
    text = staff.get(page).text
    assert "Not sent" in text
    assert "The mail server said: 550 no such user" in text
    assert "to see whether e-mail leaves the portal" in words_of(staff.get(page))
    assert "2 messages could not be sent" in staff.get("/staff/").text
    found = staff.get("/staff/deliveries", query_string={"recipient": "CLINIC", "state": "failed"}).text
    assert (TO in found, "else@where.example" in found) == (True, False)
    server.at_recipient = lambda: None
    assert staff.post(f"{page}/again").status_code == 303
    assert staff.post(f"/staff/deliveries/{other}/cancel").status_code == 303
    assert work(mailing) == 1
    assert "The mail server has taken it." in staff.get(page).text
    assert "Nothing was changed" in staff.post(f"{page}/cancel", follow_redirects=True).text
    assert message(mailing, other).state == "canceled"


def test_deliveries_counts_what_became_of_messages_day_by_day(mailing: World, server: MailServer, clock: Clock) -> None:
    """Days are the payer's: at 3 in the morning of March 2 in London it is still March 1 in Chicago."""
    clock.set(dt.datetime(2026, 1, 20, 15, 0, tzinfo=dt.UTC))
    write(mailing)
    work(mailing)
    clock.set(dt.datetime(2026, 3, 2, 3, 0, tzinfo=dt.UTC))
    mailing.staff("a.staff", permissions={"staff:console:open", "staff:deliveries:read"})
    assert 'id="by-day"' not in mailing.sign_in("a.staff").get("/staff/deliveries").text, "that was too long ago"
    for _ in range(3):
        write(mailing)
    work(mailing)
    with mailing.session() as session:
        note_attempt(session, 2, "failed", "No such user")
    clock.set(NOW)
    server.at_recipient = lambda: "550 no such user"
    write(mailing)
    work(mailing)
    page = mailing.sign_in("a.staff").get("/staff/deliveries").text
    rows = re.findall(r"<tr>(.*?)</tr>", page[page.index('id="days"') :], re.DOTALL)
    cells = [re.sub(r"<[^>]+>|\s+", " ", row).split() for row in rows[1:31]]
    assert len(cells) == 30
    assert [" ".join(row) for row in cells[:3]] == ["Mar 2, 2026 0 1 0", "Mar 1, 2026 3 0 1", "Feb 28, 2026 0 0 0"]


def test_staff_find_messages_and_send_all_again_that_a_reason_kept(
    mailing: World, server: MailServer, clock: Clock
) -> None:
    clock.set(NOW - dt.timedelta(days=3))
    write(mailing)
    server.at_recipient = lambda: "550 no such user"
    assert work(mailing) == 0
    clock.set(NOW)
    for answer in ("554 relay broken", "554 relay broken", "550 no such user"):
        server.at_recipient = lambda answer=answer: answer  # type: ignore[misc] # the default binds it
        write(mailing)
        assert work(mailing) == 0
    mailing.staff("a.staff", permissions={"staff:console:open", "staff:deliveries:read", "staff:deliveries:manage"})
    staff = mailing.sign_in("a.staff")

    def found(**wanted: str) -> set[int]:
        page = staff.get("/staff/deliveries", query_string=wanted).text
        return {int(number) for number in re.findall(r'/staff/deliveries/(\d+)"', page)}

    assert found(words="RELAY broken") == {2, 3}
    assert found(channel="letter") == set()
    assert found(channel="email", state="failed") == {1, 2, 3, 4}
    assert found(since="2026-03-01") == {2, 3, 4}
    assert found(until="3/1/2026") == {1}
    wrong = staff.get("/staff/deliveries", query_string={"since": "2026-03-02", "until": "2026-03-01"})
    assert (wrong.status_code, "last day is before" in wrong.text) == (422, True)
    assert "Send 2 messages that were not sent again" in staff.get("/staff/deliveries?words=relay").text
    server.at_recipient = lambda: None
    for told in ("2 messages will be sent again", "none was given up"):
        assert told in staff.post("/staff/deliveries/again", {"words": "relay"}, follow_redirects=True).text
    assert work(mailing) == 2
    assert [message(mailing, number).state for number in (1, 2, 3, 4)] == ["failed", "sent", "sent", "failed"]


def test_a_test_message_needs_an_address(mailing: World) -> None:
    mailing.staff("a.staff", permissions={"staff:console:open", "staff:deliveries:read", "staff:deliveries:manage"})
    answer = mailing.sign_in("a.staff").post("/staff/deliveries", {"address": "front desk"})
    assert answer.status_code == 422
    assert 'value="front desk"' in answer.text
    assert "This is not an e-mail address" in words_of(answer)
