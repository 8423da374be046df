"""Keys that somebody typed, counted or repeated instead of having them made. What is random passes."""

from __future__ import annotations

import itertools
import re
from collections import Counter

# Of 32 random bytes some 30 are different, and so are the steps from each to the next. That fewer than 20 are does not happen
# once in 10^12 keys.
_FEWEST_DIFFERENT = 20
# Of 32 random hexadecimal digits, the smallest alphabet a command makes keys from, some 14 are different.
_FEWEST_LETTERS = 8
# Shorter ones come about by chance. That these make up half of 32 random hexadecimal digits does not happen once in 10^9 keys.
_SHORTEST_RUN = 5
_WORD = re.compile("[^\\W\\d_]{3,}")


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
    # A key that a command broke into lines has no other blanks.
    if re.search(r"[^\S\r\n]", text.strip()):
        return "is typed text, with blanks"
    # Of 32 random characters none is a digit once in 10^3 keys, if only letters and digits are used: without -, _ or . there.
    if re.search("[-_.]", text) and text in (text.lower(), text.upper()) and not re.search(r"\d", text):
        return "is typed text"
    if _in_runs(text.casefold()) * 2 > len(text):
        return "counts up or down"
    words = Counter(_WORD.findall(text.casefold()))
    if sum(len(word) * times for word, times in words.items() if times > 1) * 2 > len(text):
        return "repeats a word"
    return ""


def _in_runs(text: str) -> int:
    """How many of the characters stand in runs such as abcde or 54321."""
    steps = [ord(after) - ord(before) for before, after in itertools.pairwise(text)]
    lengths = [(step, len(list(alike)) + 1) for step, alike in itertools.groupby(steps)]
    return sum(length for step, length in lengths if step in (1, -1) and length >= _SHORTEST_RUN)


def _repeats(text: bytes) -> bool:
    """Is it one pattern again and again? Twice is enough."""
    return any(
        text == (text[:length] * (len(text) // length + 1))[: len(text)] for length in range(1, len(text) // 2 + 1)
    )
