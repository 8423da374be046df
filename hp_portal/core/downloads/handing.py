"""A view's answer to a download: the file, or the page that waits for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Response, abort, current_app, url_for

from hp_portal.core.access.enforce import the_actor
from hp_portal.core.documents.limited import DocumentTooLarge, no_progress
from hp_portal.core.downloads.kinds import find_kind
from hp_portal.core.downloads.queue import request_document
from hp_portal.core.downloads.slots import folder_of, slot
from hp_portal.core.web.attachments import attachment
from hp_portal.core.web.render import db_session, redirect_to, settings
from hp_portal.hookspecs import DocumentKind, Making

PER_PERSON = 1


def hand_over(key: str, wanted: Mapping[str, Any], *, title: str, small: bool) -> Response:
    """The document of a kind, recorded as it leaves; 404 when what is `wanted` is not there for the session.

    A `small` one, which takes less than a second to make, is made at once while few others are; everything else is made by the
    worker, and the answer leads to the page that waits for it, where `title` stands. Nothing about a patient may be in the title.
    Raises QueueFull, for which the portal has a page: 503, with `Retry-After` and in words. Commits.
    """
    kind = find_kind(key)
    if kind is None:
        raise LookupError(f"no application declares documents of kind {key}")
    if small:
        where = folder_of(Path(current_app.instance_path), settings().database_url)
        person = the_actor().person_id
        with slot(where, person, at_once=settings().documents_at_once, per_person=PER_PERSON) as free:
            if free:
                try:
                    return _at_once(kind, wanted)
                except DocumentTooLarge:
                    # More than somebody should wait for, on a busy machine perhaps: the worker's.
                    db_session().rollback()
    session = db_session()
    request = request_document(session, the_actor(), kind, wanted, title)
    session.commit()
    return redirect_to(url_for("documents.show", document_id=request.id))


def _at_once(kind: DocumentKind, wanted: Mapping[str, Any]) -> Response:
    session = db_session()
    made = kind.make(session, wanted, Making(at_once=True, progress=no_progress))
    if made is None or not kind.hand_over(session, wanted if made.contents is None else made.contents):
        abort(404)
    session.commit()
    return attachment(made.body, made.name, made.content_type)
