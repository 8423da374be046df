"""What was done, as a sentence with links, from an event's declaration and what the reader may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import Formatter
from typing import Any

import structlog

from hp_portal.database import PortalSession
from hp_portal.events import EventSpec, Names, Reference

log = structlog.get_logger(__name__)
GONE = "Used an application that is no longer installed"
Event = tuple[str, Mapping[str, Any]]
Sentence = list[Reference]


def sentences(session: PortalSession, events: Sequence[Event], *, for_staff: bool) -> list[Sentence]:
    """A sentence for each event, given by key and fields: parts of text, some with an address.

    Events of one kind are asked about together. Whatever cannot be named, or is not in the session's scope, leaves the
    event with its label.
    """
    found: dict[int, Sentence] = {}
    kinds: dict[str, list[int]] = {}
    for place, (key, _) in enumerate(events):
        kinds.setdefault(key, []).append(place)
    for key, places in kinds.items():
        spec = session.context.events.get(key)
        label = [Reference(spec.label if spec is not None else GONE)]
        all_fields = [events[place][1] for place in places]
        named = _named(session, spec, all_fields, for_staff) if spec is not None and spec.sentence else None
        for number, place in enumerate(places):
            said = _say(spec, named[number]) if spec is not None and named is not None else None
            found[place] = said or label
    return [found[place] for place in range(len(events))]


def _named(
    session: PortalSession, spec: EventSpec, events: list[Mapping[str, Any]], for_staff: bool
) -> list[dict[str, Reference | None]] | None:
    """What each placeholder stands for in each event; None when a plugin cannot say."""
    named: list[dict[str, Reference | None]] = [{} for _ in events]
    for name in spec.placeholders:
        if name in spec.names:
            answers = _ask(session, spec, spec.names[name], events, for_staff)
            if answers is None:
                return None
        else:
            answers = [Reference(_plain(event[name])) if name in event else None for event in events]
        for one, answer in zip(named, answers, strict=True):
            one[name] = answer
    return named


def _ask(
    session: PortalSession, spec: EventSpec, names: Names, events: list[Mapping[str, Any]], for_staff: bool
) -> list[Reference | None] | None:
    # Old events may lack what a newer version writes, and a plugin may stumble over them: the page is shown all the same.
    try:
        answers = list(names(session, events, for_staff))
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        log.warning("activity.not-named", kind=spec.key, error=type(error).__name__)
        return None
    return answers if len(answers) == len(events) else None


def _plain(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _say(spec: EventSpec, named: Mapping[str, Reference | None]) -> Sentence | None:
    parts: Sentence = []
    for text, name, _, _ in Formatter().parse(spec.sentence):
        if text:
            parts.append(Reference(text))
        if name is None:
            continue
        reference = named[name]
        if reference is None:
            return None
        if reference.text:
            parts.append(reference)
    return parts
