"""Files go along with messages; digests can be stopped by their link, and taken up again."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from hp_portal.core.delivery.attaching import MOST_BYTES, Attachment
from hp_portal.core.delivery.digests import stop_digests
from hp_portal.core.delivery.models import DigestRefusal, Message, MessageAttachment
from hp_portal.core.delivery.outbox import Outgoing, add_message
from tests.core.test_delivery import TO, mailing, message, server, work
from tests.support.mail_server import MailServer
from tests.support.processes import PATIENCE
from tests.support.world import World

pytestmark = pytest.mark.either_database

__all__ = ["mailing", "server"]
PDF = Attachment("Your agreement.pdf", "application/pdf", b"%PDF-1.7 a sample")
NOTE = Attachment("note.txt", "text/plain", "Fünf\r\nlines\n".encode())


def write(world: World, *attachments: Attachment, to: str = TO, digest: bool = False) -> int:
    with world.session() as session:
        values = {"asked_at": "March 2"}
        return add_message(
            session, Outgoing(to, "test", "What is new", "test:1", values, attachments=attachments, digest=digest)
        )


def test_files_go_along_and_are_sealed(mailing: World, server: MailServer) -> None:
    number = write(mailing, PDF, NOTE)
    with mailing.session() as session:
        assert not any(b"sample" in body for body in session.scalars(sa.select(MessageAttachment.body_sealed)))
    assert work(mailing) == 1
    text = server.taken[0].text
    found = [(part.get_filename(), part.get_content_type(), part.get_content()) for part in text.iter_attachments()]
    assert [(name, kind) for name, kind, _ in found] == [(one.name, one.content_type) for one in (PDF, NOTE)]
    assert (found[0][2], found[1][2].split()) == (PDF.body, ["Fünf", "lines"])
    body = text.get_body()
    assert body is not None
    assert body.get_content_type() == "text/html"
    mailing.staff("a.staff", permissions={"staff:console:open", "staff:deliveries:read"})
    assert "Your agreement.pdf (17 Bytes), note.txt (13 Bytes)" in mailing.sign_in("a.staff").get(
        f"/staff/deliveries/{number}"
    ).text.replace("\n", " ")


@pytest.mark.parametrize(
    "wrong",
    [
        Attachment("a.pdf", "application/pdf", b"<html>"),
        Attachment("a.txt", "text/plain", b"\xff\xfe"),
        Attachment("a.txt", "text/plain", b"a\x00b"),
        Attachment("a.html", "text/html", b"<p>"),
        Attachment("../a.pdf", "application/pdf", PDF.body),
        Attachment('a".pdf', "application/pdf", PDF.body),
        Attachment("a\n.pdf", "application/pdf", PDF.body),
        Attachment("", "application/pdf", PDF.body),
        Attachment("a.pdf", "application/pdf", PDF.body.ljust(MOST_BYTES)),
    ],
    ids=["no PDF", "no text", "a NUL", "HTML", "a path", "a quote", "two lines", "no name", "too much"],
)
def test_what_may_not_go_along_is_refused(mailing: World, wrong: Attachment) -> None:
    with pytest.raises(ValueError):
        write(mailing, NOTE, wrong)
    with mailing.session() as session:
        assert session.scalars(sa.select(Message.id)).all() == []


def link_of(server: MailServer) -> str:
    """Where the newest digest's link leads to, without the portal's address."""
    header = str(server.taken[-1].text["List-Unsubscribe"])
    assert header.startswith("<http://localhost/e-mails/")
    return header.removeprefix("<http://localhost").removesuffix(">")


def test_a_digest_is_stopped_by_its_link_and_taken_up_again(mailing: World, server: MailServer) -> None:
    write(mailing, digest=True)
    work(mailing)
    link, head = link_of(server), server.taken[0].text
    assert head["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    parts = [part.get_content() for part in head.iter_parts()]
    assert f"Stop these summaries: http://localhost{link}" in parts[0]
    assert f'<a href="http://localhost{link}">Stop these summaries</a>' in parts[1]
    waiting, other = write(mailing, digest=True), write(mailing, to="b.clerk@clinic.example", digest=True)
    client = mailing.client()
    page = client.get(link).text
    assert ("a•••@c•••.example" in page, TO in page) == (True, False)
    assert message(mailing, waiting).state == "waiting", "a scanner that opens the link stops nothing"
    assert "We send no summaries" in client.post(f"{link}/stop", follow_redirects=True).text
    assert message(mailing, waiting).state == "canceled"
    later = write(mailing, to=TO.upper(), digest=True)
    plain = write(mailing)
    assert work(mailing) == 2
    states = [message(mailing, number).state for number in (later, other, plain)]
    assert states == ["canceled", "sent", "sent"], "only digests, and only to this address"
    assert message(mailing, later).problem == "Whoever has this address wants no summaries."
    assert "List-Unsubscribe" not in server.taken[-1].text
    assert "You can stop them" in client.post(f"{link}/again", follow_redirects=True).text
    write(mailing, digest=True)
    assert work(mailing) == 1


def test_a_mail_client_stops_digests_with_one_click(mailing: World, server: MailServer) -> None:
    """Without a page, a cookie or a form's token (RFC 8058); nothing else may be posted so."""
    write(mailing, digest=True)
    work(mailing)
    link, client = link_of(server), mailing.app.test_client()
    assert client.post(link, data={"something": "else"}).status_code == 400
    assert client.post(link + "/stop").status_code == 400, "the page's own form has a token"
    for _ in range(2):
        answer = client.post(link, data={"List-Unsubscribe": "One-Click"})
        assert (answer.status_code, answer.text) == (200, "No more summaries will be sent.\n")
    assert message(mailing, write(mailing, digest=True)).state == "canceled"
    for other in ("x" * 32, "short", "%00" * 32):
        assert client.post(f"/e-mails/{other}", data={"List-Unsubscribe": "One-Click"}).status_code == 404
        assert client.get(f"/e-mails/{other}").status_code == 404


def test_button_and_mail_client_at_the_same_moment_stop_digests_once(mailing: World) -> None:
    number, together = write(mailing, digest=True), threading.Barrier(2)
    token = message(mailing, number).digest_token or ""

    def stop(_: int) -> bool:
        with mailing.session() as session:
            together.wait(PATIENCE)
            return stop_digests(session, token)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(stop, range(2))) == [True, True]
    with mailing.session() as session:
        assert len(session.scalars(sa.select(DigestRefusal.id)).all()) == 1
