"""Every audit event the core declares, and the sentence in which people read it."""

from __future__ import annotations

from hp_portal.audience import Audience
from hp_portal.core.activity import about
from hp_portal.core.agreements.events import AGREEMENT_EVENTS
from hp_portal.core.attachments.events import ATTACHMENT_EVENTS
from hp_portal.core.delivery.events import DELIVERY_EVENTS
from hp_portal.core.downloads.events import DOCUMENT_EVENTS
from hp_portal.core.factors.events import FACTOR_EVENTS
from hp_portal.core.people.named import counted, organizations, people, worded
from hp_portal.core.people.named import payees as payees_named
from hp_portal.events import EventSpec

_PERSON = {"person": people}
_AUDIENCES = worded("audience", {one.value: one.label.lower() for one in Audience})
_APPLICATION = {"application": about.applications}
_SESSIONS = {"sessions": counted("other_sign_ins_ended", "other session", "other sessions")}

_OWN = (
    EventSpec("identity.sign-in.succeeded", "Signed in"),
    EventSpec("identity.sign-in.failed", "Sign-in failed", ("account",), refusal=True),
    EventSpec("identity.sign-in.blocked", "Sign-in blocked after too many attempts", ("account",), refusal=True),
    EventSpec(
        "identity.sign-in.ended",
        "Signed out",
        ("sign_in", "how"),
        "{how}",
        {"how": about.ends},
    ),
    EventSpec(
        "identity.sign-in.elsewhere-seen", "Said that another sign-in, at another network address, was their own"
    ),
    EventSpec(
        "identity.password.changed",
        "Changed the password",
        ("other_sign_ins_ended",),
        "Changed the password, which ended {sessions}",
        _SESSIONS,
    ),
    EventSpec(
        "identity.password.set",
        "Set the password by a link",
        ("other_sign_ins_ended",),
        "Set the password by a link, which ended {sessions}",
        _SESSIONS,
    ),
    EventSpec("identity.recovery.asked", "Asked for a message about a forgotten password or user name"),
    EventSpec(
        "identity.recovery.answered",
        "Was written to about a forgotten password or user name",
        ("how",),
        "Was written to about a forgotten password or user name: {how}",
        {
            "how": worded(
                "how",
                {
                    "link": "a link to set a password",
                    "deactivated": "the account is deactivated",
                    "staff": "staff without a second factor get no link",
                    "directory": "staff who sign in with the payer’s directory get no link",
                    "unconfirmed": "nothing was sent, since no e-mail address is confirmed",
                    "often": "nothing was sent, since it was asked for too often",
                },
            )
        },
    ),
    EventSpec(
        "identity.recovery.blocked",
        "Asked too often for a message about a forgotten password or user name",
        refusal=True,
    ),
    EventSpec("identity.reason.given", "Said why member data is looked at"),
    EventSpec("audit.own.viewed", "Viewed my activity", ("page",), "Viewed page {page} of my activity"),
    EventSpec(
        "audit.ours.viewed",
        "Viewed our activity",
        ("filters", "page"),
        "Viewed page {page} of our activity{filters}",
        {"filters": about.filters},
    ),
    EventSpec(
        "audit.ours.downloaded",
        "Downloaded our activity",
        ("filters", "found"),
        "Downloaded {found} of our activity{filters}",
        {"found": counted("found", "event", "events"), "filters": about.filters},
    ),
    EventSpec(
        "audit.refusal.repeated",
        "Refused again and again",
        ("event", "times", "since", "until", "wide", "fields"),
        "{deed}: {more} within a quarter of an hour{whose}",
        {
            "deed": about.deeds,
            "more": counted("times", "more time", "more times"),
            "whose": worded(
                "wide",
                {
                    "": "",
                    "person": ", in different ways",
                    "address": ", for different accounts from one address",
                    "event": ", for different accounts from different addresses",
                },
            ),
        },
        refusal=True,
    ),
)
_REFUSED = (
    EventSpec(
        "access.page.refused",
        "Was refused a page",
        ("page", "why"),
        "Was refused {what}: {why}",
        {"what": about.pages},
        refusal=True,
    ),
    EventSpec(
        "access.row.refused",
        "Asked for what another organization has",
        ("page", "table", "rows", "times", "since", "until"),
        "Asked {often} for what another organization has, on {what}",
        {"often": counted("times", "time", "times"), "what": about.pages},
        refusal=True,
        staff_only=True,
    ),
)
_PEOPLE = (
    EventSpec(
        "people.person.created",
        "Created an account",
        ("person", "organization", "delegate"),
        "Created an account for {person} at {organization}{delegate}",
        {
            **_PERSON,
            "organization": organizations,
            "delegate": worded("delegate", {True: ", as a delegate", False: ""}),
        },
    ),
    EventSpec(
        "people.membership.added",
        "Let somebody with an account work for another organization",
        ("person", "organization", "delegate"),
        "Let {person} work for {organization}{delegate}",
        {
            **_PERSON,
            "organization": organizations,
            "delegate": worded("delegate", {True: ", as a delegate", False: ""}),
        },
    ),
    EventSpec(
        "people.factors.removed",
        "Removed the second factors of somebody who had lost them",
        ("person",),
        "Removed the second factors of {person}",
        _PERSON,
    ),
    EventSpec(
        "people.factors.letter-sent",
        "Sent a PIN by mail to somebody who had lost the second factors",
        ("person", "payee"),
        "Sent a PIN by mail so that the lost second factors of {person} can be removed",
        _PERSON,
    ),
    EventSpec(
        "people.factors.not-proved",
        "Was told a wrong payment or PIN by somebody who had lost the second factors",
        ("person", "tin"),
        "Was told a wrong proof for {person}, who had lost the second factors: {tin}",
        _PERSON,
        refusal=True,
    ),
    EventSpec(
        "people.factors.reset-asked",
        "Asked to remove somebody’s lost second factors",
        ("person",),
        "Asked to remove the lost second factors of {person}",
        _PERSON,
    ),
    EventSpec(
        "people.factors.reset-agreed",
        "Agreed to remove somebody’s lost second factors",
        ("person",),
        "Agreed to remove the lost second factors of {person}",
        _PERSON,
    ),
    EventSpec(
        "people.factors.reset-canceled",
        "Canceled the removal of somebody’s second factors",
        ("person",),
        "Canceled the removal of {person}’s second factors",
        _PERSON,
    ),
    EventSpec(
        "people.person.reminded",
        "Reminded somebody of an account that is not used",
        ("person", "alone"),
        "Reminded {person} of an account that is not used{alone}",
        {**_PERSON, "alone": worded("alone", {True: ", the only delegate’s", False: ""})},
    ),
    EventSpec(
        "people.person.renamed",
        "Corrected somebody’s name",
        ("person", "before"),
        "Corrected the name of {person}, which was {before}",
        _PERSON,
    ),
    EventSpec(
        "people.email.asked",
        "Asked for another e-mail address of somebody",
        ("person",),
        "Asked for another e-mail address of {person}",
        _PERSON,
    ),
    EventSpec("people.delegate.made", "Made somebody a delegate", ("person",), "Made {person} a delegate", _PERSON),
    EventSpec(
        "people.delegate.ended", "Ended somebody as a delegate", ("person",), "Ended {person} as a delegate", _PERSON
    ),
    EventSpec("people.person.unlocked", "Unlocked an account", ("person",), "Unlocked {person}", _PERSON),
    EventSpec(
        "people.person.deactivated",
        "Deactivated an account",
        ("person", "sign_ins_ended"),
        "Deactivated {person}",
        _PERSON,
    ),
    EventSpec(
        "people.person.signed-out",
        "Ended somebody’s sessions",
        ("person", "sign_ins_ended"),
        "Ended the sessions of {person}",
        _PERSON,
    ),
    EventSpec(
        "staff.change.settled",
        "Looked into a change that somebody said was not theirs",
        ("person",),
        "Looked into a change that {person} said was not theirs",
        _PERSON,
    ),
    EventSpec(
        "people.organization.reopened",
        "Let an organization go on that had ended",
        ("organization",),
        "Let {organization} go on, which had ended",
        {"organization": organizations},
    ),
    EventSpec("people.person.reactivated", "Reactivated an account", ("person",), "Reactivated {person}", _PERSON),
    EventSpec(
        "people.password-link.made",
        "Made a link to set a password",
        ("person",),
        "Made a link with which {person} can set a password",
        _PERSON,
    ),
    EventSpec(
        "person.application.given",
        "Gave an application to a person",
        ("person", "application"),
        "Gave {application} to {person}",
        {**_PERSON, **_APPLICATION},
    ),
    EventSpec(
        "person.application.taken",
        "Took an application from a person",
        ("person", "application"),
        "Took {application} from {person}",
        {**_PERSON, **_APPLICATION},
    ),
)
_STAFF = (
    EventSpec(
        "staff.person.created",
        "Created a staff account",
        ("person", "role"),
        "Created a staff account for {person} with the role {role}",
        _PERSON,
    ),
    EventSpec(
        "staff.person.restored",
        "Let a member of staff in again",
        ("person",),
        "Let {person} in again with a new password, without the second factors they had",
        _PERSON,
    ),
    EventSpec(
        "staff.application.enabled",
        "Enabled an application",
        ("application", "audience"),
        "Enabled {application} for {audience}",
        {**_APPLICATION, "audience": _AUDIENCES},
    ),
    EventSpec(
        "staff.application.disabled",
        "Disabled an application",
        ("application", "audience"),
        "Disabled {application} for {audience}",
        {**_APPLICATION, "audience": _AUDIENCES},
    ),
    EventSpec(
        "staff.application.default-set",
        "Set what new people get",
        ("application", "new_people"),
        "Set that new people {wanted} {application}",
        {**_APPLICATION, "wanted": worded("new_people", {True: "get", False: "do not get"})},
    ),
    EventSpec("staff.role.added", "Added a role of staff", ("role",), "Added the role {role}"),
    EventSpec(
        "staff.role.permission-given",
        "Gave a role a permission",
        ("role", "permission"),
        "Gave the role {role} the permission: {permission}",
        {"permission": about.permissions},
    ),
    EventSpec(
        "staff.role.permission-taken",
        "Took a permission from a role",
        ("role", "permission"),
        "Took from the role {role} the permission: {permission}",
        {"permission": about.permissions},
    ),
    EventSpec(
        "files.unreferenced.removed",
        "Removed stored files that nothing referred to",
        ("kind", "files", "bytes", "ids"),
        "Removed {removed} of the kind “{kind}” that nothing referred to",
        {"removed": counted("files", "stored file", "stored files")},
    ),
    EventSpec(
        "files.objects.removed",
        "Removed from the store what no file needed any more",
        ("objects",),
        "Removed {removed} from the store of files that no file needed any more",
        {"removed": counted("objects", "object", "objects")},
    ),
    EventSpec("keys.rotated", "Sealed everything with a new data key", ("key", "retired", "values")),
    EventSpec("audit.key.retired", "Retired a data key for the audit record", ("key",)),
    EventSpec("staff.database.restored", "Restored a backup, which signed everybody out", ("sign_ins_ended",)),
    EventSpec("staff.plugin.forgotten", "Dropped what a plugin left", ("plugin", "tables", "given")),
    EventSpec(
        "staff.people.searched",
        "Searched organizations and people",
        ("query", "found"),
        "Searched organizations and people for “{query}” and found {found}",
    ),
    EventSpec(
        "staff.organization.viewed",
        "Viewed an organization",
        ("organization",),
        "Viewed {organization}",
        {"organization": organizations},
    ),
    EventSpec(
        "staff.organization.listed",
        "Listed organizations",
        ("filters", "found"),
        "Listed {found}{filters}",
        {"found": counted("found", "organization", "organizations"), "filters": about.filters},
    ),
    EventSpec(
        "staff.person.locked-listed",
        "Listed people who are locked out",
        ("found",),
        "Listed {found} who are locked out",
        {"found": counted("found", "person", "people")},
    ),
    EventSpec("staff.payee.viewed", "Viewed a payee", ("payee",), "Viewed {payee}", {"payee": payees_named}),
    EventSpec("staff.person.viewed", "Viewed a person", ("person",), "Viewed {person}", _PERSON),
    EventSpec(
        "staff.refusals.viewed",
        "Viewed refusals",
        ("shown",),
        "Viewed the refusals of {shown}",
        {"shown": counted("shown", "person", "people")},
    ),
    EventSpec(
        "staff.activity.searched",
        "Searched activity",
        ("filters", "found"),
        "Searched activity{filters}",
        {"filters": about.filters},
    ),
)
_RECORDS = (
    EventSpec(
        "payees.payee.added",
        "Added a payee to the record",
        ("payee",),
        "Added {payee} to the record",
        {"payee": payees_named},
    ),
    EventSpec(
        "payees.payee.changed",
        "Changed a payee of the record",
        ("payee", "changed"),
        "Changed {changed} of {payee}",
        {"payee": payees_named, "changed": about.changed},
    ),
    EventSpec(
        "payees.imported",
        "Loaded the payees' record",
        ("added", "changed", "unchanged"),
        "Loaded the payees’ record: {added} added, {changed} changed, {unchanged} unchanged",
    ),
)
CORE_EVENTS = (
    *_OWN,
    *FACTOR_EVENTS,
    *_REFUSED,
    *_PEOPLE,
    *_STAFF,
    *_RECORDS,
    *DOCUMENT_EVENTS,
    *ATTACHMENT_EVENTS,
    *DELIVERY_EVENTS,
    *AGREEMENT_EVENTS,
)
