"""Pages of one's own documents: the one that waits, the list, the finished file."""

from __future__ import annotations

from flask import Blueprint, Response, abort, flash, url_for
from flask.typing import ResponseReturnValue

from hp_portal import scopes
from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import can, the_actor
from hp_portal.core.downloads import queue
from hp_portal.core.downloads.kinds import find_kind
from hp_portal.core.downloads.making import STORED_AS
from hp_portal.core.downloads.models import DocumentRequest
from hp_portal.core.files.storing import find_stored, open_stored
from hp_portal.core.web.attachments import attachment
from hp_portal.core.web.render import db_session, page, redirect_to
from hp_portal.scopes import OrganizationScope, WholeScope

blueprint = Blueprint("documents", __name__, url_prefix="/documents")


def _find(document_id: int) -> DocumentRequest:
    """The person's own, or 404."""
    return queue.find_request(db_session(), the_actor(), document_id) or abort(404)


@blueprint.get("/")
@access.signed_in
def own() -> ResponseReturnValue:
    return page("documents/own.html", documents=queue.own_requests(db_session(), the_actor()))


@blueprint.get("/<id:document_id>")
@access.signed_in
def show(document_id: int) -> ResponseReturnValue:
    return _page(_find(document_id))


@blueprint.get("/<id:document_id>/progress")
@access.signed_in_passive
def progress(document_id: int) -> ResponseReturnValue:
    """Asked by the page itself while the document is on its way."""
    return _page(_find(document_id))


def _page(document: DocumentRequest) -> Response:
    before = queue.before_it(db_session(), document) if document.state == queue.WAITING else 0
    return page("documents/show.html", "state", document=document, before=before)


@blueprint.get("/<id:document_id>/file")
@access.signed_in
def file(document_id: int) -> ResponseReturnValue:
    """The finished file, recorded as it leaves; 404 when the person may no longer see what is in it."""
    session, actor, document = db_session(), the_actor(), _find(document_id)
    kind = find_kind(document.kind)
    if kind is None or document.state != queue.READY or document.stored_file_id is None or not can(kind.permission):
        abort(404)
    with scopes.whole(session, "one's own document"):
        wanted = queue.find_wanted(session, document)
        stored = find_stored(session, document.stored_file_id, STORED_AS) or abort(404)
        body = open_stored(session, stored).read()
    organization_id = actor.organization_id
    scopes.set_scope(session, WholeScope("staff") if organization_id is None else OrganizationScope(organization_id))
    if wanted is None or not kind.hand_over(session, wanted):
        abort(404)
    session.commit()
    return attachment(body, stored.name, document.content_type)


@blueprint.post("/<id:document_id>/again")
@access.signed_in
def again(document_id: int) -> ResponseReturnValue:
    session, document = db_session(), _find(document_id)
    queue.ask_again(session, the_actor(), document)
    session.commit()
    return redirect_to(url_for("documents.show", document_id=document_id))


@blueprint.post("/<id:document_id>/remove")
@access.signed_in
def remove(document_id: int) -> ResponseReturnValue:
    session, document = db_session(), _find(document_id)
    queue.remove(session, document)
    session.commit()
    flash("The document was removed.", "good")
    return redirect_to(url_for("documents.own"))
