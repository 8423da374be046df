"""Provider Data Profiles: what the payer has on record of an organization's practitioners and locations, and changes to it."""

from __future__ import annotations

from collections.abc import Sequence

from hp_portal.api import Application, DemoCheck, Job, Permission, PortalSession, StaffLink, hookimpl

from . import models as models
from . import specialist_views
from .blueprint import LOAD, READ, SEND, WORK, blueprint, staff_blueprint
from .changing import models as changing_models
from .changing.adding import ADD
from .changing.cases import ADD_PRACTITIONER
from .loading import commands
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
from .updates.cases import UPDATE
from .updates.views import public_blueprint

# Imported for what they hang on the blueprints.
VIEWS = (views, record_views, roster_views, specialist_views)
MODELS = (record_models, proposing_models, changing_models, roster_models)
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
        ),
        audit_events=(*EVENTS, *PROPOSAL_EVENTS, *ROSTER_EVENTS, *SPECIALIST_EVENTS),
        settings=ProfilesSettings,
        starts_enabled_for=AUDIENCES,
        starts_given=True,
        case_kinds=(ADD_PRACTITIONER, CHANGE, ROSTER, UPDATE),
        draft_kinds=(ADD.drafts,),
        documents=ROSTER_DOCUMENTS,
    )


@hookimpl
def portal_jobs() -> Sequence[Job]:
    return ROSTER_JOBS


@hookimpl
def portal_demo(session: PortalSession) -> Sequence[DemoCheck]:
    # Only the demo needs it: a production process never imports it.
    from .demo.loading import load_demo

    load_demo(session)
    return []
