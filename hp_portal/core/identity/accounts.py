"""One account, held while its password or its state is decided upon."""

from __future__ import annotations

from hp_portal.core.identity.models import Person
from hp_portal.database import PortalSession, lock
from hp_portal.settings import Payer


def known_about(person: Person, organization: str, payer: Payer) -> tuple[str, ...]:
    """What anybody may know of a person, and what a password of theirs must not be made of."""
    return (person.username, person.email, person.name, organization, payer.name, payer.short_name, payer.payer_id)


def hold_account(session: PortalSession, person: Person) -> bool:
    """Lock an account until the transaction ends and read it anew; False when its password has changed since it was read.

    For whoever has checked a password first, which takes a while: another request may have set a new one in the meantime. Needs
    a whole scope.
    """
    known = person.password_changed_at
    lock(session, f"account:{person.id}")
    session.refresh(person)
    return person.password_changed_at == known
