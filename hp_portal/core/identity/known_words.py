"""What of a password is a word or a date that whoever guesses knows: the person's own, the payer's, the portal's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_SHORTEST = 3


def words_of(texts: Iterable[str]) -> set[str]:
    """The words of names and addresses, lower-case, without those so short that they are in any text."""
    return {word for text in texts for word in re.split(r"[\W_]+", text.lower()) if len(word) >= _SHORTEST}


# Words that people of a provider's office think of in front of this portal.
OURS = words_of(
    (
        "account admin biller billing check claim claims clinic dental doctor hello health hospital login medical office",
        "password patient payer payment pharmacy physician plan portal provider remit remittance secret signin welcome",
    )
)
# Weekdays, months and seasons, of which passwords that must be changed are made.
_TIMES = words_of(
    (
        "monday tuesday wednesday thursday friday saturday sunday spring summer autumn winter",
        "january february march april june july august september october november december",
    )
)
_DATES = re.compile(
    r"""(?<!\d)(?:
        \d{1,4}[ ./_-]\d{1,2}[ ./_-]\d{1,4}                          # 3/2/1984, 1984-03-02
        | (?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])      # 19840302
        | (?:0[1-9]|[12]\d|3[01]){2}(?:(?:19|20)\d\d|\d\d)           # 03021984, 020384
        | (?:19|20)\d\d                                             # 1984
    )(?!\d)""",
    re.VERBOSE,
)
# What stands for a letter; `1` and `|` for two.
_LEET = (str.maketrans("4@8361!05$7+", "aabegiiosstt"), str.maketrans("4@8361|05$7+", "aabegllosstt"))


def without_known(password: str, about: Iterable[str]) -> str:
    """The password without dates and without known words, however they are capitalized or disguised; itself when it has none."""
    # Letter by letter, so that places stay the same: the small form of some is two.
    plain = "".join(small if len(small := letter.lower()) == 1 else letter for letter in password)
    known = words_of(about) | OURS | _TIMES
    covered = {place for start, end in _found(plain, known) for place in range(start, end)}
    return "".join(letter for place, letter in enumerate(password) if place not in covered)


def _found(plain: str, known: set[str]) -> Iterator[tuple[int, int]]:
    for found in _DATES.finditer(plain):
        yield found.span()
    for text in {plain, *(plain.translate(table) for table in _LEET)}:
        for word in known:
            start = text.find(word)
            while start >= 0:
                yield start, start + len(word)
                start = text.find(word, start + 1)
