"""Provider Data Profiles: what the payer has on record of an organization's practitioners and locations, and changes to it."""

from __future__ import annotations

from collections.abc import Sequence

from hp_portal.api import Application, DemoCheck, Permission, PortalSession, StaffLink, hookimpl

from . import models as models
from . import specialist_views
from .blueprint import LOAD, READ, SEND, WORK, blueprint, staff_blueprint
from .changing import models as changing_models
from .changing.offered import CHANGE_DRAFTS, CHANGE_KINDS
from .deciding import commands as deciding_commands
from .deciding import views as deciding_views
from .loading import commands
from .proposing import models as proposing_models
from .proposing.events import EVENTS as PROPOSAL_EVENTS
from .proposing.stages import CHANGE
from .record import models as record_models
from .record.events import EVENTS
from .seeing import record_views, views
from .settings import ProfilesSettings
from .specialists import AUDIENCES
from .specialists import EVENTS as SPECIALIST_EVENTS
from .updates.cases import UPDATE
from .updates.views import public_blueprint

# Imported for what they hang on the blueprints.
VIEWS = (views, record_views, specialist_views, deciding_views)
MODELS = (record_models, proposing_models, changing_models)
COMMANDS = (commands, deciding_commands)


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
                "Clocks of provider data",
                "profiles_staff.clocks_page",
                WORK,
                "How many changes are decided in time, and who has left and is still in the directory",
            ),
        ),
        audit_events=(*EVENTS, *PROPOSAL_EVENTS, *SPECIALIST_EVENTS),
        settings=ProfilesSettings,
        starts_enabled_for=AUDIENCES,
        starts_given=True,
        case_kinds=(*CHANGE_KINDS, CHANGE, UPDATE),
        draft_kinds=CHANGE_DRAFTS,
    )


@hookimpl
def portal_demo(session: PortalSession) -> Sequence[DemoCheck]:
    # Only the demo needs it: a production process never imports it.
    from .demo.loading import load_demo

    load_demo(session)
    return []
