"""What comes back: reading which message it was, and why, out of what mail servers say in many ways.

The token decides which message: it stands in the address that the mail came back to, or in the returned message's Message-ID.
Why is read from a report of RFC 3464; where there is none, by flufl.bounce, which knows how older servers say it.
"""

from __future__ import annotations

import email.policy
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser

import structlog
from flufl.bounce import all_failures

log = structlog.get_logger(__name__)
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)  # it tells every reader that failed

FAILED, DELAYED, AUTOMATIC, OTHER = "failed", "delayed", "automatic", "other"
_IN_ADDRESS = re.compile(r"\+([0-9a-f]{32})@")
_IN_MESSAGE_ID = re.compile(rb"^Message-ID:\s*<([0-9a-f]{32})@", re.IGNORECASE | re.MULTILINE)
_SENT_TO = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To")
LONGEST, LONGEST_HEADER = 256 * 1024, 1_000
_MACHINES = ("mailer-daemon", "postmaster", "mail-daemon")


@dataclass(frozen=True)
class Returned:
    """Mail that came back.

    `token` is the message's, empty where nothing names it. `kind` is `failed` (it did not arrive and will not), `delayed` (the
    other side still tries), `automatic` (a machine answered, such as an absence note) or `other` (somebody wrote, or nobody can
    say). `said` is the reason in the other side's words. `addresses` are those it says were not reached.
    """

    token: str
    kind: str
    said: str
    addresses: tuple[str, ...]
    subject: str
    sender: str


def read_return(raw: bytes, to: str = "") -> Returned:
    """Read what came back. `to` is the address it came back to, where the mail server tells it apart from the headers.

    Whatever somebody sends is read in a moment: of a mail the first 256 KB, of a header the first 1,000 letters. What cannot be
    read is `other`.
    """
    raw = raw[:LONGEST]
    try:
        # As the standard library made messages before policies: it interprets no header, however much is in it.
        mail = email.message_from_bytes(raw)
        kind, said, addresses = _of_reports(reports) if (reports := list(_reports(mail))) else _of_text(mail)
    except Exception:  # the standard library's parser fails in many ways, not only on what is nested too deeply
        mail = BytesHeaderParser().parsebytes(raw)
        kind, said, addresses = OTHER, "", ()
    return Returned(_token(mail, raw, to), kind, said, addresses, _head(mail, "Subject"), _head(mail, "From"))


def _head(mail: Message, name: str) -> str:
    """A header on one line. What cannot be read of it stays out: it is the other side's, and may hold anything."""
    try:
        text = next((str(text) for key, text in mail.raw_items() if key.lower() == name.lower()), "")
        return _plain(str(email.policy.default.header_factory(name, "".join(text[:LONGEST_HEADER].splitlines()))))
    except Exception:  # the standard library's parser of headers fails in many ways
        return ""


def _plain(text: str) -> str:
    """On one line, without what is no letter: a database may not take it."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:200]


def _token(mail: Message, raw: bytes, to: str) -> str:
    for text in (to, *(_head(mail, name) for name in _SENT_TO)):
        if found := _IN_ADDRESS.search(text):
            return found[1]
    in_it = _IN_MESSAGE_ID.search(raw)
    return in_it[1].decode() if in_it else ""


def _reports(mail: Message) -> Iterator[Message]:
    """For each recipient what a report of RFC 3464 says of it."""
    for part in mail.walk():
        if part.get_content_type() == "message/delivery-status":
            for block in part.get_payload() if isinstance(part.get_payload(), list) else ():
                if isinstance(block, Message) and "Action" in block:
                    yield block


def _of_reports(reports: list[Message]) -> tuple[str, str, tuple[str, ...]]:
    failed = [report for report in reports if _head(report, "Action").lower() == "failed"]
    late = [report for report in reports if _head(report, "Action").lower() == "delayed"]
    told = failed or late or reports
    words = _head(told[0], "Diagnostic-Code") or _head(told[0], "Status")
    addresses = tuple(_head(report, "Final-Recipient").rpartition(";")[2].strip() for report in failed)
    return FAILED if failed else DELAYED if late else OTHER, words.removeprefix("smtp;").strip(), addresses


def _of_text(mail: Message) -> tuple[str, str, tuple[str, ...]]:
    try:
        for_now, for_good = all_failures(mail)
    except Exception:  # its readers of single servers' words do not expect everything
        log.info("delivery.unreadable-return")
        for_now = for_good = frozenset()
    if for_good or for_now:
        addresses = tuple(sorted(_plain(address.decode("ascii", "replace")) for address in for_good))
        return FAILED if for_good else DELAYED, _head(mail, "Subject"), addresses
    if _head(mail, "Auto-Submitted").lower() not in ("", "no") or "X-Autoreply" in mail:
        return AUTOMATIC, _head(mail, "Subject"), ()
    sender = _head(mail, "From").lower()
    from_machine = _head(mail, "Return-Path") == "<>" or any(name in sender for name in _MACHINES)
    return FAILED if from_machine else OTHER, _head(mail, "Subject"), ()
