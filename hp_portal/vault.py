"""Encrypted values and keyed hashes: Tax IDs, kept 835 text, tokens.

A sealed value is `key id (4 bytes) | nonce (12) | AES-256-GCM ciphertext`. Each data key yields, by HKDF-SHA256, one key for
sealing and one for hashing, so neither can be used in the other's place. Hashes for look-up are HMAC-SHA256.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Sequence
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class SealBroken(Exception):
    """A sealed value cannot be opened: altered, for another purpose, or its data key is not configured."""


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
    """The id of a key as sealed values begin with it, 4 bytes."""
    return bytes.fromhex(key_id)[:4]


class Vault:
    """Seals and hashes with the first data key, opens and looks up with every one."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys:
            raise ValueError("a vault needs at least one key")
        self._ciphers: dict[bytes, AESGCM] = {}
        self._hash_keys: list[bytes] = []
        self.marks = tuple(key_mark(key) for key in keys)
        for key in keys:
            self._ciphers[hashlib.sha256(key).digest()[:4]] = AESGCM(_derive(key, b"seal"))
            self._hash_keys.append(_derive(key, b"hash"))
        self._current = hashlib.sha256(keys[0]).digest()[:4]

    def seal(self, value: bytes, purpose: str) -> bytes:
        """Encrypt; `purpose` (such as "tin") is authenticated, so a value cannot be moved to another column."""
        nonce = os.urandom(12)
        return self._current + nonce + self._ciphers[self._current].encrypt(nonce, value, purpose.encode())

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """Decrypt; raises SealBroken."""
        cipher = self._ciphers.get(bytes(sealed[:4]))
        if cipher is None:
            raise SealBroken("sealed with a data key that HP_PORTAL_DATA_KEY does not list")
        if len(sealed) < 4 + 12 + 16:
            raise SealBroken(f"a sealed value for {purpose!r} has been cut off")
        try:
            return cipher.decrypt(sealed[4:16], sealed[16:], purpose.encode())
        except InvalidTag as error:
            raise SealBroken(f"a sealed value for {purpose!r} has been altered") from error

    def seal_text(self, value: str, purpose: str) -> bytes:
        return self.seal(value.encode(), purpose)

    def open_text(self, sealed: bytes, purpose: str) -> str:
        return self.open(sealed, purpose).decode()

    def digest(self, value: str, purpose: str) -> bytes:
        """Keyed hash (32 bytes) under the current key, for storing."""
        return hmac.digest(self._hash_keys[0], f"{purpose}\0{value}".encode(), "sha256")

    def digests(self, value: str, purpose: str) -> list[bytes]:
        """The hashes under every key, for looking up while keys rotate."""
        return [hmac.digest(key, f"{purpose}\0{value}".encode(), "sha256") for key in self._hash_keys]
