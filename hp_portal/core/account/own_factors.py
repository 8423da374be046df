"""One's own second factors: looked at, set up, renamed, removed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from hp_portal import clock, scopes
from hp_portal.core.audit.record import record
from hp_portal.core.factors import apps, owned, passkeys, recovery
from hp_portal.core.factors.owned import Factor
from hp_portal.core.factors.passkeys import Party
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.factors import AuthenticatorApp, Passkey, has_factor
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.visits import last_visit
from hp_portal.core.kept.keeping import find_kept, keep_values, take_kept
from hp_portal.core.people.changes import tell_change
from hp_portal.database import PortalSession, lock

KIND = "portal authenticator app"
TTL = dt.timedelta(hours=1)
_WHY = "one's own second factors"


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
        codes = recovery.codes_of(session, actor.person_id)
        return Own(
            apps.apps_of(session, actor.person_id),
            passkeys.passkeys_of(session, actor.person_id),
            codes[0].made_at if codes else None,
            sum(1 for code in codes if code.used_at is None),
        )


def factor_offer(session: PortalSession, actor: Actor) -> str:
    """What the home page says of second factors: `needed` soon, `offered`, or nothing.

    Offered to people who have been here before, until they say no.
    """
    if actor.has_factor or actor.by_directory:
        return ""
    if actor.factor_by is not None:
        return "needed"
    with scopes.whole(session, _WHY):
        person = session.get_one(Person, actor.person_id)
        new = last_visit(session, actor) is None
        return "" if new or person.factor_declined_at is not None else "offered"


def decline_factor(session: PortalSession, actor: Actor) -> None:
    """The actor wants no second factor now, and is not asked again."""
    with scopes.whole(session, _WHY):
        session.get_one(Person, actor.person_id).factor_declined_at = clock.now()
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
        person = session.get_one(Person, actor.person_id)
        first = not has_factor(session, person)
        secret = str(take_kept(session, actor, KIND, token)["secret"])
        apps.add_app(session, person, name=name, secret=secret, code=code)
        tell_change(session, person, "factor-added", name)
        return first


def find_factor(session: PortalSession, actor: Actor, model: type[Factor], factor_id: int) -> Factor | None:
    """One of the actor's apps, or passkeys."""
    with scopes.whole(session, _WHY):
        return owned.find_factor(session, model, actor.person_id, factor_id)


def rename_factor(session: PortalSession, actor: Actor, model: type[Factor], factor_id: int, name: str) -> None:
    """Call one of the actor's apps or passkeys otherwise; nothing happens when it is gone."""
    with scopes.whole(session, _WHY):
        if (factor := owned.find_factor(session, model, actor.person_id, factor_id)) is not None:
            owned.rename_factor(session, factor, name)
            session.flush()


def remove_factor(session: PortalSession, actor: Actor, model: type[Factor], factor_id: int) -> str | None:
    """Remove one of the actor's apps or passkeys; its name, or None when it is gone. Without any factor there are no recovery
    codes."""
    with scopes.whole(session, _WHY):
        lock(session, f"account:{actor.person_id}")
        factor = owned.find_factor(session, model, actor.person_id, factor_id)
        if factor is None:
            return None
        name = factor.name
        owned.remove_factor(session, factor)
        person = session.get_one(Person, actor.person_id)
        tell_change(session, person, "factor-removed", name)
        if not has_factor(session, person):
            recovery.forget_codes(session, actor.person_id)
        return name


def begin_passkey(session: PortalSession, actor: Actor, party: Party) -> dict[str, Any]:
    """What the browser makes a new passkey from."""
    with scopes.whole(session, _WHY):
        return passkeys.begin_adding(session, party, session.get_one(Person, actor.person_id))


def add_passkey(session: PortalSession, actor: Actor, party: Party, token: str, name: str, credential: str) -> bool:
    """Add the passkey that the browser has made; True when it is the person's first factor.

    Raises what `passkeys.add_passkey` does, after which the caller commits: the challenge is used up.
    """
    with scopes.whole(session, _WHY):
        person = session.get_one(Person, actor.person_id)
        first = not has_factor(session, person)
        passkeys.add_passkey(session, party, person, token, name=name, credential=credential)
        tell_change(session, person, "factor-added", name)
        return first


def make_codes(session: PortalSession, actor: Actor) -> list[str] | None:
    """A new set of recovery codes, to be shown once; None for somebody without a second factor."""
    with scopes.whole(session, _WHY):
        person = session.get_one(Person, actor.person_id)
        if not has_factor(session, person):
            return None
        tell_change(session, person, "codes")
        return recovery.make_codes(session, person)
