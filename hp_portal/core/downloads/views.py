"""Pages of one's own documents: the one that waits, the list, the finished file."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, cast

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
from hp_portal.core.web.render import db_session, page, redirect_to, settings
from hp_portal.hookspecs import DocumentKind
from hp_portal.scopes import OrganizationScope, WholeScope

blueprint = Blueprint("documents", __name__, url_prefix="/documents")
_IN_MEMORY = 4 << 20


def _find(document_id: int) -> DocumentRequest:
    """The person's own, or 404."""
    return queue.find_request(db_session(), the_actor(), document_id) or abort(404)


@blueprint.get("/")
@access.signed_in
def own() -> ResponseReturnValue:
    documents = queue.own_requests(db_session(), the_actor())
    return page(
        "documents/own.html",
        documents=documents,
        days=settings().documents_kept_days,
        taken=sum(one.size or 0 for one in documents),
        most=settings().documents_kept_mb,
    )


@blueprint.get("/<id:document_id>")
@access.signed_in
def show(document_id: int) -> ResponseReturnValue:
    session, document = db_session(), _find(document_id)
    if queue.note_seen(session, document):
        session.commit()
    return _page(document)


@blueprint.get("/<id:document_id>/progress")
@access.signed_in_passive
def progress(document_id: int) -> ResponseReturnValue:
    """Asked by the page itself while the document is on its way."""
    return _page(_find(document_id))


def _page(document: DocumentRequest) -> Response:
    before = queue.before_it(db_session(), document) if document.state == queue.WAITING else 0
    kind = find_kind(document.kind)
    counts = kind.counts if kind else None
    since = _since(kind, document) if kind else []
    return page("documents/show.html", "state", document=document, before=before, counts=counts, since=since)


def _since(kind: DocumentKind, document: DocumentRequest) -> Sequence[str]:
    """What has changed since a finished file was made, as far as the person may see it."""
    if kind.since is None or document.state != queue.READY or document.made_at is None:
        return []
    session = db_session()
    with scopes.whole(session, "one's own document"):
        wanted = queue.find_wanted(session, document)
    if wanted is None:
        return []
    with _as_the_person():
        return kind.since(session, wanted, document.made_at)


@contextmanager
def _as_the_person() -> Iterator[None]:
    """See what the signed-in person may see, for the length of a block: the rule of these pages sets no scope."""
    session, organization_id = db_session(), the_actor().organization_id
    before = session.context.scope
    scopes.set_scope(session, WholeScope("staff") if organization_id is None else OrganizationScope(organization_id))
    try:
        yield
    finally:
        scopes.set_scope(session, before or WholeScope("one's own documents"))


@blueprint.get("/<id:document_id>/file")
@access.signed_in
def file(document_id: int) -> ResponseReturnValue:
    """The finished file, recorded as it leaves; 404 when the person may no longer see what is in it."""
    session, document = db_session(), _find(document_id)
    kind = find_kind(document.kind)
    if kind is None or document.state != queue.READY or document.stored_file_id is None or not can(kind.permission):
        abort(404)
    with ExitStack() as until_sent:
        with scopes.whole(session, "one's own document"):
            wanted = queue.find_wanted(session, document)
            stored = find_stored(session, document.stored_file_id, STORED_AS) or abort(404)
            body = until_sent.enter_context(_temporary_file())
            # To its end before any of it leaves: only then is it known to be undamaged.
            shutil.copyfileobj(open_stored(session, stored), body)
            queue.note_seen(session, document)
        with _as_the_person():
            if wanted is None or not kind.hand_over(session, wanted):
                abort(404)
            session.commit()
        until_sent.pop_all()
    return attachment(body, stored.name, document.content_type)


def _temporary_file() -> BinaryIO:
    """In memory as long as it is small, then on disk without a name."""
    return cast(BinaryIO, tempfile.SpooledTemporaryFile(_IN_MEMORY))


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
