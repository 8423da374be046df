"""What sending any of the forms does: a case, the signature, and what the change wants on record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from flask import url_for

from hp_portal.api import PortalSession, Sent, settings_of

from ..proposing.at_once import apply_at_once
from ..proposing.proposals import New, Proposal, propose
from ..record.applying import Fact
from ..record.facts import Key
from ..record.fields import Subject
from .cases import ChangeForm, open_form


@dataclass
class Wanted:
    """Facts that a form wants on record, from a day on, and the values that they replace."""

    day: dt.date
    facts: list[Fact] = field(default_factory=list)
    seen: list[Fact] = field(default_factory=list)
    new: list[New] = field(default_factory=list)

    def say(self, subject: Subject, row_id: int, values: Mapping[Key, str]) -> None:
        """Say something of who or what is new."""
        self.facts += [
            Fact(subject, row_id, name, item, text, self.day) for (name, item), text in values.items() if text
        ]

    def differ(self, subject: Subject, row_id: int, was: Mapping[Key, str], wants: Mapping[Key, str]) -> None:
        """Say what differs from what was read."""
        for (name, item), text in wants.items():
            before = was.get((name, item), "")
            if before != text:
                self.facts.append(Fact(subject, row_id, name, item, text, self.day))
                self.seen.append(Fact(subject, row_id, name, item, before, self.day))

    def end(self, affiliation_ids: Iterable[int], reason: str = "") -> None:
        """Say that affiliations are over; they were read as active."""
        for one in affiliation_ids:
            self.differ("affiliation", one, {("standing", ""): "active"}, {("standing", ""): "ended"})
            if reason:
                self.facts.append(Fact("affiliation", one, "reason", "", reason, self.day))

    def say_of(self, subject: Subject, row_id: int, was: Mapping[Key, str], wants: Mapping[Key, str]) -> None:
        """Say what differs; what was read and is not wanted any more is gone from that day on."""
        self.differ(subject, row_id, was, {**dict.fromkeys(was, ""), **wants})

    def free_id(self) -> int:
        """An id for one more who is not on record."""
        return -1 - len(self.new)


def send_change(
    session: PortalSession,
    sent: Sent,
    form: ChangeForm,
    title: str,
    kind: str,
    wanted: Wanted,
    *,
    at_once: bool = False,
) -> str:
    """Open the case of a form, keep its signature, its files and what it wants on record. The path of the case.

    `at_once`: fields of low risk are applied now, and when there is nothing else the case is done.
    """
    case = open_form(session, form.kind, title[:200], sent)
    sent.sign(session, f"case:{case.id}")
    doubts = [one.text for one in sent.doubts]
    proposal = Proposal(kind, wanted.day, wanted.facts, wanted.seen, wanted.new, doubts)
    if at_once:
        apply_at_once(session, case, proposal, settings_of("profiles").low_risk)
    else:
        propose(session, case.id, sent.organization_id, proposal)
    return url_for("cases.one", case_id=case.id)
