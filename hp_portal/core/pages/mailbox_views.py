"""The demo's mailbox: every message as it would arrive. No other portal has these pages."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, abort, current_app
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.delivery.mailbox import InMailbox, Mailbox
from hp_portal.core.delivery.ways import mailbox_folder
from hp_portal.core.web.render import page

blueprint = Blueprint("mailbox", __name__, url_prefix="/demo/mailbox")


def _mailbox() -> Mailbox:
    return Mailbox(mailbox_folder(Path(current_app.instance_path)))


def _message_or_404(name: str) -> InMailbox:
    return _mailbox().message(name) or abort(404)


@blueprint.get("/")
@access.public
def index() -> ResponseReturnValue:
    return page("pages/mailbox.html", messages=_mailbox().messages())


@blueprint.get("/<name>")
@access.public
def message(name: str) -> ResponseReturnValue:
    return page("pages/mailbox_message.html", message=_message_or_404(name))


@blueprint.get("/<name>/html")
@access.public
def html(name: str) -> ResponseReturnValue:
    """The message as a mail client shows it: with the styles of its elements, and nothing else."""
    response = Response(_message_or_404(name).html)
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; sandbox allow-top-navigation"
    )
    return response
