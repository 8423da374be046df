"""Provider Data Profiles: what the payer has on record of an organization's practitioners and locations, and changes to it."""

from __future__ import annotations

from collections.abc import Sequence

from hp_portal.api import (
    Application,
    Case,
    DemoCheck,
    Job,
    Permission,
    PortalSession,
    PublicLink,
    StaffLink,
    StaffQueue,
    hookimpl,
)

from . import models as models
from . import specialist_views
from .attesting import commands as attesting_commands
from .attesting import contradicting, reminding, staff_views
from .attesting import documents as attesting_documents
from .attesting import models as attesting_models
from .attesting import views as attesting_views
from .attesting.cases import NOT_RIGHT
from .attesting.events import EVENTS as ATTESTING_EVENTS
from .attesting.figures import count_overdue
from .blueprint import LOAD, READ, SEND, WORK, blueprint, public_blueprint, staff_blueprint
from .changing import models as changing_models
from .changing.offered import CHANGE_DRAFTS, CHANGE_KINDS
from .deciding import commands as deciding_commands
from .deciding import models as deciding_models
from .deciding import views as deciding_views
from .deciding import whole
from .directory import building
from .directory import commands as directory_commands
from .directory import documents as directory_documents
from .directory import models as directory_models
from .directory import public_views as directory_views
from .directory import staff_views as directory_staff_views
from .directory.events import EVENTS as DIRECTORY_EVENTS
from .directory.standing import LATE
from .loading import commands
from .nppes import commands as nppes_commands
from .nppes import models as nppes_models
from .nppes.events import EVENTS as REGISTRY_EVENTS
from .paper import models as paper_models
from .paper import sending
from .paper import views as paper_views
from .paper.documents import DOCUMENTS
from .paper.events import EVENTS as PAPER_EVENTS
from .proposing import models as proposing_models
from .proposing.events import EVENTS as PROPOSAL_EVENTS
from .proposing.stages import CHANGE
from .record import models as record_models
from .record.events import EVENTS
from .roster import models as roster_models
from .roster import views as roster_views
from .roster.downloads import DOCUMENTS as ROSTER_DOCUMENTS
from .roster.events import EVENTS as ROSTER_EVENTS
from .roster.sending import ROSTER
from .roster.working import JOBS as ROSTER_JOBS
from .seeing import record_views, views
from .settings import ProfilesSettings
from .specialists import AUDIENCES
from .specialists import EVENTS as SPECIALIST_EVENTS
from .updates import views as update_views
from .updates.cases import UPDATE

# Imported for what they hang on the blueprints.
VIEWS = (
    views,
    record_views,
    roster_views,
    specialist_views,
    deciding_views,
    update_views,
    directory_views,
    directory_staff_views,
    paper_views,
    attesting_views,
    staff_views,
)
MODELS = (
    record_models,
    proposing_models,
    deciding_models,
    changing_models,
    directory_models,
    paper_models,
    attesting_models,
    roster_models,
    nppes_models,
)
COMMANDS = (commands, deciding_commands, directory_commands, nppes_commands, attesting_commands)
STAFF_LINKS = (
    StaffLink(
        "Service specialists",
        "profiles_staff.specialists",
        WORK,
        "Whom each organization asks about its practitioners and locations",
    ),
    StaffLink(
        "Clocks of provider data",
        "profiles_staff.clocks_page",
        WORK,
        "How many changes are decided in time, and who has left and is still in the directory",
    ),
    StaffLink(
        "Directory",
        "profiles_staff.directory",
        LOAD,
        "What members see, what is not shown and why, and the files",
    ),
    StaffLink(
        "Attestations",
        "profiles_staff.attestations",
        WORK,
        "Which organizations have confirmed their practitioners and locations, and which are overdue",
    ),
)
PUBLIC_LINKS = (
    PublicLink(
        "Find a practitioner",
        "profiles_public.directory",
        "who is in the network, by name, specialty, place and language, for members",
        directory_views.search_is_open,
    ),
)
STAFF_QUEUES = (
    LATE,
    StaffQueue(
        "organization is overdue with its attestation",
        "organizations are overdue with their attestation",
        "profiles_staff.attestations",
        WORK,
        count_overdue,
        "warn",
    ),
)
ALL_EVENTS = (
    *EVENTS,
    *PROPOSAL_EVENTS,
    *SPECIALIST_EVENTS,
    *DIRECTORY_EVENTS,
    *PAPER_EVENTS,
    *ATTESTING_EVENTS,
    *ROSTER_EVENTS,
    *REGISTRY_EVENTS,
)


@hookimpl
def portal_application() -> Application:
    return Application(
        key="profiles",
        label="Provider Data Profiles",
        summary="Your practitioners and locations as we have them on record, and whether your changes have been processed.",
        weight=30,
        blueprint=blueprint,
        index="profiles.index",
        staff_blueprint=staff_blueprint,
        public_blueprint=public_blueprint,
        permissions=(
            Permission(READ, "See practitioners, locations and changes"),
            Permission(SEND, "Send changes of practitioners and locations"),
        ),
        staff_permissions=(
            Permission(WORK, "Work on changes of practitioners and locations, and assign service specialists"),
            Permission(LOAD, "Load and export practitioners and locations"),
        ),
        staff_links=STAFF_LINKS,
        audit_events=ALL_EVENTS,
        documents=(*DOCUMENTS, *attesting_documents.DOCUMENTS, *directory_documents.DOCUMENTS, *ROSTER_DOCUMENTS),
        rows={"form_id": paper_models.PaperForm, "roster_id": roster_models.RosterUpload, "case_id": Case},
        settings=ProfilesSettings,
        starts_enabled_for=AUDIENCES,
        starts_given=True,
        case_kinds=(*CHANGE_KINDS, CHANGE, UPDATE, NOT_RIGHT, ROSTER),
        draft_kinds=CHANGE_DRAFTS,
        staff_queues=STAFF_QUEUES,
        public_links=PUBLIC_LINKS,
    )


@hookimpl
def portal_jobs() -> Sequence[Job]:
    return [building.JOB, whole.JOB, sending.JOB, reminding.JOB, contradicting.JOB, *ROSTER_JOBS]


@hookimpl
def portal_demo(session: PortalSession) -> Sequence[DemoCheck]:
    # Only the demo needs it: a production process never imports it.
    from .demo.loading import load_demo

    load_demo(session)
    return []
