"""Noting a refusal at the end of its request.

403 and 404 answers to somebody who is signed in are noted here for every page, plugins' included. Whether a row that was not
found is another organization's is looked up later, by the worker (judging.py): a request for such a row does exactly what one for
a row that does not exist does, so neither its answer nor its time tells which it was.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
import structlog
from flask import Flask, Response, current_app, g, request

from hp_portal import clock, scopes
from hp_portal.core.access.enforce import current_actor, directory
from hp_portal.core.access.gate import Verdict, decide
from hp_portal.core.access.rules import rule_of
from hp_portal.core.audit.record import Who, get_who
from hp_portal.core.audit.refusals import record_refusal
from hp_portal.core.refusals.models import Refusal
from hp_portal.core.refusals.rows import table_of
from hp_portal.core.web.render import db_session
from hp_portal.core.web.where_from import client_address
from hp_portal.database import Database, PortalSession

log = structlog.get_logger(__name__)
WINDOW = dt.timedelta(minutes=15)
MOST = 200  # refusals of one person that are kept within the window; beyond, nothing new is learned

ROW, PAGE, APPLICATION, PROOF = "row", "page", "application", "proof"
KINDS = {
    ROW: "rows that are not there",
    PAGE: "pages that they may not open",
    APPLICATION: "applications that they do not have",
    PROOF: "payment numbers, blocked after too many wrong ones",
}
_WHY = {
    Verdict.NOT_FOUND: (APPLICATION, "not enabled for the organization"),
    Verdict.NOT_GIVEN: (APPLICATION, "not given to the person"),
    Verdict.NOT_VALIDATED: (APPLICATION, "account not validated"),
    Verdict.FORBIDDEN: (PAGE, "not allowed"),
    Verdict.ALLOW: (PAGE, "not allowed"),
}


def note_refusal(
    session: PortalSession,
    kind: str,
    who: Who | None = None,
    *,
    page: str = "",
    table: str = "",
    row_id: int | None = None,
) -> None:
    """Note a refusal of a kind in KINDS for whoever acts in the session, so that staff are warned when there are many.

    In the session's transaction; the caller commits, and records its own event. Nobody signed in: nothing is noted.
    """
    who = who or get_who(session)
    if who.person_id is None:
        return
    now = clock.now()
    with scopes.whole(session, "refusals are the payer's own"):
        lately = sa.select(sa.func.count(Refusal.id)).where(
            Refusal.person_id == who.person_id, Refusal.at > now - WINDOW
        )
        if (session.scalar(lately) or 0) >= MOST:
            return
        values: dict[str, Any] = {
            "at": now,
            "person_id": who.person_id,
            "organization_id": who.organization_id,
            "sign_in_id": who.sign_in_id,
            "request_id": who.request_id,
            "address": who.address,
            "kind": kind,
            "page": page,
            "table": table,
            "row_id": row_id,
            "whose": "",
            "told_at": None if kind == ROW else now,
        }
        session.execute(sa.insert(Refusal), values)


def _after(response: Response) -> Response:
    """`after_request`: whatever goes wrong here, the answer stays as it is."""
    if response.status_code in (403, 404) and request.endpoint:
        try:
            _note(response.status_code)
        except sa.exc.SQLAlchemyError as error:
            log.error("refusal.not-noted", request_id=g.get("request_id", ""), exc_info=error)
    return response


def _note(status: int) -> None:
    rule = rule_of(current_app.view_functions.get(request.endpoint or ""))
    watched = rule is not None and (rule.kind != "public" or g.get("other_organization"))
    actor = current_actor() if watched else None
    if rule is None or actor is None:
        return
    verdict = decide(rule, actor, directory())
    page, table, row_id, kind, why = request.endpoint or "", "", None, "", ""
    if verdict is Verdict.ALLOW and status == 404:
        table, row_id = table_of(request) if rule.kind in ("requires", "signed_in") else ("", None)
        kind = ROW if table else ""
    elif verdict in _WHY:
        # The console does not exist for people of organizations: asking for it is no slip.
        kind, why = (PAGE, "not allowed") if rule.kind == "staff" else _WHY[verdict]
    if g.get("other_organization"):
        table, row_id, kind, why = "", None, PAGE, "of an organization that the person does not work for"
    if not kind:
        return
    # What the view has not committed is lost anyway; on SQLite its lock would keep this from being written.
    db_session().rollback()
    who = Who(actor.person_id, actor.organization_id, actor.sign_in_id, g.request_id, client_address())
    database: Database = current_app.extensions["hp_portal.database"]
    with database.new_session(scopes.WholeScope("what was refused is noted")) as session:
        note_refusal(session, kind, who, page=page, table=table, row_id=row_id)
        if kind != ROW:
            record_refusal(session, "access.page.refused", who=who, page=page, why=why)
        session.commit()


def install(app: Flask) -> None:
    """Note what is refused, at the end of each request."""
    app.after_request(_after)
