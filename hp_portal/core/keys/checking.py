"""Is HP_PORTAL_DATA_KEY the key of this database? Asked before anything else is done with it.

The database keeps, for each data key it knows, a value that only this key yields. A database from before that, or one whose first
values have just been sealed, is taken over by looking at the keys that its sealed values name.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
import structlog

from hp_portal import clock
from hp_portal.core.keys.models import DataKey
from hp_portal.database import Base, PortalSession, columns_in_database, has_table, lock
from hp_portal.seals import sealed_columns
from hp_portal.settings import ConfigurationError
from hp_portal.vault import KeyMark, Vault, starts

log = structlog.get_logger(__name__)
LOCK = "data keys"


class WrongDataKey(ConfigurationError):
    """HP_PORTAL_DATA_KEY does not fit the database; the text says what to do about it."""


@dataclass(frozen=True)
class KeysInForce:
    """What the database says of the keys: `retired` are ids of 16 hexadecimal digits; `bound`: no value is sealed in the old way,
    without its place."""

    retired: frozenset[str]
    bound: bool


def keys_fit(session: PortalSession, vault: Vault) -> bool:
    """Compare the vault's keys with the database's, which the vault then follows. False when the database cannot say yet.

    Raises WrongDataKey.
    """
    found = check_keys(session, vault.marks)
    if found is not None:
        vault.follow(found.retired, bound=found.bound)
    return found is not None


def check_keys(session: PortalSession, marks: Sequence[KeyMark]) -> KeysInForce | None:
    """Compare the listed keys with the database's; a new first key is noted. Commits.

    `marks` are those of the listed keys, the one that seals first. None when the database cannot say yet, as it has no tables or
    its schema is older. Raises WrongDataKey.
    """
    if not has_table(session, DataKey.__tablename__):
        _taken_over(session, marks)
        session.rollback()
        return None
    found = _compared(session, marks)
    if found is None:
        session.rollback()
        lock(session, LOCK)
        if (found := _compared(session, marks)) is None:
            _note(session, marks)
            found = _compared(session, marks)
    session.commit()
    return found


def _compared(session: PortalSession, marks: Sequence[KeyMark]) -> KeysInForce | None:
    """None when the key that seals is not known yet. Raises WrongDataKey."""
    known = {row.id: row for row in session.scalars(sa.select(DataKey))}
    for mark in marks:
        row = known.get(mark.id)
        if row is not None and not hmac.compare_digest(row.check_value, mark.check):
            raise WrongDataKey(
                f"The database knows the data key {mark.id} with another check value than HP_PORTAL_DATA_KEY yields: the table "
                "data_key was changed. Restore it from a backup."
            )
    listed = {mark.id for mark in marks}
    in_force = [row for row in known.values() if row.retired_at is None]
    if missing := sorted(row.id for row in in_force if row.id not in listed):
        raise WrongDataKey(_not_listed(missing, none=len(missing) == len(in_force)))
    first = known.get(marks[0].id)
    if first is None:
        return None
    if first.retired_at is not None:
        raise WrongDataKey(
            f"The first key of HP_PORTAL_DATA_KEY ({first.id}) was retired on {first.retired_at:%Y-%m-%d}. Put the key in force "
            f"first: {in_force[0].id if in_force else 'a new one'}. `hp-portal keys list` shows the keys of this database."
        )
    retired = frozenset(row.id for row in known.values() if row.retired_at is not None)
    return KeysInForce(retired, bound=any(row.complete_at is not None for row in known.values()))


def _not_listed(missing: Sequence[str], *, none: bool) -> str:
    names = ", ".join(missing)
    if none:
        return (
            f"HP_PORTAL_DATA_KEY is not the data key of this database. What is in it was sealed with: {names}. Set the key that "
            "was used before, or name another database in HP_PORTAL_DATABASE_URL. Nothing was changed."
        )
    return (
        f"HP_PORTAL_DATA_KEY lacks a key that values in this database are sealed with: {names}. List it after the first "
        "one, with a comma, until `hp-portal keys rotate` has finished. Nothing was changed."
    )


def _note(session: PortalSession, marks: Sequence[KeyMark]) -> None:
    """Take the database over, or note the new key that seals from here on."""
    now = clock.now()
    noted: Sequence[KeyMark]
    if session.scalar(sa.select(DataKey.id).limit(1)) is None:
        used = _taken_over(session, marks)
        noted = [mark for number, mark in enumerate(marks) if number == 0 or mark in used]
        complete = now if not used else None
    else:
        noted, complete = marks[:1], None
    session.add_all(
        DataKey(id=mark.id, check_value=mark.check, first_used_at=now, complete_at=complete, retired_at=None)
        for mark in noted
    )
    session.flush()
    log.info("keys.noted", keys=[mark.id for mark in noted])


def _taken_over(session: PortalSession, marks: Sequence[KeyMark]) -> set[KeyMark]:
    """The keys that the sealed values name. Raises WrongDataKey when one of them is not listed."""
    listed = {start: mark for mark in marks for start in starts(mark.id)}
    used: set[KeyMark] = set()
    there = columns_in_database(session)  # a plugin's table may be missing, or older than its model
    for column, _ in sealed_columns(Base.metadata):
        if column.name not in there.get(column.table.name, ()):
            continue
        named = sa.select(sa.func.substr(column, 1, 4, type_=sa.LargeBinary())).where(column.is_not(None)).distinct()
        here = {bytes(found) for found in session.scalars(named)}
        if missing := sorted(found.hex() for found in here - listed.keys() if found):
            raise WrongDataKey(_not_listed([f"{name}…" for name in missing], none=not here & listed.keys()))
        used |= {listed[found] for found in here if found in listed}
    return used
