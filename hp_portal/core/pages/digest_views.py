"""The pages that a link in a digest leads to: stop digests, and take them up again.

Nobody signs in for it. What opens a link by itself, such as a mail scanner, changes nothing: the button decides. A mail client's
own button posts to the link without any page (RFC 8058).
"""

from __future__ import annotations

from flask import Blueprint, Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.delivery.digests import digests_of, stop_digests, take_up_digests
from hp_portal.core.web.render import db_session, page, redirect_to

blueprint = Blueprint("digests", __name__, url_prefix="/e-mails")
ONE_CLICK = f"{__name__}.one_click"
"""This view takes forms of other sites: the link is what entitles to it, and a mail client has no session."""


@blueprint.get("/<digest_token>")
@access.public
def show(digest_token: str) -> ResponseReturnValue:
    digests = digests_of(db_session(), digest_token) or abort(404)
    return page("pages/digests.html", digests=digests, digest_token=digest_token)


@blueprint.post("/<digest_token>")
@access.public
def one_click(digest_token: str) -> ResponseReturnValue:
    """What a mail client sends."""
    db = db_session()
    if digests_of(db, digest_token) is None:
        return _said("There is no such link.\n", 404)
    if request.form.get("List-Unsubscribe") != "One-Click":
        return _said("Send List-Unsubscribe=One-Click, or open the link and use its button.\n", 400)
    stop_digests(db, digest_token)
    db.commit()
    return _said("No more summaries will be sent.\n", 200)


def _said(text: str, status: int) -> Response:
    return Response(text, status, content_type="text/plain; charset=utf-8")


@blueprint.post("/<digest_token>/stop")
@access.public
def stop(digest_token: str) -> ResponseReturnValue:
    return _changed(digest_token, stop_digests(db_session(), digest_token), "No more summaries will be sent.")


@blueprint.post("/<digest_token>/again")
@access.public
def again(digest_token: str) -> ResponseReturnValue:
    return _changed(digest_token, take_up_digests(db_session(), digest_token), "Summaries will be sent again.")


def _changed(digest_token: str, done: bool, told: str) -> ResponseReturnValue:
    if not done:
        abort(404)
    db_session().commit()
    flash(told, "good")
    return redirect_to(url_for("digests.show", digest_token=digest_token))
