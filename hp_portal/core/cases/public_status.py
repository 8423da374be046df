"""A case as whoever sent it in without an account gets to it: by its number and their e-mail address, and by a mailed link.

Number and address show where it stands, and no more: both stand in e-mails that others may read. What was written and sent is
shown to whoever opens the link in a mail to the confirmed address. Nothing here commits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.case_kinds import CaseKind
from hp_portal.core.attachments.attaching import Upload
from hp_portal.core.audit.record import record
from hp_portal.core.audit.refusals import record_refusal
from hp_portal.core.cases.acting import add_files
from hp_portal.core.cases.kinds import find_kind
from hp_portal.core.cases.models import Case
from hp_portal.core.cases.public_models import EMAIL_HASH, CasePass, CaseSubmitter
from hp_portal.core.cases.submitters import Contact, find_submitter, send_link
from hp_portal.core.identity.actor import hash_token
from hp_portal.core.limits import lookups as limits
from hp_portal.core.limits.lookups import DAY, HOUR, Limit
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession
from hp_portal.scopes import in_whole

LOOK, LINK, FILES = "case-status", "case-link", "case-files"
"""The kinds of what is counted."""


class PassGone(Exception):
    """The link was never mailed, has expired, or was ended: the answer does not tell which."""


def _look_limits(address: str, number: str) -> list[Limit]:
    site = limits.site_network(address)
    # Whoever keeps looking for a number does not shut out its sender, who is somewhere else.
    own = Limit(f"number:{number} {site}", 5, DAY)
    return [
        Limit(f"at:{address}", 20, HOUR),
        Limit(f"at:{address}", 60, DAY),
        Limit(f"network:{limits.wide_network(address)}", 60, HOUR),
        Limit(f"provider:{limits.provider_network(address)}", 120, HOUR),
        Limit(f"number:{number}", 20, DAY, spared=own),
    ]


@in_whole("somebody without an account asks where a case stands")
def look_up(session: PortalSession, number: str, email: str, address: str) -> Case | None:
    """The case of that number, if somebody with that e-mail address sent it in; None for any other. The address is counted
    whatever is found. Raises TooManyAttempts.
    """
    counted = _look_limits(address, number)
    limits.check(session, LOOK, counted)
    limits.count(session, LOOK, counted)
    hashes = session.vault.digests(email.lower(), EMAIL_HASH)
    # One statement whatever is wrong, so that the answer takes the same time.
    case = session.scalars(
        sa.select(Case)
        .join(CaseSubmitter, CaseSubmitter.case_id == Case.id)
        .where(Case.number == number, CaseSubmitter.email_hash.in_(hashes))
    ).one_or_none()
    if case is None:
        record_refusal(session, "case.status.refused")
    else:
        record(session, "case.status.shown", case=case.id)
    return case


@in_whole("a link is mailed to whoever sent a case in")
def mail_link(session: PortalSession, case: Case) -> None:
    """Mail a link that opens the case to its confirmed address. Raises TooManyAttempts."""
    counted = [Limit(f"case:{case.id}", 5, HOUR), Limit(f"case:{case.id}", 15, DAY)]
    limits.check(session, LINK, counted)
    limits.count(session, LINK, counted)
    found = find_submitter(session, case.id)
    if found is not None:
        send_link(session, case, found.contact)
        record(session, "case.link.sent", case=case.id)


@in_whole("a mailed link opens a case")
def open_with(session: PortalSession, token: str) -> tuple[Case, CaseKind, Contact]:
    """The case that a mailed link opens, its kind and who sent it in. Raises PassGone."""
    now = clock.now()
    row = session.scalars(
        sa.select(CasePass).where(CasePass.token_hash == hash_token(token), CasePass.expires_at > now)
    ).one_or_none()
    case = session.get(Case, row.case_id) if row else None
    kind = find_kind(case.kind) if case else None
    found = find_submitter(session, case.id) if case else None
    if row is None or case is None or kind is None or found is None:
        raise PassGone
    return case, kind, found.contact


@in_whole("a mailed link is used")
def go_on(session: PortalSession, token: str) -> dt.datetime | None:
    """Let the link work on for a while, as somebody works with it; until when it does."""
    now = clock.now()
    later = now + dt.timedelta(minutes=settings().public_case_minutes)
    row = session.scalars(sa.select(CasePass).where(CasePass.token_hash == hash_token(token))).one_or_none()
    if row is None:
        return None
    row.expires_at = max(row.expires_at, min(later, row.ends_at))
    session.flush()
    return row.expires_at


@in_whole("a mailed link is of no use any more")
def end_pass(session: PortalSession, token: str) -> None:
    """Whoever used the link is done: it opens nothing any more."""
    session.execute(
        sa.delete(CasePass).where(CasePass.token_hash == hash_token(token)).execution_options(synchronize_session=False)
    )


def forget_passes(session: PortalSession) -> None:
    """Remove links that have expired. For the worker."""
    session.execute(sa.delete(CasePass).where(CasePass.expires_at <= clock.now()))


@in_whole("files come from somebody without an account")
def attach_to_case(session: PortalSession, case: Case, uploads: Sequence[Upload], address: str) -> list[str]:
    """Attach files to the case as whoever sent it in; a sentence for each that was not. Raises TooManyAttempts, by the address
    sent from and by all that came in a day."""
    counted = [
        Limit(f"at:{address}", 40, DAY),
        Limit(f"network:{limits.wide_network(address)}", 80, DAY),
        Limit(f"case:{case.id}", 2 * settings().attachments_most, DAY),
        Limit("everybody", settings().public_files_per_day, DAY),
    ]
    for _ in uploads:
        limits.check(session, FILES, counted)
        limits.count(session, FILES, counted)
    return add_files(session, None, case.id, uploads)
