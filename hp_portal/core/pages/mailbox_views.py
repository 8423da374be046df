"""The demo's mailbox: every message as it would arrive. No other portal has these pages."""

from __future__ import annotations

from flask import Blueprint, Response, abort
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.delivery.mailbox import InMailbox
from hp_portal.core.delivery.ways import demo_mailbox
from hp_portal.core.web.attachments import attachment
from hp_portal.core.web.render import page

blueprint = Blueprint("mailbox", __name__, url_prefix="/demo/mailbox")


def _message_or_404(name: str) -> InMailbox:
    return demo_mailbox().message(name) or abort(404)


@blueprint.get("/")
@access.public
def index() -> ResponseReturnValue:
    return page("pages/mailbox.html", messages=demo_mailbox().messages())


@blueprint.get("/<name>")
@access.public
def message(name: str) -> ResponseReturnValue:
    return page("pages/mailbox_message.html", message=_message_or_404(name))


@blueprint.get("/<name>/files/<id:place>")
@access.public
def file(name: str, place: int) -> ResponseReturnValue:
    """What goes along with a message, or arrives on paper."""
    files = _message_or_404(name).files
    if place >= len(files):
        abort(404)
    return attachment(files[place].body, files[place].name, files[place].content_type)


@blueprint.get("/<name>/html")
@access.public
def html(name: str) -> ResponseReturnValue:
    """The message as a mail client shows it: with the styles of its elements, and nothing else."""
    response = Response(_message_or_404(name).html or abort(404))
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; sandbox allow-top-navigation"
    )
    return response
