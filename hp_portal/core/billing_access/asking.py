"""A billing organization asks for access, and changes what it has asked. The caller commits."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import Who, record
from hp_portal.core.billing_access.checking import (
    Approver,
    Wanted,
    approver_problems,
    domain_of,
    request_problems,
    waiting_for,
    why_staff_look,
)
from hp_portal.core.billing_access.overdue import expire
from hp_portal.core.billing_access.sending import cancel, end_links, forget_unsent, send
from hp_portal.core.identifiers.numbers import mask_tin
from hp_portal.core.identity.actor import Actor
from hp_portal.core.limits.attempts import count_failure, count_recent
from hp_portal.core.organizations.access_requests import OPEN_STATES, STAFF, WAITING, WITHDRAWN, AccessRequest
from hp_portal.database import PortalSession, lock
from hp_portal.scopes import in_whole
from hp_portal.settings import Settings

LASTS = dt.timedelta(days=30)
LASTS_AT_MOST = 3 * LASTS
DAY = dt.timedelta(days=1)
CHANGES_A_DAY = 3
AGAIN, CHANGED = "access-again", "access-changed"
"""What is counted besides new requests: what an organization sends once more, and how often a request goes to somebody else."""


class TooManyToday(Exception):
    """The organization has asked for as much as it may in a day; the text says how many are left."""


class ChangedMeanwhile(Exception):
    """The request is in another state by now."""


class ExpiredMeanwhile(Exception):
    """Nobody has answered in time: a link that is sent now would open nothing."""


class Refused(Exception):
    """It may not be asked for like this: `problems` by field."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = problems


@dataclass(frozen=True)
class Result:
    """What became of one row of what was asked: the request, or why not, by field."""

    wanted: Wanted
    request_id: int | None = None
    problems: dict[str, str] = field(default_factory=dict)


def asked_today(session: PortalSession, organization_id: int) -> int:
    """How many requests the organization has sent in 24 hours, with those that it has sent again. Needs a whole scope."""
    since = clock.now() - DAY
    again = count_recent(session, AGAIN, str(organization_id), DAY)
    return again + (
        session.scalar(
            sa.select(sa.func.count(AccessRequest.id)).where(
                AccessRequest.organization_id == organization_id, AccessRequest.asked_at > since
            )
        )
        or 0
    )


@in_whole("what may be asked for is checked against accounts, links and requests")
def check(session: PortalSession, actor: Actor, rows: Sequence[Wanted]) -> list[Result]:
    """What would become of these rows; nothing is written."""
    results: list[Result] = []
    for wanted in rows:
        if (sent := _sent_before(session, actor, wanted)) is not None:
            results.append(Result(wanted, sent))
            continue
        problems = request_problems(session, actor, wanted)
        if any(_overlap(wanted, before.wanted) for before in results):
            problems.setdefault("tin", "The same Tax ID stands in a row above. Ask for it once, with all NPIs.")
        results.append(Result(wanted, problems=problems))
    return results


def _sent_before(session: PortalSession, actor: Actor, wanted: Wanted) -> int | None:
    """The request that this very form has made of the same person: the button was pressed twice."""
    sent = waiting_for(session, actor.organization_id or 0, wanted) if wanted.form else None
    if sent is None or sent.form != wanted.form:
        return None
    asked = _asked(wanted)
    return sent.id if all(getattr(sent, name) == value for name, value in asked.items()) else None


def _asked(wanted: Wanted) -> dict[str, Any]:
    """What was typed, as a request keeps it; the Tax ID is sealed on its own."""
    return {
        "npis": " ".join(wanted.npis),
        "provider": wanted.provider,
        "form": wanted.form,
        "to_delegates": wanted.to_delegates,
        "approver_name": wanted.approver.name,
        "approver_title": wanted.approver.title,
        "approver_email": wanted.approver.email.lower(),
        "approver_phone": wanted.approver.phone,
    }


def _overlap(one: Wanted, other: Wanted) -> bool:
    return one.tin == other.tin and (not one.npis or not other.npis or bool(set(one.npis) & set(other.npis)))


