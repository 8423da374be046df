"""The audit events of second factors. What is named is what the person called it; no code and no key is ever in them."""

from __future__ import annotations

from hp_portal.core.people.named import counted, worded
from hp_portal.events import EventSpec

_KINDS = {"app": "an authenticator app", "passkey": "a passkey", "recovery": "a recovery code"}
_SHOWN = {
    "app": "the code",
    "passkey": "the passkey",
    "recovery": "the recovery code",
    "password": "the password",
}
_KIND = {"kind": worded("kind", _KINDS)}

FACTOR_EVENTS = (
    EventSpec("identity.second-step.asked", "Gave the right password and was asked for the second step"),
    EventSpec(
        "identity.factor.used",
        "Signed in with a second factor",
        ("kind", "name"),
        "Took the second step with {kind} ({name})",
        _KIND,
    ),
    EventSpec(
        "identity.passkey.used", "Signed in with a passkey", ("name",), "Signed in with the passkey {name} alone"
    ),
    EventSpec(
        "identity.passkey.counted-back",
        "A passkey was refused, of which there may be a copy",
        ("account", "name"),
        "The passkey {name} was refused: it has counted back, so there may be a copy of it",
        refusal=True,
    ),
    EventSpec(
        "identity.recovery-code.used",
        "Signed in with a recovery code",
        ("left",),
        "Took the second step with a recovery code; {codes} left",
        {"codes": counted("left", "code is", "codes are")},
    ),
    EventSpec(
        "identity.factor.failed",
        "Second step failed",
        ("account", "kind"),
        "Second step failed: {kind} was not right",
        {"kind": worded("kind", _SHOWN)},
        refusal=True,
    ),
    EventSpec(
        "identity.factor.blocked", "Second step blocked after too many attempts", ("account", "kind"), refusal=True
    ),
    EventSpec(
        "identity.factor.added",
        "Added a second factor",
        ("kind", "name"),
        "Added {kind} for signing in: {name}",
        _KIND,
    ),
    EventSpec(
        "identity.factor.renamed",
        "Renamed a second factor",
        ("kind", "name", "before"),
        "Called {kind} {name}; before it was {before}",
        _KIND,
    ),
    EventSpec(
        "identity.factor.removed",
        "Removed a second factor",
        ("kind", "name"),
        "Removed {kind} for signing in: {name}",
        _KIND,
    ),
    EventSpec(
        "identity.confirmed",
        "Showed again who they are",
        ("kind",),
        "Showed again who they are, with {kind}",
        {"kind": worded("kind", {**_KINDS, "password": "the password", "directory": "the payer’s directory"})},
    ),
    EventSpec(
        "identity.confirmation.failed",
        "Could not show again who they are",
        ("account", "kind"),
        "Could not show again who they are: {kind} was not right",
        {"kind": worded("kind", _SHOWN)},
        refusal=True,
    ),
    EventSpec(
        "identity.confirmation.blocked",
        "Showing again who they are blocked after too many attempts",
        ("kind",),
        refusal=True,
    ),
    EventSpec("identity.change.disowned", "Said that a change was not theirs, which locked the account", ("what",)),
    EventSpec("identity.email.asked", "Asked for another e-mail address"),
    EventSpec("identity.email.changed", "Changed the e-mail address"),
    EventSpec("identity.factor.declined", "Wanted no second factor, or no other one, when it was offered"),
    EventSpec(
        "identity.factor.others-ended",
        "Ended their other sessions with a change of second factors",
        ("sign_ins_ended",),
        "Changed second factors, which ended {sessions}",
        {"sessions": counted("sign_ins_ended", "other session", "other sessions")},
    ),
    EventSpec(
        "identity.recovery-codes.made",
        "Made recovery codes",
        ("codes",),
        "Made {codes} recovery codes, which ended those before",
    ),
)
