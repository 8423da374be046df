"""The one gate: asked before every view, and by templates through `can()`."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from hp_portal.core.access.rules import Rule
from hp_portal.core.identity.actor import Actor
from hp_portal.hookspecs import Application, StaffLink


class Verdict(enum.Enum):
    """What the gate says, and why not."""

    ALLOW = "allow"
    SIGN_IN = "sign in first"
    TERMS = "accept the terms of use first"
    FACTOR = "set up a second factor first"
    NOT_FOUND = "not enabled for this organization"
    NOT_VALIDATED = "the organization's account is not validated"
    NOT_GIVEN = "not given to this person"
    FORBIDDEN = "not allowed"


@dataclass
class Directory:
    """Which application declares which permission, and which blueprint belongs to which application.

    `staff_links` are the core's own places in the staff console, `with_member_data` the keys of the applications that have a
    page which shows what belongs to patients.
    """

    application_of_permission: dict[str, Application] = field(default_factory=dict)
    application_of_blueprint: dict[str, Application] = field(default_factory=dict)
    staff_permissions: dict[str, str] = field(default_factory=dict)
    staff_links: tuple[StaffLink, ...] = ()
    with_member_data: set[str] = field(default_factory=set)

    def add(self, application: Application) -> None:
        for permission in application.permissions:
            self.application_of_permission[permission.key] = application
        for permission in application.staff_permissions:
            self.staff_permissions[permission.key] = permission.label
        for blueprint in (application.blueprint, application.staff_blueprint, application.public_blueprint):
            if blueprint is not None:
                self.application_of_blueprint[blueprint.name] = application


def decide(rule: Rule, actor: Actor | None, directory: Directory) -> Verdict:
    """May `actor` (None: nobody is signed in) open what carries `rule`?"""
    if rule.kind == "public":
        return Verdict.ALLOW
    if actor is None:
        return Verdict.SIGN_IN
    if not actor.terms_accepted and not rule.before_terms:
        return Verdict.TERMS
    if actor.factor_missing and not rule.before_terms:
        return Verdict.FACTOR
    if rule.kind == "staff":
        # To people of organizations the payer's console does not exist.
        if not actor.is_staff:
            return Verdict.NOT_FOUND
        return Verdict.ALLOW if rule.permission in actor.permissions else Verdict.FORBIDDEN
    if rule.kind == "delegate":
        return Verdict.ALLOW if actor.is_delegate and not actor.is_staff else Verdict.FORBIDDEN
    if rule.kind == "requires":
        return _decide_application(directory.application_of_permission[rule.permission], actor)
    return Verdict.ALLOW


def _decide_application(application: Application, actor: Actor) -> Verdict:
    """Enabled for the provider type *and* the account validated *and* given to the person."""
    if actor.is_staff:
        return Verdict.FORBIDDEN
    if application.key not in actor.enabled:
        return Verdict.NOT_FOUND
    if not actor.validated:
        return Verdict.NOT_VALIDATED
    if application.key not in actor.given:
        return Verdict.NOT_GIVEN
    return Verdict.ALLOW
