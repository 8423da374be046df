"""The audit events of signing in with the payer's directory. What the directory keeps secret is never in them."""

from __future__ import annotations

from hp_portal.core.people.named import people, worded
from hp_portal.events import EventSpec

_PERSON = {"person": people}
_WHY = {
    "gone": "it was begun too long ago, or answered before",
    "code": "the directory gave nothing for its code",
    "denied": "the directory did not let them in",
    "silent": "the directory did not answer",
    "settings": "portal and directory are not set up to work together",
    "token": "what the directory answered was not to be trusted",
    "acr": "the directory had not checked strongly enough who it was",
    "group": "none of their groups gives a role",
    "deactivated": "the account is deactivated",
    "unlinked": "a staff account of that name or e-mail address is not linked",
    "organization": "the e-mail address belongs to an account of an organization",
    "email": "the directory told no confirmed e-mail address",
    "somebody-else": "the directory signed in somebody else",
    "not-again": "the directory had not asked again who it was",
}

OPENID_EVENTS = (
    EventSpec("identity.directory.used", "Was signed in by the payer’s directory"),
    EventSpec(
        "identity.directory.refused",
        "Sign-in by the payer’s directory refused",
        ("why", "account", "subject"),
        "Sign-in by the payer’s directory refused: {why}",
        {"why": worded("why", _WHY)},
        refusal=True,
    ),
    EventSpec(
        "identity.directory.blocked", "Sign-in by the payer’s directory blocked after too many refusals", refusal=True
    ),
    EventSpec(
        "identity.sign-in.only-by-directory",
        "Sign-in refused to staff whom only the payer’s directory lets in",
        ("account",),
        refusal=True,
    ),
    EventSpec(
        "staff.person.made-by-directory",
        "An account of the staff was made by the directory",
        ("person", "role"),
        "The account of {person} was made at their first sign-in by the directory, as {role}",
        _PERSON,
    ),
    EventSpec(
        "staff.person.linked",
        "Linked an account of the staff with the directory",
        ("person", "subject"),
        "Linked the account of {person} with the directory: {subject}",
        _PERSON,
    ),
    EventSpec(
        "staff.person.unlinked",
        "Unlinked an account of the staff from the directory",
        ("person", "subject"),
        "Unlinked the account of {person} from the directory: {subject}",
        _PERSON,
    ),
    EventSpec(
        "staff.person.role-given",
        "A role was given by groups of the directory",
        ("person", "role"),
        "{person} was given the role {role} by a group of the directory",
        _PERSON,
    ),
    EventSpec(
        "staff.person.role-taken",
        "A role was taken away, as groups of the directory say",
        ("person", "role"),
        "The role {role} was taken from {person}, as no group of the directory gives it any more",
        _PERSON,
    ),
)
