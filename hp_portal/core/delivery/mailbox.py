"""The demo's mailbox: in the place of a mail server, a folder in which every message lies as it would have left."""

from __future__ import annotations

import email.policy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.parser import BytesParser
from pathlib import Path

from hp_portal.core.delivery.transports import ComposedMail
from hp_portal.private_files import make_private_folder

_NAME = re.compile(r"[0-9a-f]{32}")
NEWEST = 200


@dataclass(frozen=True)
class InMailbox:
    """A message in the mailbox: its name, the heads that a mail client shows, and both its forms."""

    name: str
    to: str
    sender: str
    subject: str
    date: str
    text: str
    html: str


class Mailbox:
    """A transport that writes messages into a folder. A message that arrives a second time takes the place of the first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def open(self) -> Iterator[Mailbox]:
        make_private_folder(self.folder)
        yield self

    def send(self, composed: ComposedMail) -> str:
        name = str(composed.text["Message-ID"]).strip("<>").partition("@")[0]
        path = self.folder / f"{name}.eml"
        part = path.with_suffix(".part")
        part.write_bytes(bytes(composed.text))
        part.replace(path)
        return "It is in the demo's mailbox."

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
    forms = {part.get_content_type(): part.get_content() for part in mail.walk() if not part.is_multipart()}
    heads = {name: str(mail[name] or "") for name in ("To", "From", "Subject", "Date")}
    return InMailbox(
        path.stem,
        heads["To"],
        heads["From"],
        heads["Subject"],
        heads["Date"],
        forms.get("text/plain", ""),
        forms.get("text/html", ""),
    )
