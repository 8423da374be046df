"""Keys that somebody typed, counted or repeated instead of having them made. What is random passes."""

from __future__ import annotations

import itertools
from collections import Counter

# Of 32 random bytes some 30 are different, and so are the steps from each to the next. That fewer than 20 are does not happen
# once in 10^12 keys.
_FEWEST_DIFFERENT = 20
# Of 32 random hexadecimal digits, the smallest alphabet a command makes keys from, some 14 are different.
_FEWEST_LETTERS = 8


def weakness_of_bytes(key: bytes) -> str:
    """Why 32 bytes are no key, in words that go on after "it …"; empty for one that was made at random."""
    if _repeats(key):
        return "repeats one pattern"
    if all(32 <= byte < 127 for byte in key):
        return "is typed text"
    if len(set(key)) < _FEWEST_DIFFERENT:
        return f"has only {len(set(key))} different bytes"
    steps = {(after - before) % 256 for before, after in itertools.pairwise(key)}
    if len(steps) < _FEWEST_DIFFERENT:
        return "counts up or down"
    return ""


def weakness_of_text(text: str) -> str:
    """The same of a text of 32 characters or more."""
    if _repeats(text.encode()):
        return "repeats one pattern"
    counted = Counter(text)
    if len(counted) < _FEWEST_LETTERS:
        return f"has only {len(counted)} different characters"
    letter, times = counted.most_common(1)[0]
    if times * 2 > len(text):
        return f"is little more than {letter!r} repeated"
    return ""


def _repeats(text: bytes) -> bool:
    """Is it one pattern again and again? Twice is enough."""
    return any(
        text == (text[:length] * (len(text) // length + 1))[: len(text)] for length in range(1, len(text) // 2 + 1)
    )
