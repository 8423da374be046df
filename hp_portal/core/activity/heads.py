"""Publishing the heads of the chain to another system, so that a record that was cut back shows, and reading them again.

A head is a seal's number and digest. A line of it looks the same wherever it is sent:

    2026-11-24T03:15:00Z seal 4711 5f0c… (64 hexadecimal digits)
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import smtplib
import urllib.request
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa
import structlog

from hp_portal import clock
from hp_portal.core.audit import reports
from hp_portal.core.audit.models import AuditSeal
from hp_portal.core.delivery.smtp import connect
from hp_portal.database import PortalSession
from hp_portal.settings import Settings

log = structlog.get_logger(__name__)
TIMEOUT = 10  # seconds
# How often a head is sent: a file takes each one.
EVERY = {"file": dt.timedelta(0), "https": dt.timedelta(minutes=1), "mailto": dt.timedelta(hours=1)}
_LINE = re.compile(r"\bseal (\d+) ([0-9a-f]{64})\b")
Send = Callable[[Settings, AuditSeal], None]


class NotPublished(Exception):
    """A head did not reach the other system; the text says why."""


def read_heads(text: str) -> dict[int, str]:
    """The heads in a file, in mails or answers that were kept: digests in hexadecimal by the numbers of their seals.

    Raises ValueError for none, or for two different ones of one number.
    """
    found: dict[int, str] = {}
    for number, digest in _LINE.findall(text):
        if found.setdefault(int(number), digest) != digest:
            raise ValueError(f"it has two different heads of seal {number}")
    if not found:
        raise ValueError("it has no head, such as: 2026-11-24T03:15:00Z seal 4711 5f0c…")
    return found


def head_line(seal: AuditSeal) -> str:
    return f"{seal.sealed_at:%Y-%m-%dT%H:%M:%SZ} seal {seal.id} {bytes(seal.digest).hex()}"


def publish(session: PortalSession, settings: Settings) -> None:
    """Send the newest head where HP_PORTAL_AUDIT_HEADS says, unless that was done; commits.

    What goes wrong is kept for the staff's page and tried again with the next run. Sealing does not wait for any of it.
    """
    seal = session.scalars(sa.select(AuditSeal).order_by(AuditSeal.id.desc()).limit(1)).one_or_none()
    if not settings.audit_heads or seal is None:
        return
    session.expunge(seal)
    last = reports.report(session, reports.PUBLISHED)
    kind = urlsplit(settings.audit_heads).scheme
    # The number alone does not say that it is still the same seal: a file is looked into each time.
    sent = last is not None and not last.problem and last.seal == seal.id and kind != "file"
    if sent or (last is not None and not last.problem and clock.now() < last.at + EVERY[kind]):
        return
    try:
        if kind == "file" and _is_in_file(session, file_of(settings), seal):
            if last is not None and not last.problem:
                return
        else:
            session.rollback()  # no transaction is open while others are waited for
            SENDERS[kind](settings, seal)
    except (OSError, NotPublished, ValueError, smtplib.SMTPException) as error:
        log.warning("audit.head-not-published", seal=seal.id, error=str(error))
        reports.note(session, reports.PUBLISHED, seal=last.seal if last else 0, problem=str(error)[:300])
    else:
        reports.note(session, reports.PUBLISHED, seal=seal.id)
    session.commit()


def file_of(settings: Settings) -> Path:
    return Path(unquote(urlsplit(settings.audit_heads).path))


def _is_in_file(session: PortalSession, path: Path, seal: AuditSeal) -> bool:
    """Is this the last head in the file? Raises NotPublished when that is one that the chain no longer has."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        lines = _LINE.findall(file.read().decode(errors="replace"))
    if not lines:
        return False
    number, digest = int(lines[-1][0]), lines[-1][1]
    kept = session.scalar(sa.select(AuditSeal.digest).where(AuditSeal.id == number))
    if kept is None or bytes(kept).hex() != digest:
        raise NotPublished(
            f"{path} names seal {number}, which is gone or another one now: the record has been cut back"
        )
    return number == seal.id


def _to_file(settings: Settings, seal: AuditSeal) -> None:
    descriptor = os.open(file_of(settings), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, f"{head_line(seal)}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is no delivery: following one would ask for a page, without the head, and take that it is there for a yes."""

    def redirect_request(self, *_: object) -> None:
        return None


def _to_https(settings: Settings, seal: AuditSeal) -> None:
    body = {"payer": settings.payer.name, "seal": seal.id, "digest": bytes(seal.digest).hex(), "head": head_line(seal)}
    request = urllib.request.Request(  # noqa: S310 - the setting is an https address
        settings.audit_heads, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.build_opener(_NoRedirects).open(request, timeout=TIMEOUT) as answer:
        if not 200 <= answer.status < 300:
            raise NotPublished(f"the address answered {answer.status}")


def _to_mail(settings: Settings, seal: AuditSeal) -> None:
    message = EmailMessage()
    message["From"], message["To"] = settings.mail_from, unquote(urlsplit(settings.audit_heads).path)
    message["Subject"] = f"Audit record of {settings.payer.short_name}: seal {seal.id}"
    message.set_content(
        f"{head_line(seal)}\n\nKeep this message. `hp-portal audit verify --heads FILE` compares the record with it.\n",
        cte="7bit",  # a longer line than usual, which must stay whole
    )
    with connect(settings, TIMEOUT) as smtp:
        smtp.send_message(message)


SENDERS: dict[str, Send] = {"file": _to_file, "https": _to_https, "mailto": _to_mail}
