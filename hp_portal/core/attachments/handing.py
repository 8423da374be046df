"""An attached file as a download: never shown in the browser, never kept in a cache."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from typing import BinaryIO, NoReturn, cast

import structlog
from flask import Response, abort

from hp_portal.core.attachments.attaching import STORED_AS, find_attached, reached
from hp_portal.core.attachments.kinds import KINDS, name_as
from hp_portal.core.attachments.models import AttachedFile
from hp_portal.core.attachments.states import DAMAGED, FAILED, READY
from hp_portal.core.audit.record import record
from hp_portal.core.files.storing import find_stored, open_stored
from hp_portal.core.web.attachments import attachment
from hp_portal.core.web.render import db_session
from hp_portal.database import PortalSession
from hp_portal.scopes import whole
from hp_portal.vault import SealBroken

log = structlog.get_logger(__name__)
_IN_MEMORY = 4 << 20


class FileDamaged(Exception):
    """What is stored of a file cannot be opened any more."""


def temporary_file() -> BinaryIO:
    """In memory as long as it is small, then on disk without a name."""
    return cast(BinaryIO, tempfile.SpooledTemporaryFile(_IN_MEMORY))


def _anybody(_file: AttachedFile) -> bool:
    """Whoever may open the view that asks."""
    return True


def _damaged(session: PortalSession, file_id: int, said: str) -> NoReturn:
    """From now on it is one of the files that the payer's staff look into."""
    log.error("attachment.damaged", file=file_id, said=said)
    with whole(session, "a damaged file is the staff's"):
        found = session.get_one(AttachedFile, file_id)
        found.state, found.found = FAILED, DAMAGED
        record(
            session,
            "attachment.file.checked",
            file=found.id,
            about=found.about,
            kind=found.kind,
            state=FAILED,
            scanned=False,
        )
        session.commit()
    raise FileDamaged


def hand_out_attached(file_id: int, about: str, may_see: Callable[[AttachedFile], bool] = _anybody) -> Response:
    """The cleaned copy of a file as a download, recorded as it leaves; 404 when there is none that is ready, or when
    `may_see` says no; raises FileDamaged, which the portal
    answers in words. Commits.
    """
    session = db_session()
    with ExitStack() as until_sent, reached(session):
        found = find_attached(session, file_id, about)
        if found is not None and (found.state, found.found) == (FAILED, DAMAGED) and may_see(found):
            raise FileDamaged
        if found is None or found.state != READY or found.cleaned_id is None or not may_see(found):
            abort(404)
        stored = find_stored(session, found.cleaned_id, STORED_AS) or abort(404)
        body = until_sent.enter_context(temporary_file())
        try:
            # To its end before any of it leaves: only then is it known to be undamaged.
            shutil.copyfileobj(open_stored(session, stored), body)
        except SealBroken as error:
            _damaged(session, found.id, str(error))
        record(session, "attachment.file.downloaded", file=found.id, about=about, kind=found.kind)
        name, kind = name_as(found.name, found.given_as), KINDS[found.given_as]
        session.commit()
        until_sent.pop_all()
    return attachment(body, name, kind.content_type)
