"""Attached files for tests, stored as the portal stores them."""

from __future__ import annotations

import io
import secrets

from hp_portal import clock, worker
from hp_portal.core.attachments.attaching import NAMELESS, STORED_AS
from hp_portal.core.attachments.models import NAME, AttachedFile
from hp_portal.core.files.storing import receive_file
from hp_portal.core.organizations.models import Organization
from hp_portal.database import PortalSession
from hp_portal.session import Who

from .world import World


def check_files(world: World) -> None:
    """What the worker does with the files that wait."""
    job = next(job for job in worker.all_jobs(world.app) if job.key == "attachments.check")
    with world.app.app_context():
        assert worker.run_job(world.app, job)


def attached_file(
    session: PortalSession, about: str, organization: Organization, *, state: str = "ready", text: str = "A note."
) -> AttachedFile:
    """A text file of an organization, in a state of the check."""
    owner = Who(organization_id=organization.id)
    stored = receive_file(session, io.BytesIO(text.encode()), NAMELESS, owner=owner, kind=STORED_AS)
    token = secrets.token_hex(16)
    row = AttachedFile(
        organization_id=organization.id,
        about=about,
        token=token,
        name_sealed=session.vault.seal_text("note.txt", NAME(token)),
        kind="text",
        given_as="text",
        size=stored.size,
        digest=bytes(32),
        state=state,
        sent_at=clock.now(),
        quarantined_at=clock.now() if state == "quarantined" else None,
        original_id=stored.id,
        cleaned_id=stored.id if state == "ready" else None,
    )
    session.add(row)
    session.flush()
    return row


def held_file(world: World, organization: Organization) -> int:
    """The id of a file that an organization has attached, with a virus."""
    with world.session() as session:
        return attached_file(session, "sample", organization, state="quarantined").id
