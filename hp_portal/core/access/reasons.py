"""Why somebody looks at what belongs to patients: asked once per session, kept with the sign-in, written into the record.

The payer sets when it is asked (`HP_PORTAL_REASON_ASKED`). Pages that show member data carry `member_data=True` in their rule;
a page that shows it only sometimes calls `reason_first()`. People of organizations are asked, the payer's staff are not: their
pages ask by themselves.
"""

from __future__ import annotations

import sqlalchemy as sa
from flask import Flask, Response, abort, current_app, request, url_for

from hp_portal import scopes
from hp_portal.core.access.enforce import current_actor, directory, page_asked_for, the_actor
from hp_portal.core.access.rules import Rule, rule_of
from hp_portal.core.access.unsent import LARGEST, is_own_form
from hp_portal.core.audit.record import get_who, record
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import AccessReason, SignIn
from hp_portal.core.web.prefixes import here
from hp_portal.core.web.render import page, redirect_to, settings
from hp_portal.database import PortalSession, lock
from hp_portal.session import Who

# What the form that asks calls its own fields: those of a form that waits for the answer stand beside them.
PREFIX = "why-"
# The server understood and does not answer before something else has been done (RFC 6585).
SAY_WHY = 428


def is_asked(actor: Actor) -> bool:
    """Does this person give reasons at all?"""
    return settings().reason_asked != "never" and not actor.is_staff


def reason_first() -> None:
    """Ask why before going on, for a view that shows member data only now and then: call it before anything is read.

    Where no reason was given yet, the request ends here, and the person comes back to it afterwards.
    """
    actor = the_actor()
    if is_asked(actor) and not actor.reason:
        abort(_ask())


def give_reason(session: PortalSession, sign_in_id: int | None, reason: str, *, who: Who | None = None) -> None:
    """Keep the reason for somebody's session, recorded; `who`: where the sign-in has just begun. The caller commits.

    It is that of the organization they work for just now, and of none of their others.
    """
    row = (who or get_who(session)).person_id
    with scopes.whole(session, "one's own sign-in"):
        lock(session, f"reason:{sign_in_id}")
        own = sa.update(SignIn).where(SignIn.id == sign_in_id, SignIn.person_id == row)
        if session.execute(own.values(access_reason=reason).returning(SignIn.id)).first() is None:
            mine = AccessReason.sign_in_id == sign_in_id, AccessReason.person_id == row
            session.execute(sa.delete(AccessReason).where(*mine))
            session.add(AccessReason(sign_in_id=sign_in_id, person_id=row, reason=reason))
            session.flush()
    record(session, "identity.reason.given", reason=reason, who=who)


def _is_due(rule: Rule, actor: Actor) -> bool:
    if rule.kind != "requires" or actor.reason or not is_asked(actor):
        return False
    known = directory()
    return rule.member_data or (
        settings().reason_asked == "session"
        and known.application_of_permission[rule.permission].key in known.with_member_data
    )


def _before_member_data() -> Response | None:
    """`before_request`, after the gate has said yes."""
    rule = rule_of(current_app.view_functions.get(request.endpoint or ""))
    actor = current_actor() if rule is not None and rule.kind == "requires" else None
    return _ask() if rule is not None and actor is not None and _is_due(rule, actor) else None


def _ask() -> Response:
    """The page that asks. It leads back to what was asked for; what was typed into a form waits in it."""
    if request.method == "POST" and _can_wait():
        fields = [(name, value) for name, value in request.form.items(multi=True) if name != "csrf_token"]
        return ask_page(here(), fields, status=SAY_WHY)
    return redirect_to(url_for("reason.ask", next=page_asked_for()))


def _can_wait() -> bool:
    """Only this browser's own form is shown again to be sent on; files are not kept."""
    small = (request.content_length or 0) <= LARGEST
    return small and not any(file.filename for file in request.files.values()) and is_own_form()


def ask_page(
    to: str, fields: list[tuple[str, str]] | None = None, *, other: str = "", error: str = "", status: int = 200
) -> Response:
    """The page, or for htmx its form. `to`: the path to go on to; `fields`: a form's that waits to be sent there."""
    return page(
        "account/reason.html",
        "ask",
        status=status,
        to=to,
        fields=fields,
        reasons=settings().reasons,
        chosen=the_actor().reason,
        other=other,
        error=error,
        prefix=PREFIX,
    )


def install(app: Flask) -> None:
    """Ask before pages that show member data. Call after the gate's `install` and before CSRF's."""
    app.before_request(_before_member_data)