@in_whole("an approver is checked against the accounts of the organization that asks")
def check_approver(session: PortalSession, actor: Actor, approver: Approver) -> dict[str, str]:
    """Why this person may not approve, by field."""
    return approver_problems(session, actor.organization_id or 0, approver)


@in_whole("requests for access are written")
def ask(session: PortalSession, settings: Settings, actor: Actor, rows: Sequence[Wanted]) -> list[Result]:
    """Ask for every row that nothing speaks against; the others come back with what does. Raises TooManyToday: none is sent."""
    organization_id = actor.organization_id or 0
    lock(session, f"access-requests:{organization_id}")
    checked = check(session, actor, rows)
    _limit(session, settings, organization_id, sum(1 for one in checked if _is_new(one)))
    return [replace(one, request_id=_add(session, actor, one.wanted)) if _is_new(one) else one for one in checked]


def _limit(session: PortalSession, settings: Settings, organization_id: int, more: int) -> None:
    """May the organization send so many more today? Raises TooManyToday."""
    left = max(0, settings.access_requests_per_day - asked_today(session, organization_id))
    if more > left:
        rest = f"{left} of them are left. Send fewer rows, or try again tomorrow." if left else "none is left today."
        raise TooManyToday(f"At most {settings.access_requests_per_day} requests can be sent in 24 hours, and {rest}")


def _is_new(one: Result) -> bool:
    return not one.problems and one.request_id is None


def _add(session: PortalSession, actor: Actor, wanted: Wanted) -> int:
    token, now = secrets.token_hex(16), clock.now()
    why = why_staff_look(session, actor.organization_id or 0, wanted)
    request = AccessRequest(
        **AccessRequest.tin_values(session, wanted.tin, token=token),
        organization_id=actor.organization_id,
        **_asked(wanted),
        asked_by_id=actor.person_id,
        asked_at=now,
        state=STAFF if why else WAITING,
        why=why,
        due_at=now + LASTS,
    )
    session.add(request)
    session.flush()
    record(session, "billing.access.requested", request=request.id, tin=mask_tin(wanted.tin))
    _send_or_hold(session, request)
    return request.id


def _send_or_hold(session: PortalSession, request: AccessRequest) -> None:
    """Send a request. What staff look at first is dated alike: nothing that the asker sees may tell it from others."""
    if request.state == STAFF:
        request.sent_at = clock.now()
    else:
        send(session, request)


@in_whole("a request of the actor's own organization is made once more")
def ask_again(session: PortalSession, settings: Settings, actor: Actor, request_id: int) -> Result:
    """Ask for the same of the same person as a request that has ended. Raises ChangedMeanwhile, TooManyToday."""
    before = session.scalars(
        sa.select(AccessRequest).where(
            AccessRequest.id == request_id, AccessRequest.organization_id == actor.organization_id
        )
    ).one_or_none()
    if before is None or before.state in OPEN_STATES:
        raise ChangedMeanwhile
    approver = Approver(before.approver_name, before.approver_title, before.approver_email, before.approver_phone)
    wanted = Wanted(
        before.whole_tin(session),
        tuple(before.npis.split()),
        before.provider,
        before.to_delegates,
        approver,
        f"again-{before.id}",
    )
    return ask(session, settings, actor, [wanted])[0]


