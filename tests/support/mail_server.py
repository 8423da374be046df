"""A mail server of the test's own that does what it is told: takes messages, refuses them, or breaks the connection."""

from __future__ import annotations

import email.policy
from asyncio import Server, WriteTransport
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from typing import cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class Taken:
    """A message that the server has taken."""

    sender: str
    recipient: str
    text: EmailMessage


@dataclass
class MailServer:
    """What the server has taken, and what it answers: `answer` is asked for each message, `at_recipient` before it for each
    recipient, and `at_sender` for the sender. None: taken; a text is said as it is; "cut" ends the connection after the message,
    without an answer."""

    port: int = 0
    taken: list[Taken] = field(default_factory=list)
    answer: Callable[[], str | None] = lambda: None
    at_recipient: Callable[[], str | None] = lambda: None
    at_sender: Callable[[], str | None] = lambda: None
    connections: int = 0

    async def handle_EHLO(
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refused := self.at_sender():
            return refused
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 fine"

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if refused := self.at_recipient():
            return refused
        envelope.rcpt_tos.append(address)
        return "250 fine"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        answer, content = self.answer(), envelope.content
        if answer in (None, "cut"):
            assert isinstance(content, bytes)
            text = BytesParser(policy=email.policy.default).parsebytes(content)
            self.taken.append(Taken(envelope.mail_from or "", envelope.rcpt_tos[0], text))
        if answer == "cut":
            cast("WriteTransport", server.transport).abort()
        return answer or "250 taken"


class _Controller(Controller):
    """One that says which port the system chose."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call] # aiosmtpd has no types for it


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """A mail server on a port of the system's choice, for the length of a block."""
    server = MailServer()
    controller = _Controller(server, hostname="127.0.0.1", port=0)
    controller.start()
    try:
        server.port = controller.port
        yield server
    finally:
        controller.stop()
