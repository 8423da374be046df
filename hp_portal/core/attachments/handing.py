"""An attached file as a download: never shown in the browser, never kept in a cache."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from typing import BinaryIO, cast

from flask import Response, abort

from hp_portal.core.attachments.attaching import STORED_AS, find_attached, reached
from hp_portal.core.attachments.kinds import KINDS, name_as
from hp_portal.core.attachments.models import AttachedFile
from hp_portal.core.attachments.states import READY
from hp_portal.core.audit.record import record
from hp_portal.core.files.storing import find_stored, open_stored
from hp_portal.core.web.attachments import attachment
from hp_portal.core.web.render import db_session

_IN_MEMORY = 4 << 20


def temporary_file() -> BinaryIO:
    """In memory as long as it is small, then on disk without a name."""
    return cast(BinaryIO, tempfile.SpooledTemporaryFile(_IN_MEMORY))


def _anybody(_file: AttachedFile) -> bool:
    """Whoever may open the view that asks."""
    return True


def hand_out_attached(file_id: int, about: str, may_see: Callable[[AttachedFile], bool] = _anybody) -> Response:
    """The cleaned copy of a file as a download, recorded as it leaves; 404 when there is none that is ready, or when
    `may_see` says no. Commits.
    """
    session = db_session()
    with ExitStack() as until_sent, reached(session):
        found = find_attached(session, file_id, about)
        if found is None or found.state != READY or found.cleaned_id is None or not may_see(found):
            abort(404)
        stored = find_stored(session, found.cleaned_id, STORED_AS) or abort(404)
        body = until_sent.enter_context(temporary_file())
        # To its end before any of it leaves: only then is it known to be undamaged.
        shutil.copyfileobj(open_stored(session, stored), body)
        record(session, "attachment.file.downloaded", file=found.id, about=about, kind=found.kind)
        name, kind = name_as(found.name, found.given_as), KINDS[found.given_as]
        session.commit()
        until_sent.pop_all()
    return attachment(body, name, kind.content_type)