def _hold(session: PortalSession, actor: Actor, request_id: int) -> AccessRequest:
    """Lock a request of the actor's organization that is open, and read it anew. Raises ChangedMeanwhile."""
    lock(session, f"access-request:{request_id}")
    request = session.scalars(
        sa.select(AccessRequest)
        .where(AccessRequest.id == request_id, AccessRequest.organization_id == actor.organization_id)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if request is None or request.state not in OPEN_STATES:
        raise ChangedMeanwhile
    return request


@in_whole("a request of the actor's own organization is withdrawn")
def withdraw(session: PortalSession, actor: Actor, request_id: int) -> None:
    """Take a request back: its links open nothing any more. Raises ChangedMeanwhile."""
    take_back(session, _hold(session, actor, request_id))


def take_back(session: PortalSession, request: AccessRequest, who: Who | None = None) -> None:
    """A request that is open, and held, is withdrawn; `who` stands in the record. Needs a whole scope."""
    forget_unsent(request)
    request.state, request.ended_at = WITHDRAWN, clock.now()
    session.flush()
    cancel(session, request)
    end_links(session, request)
    record(session, "billing.access.withdrawn", who=who, request=request.id)


@in_whole("a request of the actor's own organization is sent again")
def resend(session: PortalSession, settings: Settings, actor: Actor, request_id: int) -> bool:
    """Send a request once more, at most once a day; False when it was sent a short while ago.

    Raises ChangedMeanwhile, ExpiredMeanwhile, TooManyToday.
    """
    lock(session, f"access-requests:{actor.organization_id}")
    request = _hold(session, actor, request_id)
    _expire_if(session, request, request.due_at)
    if _sent_today(request):
        return False
    _limit(session, settings, request.organization_id, 1)
    count_failure(session, AGAIN, str(request.organization_id))
    _send_or_hold(session, request)
    record(session, "billing.access.resent", request=request.id)
    return True


def _expire_if(session: PortalSession, request: AccessRequest, due: dt.datetime | None) -> None:
    """A link would open nothing any more once the request is due, though the worker has not noted that yet. Raises
    ExpiredMeanwhile: the caller commits."""
    if due is not None and due <= clock.now():
        expire(session, request)
        raise ExpiredMeanwhile


def _sent_today(request: AccessRequest) -> bool:
    return (request.sent_at or request.asked_at) > clock.now() - DAY


@in_whole("another person is asked")
def change_approver(
    session: PortalSession, settings: Settings, actor: Actor, request_id: int, approver: Approver
) -> None:
    """Ask somebody else: the links sent before open nothing any more, and the 30 days begin again, at most until LASTS_AT_MOST.

    Each counts as a request of the day, and the same address gets one mail a day. Raises ChangedMeanwhile, ExpiredMeanwhile,
    Refused, TooManyToday.
    """
    lock(session, f"access-requests:{actor.organization_id}")
    request = _hold(session, actor, request_id)
    _expire_if(session, request, request.asked_at + LASTS_AT_MOST)
    if problems := approver_problems(session, request.organization_id, approver):
        raise Refused(problems)
    if approver.email.lower() == request.approver_email and _sent_today(request):
        raise Refused({"email": "It was sent to this address less than a day ago. Name another, or try tomorrow."})
    if count_recent(session, CHANGED, str(request.id), DAY) >= CHANGES_A_DAY:
        raise TooManyToday(
            f"The approver of a request can be changed {CHANGES_A_DAY} times in 24 hours. Call the office and ask who decides "
            "there, then try again tomorrow."
        )
    _limit(session, settings, request.organization_id, 1)
    count_failure(session, AGAIN, str(request.organization_id))
    count_failure(session, CHANGED, str(request.id))
    put_approver(session, request, approver)
    record(session, "billing.access.redirected", request=request.id)


def put_approver(session: PortalSession, request: AccessRequest, approver: Approver) -> None:
    """The request goes to this person from now on. Needs a whole scope, and the request held."""
    cancel(session, request)
    end_links(session, request)
    by_name = request.state == WAITING and not request.to_delegates
    looked_at = domain_of(request.approver_email) if by_name else ""
    request.to_delegates = False
    request.approver_name, request.approver_title = approver.name, approver.title
    request.approver_email, request.approver_phone = approver.email.lower(), approver.phone
    wanted = Wanted(request.whole_tin(session), tuple(request.npis.split()), approver=approver)
    request.why = why_staff_look(session, request.organization_id, wanted, looked_at)
    request.state = STAFF if request.why else WAITING
    request.due_at = min(clock.now() + LASTS, request.asked_at + LASTS_AT_MOST)
    request.reminded, request.opened_at = 0, None
    session.flush()
    _send_or_hold(session, request)
