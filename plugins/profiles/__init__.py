"""Provider Data Profiles: what the payer has on record of an organization's practitioners and locations, and changes to it."""

from __future__ import annotations

from collections.abc import Sequence

from hp_portal.api import Application, DemoCheck, Job, Permission, PortalSession, StaffLink, StaffQueue, hookimpl

from . import models as models
from . import specialist_views
from .attesting import documents as attesting_documents
from .attesting import models as attesting_models
from .attesting import reminding, staff_views
from .attesting import views as attesting_views
from .attesting.cases import NOT_RIGHT
from .attesting.events import EVENTS as ATTESTING_EVENTS
from .attesting.figures import count_overdue
from .blueprint import LOAD, READ, SEND, WORK, blueprint, staff_blueprint
from .changing import models as changing_models
from .changing.adding import ADD
from .changing.cases import ADD_PRACTITIONER
from .loading import commands
from .paper import models as paper_models
from .paper import sending
from .paper import views as paper_views
from .paper.documents import DOCUMENTS
from .paper.events import EVENTS as PAPER_EVENTS
from .record import models as record_models
from .record.events import EVENTS
from .seeing import record_views, views
from .settings import ProfilesSettings
from .specialists import AUDIENCES
from .specialists import EVENTS as SPECIALIST_EVENTS
from .updates.cases import UPDATE
from .updates.views import public_blueprint

# Imported for what they hang on the blueprints.
VIEWS = (views, record_views, specialist_views, paper_views, attesting_views, staff_views)
MODELS = (record_models, changing_models, paper_models, attesting_models)
COMMANDS = (commands,)


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
        staff_links=(
            StaffLink(
                "Service specialists",
                "profiles_staff.specialists",
                WORK,
                "Whom each organization asks about its practitioners and locations",
            ),
            StaffLink(
                "Attestations",
                "profiles_staff.attestations",
                WORK,
                "Which organizations have confirmed their practitioners and locations, and which are overdue",
            ),
        ),
        staff_queues=(
            StaffQueue(
                "organization is overdue with its attestation",
                "organizations are overdue with their attestation",
                "profiles_staff.attestations",
                WORK,
                count_overdue,
                "warn",
            ),
        ),
        audit_events=(*EVENTS, *SPECIALIST_EVENTS, *PAPER_EVENTS, *ATTESTING_EVENTS),
        starts_enabled_for=AUDIENCES,
        starts_given=True,
        case_kinds=(ADD_PRACTITIONER, UPDATE, NOT_RIGHT),
        draft_kinds=(ADD.drafts,),
        documents=(*DOCUMENTS, *attesting_documents.DOCUMENTS),
        settings=ProfilesSettings,
        rows={"form_id": paper_models.PaperForm},
    )


@hookimpl
def portal_demo(session: PortalSession) -> Sequence[DemoCheck]:
    # Only the demo needs it: a production process never imports it.
    from .demo.loading import load_demo

    load_demo(session)
    return []


@hookimpl
def portal_jobs() -> Sequence[Job]:
    return [sending.JOB, reminding.JOB]
