"""All forms of changes, for the application and its first page."""

from __future__ import annotations

from .adding import ADD
from .cases import FORMS
from .grouping import CHANGE_GROUP
from .leaving import LEAVE
from .locating import ADD_LOCATION, CHANGE_LOCATION, CLOSE_LOCATION, MOVE_LOCATION
from .personal import CHANGE_PRACTITIONER
from .tabling import WHO_WORKS_WHERE

WIZARDS = (
    ADD,
    CHANGE_PRACTITIONER,
    LEAVE,
    WHO_WORKS_WHERE,
    ADD_LOCATION,
    CHANGE_LOCATION,
    MOVE_LOCATION,
    CLOSE_LOCATION,
    CHANGE_GROUP,
)
CHANGE_KINDS = tuple(form.kind for form in FORMS)
CHANGE_DRAFTS = tuple(wizard.drafts for wizard in WIZARDS)
