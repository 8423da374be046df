"""Encrypted values and keyed hashes: Tax IDs, kept 835 text, tokens.

A sealed value is `2 (a byte, the format) | key id (8 bytes) | nonce (12) | AES-256-GCM ciphertext`, with its place
authenticated: see seals.py. Those of the first format, `key id (4 bytes) | nonce (12) | ciphertext`, have a purpose instead of a
place; they open until `hp-portal keys rotate` has sealed them again. Each data key yields, by HKDF-SHA256, one key for sealing,
one for hashing and one for the audit record, so that none can be used in another's place. Hashes for look-up are HMAC-SHA256.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, NewType

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_FORMAT = b"\x02"
_ID, _OLD_ID, _NONCE, _TAG = 8, 4, 12, 16
_HEAD = len(_FORMAT) + _ID

Place = NewType("Place", bytes)
"""Where a sealed value stands: its table, its column and its row; made by a `Seat` of seals.py."""


class SealBroken(Exception):
    """A sealed value cannot be opened: altered, moved from another place, or its data key is not configured or retired."""


def _derive(key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"hp_portal/" + purpose).derive(key)


class KeyMark(NamedTuple):
    """What a database keeps of a data key: its id (16 hexadecimal digits) and a value (32 bytes) that only this key yields."""

    id: str
    check: bytes


def key_mark(key: bytes) -> KeyMark:
    """The mark of a data key, which says nothing about the key itself."""
    check = hmac.digest(_derive(key, b"check"), b"hp_portal data key", "sha256")
    return KeyMark(hashlib.sha256(key).hexdigest()[:16], check)


def short_id(key_id: str) -> bytes:
    """The id of a key as values of the first format begin with it, 4 bytes."""
    return bytes.fromhex(key_id)[:4]


def starts(key_id: str) -> tuple[bytes, bytes]:
    """The first 4 bytes of values sealed with a key: of this format, and of the first one."""
    return (_FORMAT + bytes.fromhex(key_id))[:4], short_id(key_id)


class Vault:
    """Seals and hashes with the first data key, opens and looks up with every one."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys:
            raise ValueError("a vault needs at least one key")
        self._ciphers: dict[bytes, AESGCM] = {}
        self._old_ciphers: dict[bytes, AESGCM] = {}
        self._retired: set[bytes] = set()
        self.bound_alone = False
        """Are values of the first format refused?"""
        self._hash_keys: list[bytes] = []
        # For the passes of row-level security, by the id of the data key.
        self.wall_keys = {key_mark(key).id: _derive(key, b"row-level security") for key in keys}
        self._subkeys: dict[str, tuple[bytes, ...]] = {}
        self.marks = tuple(key_mark(key) for key in keys)
        self.audit_keys: dict[bytes, bytes] = {}
        """The keys of audit events and seals, by the ids of their data keys."""
        for key, mark in zip(keys, self.marks, strict=True):
            cipher = AESGCM(_derive(key, b"seal"))
            self._ciphers[_FORMAT + bytes.fromhex(mark.id)] = cipher
            self._old_ciphers[short_id(mark.id)] = cipher
            self._hash_keys.append(_derive(key, b"hash"))
            self.audit_keys[bytes.fromhex(mark.id)] = _derive(key, b"audit")
        self.head = _FORMAT + bytes.fromhex(self.marks[0].id)
        """What every value begins with that is sealed now."""
        self.key_id = bytes.fromhex(self.marks[0].id)
        """Which data key is the first: 8 bytes."""
        self._audit_key = self.audit_keys[self.key_id]

    def mac(self, data: bytes) -> bytes:
        """The keyed hash of an audit event under the current key: HMAC-SHA256, the first 16 bytes of it."""
        return hmac.digest(self._audit_key, data, "sha256")[:16]

    def follow(self, retired: Collection[str], *, bound: bool) -> None:
        """Do as the database says: refuse values of retired keys (by their ids) and, when `bound`, those of the first format."""
        self._retired = {_FORMAT + bytes.fromhex(key_id) for key_id in retired}
        self.bound_alone = bound

    def seal(self, value: bytes, place: Place) -> bytes:
        """Encrypt for a place, which is authenticated: the value opens nowhere else."""
        nonce = os.urandom(_NONCE)
        return self.head + nonce + self._ciphers[self.head].encrypt(nonce, value, place)

    def seal_all(self, values: Sequence[bytes], places: Iterable[Place]) -> list[bytes]:
        """Encrypt many values, each for its place: in half the time of one after the other."""
        head, encrypt, nonces = self.head, self._ciphers[self.head].encrypt, os.urandom(_NONCE * len(values))
        starts = range(0, len(nonces), _NONCE)
        found = zip(values, places, (nonces[start : start + _NONCE] for start in starts), strict=True)
        return [head + nonce + encrypt(nonce, value, place) for value, place, nonce in found]

    def open(self, sealed: bytes, place: Place, was: str = "") -> bytes:
        """Decrypt; raises SealBroken. `was` is what values of the first format in this column were sealed for."""
        head = bytes(sealed[:_HEAD])
        cipher = self._ciphers.get(head)
        if cipher is None:
            return self._open_old(sealed, was)
        if head in self._retired:
            raise SealBroken("sealed with a data key that was retired")
        return _decrypted(cipher, sealed, _HEAD, place)

    def _open_old(self, sealed: bytes, was: str) -> bytes:
        cipher = self._old_ciphers.get(bytes(sealed[:_OLD_ID]))
        if cipher is None:
            raise SealBroken("sealed with a data key that HP_PORTAL_DATA_KEY does not list")
        if self.bound_alone or not was:
            raise SealBroken("sealed without its place, as was done before; all such values have been sealed again")
        return _decrypted(cipher, sealed, _OLD_ID, was.encode())

    def seal_text(self, value: str, place: Place) -> bytes:
        """The same of a text, as UTF-8."""
        return self.seal(value.encode(), place)

    def open_text(self, sealed: bytes, place: Place, was: str = "") -> str:
        """Decrypt a text; raises SealBroken."""
        return self.open(sealed, place, was).decode()

    def digest(self, value: str, purpose: str) -> bytes:
        """Keyed hash (32 bytes) under the current key, for storing."""
        return hmac.digest(self._hash_keys[0], f"{purpose}\0{value}".encode(), "sha256")

    def subkeys(self, purpose: str) -> tuple[bytes, ...]:
        """Keys of 32 bytes for keyed hashes of one's own, one for each data key; the one that seals comes first."""
        found = self._subkeys.get(purpose)
        if found is None:
            found = tuple(hmac.digest(key, f"subkey\0{purpose}".encode(), "sha256") for key in self._hash_keys)
            self._subkeys[purpose] = found
        return found

    def digests(self, value: str, purpose: str) -> list[bytes]:
        """The hashes under every key, for looking up while keys rotate."""
        return [hmac.digest(key, f"{purpose}\0{value}".encode(), "sha256") for key in self._hash_keys]


def _decrypted(cipher: AESGCM, sealed: bytes, start: int, context: bytes) -> bytes:
    if len(sealed) < start + _NONCE + _TAG:
        raise SealBroken("a sealed value has been cut off")
    try:
        return cipher.decrypt(sealed[start : start + _NONCE], sealed[start + _NONCE :], context)
    except InvalidTag as error:
        raise SealBroken("a sealed value has been altered, or moved from another place") from error
