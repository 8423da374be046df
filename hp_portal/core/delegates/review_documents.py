"""The signed access review as a PDF for an auditor, for delegates and for the payer's staff."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hp_portal.core.access.rules import DELEGATE
from hp_portal.core.applications.menu import plugins
from hp_portal.core.audit.record import record
from hp_portal.core.delegates.models import AccessReview
from hp_portal.core.delegates.reviewing import KEEP
from hp_portal.core.documents.limited import AT_ONCE, BY_THE_WORKER, DocumentError
from hp_portal.core.documents.rendering import render_pdf
from hp_portal.core.web.formats import show_datetime
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession
from hp_portal.hookspecs import DocumentKind, MadeFile, Making

PDF, STAFF_PDF = "delegates.access-review", "staff.access-review"
STAFF_READ = "staff:access-reviews:read"
_TEMPLATE = Path(__file__).with_name("access_review.typ")


def find_signed(session: PortalSession, review_id: int) -> AccessReview | None:
    """A signed review of the session's organization, or of any in a whole scope; None: there is no such one."""
    wanted = sa.select(AccessReview).where(AccessReview.id == review_id, AccessReview.signed_at.is_not(None))
    return session.scalars(wanted).one_or_none()


def _moment(text: str, missing: str = "") -> str:
    return show_datetime(dt.datetime.fromisoformat(text), settings().payer.zone) if text else missing


def _data(review: AccessReview) -> dict[str, Any]:
    signed = json.loads(review.contents)
    labels = {one.key: one.label for one in plugins().applications}
    rows = signed["rows"]
    people = [
        [
            row["name"],
            "Yes" if row["delegate"] else "No",
            ", ".join(labels.get(key, key) for key in row["applications"]) or "None",
            _moment(row["last_sign_in"], "Never"),
            *_use_and_decision(row),
        ]
        for row in rows
        if "applications" in row
    ]
    others = [
        [
            row["name"],
            "; ".join(
                f"{name}, Tax ID ending in {tin}{f', NPI {npi}' if npi else ''}" for name, tin, npi in row["payees"]
            ),
            *_use_and_decision(row),
        ]
        for row in rows
        if "payees" in row
    ]
    moments = {name: _moment(signed[name]) for name in ("started", "due", "signed")}
    texts = {
        name: signed[name] for name in ("organization", "signed_by", "username", "signature", "address", "agreement")
    }
    ended = sum(1 for row in rows if row["decision"] != KEEP)
    return {**moments, **texts, "people": people, "others": others, "ended": ended, "digest": review.digest}


def _use_and_decision(row: Mapping[str, Any]) -> list[str]:
    decision = "Keep" if row["decision"] == KEEP else "End"
    by = f"{row['decided_by']}, {_moment(row['decided_at'])}"
    return [_moment(row["last_use"], "Not in 90 days"), decision, by]


def _make(session: PortalSession, wanted: Mapping[str, Any], making: Making) -> MadeFile | None:
    review = find_signed(session, wanted["review"])
    if review is None:
        return None
    if hashlib.sha256(review.contents.encode()).hexdigest() != review.digest:
        raise DocumentError("what was signed has been changed since")
    payer = settings().payer
    body = render_pdf(
        _TEMPLATE,
        _data(review),
        title="Access review",
        author=payer.name,
        payer=payer,
        limits=AT_ONCE if making.at_once else BY_THE_WORKER,
        progress=making.progress,
    )
    day = review.signed_at.astimezone(payer.zone).date().isoformat() if review.signed_at else ""
    return MadeFile(body, f"access-review-{day}.pdf", "application/pdf")


def _hand_over(session: PortalSession, wanted: Mapping[str, Any]) -> bool:
    if find_signed(session, wanted["review"]) is None:
        return False
    record(session, "delegates.access-review.downloaded", review=wanted["review"])
    return True


DOCUMENTS = (
    DocumentKind(PDF, "Signed access review", DELEGATE, _make, _hand_over),
    DocumentKind(STAFF_PDF, "Signed access review of a provider", STAFF_READ, _make, _hand_over),
)
