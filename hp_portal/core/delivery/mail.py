"""An e-mail as it leaves: text and HTML from the same templates, and the headers that tell machines what it is."""

from __future__ import annotations

from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

from flask import render_template

from hp_portal.core.delivery.models import Message
from hp_portal.core.delivery.transports import Composed, NotSent
from hp_portal.settings import Settings


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


def render(message: Message, values: dict[str, Any]) -> tuple[str, str]:
    """The message as text and as HTML."""
    html = render_template(f"{_template(message)}.html", **values, subject=message.subject)
    return render_text(message, values), html


def render_text(message: Message, values: dict[str, Any]) -> str:
    """The message as text."""
    text = render_template(f"{_template(message)}.txt", **values, subject=message.subject)
    return text.strip() + "\n"


def compose(settings: Settings, message: Message, values: dict[str, Any]) -> Composed:
    """The message as the mail server gets it. Raises NotSent for an address that is none."""
    if not is_email(message.recipient):
        raise NotSent(f"{message.recipient} is not an e-mail address.", final=True)
    text, html = render(message, values)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(settings.payer.name, addr_spec=settings.mail_from)
    mail["To"] = Address(addr_spec=message.recipient)
    mail["Subject"] = message.subject
    mail["Date"] = format_datetime(message.created_at)
    mail["Message-ID"] = message_id(settings, message.token)
    # Out-of-office replies and the like answer no machine.
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text)
    mail.add_alternative(html, subtype="html")
    return Composed(bounce_address(settings, message.token), message.recipient, mail)
