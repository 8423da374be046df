"""Pieces of files that are kept outside the database, in an S3-compatible store.

The store has each piece encrypted with a key of its own, which is made for it, is used once, and stands with the object's name
in the database, sealed for the piece's place like a piece itself. So whoever reads or alters the bucket reads nothing and
passes nothing off; data keys are exchanged without touching the store; and what is removed from the database cannot be opened
any more from that moment on, also while its objects are still there.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.files.models import StoredFile
from hp_portal.database import PortalSession
from hp_portal.file_store import FileStore, ObjectMissing, StoreAway
from hp_portal.vault import SealBroken

REMOVED = "files.objects.removed"
_MARK = b"away\x01"  # no piece begins like that: zlib's first byte is another
_KEY = 32
_DIGITS = 18
_NONCE = bytes(12)  # each key encrypts one piece alone


def name_of(stored: StoredFile, position: int) -> str:
    """What a piece is called in the store, after the portal's prefix: whose it is can be told, and nothing else."""
    return f"{stored.id}/{stored.token}/{position}"


def put(store: FileStore, name: str, packed: bytes) -> bytes:
    """Keep a piece in the store; what the database keeps instead, to be sealed. Raises StoreAway."""
    key = os.urandom(_KEY)
    store.put(name, AESGCM(key).encrypt(_NONCE, packed, None))
    return _MARK + key + name.encode()


def is_away(opened: bytes) -> bool:
    """Does what the database has of a piece say where else it is?"""
    return opened.startswith(_MARK)


def get(store: FileStore | None, opened: bytes) -> bytes:
    """A piece from the store. Raises SealBroken where it is missing or was altered, StoreAway."""
    if store is None:
        raise StoreAway("files are kept in a store, and HP_PORTAL_FILES_BUCKET does not say in which")
    start = len(_MARK)
    key, name = opened[start : start + _KEY], opened[start + _KEY :].decode()
    try:
        return AESGCM(key).decrypt(_NONCE, store.get(name), None)
    except ObjectMissing as error:
        raise SealBroken(f"the store has no {name}") from error
    except InvalidTag as error:
        raise SealBroken(f"{name} was altered in the store") from error


def sweep(session: PortalSession, store: FileStore, kept: dt.timedelta) -> int:
    """Remove the objects that no stored file needs and that are older than `kept`, audited; how many. Commits.

    Needs a whole scope. Raises StoreAway. Names that are not the portal's are left alone.
    """
    removed = 0
    for names in store.names(clock.now() - kept):
        needless = _needless(session, names)
        session.rollback()  # nothing is held while the store is asked
        for name in needless:
            store.remove(name)
        removed += len(needless)
    if removed:
        record(session, REMOVED, objects=removed)
        session.commit()
    return removed


def _needless(session: PortalSession, names: Iterable[str]) -> list[str]:
    asked: dict[str, tuple[int, str]] = {}
    for name in names:
        number, _, rest = name.partition("/")
        token, _, position = rest.partition("/")
        if len(number) <= _DIGITS and number.isdecimal() and token and position.isdecimal():
            asked[name] = (int(number), token)
    wanted = sa.select(StoredFile.id, StoredFile.token).where(
        StoredFile.id.in_({number for number, _ in asked.values()})
    )
    there = {(row.id, row.token) for row in session.execute(wanted)}
    return [name for name, file in asked.items() if file not in there]
