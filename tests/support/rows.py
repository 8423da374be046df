"""A row of every model of the core's that neither the scenes nor a sign-in make, for one organization and somebody of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.cases.models import COMMENT, NOTE, CaseEntry, CaseNote
from hp_portal.core.delegates.models import WAITING, DelegateRequest, ReviewDecision
from hp_portal.core.downloads.models import DocumentRequest
from hp_portal.core.drafts.models import DraftVisit
from hp_portal.core.identity.actor import hash_token
from hp_portal.core.identity.directory import DirectoryAccount, UsedState
from hp_portal.core.identity.factors import AuthenticatorApp, HalfSignIn, Passkey, RecoveryCode
from hp_portal.core.identity.models import AccessReason, Person, SignIn
from hp_portal.core.kept.models import KeptValues
from hp_portal.core.organizations.access_requests import AccessRequestLink, AccessRequestPayee
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.people.models import AccountRest, ChangeNotice, EmailChange, FactorReset, Leaving, PasswordLink
from hp_portal.core.recovery.models import RecoveryAsk
from hp_portal.core.sheets.models import SheetMapping
from hp_portal.core.tax_ids.models import GUESSED, AccessEnding, LinkNotice, PayeeUse, UseCounted
from hp_portal.database import Base, PortalSession

from .access_requests import access_request
from .attaching import attached_file
from .cases import case_view, public_rows, tax_id_case
from .drafts import draft_row
from .invitations import open_invitation
from .registering import asking
from .reviews import signed_review
from .signing import signature


def other_rows(session: PortalSession, organization: Organization, person: Person) -> Iterator[Base]:
    """The rows, not yet added. The session sees everything; the organization has a grant."""
    now = clock.now()
    yield KeptValues(
        organization_id=organization.id,
        person_id=person.id,
        kind="sample",
        token_hash=hash_token(f"token-{organization.id}"),
        sealed=b"",
        expires_at=now,
    )
    yield SheetMapping(
        organization_id=organization.id, layout="sample notes", headings=hash_token("headings"), keys="{}", used_at=now
    )
    yield AccountRest(person_id=person.id, last_use=now, first_told_at=now, rests_at=now)
    yield open_invitation(organization, person)
    yield Leaving(
        person_id=person.id,
        leaves_on=now.date(),
        successor_id=person.id,
        reason="Moves away",
        asked_by_id=person.id,
        asked_at=now,
    )
    yield FactorReset(person_id=person.id, asked_by_id=person.id, reason="Lost", asked_at=now, due_at=now, ended_at=now)
    yield DirectoryAccount(
        person_id=person.id, issuer="https://login.plan.example", subject=f"{person.id}", linked_at=now
    )
    yield UsedState(state_hash=hash_token(f"state-{person.id}"), used_at=now)
    yield RecoveryAsk(token=f"recovery-{person.id}", typed_sealed=b"", address="192.0.2.8", asked_at=now)
    yield PasswordLink(person_id=person.id, token_hash=hash_token(f"link-{person.id}"), made_at=now, expires_at=now)
    yield ChangeNotice(
        person_id=person.id,
        what="password",
        detail="",
        email_before="",
        token_hash=hash_token(f"notice-{person.id}"),
        at=now,
        expires_at=now,
    )
    yield EmailChange(
        person_id=person.id, email="a@b.example", token_hash=hash_token(f"email-{person.id}"), asked_at=now
    )
    yield AuthenticatorApp(
        person_id=person.id, name="Sample", seal=f"{person.id}", secret_sealed=b"", last_step=0, created_at=now
    )
    yield RecoveryCode(person_id=person.id, salt=b"", code_hash=b"", made_at=now)
    yield Passkey(
        person_id=person.id,
        name="Sample",
        credential_id=f"{person.id}".encode(),
        public_key=b"",
        sign_count=0,
        synced=False,
        user_handle=b"",
        created_at=now,
    )
    mine = SignIn(
        person_id=person.id,
        token_hash=hash_token(f"reason-{person.id}"),
        created_at=now,
        last_seen_at=now,
        ended_at=now,
        address="192.0.2.8",
        user_agent="",
    )
    session.add(mine)
    session.flush()
    yield AccessReason(sign_in_id=mine.id, person_id=person.id, reason="Sample")
    half = hash_token(f"half-{person.id}")
    yield HalfSignIn(person_id=person.id, token_hash=half, password_changed_at=now, created_at=now)
    yield DocumentRequest(
        organization_id=organization.id,
        person_id=person.id,
        kind="sample.document",
        title="Sample document",
        wanted="no-such-word",
        state="failed",
        requested_at=now,
        expires_at=now + dt.timedelta(hours=1),
    )
    yield attached_file(session, f"sample:{organization.id}", organization)
    yield DelegateRequest(
        organization_id=organization.id,
        token=f"token-{organization.id}",
        asked_sealed=b"",
        asked_at=now,
        address="",
        state=WAITING,
    )
    asked = tax_id_case(session, organization)
    yield asked
    words = {"case_id": asked.case_id, "at": now, "person_id": person.id}
    yield CaseEntry(
        organization_id=organization.id, token=f"entry-{organization.id}", what=COMMENT, by_staff=False, **words
    )
    yield from public_rows(session, asked.case_id)
    yield CaseNote(token=f"note-{organization.id}", what=NOTE, **words)
    yield case_view(session, person)
    draft = draft_row(session, organization, person.id)
    yield draft
    yield DraftVisit(organization_id=organization.id, draft_id=draft.id, person_id=person.id, at=now)
    yield signature(session, organization, about=f"case:{asked.case_id}")
    request = access_request(session, organization)
    yield AccessRequestLink(
        request_id=request.id,
        token_hash=hash_token(f"access-{organization.id}"),
        email="a@office.example",
        made_at=now,
        expires_at=now,
    )
    own = sa.select(Grant.payee_id).where(Grant.organization_id == organization.id).limit(1)
    yield AccessRequestPayee(request_id=request.id, payee_id=session.scalars(own).one(), approved=False)
    yield PayeeUse(
        organization_id=organization.id,
        payee_id=session.scalars(own).one(),
        day=now.date(),
        whose="",
        opened=1,
        last_at=now,
    )
    yield UseCounted(seal_id=0, event_id=0)
    yield LinkNotice(organization_id=organization.id, kind=GUESSED, payee_id=session.scalars(own).one(), at=now)
    yield asking(organization)
    review = signed_review(organization, person)
    yield review
    session.flush()
    yield ReviewDecision(
        organization_id=organization.id,
        review_id=review.id,
        subject=f"person:{person.id}",
        state="",
        decision="keep",
        by_id=person.id,
        at=now,
    )
    granted = sa.select(Grant.id).where(Grant.organization_id == organization.id).limit(1)
    yield AccessEnding(
        organization_id=organization.id, grant_id=session.scalars(granted).one(), ends_at=now, asked_at=now
    )
