"""What is the same of a person's apps and passkeys once there are some: found, called otherwise, removed. Needs a whole scope."""

from __future__ import annotations

from typing import TypeVar

from hp_portal.core.audit.record import record
from hp_portal.core.factors import apps, passkeys, recovery
from hp_portal.core.identity.factors import AuthenticatorApp, Passkey
from hp_portal.core.web.formats import show_count
from hp_portal.database import PortalSession

Factor = TypeVar("Factor", AuthenticatorApp, Passkey)
_KINDS = {AuthenticatorApp: apps.KIND, Passkey: passkeys.KIND}


def described(session: PortalSession, person_id: int) -> str:
    """What somebody signs in with besides the password, in words: `1 passkey, 2 authenticator apps, 8 recovery codes left`."""
    numbers = {
        "passkey": len(passkeys.passkeys_of(session, person_id)),
        "authenticator app": len(apps.apps_of(session, person_id)),
    }
    told = [show_count(number, noun) for noun, number in numbers.items() if number]
    return ", ".join(
        [*told, f"{show_count(recovery.count_left(session, person_id), 'recovery code')} left"] if told else []
    )


def find_factor(session: PortalSession, model: type[Factor], person_id: int, factor_id: int) -> Factor | None:
    """One of the person's own apps, or passkeys."""
    factor = session.get(model, factor_id)
    return factor if factor is not None and factor.person_id == person_id else None


def rename_factor(session: PortalSession, factor: AuthenticatorApp | Passkey, name: str) -> None:
    """Call it otherwise."""
    if name != factor.name:
        record(session, "identity.factor.renamed", kind=_KINDS[type(factor)], name=name, before=factor.name)
        factor.name = name


def remove_factor(session: PortalSession, factor: AuthenticatorApp | Passkey) -> None:
    """It opens nothing any more, and the key of an app is gone."""
    record(session, "identity.factor.removed", kind=_KINDS[type(factor)], name=factor.name)
    session.delete(factor)
    session.flush()
