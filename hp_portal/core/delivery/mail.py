"""An e-mail as it leaves: text and HTML from the same templates, and the headers that tell machines what it is."""

from __future__ import annotations

import re
import secrets
from base64 import encodebytes
from collections.abc import Mapping, Sequence
from email.errors import HeaderParseError
from email.header import Header
from email.headerregistry import Address
from email.utils import format_datetime, formataddr
from quopri import encodestring
from typing import Any
from urllib.parse import quote

from flask import render_template

from hp_portal.core.delivery.attaching import TEXT, Attachment
from hp_portal.core.delivery.models import Message
from hp_portal.core.delivery.transports import ComposedMail, NotSent
from hp_portal.core.web.links import absolute_url
from hp_portal.settings import Settings

_PLAIN_LINE = re.compile(r"[\t\x20-\x7e]{0,900}")
_BOUNDARY = f"=_{secrets.token_hex(12)}"
# Most addresses; the others are read as the standard has it, which takes long.
_USUAL = re.compile(r"[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


def is_email(text: str) -> bool:
    """May this be an e-mail address? Whether it exists, only a message tells."""
    if _USUAL.fullmatch(text):
        return True
    try:
        address = Address(addr_spec=text)
    except (ValueError, IndexError, HeaderParseError):
        return False
    return bool(address.username) and "." in address.domain and text.isascii() and " " not in text


def bounce_address(settings: Settings, token: str) -> str:
    """The envelope sender of a message: what cannot be delivered comes back to it, and it tells which message it was."""
    name, _, domain = settings.mail_from.rpartition("@")
    return f"{name}+{token}@{domain}"


def message_id(settings: Settings, token: str) -> str:
    """The same in every attempt: a server that took the message once knows it again."""
    return f"<{token}@{settings.mail_from.rpartition('@')[2]}>"


def _template(message: Message) -> str:
    return message.template if "/" in message.template else f"mail/{message.template}"


def render_text(message: Message, values: dict[str, Any], stop_link: str = "") -> str:
    """The message as text. `stop_link` leads to where digests are stopped."""
    text = render_template(f"{_template(message)}.txt", **values, subject=message.subject, stop_link=stop_link)
    return text.strip() + "\n"


def render_html(message: Message, values: dict[str, Any], stop_link: str = "") -> str:
    """The message as HTML."""
    return render_template(f"{_template(message)}.html", **values, subject=message.subject, stop_link=stop_link)


def compose(
    settings: Settings, message: Message, values: dict[str, Any], attachments: Sequence[Attachment] = ()
) -> ComposedMail:
    """The message as the mail server gets it. Raises NotSent for an address that is none."""
    if not is_email(message.recipient):
        raise NotSent(f"{message.recipient} is not an e-mail address.", final=True)
    stop_link = absolute_url("digests.show", digest_token=message.digest_token) if message.digest_token else ""
    heads = {
        "From": sender_of(settings),
        "To": message.recipient,
        "Subject": message.subject,
        "Date": format_datetime(message.created_at),
        "Message-ID": message_id(settings, message.token),
        # Out-of-office replies and the like answer no machine.
        "Auto-Submitted": "auto-generated",
    }
    if stop_link:
        heads |= {
            "List-Unsubscribe": f"<{stop_link}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }  # RFC 8058
    text, html = render_text(message, values, stop_link), render_html(message, values, stop_link)
    raw = write_mail(heads, text, html, attachments)
    return ComposedMail(bounce_address(settings, message.token), message.recipient, message.token, raw)


def sender_of(settings: Settings) -> str:
    """The sender as people read it."""
    return formataddr((" ".join(settings.payer.name.split()), settings.mail_from))


def write_mail(heads: Mapping[str, str], text: str, html: str = "", attachments: Sequence[Attachment] = ()) -> bytes:
    """A mail as it goes over the wire.

    Put together here: the standard library's `EmailMessage` reads each header anew, which takes several times as long as sending
    the mail. Headers are of one line; what is not ASCII in them is encoded.
    """
    body = _part("text/plain", text)
    if html:
        body = _parts("alternative", [body, _part("text/html", html)])
    if attachments:
        body = _parts("mixed", [body, *map(_attached, attachments)])
    lines = [f"{name}: {_in_header(name, value)}\r\n" for name, value in heads.items()]
    return "".join(lines).encode("ascii") + b"MIME-Version: 1.0\r\n" + body


def _in_header(name: str, value: str) -> str:
    one = " ".join(value.split())
    return one if one.isascii() else Header(one, "utf-8", header_name=name).encode(linesep="\r\n")


def _part(kind: str, text: str) -> bytes:
    """A text as a part: as it is where every mail server takes that, quoted-printable otherwise."""
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    if all(_PLAIN_LINE.fullmatch(line) for line in lines):
        way, body = "7bit", "\r\n".join(lines).encode()
    else:
        way, body = (
            "quoted-printable",
            b"\r\n".join(encodestring(line.encode()).replace(b"\n", b"\r\n") for line in lines),
        )
    head = f'Content-Type: {kind}; charset="utf-8"\r\nContent-Transfer-Encoding: {way}\r\n\r\n'
    return head.encode() + body


def _attached(one: Attachment) -> bytes:
    kind = f'{one.content_type}; charset="utf-8"' if one.content_type == TEXT else one.content_type
    name = f'filename="{one.name}"' if one.name.isascii() else f"filename*=utf-8''{quote(one.name, safe='')}"
    head = (
        f"Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; {name}\r\n\r\n"
    )
    return head.encode() + encodebytes(one.body).replace(b"\n", b"\r\n")


def _parts(kind: str, parts: Sequence[bytes]) -> bytes:
    boundary = _BOUNDARY
    while any(boundary.encode() in part for part in parts):
        boundary = f"=_{secrets.token_hex(12)}"
    line = f"\r\n--{boundary}\r\n".encode()
    head = f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n'.encode()
    return head + b"".join(line + part for part in parts) + f"\r\n--{boundary}--\r\n".encode()
