"""Every audit event the core declares."""

from __future__ import annotations

from hp_portal.hookspecs import EventSpec

CORE_EVENTS = (
    EventSpec("identity.sign-in.succeeded", "Signed in"),
    EventSpec("identity.sign-in.failed", "Sign-in failed", ("account",)),
    EventSpec("identity.sign-in.blocked", "Sign-in blocked after too many attempts", ("account",)),
    EventSpec("identity.sign-in.ended", "Signed out", ("sign_in", "how")),
    EventSpec("identity.password.changed", "Changed the password", ("other_sign_ins_ended",)),
    EventSpec("identity.terms.accepted", "Accepted the terms of use", ("version",)),
    EventSpec("identity.password.set", "Set the password by a link", ("other_sign_ins_ended",)),
    EventSpec("people.person.created", "Created an account", ("person", "organization", "delegate")),
    EventSpec("people.person.unlocked", "Unlocked an account", ("person",)),
    EventSpec("people.person.deactivated", "Deactivated an account", ("person", "sign_ins_ended")),
    EventSpec("people.person.reactivated", "Reactivated an account", ("person",)),
    EventSpec("people.password-link.made", "Made a link to set a password", ("person",)),
    EventSpec("audit.own.viewed", "Viewed my activity", ("page",)),
    EventSpec("staff.person.created", "Created a staff account", ("person", "role")),
    EventSpec("staff.application.enabled", "Enabled an application", ("application", "audience")),
    EventSpec("staff.application.disabled", "Disabled an application", ("application", "audience")),
    EventSpec("staff.application.default-set", "Set what new people get", ("application", "new_people")),
    EventSpec("person.application.given", "Gave an application to a person", ("person", "application")),
    EventSpec("person.application.taken", "Took an application from a person", ("person", "application")),
    EventSpec("staff.role.added", "Added a role of staff", ("role",)),
    EventSpec("staff.role.permission-given", "Gave a role a permission", ("role", "permission")),
    EventSpec("staff.role.permission-taken", "Took a permission from a role", ("role", "permission")),
    EventSpec("staff.plugin.forgotten", "Dropped what a plugin left", ("plugin", "tables", "given")),
    EventSpec("staff.people.searched", "Searched organizations and people", ("query", "found")),
    EventSpec("staff.organization.viewed", "Viewed an organization", ("organization",)),
    EventSpec("staff.organization.listed", "Listed organizations", ("filters", "found")),
    EventSpec("staff.person.locked-listed", "Listed people who are locked out", ("found",)),
    EventSpec("staff.payee.viewed", "Viewed a payee", ("payee",)),
    EventSpec("staff.person.viewed", "Viewed a person", ("person",)),
    EventSpec("staff.activity.searched", "Searched activity", ("filters", "found")),
    EventSpec("payees.payee.added", "Added a payee to the record", ("payee",)),
    EventSpec("payees.payee.changed", "Changed a payee of the record", ("payee", "changed")),
    EventSpec("payees.imported", "Loaded the payees' record", ("added", "changed", "unchanged")),
)
