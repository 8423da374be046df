"""Passwords: argon2id hashes, and what makes one acceptable.

NIST SP 800-63B §5.1.1: length and a blocklist, no composition rules.
"""

from __future__ import annotations

import functools
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# RFC 9106's second recommended option (64 MiB) with three passes; a changed figure rehashes at the next sign-in.
_hasher = PasswordHasher(time_cost=3, memory_cost=65536, parallelism=1)
MAX_LENGTH = 200
# What zxcvbn looks at. Its time grows with the square of the length and with every character that may stand for a letter: for
# 72 crafted characters it takes seconds, for 32 a fraction of one.
_MOST_JUDGED = 32


class WeakPassword(ValueError):
    """Not acceptable; the text says what to do."""


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)


def hash_password(password: str) -> str:
    return _hasher.hash(_normal(password))


@functools.cache
def _nobody() -> str:
    return _hasher.hash("nobody has this password")


def verify_password(password_hash: str | None, password: str) -> bool:
    """Check a password; with no hash (an unknown user) it takes the same time and is False."""
    if len(password) > MAX_LENGTH:
        # Nobody has one so long, and normalizing takes time by the square of the length.
        password, password_hash = "", None
    try:
        _hasher.verify(password_hash or _nobody(), _normal(password))
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def needs_rehash(password_hash: str) -> bool:
    """Was this hash made with other parameters than today's?"""
    return _hasher.check_needs_rehash(password_hash)


def check_acceptable(password: str, *, min_length: int, about: tuple[str, ...]) -> None:
    """Raise WeakPassword unless the password is long enough and not easily guessed.

    `about` are words of the person's own (name, user name, organization, payer) that make a password easy to guess.
    """
    if len(password) < min_length:
        raise WeakPassword(f"Use at least {min_length} characters. A few words in a row are easy to remember.")
    if len(password) > MAX_LENGTH:
        raise WeakPassword(f"Use at most {MAX_LENGTH} characters.")
    from zxcvbn import zxcvbn  # its word lists take a while to load and few requests need them

    result = zxcvbn(_normal(password)[:_MOST_JUDGED], user_inputs=[word for word in about if word])
    if result["score"] < 3:
        raise WeakPassword(
            "This password is on lists of common passwords or is easy to guess. "
            "Use a few unrelated words, or let a password manager make one."
        )
