"""Searching help: a small index in memory, made at the start. Sections are ranked; a topic is found by its best one.

Ranking is BM25 (Robertson and Zaragoza, 2009), with words of titles and headings counting several times. A section whose
title or heading is what was asked, and little else, counts up to twice.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import lru_cache

TITLE, HEADING, BODY = 4, 4, 1
_K, _B = 1.2, 0.6
_WORD = re.compile(r"[a-z0-9]+")
# Words of questions that say nothing of their subject.
_STOP = re.compile(
    "a|am|an|and|any|are|as|at|be|been|by|can|could|did|do|does|e|for|from|get|had|has|have|how|i|if|in|into|is|it|its|me|my|"
    "not|of|on|one|or|our|please|should|so|that|the|their|them|then|there|they|this|to|us|was|we|what|when|where|which|who|"
    "why|will|with|would|you|your"
)

# What people call it, and what help calls it.
_SAME = {
    "login": "sign",
    "log": "sign",
    "logon": "sign",
    "signin": "sign",
    "logout": "sign",
    "logged": "sign",
    "forgot": "password",
    "forgotten": "password",
    "reset": "password",
    "passcode": "password",
    "ein": "tax",
    "ssn": "tax",
    "tin": "tax",
    "taxid": "tax",
    "remit": "remittance",
    "era": "remittance",
    "eob": "remittance",
    "print": "download",
    "export": "download",
    "excel": "download",
    "pdf": "download",
    "csv": "download",
    "biller": "billing",
    "denied": "adjustment",
    "denial": "adjustment",
    "reduced": "adjustment",
    "timeout": "session",
    "locked": "attempt",
    "blocked": "attempt",
    "lockout": "attempt",
    "coworker": "colleague",
    "audit": "activity",
    "empty": "blank",
    "delegates": "delegate",
    "email": "mail",
    "verify": "confirm",
    "verification": "confirm",
    "confirmation": "confirm",
    "someone": "somebody",
    "office": "organization",
    "practice": "organization",
    "clinic": "organization",
    "arrive": "come",
    "arrived": "come",
    "mismatch": "match",
    "enroll": "register",
    "signup": "register",
}


@dataclass(frozen=True)
class Section:
    """A part of a topic under one heading. `anchor` is its id on the page, empty for the beginning."""

    topic: str
    title: str
    heading: str
    anchor: str
    text: str
    for_staff: bool


@dataclass(frozen=True)
class Hit:
    """A section that was found, and a piece of its text."""

    section: Section
    excerpt: str


def words(text: str) -> list[str]:
    """The words of a text as they are compared: plain letters, without endings, one word for one thing."""
    plain = unicodedata.normalize("NFKD", text.lower()).encode("ascii", "ignore").decode()
    found = (_SAME.get(word, word) for word in _WORD.findall(plain.replace("'", "")) if not _STOP.fullmatch(word))
    return [_stem(word) for word in found]


def _stem(word: str) -> str:
    """A word without its commonest endings: `signing`, `signed` and `signs` are one."""
    for ending in ("ings", "ing", "ed", "ies", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            root = word.removesuffix(ending)
            return root + "y" if ending == "ies" else root
    return word


@lru_cache(maxsize=2000)
def _count(section: Section) -> Counter[str]:
    """How much each word of a section counts; the same section is counted once in a process, however many apps it makes."""
    counts: Counter[str] = Counter()
    for text, weight in ((section.title, TITLE), (section.heading, HEADING), (section.text, BODY)):
        for word in words(text):
            counts[word] += weight
    return counts


@lru_cache(maxsize=2000)
def _names(section: Section) -> tuple[Set[str], ...]:
    """The words of a section's title, of its heading, and of both."""
    title, heading = frozenset(words(section.title)), frozenset(words(section.heading))
    return title, heading, title | heading


class HelpIndex:
    """Sections with the words in them. How rare a word is depends on what may be read: others may read other sections."""

    def __init__(self, sections: Sequence[Section]) -> None:
        self._sections = list(sections)
        self._counts = [_count(section) for section in self._sections]
        self._lengths = [sum(counts.values()) for counts in self._counts]
        self._average = sum(self._lengths) / max(1, len(self._lengths))
        self._holding = Counter(word for counts in self._counts for word in counts)

    def search(self, query: str, *, most: int = 8) -> list[Hit]:
        """The best sections, one of each topic, the best first."""
        asked = set(words(query))
        scores = [(self._score(place, asked), -place) for place in range(len(self._sections))]
        hits: dict[str, Hit] = {}
        for score, place in sorted(scores, reverse=True):
            section = self._sections[-place]
            if score > 0 and section.topic not in hits:
                hits[section.topic] = Hit(section, _excerpt(section.text, asked))
        return list(hits.values())[:most]

    def _score(self, place: int, asked: set[str]) -> float:
        counts, score = self._counts[place], 0.0
        norm = _K * (1 - _B + _B * self._lengths[place] / self._average)
        for word in asked & counts.keys():
            holding = self._holding[word]
            rarity = math.log(1 + (len(self._sections) - holding + 0.5) / (holding + 0.5))
            score += rarity * counts[word] * (_K + 1) / (counts[word] + norm)
        return score * (1 + max(_alike(asked, named) for named in _names(self._sections[place])))


def _alike(one: Set[str], other: Set[str]) -> float:
    """How far two sets of words are the same: 0 to 1."""
    return 2 * len(one & other) / (len(one) + len(other) or 1)


def _excerpt(text: str, asked: set[str]) -> str:
    """The sentence with most of the words that were asked."""
    sentences = re.split(r"(?<=[.!?:])\s+", " ".join(text.split()))
    best = max(sentences, key=lambda sentence: len(asked & set(words(sentence))))
    return best if len(best) <= 220 else best[:219].rsplit(" ", 1)[0] + "…"
