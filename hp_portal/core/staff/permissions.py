"""Permissions of the payer's staff that the core itself asks for, and their places in the console."""

from __future__ import annotations

from hp_portal.hookspecs import StaffLink

CORE_STAFF_PERMISSIONS = {
    "staff:console:open": "Open the staff console",
    "staff:applications:manage": "Enable applications per provider type",
    "staff:applications:give": "Give applications to people and take them away",
    "staff:roles:manage": "Say what roles of staff may do",
    "staff:plugins:read": "See the installed plugins",
    "staff:people:search": "Search organizations and people",
    "staff:organizations:list": "List all organizations",
    "staff:people:create": "Create accounts of people in organizations",
    "staff:people:unlock": "Unlock people after too many failed attempts",
    "staff:people:deactivate": "Deactivate and reactivate people, and end their sessions",
    "staff:factors:remove": "Remove second factors that people have lost",
    "staff:password-links:make": "Make links with which people set a password",
    "staff:payees:manage": "Add payees to the record and change them",
    "staff:tax-ids:manage": "Link Tax IDs and NPIs to organizations and end links",
    "staff:access-reviews:read": "See which access reviews are overdue, and those that were signed",
    "staff:cases:work": "Work on the cases of all applications that their roles let them decide",
    "staff:activity:search": "Search everybody's activity",
    "staff:refusals:read": "See who asked for what they may not have",
    "staff:documents:read": "See which documents wait for the worker or failed",
    "staff:attachments:check": "See attached files that were held back, and have them checked again",
    "staff:deliveries:read": "See which messages were sent, wait or failed",
    "staff:deliveries:manage": "Send test messages, cancel messages and have them sent again",
    "staff:faxes:send": "Send faxes by hand, and mark those that were sent",
    "staff:letters:print": "Print and mail letters, and mark those that come back",
    "staff:contact-requests:manage": "Look into requests for contact that delegates reported",
    "staff:registrations:read": "See registrations, what was given, and what is on record",
    "staff:registrations:decide": "Decide on registrations that wait for staff",
    "staff:registrations:try": "Try what a proof would answer",
    "staff:agreements:manage": "Write and publish terms of use and agreements",
}

CORE_STAFF_LINKS = (
    StaffLink("Organizations and people", "staff.organizations", "staff:people:search", group="Providers"),
    StaffLink(
        "Registrations",
        "staff.registrations",
        "staff:registrations:read",
        "Who wants an account and waits for an answer",
        group="Providers",
    ),
    StaffLink(
        "Try a proof",
        "staff.try_proof",
        "staff:registrations:try",
        "What a payment would answer to somebody who registers",
        group="Providers",
    ),
    StaffLink("Cases", "staff.cases", "staff:cases:work", "What offices have sent in and wait for", group="Providers"),
    StaffLink("Activity", "staff.activity", "staff:activity:search", group="Oversight"),
    StaffLink(
        "Access reviews",
        "staff.access_reviews",
        "staff:access-reviews:read",
        "Whose delegates have reviewed who has access, and whose are overdue",
        group="Oversight",
    ),
    StaffLink(
        "Refusals", "staff.refusals", "staff:refusals:read", "Who asked for what they may not have", group="Oversight"
    ),
    StaffLink(
        "Documents", "staff.documents", "staff:documents:read", "Downloads that wait or failed", group="Oversight"
    ),
    StaffLink(
        "Attached files",
        "staff.attachments",
        "staff:attachments:check",
        "Files with a virus, and those that could not be checked",
        group="Oversight",
    ),
    StaffLink(
        "Deliveries", "staff.deliveries", "staff:deliveries:read", "Messages that the portal sends", group="Oversight"
    ),
    StaffLink("Faxes", "staff.faxes", "staff:faxes:send", "Faxes to send by hand", group="Oversight"),
    StaffLink("Letters", "staff.letters", "staff:letters:print", "Letters to print and mail", group="Oversight"),
    StaffLink(
        "Reported requests",
        "staff.contact_requests",
        "staff:contact-requests:manage",
        "Requests for contact that delegates reported",
        group="Oversight",
    ),
    StaffLink("Applications", "staff.applications", "staff:applications:manage", group="Setup"),
    StaffLink(
        "Agreements",
        "staff.agreements",
        "staff:agreements:manage",
        "Terms of use and site delegate agreement",
        group="Setup",
    ),
    StaffLink("Roles of staff", "staff.roles", "staff:roles:manage", group="Setup"),
    StaffLink("Plugins", "staff.plugins", "staff:plugins:read", group="Setup"),
)
