"""Kinds of cases: what an application takes in, decides and answers, as it declares it. docs/plugin-hooks.md describes them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hp_portal.printed import PrintedForm
from hp_portal.session import PortalSession

Tone = Literal["neutral", "info", "good", "warn", "bad"]
By = Literal["staff", "provider", "portal"]
_KEY = re.compile(r"[a-z0-9_-]{1,40}")
BUSINESS, CALENDAR = "business", "calendar"


class CaseRefused(Exception):
    """A step cannot be taken; the text says why, and what to do, to the person who tried."""


@dataclass(frozen=True)
class CaseState:
    """Where a case can stand. `label` is what staff read, `told` what the provider reads, `next` a sentence for the provider:
    what happens now, or what to do.

    `waits`: it waits for the provider, and the clock stands. `ended`: it is decided, and the clock has stopped.
    """

    key: str
    label: str
    told: str
    next: str
    tone: Tone = "info"
    waits: bool = False
    ended: bool = False


def nothing_else(_session: PortalSession, _case_id: int, _words: str) -> None:
    """Nothing to do beside the step itself."""


@dataclass(frozen=True)
class CaseStep:
    """A step from one of some states (`sources`) to another (`target`). `label` is the button, `done` what the history says.

    `by` says who may take it: staff with the kind's `staff_permission`, the provider's people with its `permission`, or the
    portal alone, such as a job. `words`: whether something is written along, which the other side reads. `many`: staff may take
    it for many cases at once. `take(session, case_id, words)` does what the step means, in its transaction and in a whole scope;
    it raises CaseRefused, and then nothing has happened.

    `page` is the endpoint (with `case_id`) of a page of the application's own for staff, where more is asked than a message: the
    case's page leads there, and the step is taken there by `cases.staff_step`.
    """

    key: str
    label: str
    sources: tuple[str, ...]
    target: str
    done: str
    by: By = "staff"
    words: Literal["required", "optional", "none"] = "optional"
    many: bool = False
    tone: Literal["primary", "secondary", "danger"] = "secondary"
    take: Callable[[PortalSession, int, str], None] = nothing_else
    page: str = ""


@dataclass(frozen=True)
class CaseClock:
    """By when a case is to be decided: so many days after it came. Business days are Monday to Friday without the days on which
    the payer is closed. `rule` says it in a sentence; `source` is the law, contract or policy it comes from.
    """

    days: int
    counts: Literal["business", "calendar"]
    rule: str
    source: str


def _nothing_kept(_session: PortalSession, _case_id: int, _values: Mapping[str, Any]) -> None:
    """What was typed is kept nowhere but in the case's history."""


@dataclass(frozen=True)
class PublicCases:
    """People who have no account send in such cases, by a form on a page of the application's `public_blueprint`, `start`. `link`
    is the text of the link that leads there from the portal's public pages.

    What they typed waits until their e-mail address is confirmed; then the case opens. `values` are of JSON's types.
    `title(values)` says what the case is about, `shown(values)` the lines (label, text) that the person reads to confirm them,
    and `opened(session, case_id, values)` keeps what belongs to the application, in a whole scope. `documents` says in a sentence
    which files the person is to attach then. `given(session, case_id, organization_id)` hands the application's rows over to the
    organization that staff have linked the case to, or back to the payer (None); without it, such cases are linked to none.
    """

    start: str
    link: str
    title: Callable[[Mapping[str, Any]], str]
    shown: Callable[[Mapping[str, Any]], Sequence[tuple[str, str]]]
    opened: Callable[[PortalSession, int, Mapping[str, Any]], None] = _nothing_kept
    documents: Callable[[PortalSession, int], str] | None = None
    given: Callable[[PortalSession, int, int | None], None] | None = None


@dataclass(frozen=True)
class CaseKind:
    """A kind of case; `key` is `<application>.<what>`, `label` what one such case is called, such as `Change of address`.

    `permission` is the application's that somebody of the provider needs to see such cases, `staff_permission` the one of staff
    who see and decide them. A case starts in the first of its `states`. `clock` is asked each time, so that settings decide;
    None: such cases have no clock. `details(session, case_id, for_staff)` gives what `template` shows on the case's pages,
    in the reader's scope. `whom` says whom the provider can ask about a case, a line each; None: the payer's telephone.
    `public`: people without an account send them in, too.
    `printed(session, case_id)` is what the case says on paper, in the words and the order of the screen and the same for every
    reader; what is signed is exactly this. None: on paper stands what every case has.
    `blank()` is the form that opens such a case, to be filled by hand; None: there is none.
    """

    key: str
    label: str
    permission: str
    staff_permission: str
    states: tuple[CaseState, ...]
    steps: tuple[CaseStep, ...]
    clock: Callable[[], CaseClock] | None = None
    template: str = ""
    details: Callable[[PortalSession, int, bool], Mapping[str, Any]] | None = None
    whom: Callable[[PortalSession, int], list[str]] | None = None
    public: PublicCases | None = None
    printed: Callable[[PortalSession, int], PrintedForm] | None = None
    blank: Callable[[], PrintedForm] | None = None

    @property
    def first(self) -> CaseState:
        """The state in which a case starts."""
        return self.states[0]

    def state(self, key: str) -> CaseState:
        """The state of that key; for one of an earlier version of the application, one that says no more than its key."""
        return next((one for one in self.states if one.key == key), CaseState(key, key, key, ""))

    def step(self, key: str) -> CaseStep | None:
        """The step of that key, or None."""
        return next((one for one in self.steps if one.key == key), None)

    def steps_from(self, state: str, by: By) -> list[CaseStep]:
        """The steps that staff, or the provider's people, may take from a state."""
        return [one for one in self.steps if one.by == by and state in one.sources]

    def mistakes(self) -> Iterator[str]:
        """What is wrong with the declaration, in words."""
        for what, keys in (("states", [one.key for one in self.states]), ("steps", [one.key for one in self.steps])):
            for key, times in Counter(keys).items():
                if times > 1:
                    yield f"two {what} are called {key!r}"
        if not self.states:
            yield "it has no states"
            return
        for key in (*(one.key for one in self.states), *(one.key for one in self.steps)):
            if not _KEY.fullmatch(key):
                yield f"{key!r} is no key: use at most 40 small letters, digits, hyphens and underscores"
        known = {one.key: one for one in self.states}
        for step in self.steps:
            for key in (*step.sources, step.target):
                if key not in known:
                    yield f"the step {step.key!r} speaks of the state {key!r}, which it does not have"
            if step.page and (step.by != "staff" or step.many):
                yield f"the step {step.key!r} has a page, which is for one case and for staff"
        if self.first.ended:
            yield f"it starts in {self.first.key!r}, which is an end"
        reached = {self.first.key}
        while more := {
            one.target for one in self.steps if reached.intersection(one.sources) and one.target not in reached
        }:
            reached |= more
        for key, state in known.items():
            if key not in reached:
                yield f"no step leads to the state {key!r}"
            elif not state.ended and not any(key in one.sources for one in self.steps):
                yield f"no step leads out of the state {key!r}, which is no end"
        for key, state in known.items():
            if state.waits and state.ended:
                yield f"the state {key!r} waits and has ended"
            if state.waits and not self.steps_from(key, "provider"):
                yield f"the state {key!r} waits for the provider, who has no step out of it"
        if (self.details is None) == bool(self.template):
            yield "it has a template and nothing to show in it, or something to show and no template"
