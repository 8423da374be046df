"""The demo's mailbox: in the place of a mail server, a folder in which every message lies as it would have left."""

from __future__ import annotations

import datetime as dt
import email.policy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path

from hp_portal import clock
from hp_portal.core.delivery.attaching import PDF, Attachment
from hp_portal.core.delivery.mail import write_mail
from hp_portal.core.delivery.models import Message
from hp_portal.core.delivery.transports import ComposedMail
from hp_portal.private_files import make_private_folder

_NAME = re.compile(r"[0-9a-f]{32}")
NEWEST = 200
_WAY, _TO = "X-Way", "X-To"


@dataclass(frozen=True)
class InMailbox:
    """A message in the mailbox: its name, the heads that a mail client shows, both its forms, and what goes along. `way` is
    E-mail, Letter or Fax; of the latter two the file is what arrives."""

    name: str
    to: str
    sender: str
    subject: str
    date: dt.datetime | None
    text: str
    html: str
    way: str
    files: tuple[Attachment, ...]


class Mailbox:
    """A transport that writes messages into a folder. A message that arrives a second time takes the place of the first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def open(self) -> Iterator[Mailbox]:
        make_private_folder(self.folder)
        yield self

    def send(self, composed: ComposedMail) -> str:
        self._put(composed.key, composed.raw)
        return "It is in the demo's mailbox."

    def put_paper(self, way: str, message: Message, to: str, pdf: bytes) -> None:
        """A letter that was mailed or a fax that was sent: what arrives is the PDF."""
        heads = {_TO: to, "Subject": message.subject, _WAY: way, "Date": format_datetime(clock.now())}
        file = Attachment(f"{way.lower()}.pdf", PDF, pdf)
        with self.open():
            self._put(message.token, write_mail(heads, "It arrives on paper: see the PDF.\n", attachments=[file]))

    def _put(self, name: str, raw: bytes) -> None:
        path = self.folder / f"{name}.eml"
        part = path.with_suffix(".part")
        part.write_bytes(raw)
        part.replace(path)

    def messages(self) -> list[InMailbox]:
        """What is in it, the newest first."""
        found = sorted(self.folder.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        return [_read(path) for path in found[:NEWEST]]

    def message(self, name: str) -> InMailbox | None:
        """One message; None when there is none of that name."""
        path = self.folder / f"{name}.eml"
        return _read(path) if _NAME.fullmatch(name) and path.exists() else None


def _read(path: Path) -> InMailbox:
    mail = BytesParser(policy=email.policy.default).parsebytes(path.read_bytes())
    forms = {
        part.get_content_type(): part.get_content()
        for part in mail.walk()
        if not part.is_multipart() and not part.is_attachment()
    }
    heads = {name: str(mail[name] or "") for name in ("To", "From", "Subject", "Date")}
    return InMailbox(
        path.stem,
        str(mail[_TO] or heads["To"]),
        heads["From"],
        heads["Subject"],
        parsedate_to_datetime(heads["Date"]) if heads["Date"] else None,
        forms.get("text/plain", ""),
        forms.get("text/html", ""),
        str(mail[_WAY] or "E-mail"),
        tuple(_file(part) for part in mail.iter_attachments()),
    )


def _file(part: EmailMessage) -> Attachment:
    content = part.get_content()
    body = content.encode() if isinstance(content, str) else content
    return Attachment(part.get_filename() or "file", part.get_content_type(), body)
