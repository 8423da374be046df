"""The models whose rows belong to organizations, and those of them that nobody changes."""

from __future__ import annotations

from typing import Any

from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.cases.models import CaseEntry, CaseNote
from hp_portal.core.signing.models import Signature
from hp_portal.database import Base
from hp_portal.scopes import PayersOwn, Scoped
from hp_portal_plugins.profiles.proposing.models import LineOutcome, MadeSubject, ProposedChange
from hp_portal_plugins.profiles.record.models import FACTS, Change
from tests import sample_plugin

# The core's and those of every plugin in this project; what other tests made up has no table.
HOMES = ("hp_portal.", "hp_portal_plugins.", sample_plugin.__name__)
SCOPED: list[type[Any]] = [mapper.class_ for mapper in Base.registry.mappers if issubclass(mapper.class_, Scoped)]
MODELS = sorted(
    (model for model in SCOPED if model.__module__.startswith(HOMES) and not issubclass(model, PayersOwn)),
    key=lambda model: str(model.__tablename__),
)
# Triggers refuse every change, whoever asks.
NEVER_CHANGED: set[type[Any]] = {
    *(AuditEvent, CaseEntry, CaseNote, Signature),
    *(Change, *FACTS.values(), ProposedChange, LineOutcome, MadeSubject),
}
