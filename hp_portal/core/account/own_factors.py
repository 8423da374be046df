"""One's own second factors: looked at, set up, renamed, removed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from hp_portal import clock, scopes
from hp_portal.core.account.signing_in import end_others
from hp_portal.core.audit.record import record
from hp_portal.core.factors import apps, owned, passkeys, recovery
from hp_portal.core.factors.owned import Factor
from hp_portal.core.factors.passkeys import Party
from hp_portal.core.identity.accounts import hold_own
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.factors import AuthenticatorApp, Passkey, has_factor
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.visits import last_visit
from hp_portal.core.kept.keeping import find_kept, keep_values, take_kept
from hp_portal.core.people.changes import tell_change
from hp_portal.core.people.factor_resets import end_used
from hp_portal.database import PortalSession

KIND = "portal authenticator app"
TTL = dt.timedelta(hours=1)
_WHY = "one's own second factors"


class LastNeeded(Exception):
    """It is the only factor of somebody who must have one: another one comes first."""


@dataclass(frozen=True)
class Own:
    """What somebody signs in with besides the password."""

    apps: list[AuthenticatorApp]
    passkeys: list[Passkey]
    codes_made_at: dt.datetime | None
    codes_left: int

    @property
    def count(self) -> int:
        """Second factors; recovery codes are for when these are lost."""
        return len(self.apps) + len(self.passkeys)


def look(session: PortalSession, actor: Actor) -> Own:
    """The actor's second factors."""
    with scopes.whole(session, _WHY):
        codes = recovery.codes_of(session, actor.account_id)
        return Own(
            apps.apps_of(session, actor.account_id),
            _passkeys(session, actor),
            codes[0].made_at if codes else None,
            sum(1 for code in codes if code.used_at is None),
        )


def must_have(actor: Actor) -> bool:
    """Is it the actor's time to have a second factor, whether they have one or not?"""
    return actor.factor_by is not None and actor.factor_by <= clock.now()


def factor_offer(session: PortalSession, actor: Actor) -> str:
    """What the home page says of second factors: `needed` soon, `offered`, `another` beside the only one, or nothing.

    Offered to people who have been here before, and `another` to those who have since they set the first up, until they say no.
    """
    if actor.by_directory:
        return ""
    if not actor.has_factor and actor.factor_by is not None:
        return "needed"
    last = last_visit(session, actor)
    if last is None:
        return ""
    with scopes.whole(session, _WHY):
        declined = session.get_one(Person, actor.account_id).factor_declined_at
        if not actor.has_factor:
            return "offered" if declined is None else ""
        added = [app.created_at for app in apps.apps_of(session, actor.account_id)]
        added += [passkey.created_at for passkey in _passkeys(session, actor)]
        if len(added) != 1 or last <= added[0]:
            return ""
        return "another" if declined is None or declined < added[0] else ""


def _passkeys(session: PortalSession, actor: Actor) -> list[Passkey]:
    return passkeys.passkeys_of(session, actor.account_id)


def decline_factor(session: PortalSession, actor: Actor) -> None:
    """The actor wants no second factor now, or no other one, and is not asked again."""
    with scopes.whole(session, _WHY):
        hold_own(session, actor).factor_declined_at = clock.now()
        session.flush()
        record(session, "identity.factor.declined")


def begin_app(session: PortalSession, actor: Actor) -> str:
    """Make the key of a new app, sealed for an hour; the word for it. It opens nothing before `add_app`."""
    with scopes.whole(session, _WHY):
        return keep_values(session, actor, KIND, {"secret": apps.new_secret()}, TTL)


def secret_of(session: PortalSession, actor: Actor, token: str) -> str:
    """The key of an app that is being set up. Raises KeptGone."""
    with scopes.whole(session, _WHY):
        return str(find_kept(session, actor, KIND, token)["secret"])


def add_app(session: PortalSession, actor: Actor, token: str, *, name: str, code: str) -> bool:
    """Finish setting up an app, once; True when it is the person's first factor.

    Raises KeptGone, apps.WrongCode or apps.TooMany, after which the caller rolls back.
    """
    with scopes.whole(session, _WHY):
        person = hold_own(session, actor)
        first = not has_factor(session, person)
        secret = str(take_kept(session, actor, KIND, token)["secret"])
        apps.add_app(session, person, name=name, secret=secret, code=code)
        _after_adding(session, actor, person, name, first)
        return first


def _after_adding(session: PortalSession, actor: Actor, person: Person, name: str, first: bool) -> None:
    tell_change(session, person, "factor-added", name)
    end_used(session, person)
    if first:  # the password alone has opened the others
        _end_others(session, actor)


def _end_others(session: PortalSession, actor: Actor) -> None:
    if ended := end_others(session, actor, "second factor"):
        record(session, "identity.factor.others-ended", sign_ins_ended=ended)


def find_factor(session: PortalSession, actor: Actor, model: type[Factor], factor_id: int) -> Factor | None:
    """One of the actor's apps, or passkeys."""
    with scopes.whole(session, _WHY):
        return owned.find_factor(session, model, actor.account_id, factor_id)


def rename_factor(session: PortalSession, actor: Actor, model: type[Factor], factor_id: int, name: str) -> None:
    """Call one of the actor's apps or passkeys otherwise; nothing happens when it is gone."""
    with scopes.whole(session, _WHY):
        hold_own(session, actor)
        if (factor := owned.find_factor(session, model, actor.account_id, factor_id)) is not None:
            owned.rename_factor(session, factor, name)
            session.flush()


def remove_factor(session: PortalSession, actor: Actor, model: type[Factor], factor_id: int) -> str | None:
    """Remove one of the actor's apps or passkeys; its name, or None when it is gone.

    The actor's other sessions end: one may be on the device that was lost. Without any factor there are no recovery codes. Raises
    LastNeeded.
    """
    with scopes.whole(session, _WHY):
        person = hold_own(session, actor)
        factor = owned.find_factor(session, model, actor.account_id, factor_id)
        if factor is None:
            return None
        if must_have(actor) and look(session, actor).count == 1:
            raise LastNeeded
        name = factor.name
        owned.remove_factor(session, factor)
        _end_others(session, actor)
        tell_change(session, person, "factor-removed", name)
        if not has_factor(session, person):
            recovery.forget_codes(session, actor.account_id)
        return name


def begin_passkey(session: PortalSession, actor: Actor, party: Party) -> dict[str, Any]:
    """What the browser makes a new passkey from."""
    with scopes.whole(session, _WHY):
        return passkeys.begin_adding(session, party, session.get_one(Person, actor.account_id))


def add_passkey(session: PortalSession, actor: Actor, party: Party, token: str, name: str, credential: str) -> bool:
    """Add the passkey that the browser has made; True when it is the person's first factor.

    Raises what `passkeys.add_passkey` does, after which the caller commits: the challenge is used up.
    """
    with scopes.whole(session, _WHY):
        person = hold_own(session, actor)
        first = not has_factor(session, person)
        passkeys.add_passkey(session, party, person, token, name=name, credential=credential)
        _after_adding(session, actor, person, name, first)
        return first


def make_codes(session: PortalSession, actor: Actor) -> list[str] | None:
    """A new set of recovery codes, to be shown once; None for somebody without a second factor."""
    with scopes.whole(session, _WHY):
        person = hold_own(session, actor)
        if not has_factor(session, person):
            return None
        tell_change(session, person, "codes")
        return recovery.make_codes(session, person)
