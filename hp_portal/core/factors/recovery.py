"""Recovery codes: ten at a time, shown once, each used once, kept as hashes alone. Every verb needs a whole scope."""

from __future__ import annotations

import secrets

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.factors.apps import CodeUsed, WrongCode
from hp_portal.core.identity.factors import RecoveryCode
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.passwords import derive
from hp_portal.database import PortalSession, lock

KIND = "recovery"
HOW_MANY = 10
# Without letters and digits that look alike: 0 O, 1 I L, 5 S, 8 B, U V. Twelve of them are 54 bits.
ALPHABET = "234679ACDEFGHJKMNPQRTWXYZ"
LENGTH, GROUP = 12, 4


def _new_code() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def shown(code: str) -> str:
    """A code in groups of four."""
    return "-".join(code[start : start + GROUP] for start in range(0, LENGTH, GROUP))


def _cleaned(code: str) -> str:
    return "".join(letter for letter in code.upper() if letter.isalnum())


def make_codes(session: PortalSession, person: Person) -> list[str]:
    """Ten new codes, as they are shown; those before open nothing any more."""
    lock(session, f"account:{person.root_id}")
    forget_codes(session, person.id)
    salt, now = secrets.token_bytes(16), clock.now()
    codes = [_new_code() for _ in range(HOW_MANY)]
    session.add_all(
        RecoveryCode(person_id=person.id, salt=salt, code_hash=derive(code, salt), made_at=now) for code in codes
    )
    session.flush()
    record(session, "identity.recovery-codes.made", codes=len(codes))
    return [shown(code) for code in codes]


def codes_of(session: PortalSession, person_id: int) -> list[RecoveryCode]:
    """The codes of the person's set, used ones as well."""
    wanted = sa.select(RecoveryCode).where(RecoveryCode.person_id == person_id)
    return list(session.scalars(wanted.order_by(RecoveryCode.id)))


def count_left(session: PortalSession, person_id: int) -> int:
    """How many codes are not used yet."""
    left = RecoveryCode.person_id == person_id, RecoveryCode.used_at.is_(None)
    return session.scalar(sa.select(sa.func.count(RecoveryCode.id)).where(*left)) or 0


def use_code(session: PortalSession, person: Person, code: str) -> int:
    """Use up a code; how many are left. Raises WrongCode, CodeUsed."""
    codes, typed = codes_of(session, person.id), _cleaned(code)
    if not codes or len(typed) != LENGTH:
        raise WrongCode
    hashed = derive(typed, codes[0].salt)
    found = next((row for row in codes if secrets.compare_digest(row.code_hash, hashed)), None)
    if found is None:
        raise WrongCode
    # Of two who type one code at once, one finds it unused.
    taken = session.execute(
        sa.update(RecoveryCode)
        .where(RecoveryCode.id == found.id, RecoveryCode.used_at.is_(None))
        .values(used_at=clock.now())
        .returning(RecoveryCode.id)
        .execution_options(synchronize_session=False)
    ).first()
    if taken is None:
        raise CodeUsed
    return count_left(session, person.id)


def forget_codes(session: PortalSession, person_id: int) -> None:
    """The person's codes open nothing any more."""
    session.execute(sa.delete(RecoveryCode).where(RecoveryCode.person_id == person_id))
