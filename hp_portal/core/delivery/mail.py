"""An e-mail as it leaves: text and HTML from the same templates, and the headers that tell machines what it is."""

from __future__ import annotations

from collections.abc import Sequence
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

from flask import render_template

from hp_portal.core.delivery.attaching import TEXT, Attachment
from hp_portal.core.delivery.models import Message
from hp_portal.core.delivery.transports import ComposedMail, NotSent
from hp_portal.core.web.links import absolute_url
from hp_portal.settings import Settings

# A header is one line: what has no blanks, such as an address of a page, could only be broken by encoding it.
POLICY = SMTP.clone(max_line_length=900)


def is_email(text: str) -> bool:
    """May this be an e-mail address? Whether it exists, only a message tells."""
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
    mail = EmailMessage(policy=POLICY)
    mail["From"] = Address(settings.payer.name, addr_spec=settings.mail_from)
    mail["To"] = Address(addr_spec=message.recipient)
    mail["Subject"] = message.subject
    mail["Date"] = format_datetime(message.created_at)
    mail["Message-ID"] = message_id(settings, message.token)
    # Out-of-office replies and the like answer no machine.
    mail["Auto-Submitted"] = "auto-generated"
    if stop_link:
        mail["List-Unsubscribe"] = f"<{stop_link}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058
    mail.set_content(render_text(message, values, stop_link))
    mail.add_alternative(render_html(message, values, stop_link), subtype="html")
    for one in attachments:
        if one.content_type == TEXT:
            mail.add_attachment(one.body.decode(), filename=one.name)
        else:
            mail.add_attachment(one.body, *one.content_type.split("/"), filename=one.name)
    return ComposedMail(bounce_address(settings, message.token), message.recipient, message.token, mail)
