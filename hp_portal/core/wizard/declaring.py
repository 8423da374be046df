"""What a long form is, as its application declares it: steps, and what sending it does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask_wtf import FlaskForm

from hp_portal.core.attachments.attaching import keep_attached
from hp_portal.core.identity.actor import Actor
from hp_portal.core.signing.signing import sign
from hp_portal.database import PortalSession
from hp_portal.draft_kinds import DraftKind
from hp_portal.printed import PrintedForm

Answers = Mapping[str, Mapping[str, Any]]
"""The `data` of each step's form by the step's key: of the steps that are asked, and blank in those that nobody has come to.
Whatever is asked while a draft is read sees the steps before it."""
_KEY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def always(_answers: Answers) -> bool:
    """A step that every such form has."""
    return True


def _nothing_to_prepare(_session: PortalSession, _form: FlaskForm, _answers: Answers) -> None:
    """The form needs no choices from the database."""


@dataclass(frozen=True)
class WizardStep:
    """A page of a long form. `key` stands in its address, `title` is its heading, `lead` a sentence below it.

    `form` has the questions; their `description` is the hint. `template` draws them; without it they stand one below the other, a
    `FieldList` of `FormField`s as groups of which one adds and removes some, an `AttachmentsField` with its list. `when(answers)`
    says whether these questions are asked, given the answers of the steps before. `prepare(session, form, answers)` fills in
    choices before anything is validated; a form also finds the earlier answers as its `answers`, and as its `blank` whether
    nothing of the step was saved yet, so that `prepare` can fill in what is on record.

    A form with `notices()`, which gives (field, sentence) for what may be a mistake and may be right, has them said beside the
    field while somebody types, and as doubts on the review page. A field that changes brings up to date what is said of others.
    A form whose `prepare` gives it a `Fill` as its `fill` offers to fill in fields; `filled_from`, a sentence, says above the
    questions where their first answers are from.
    """

    key: str
    title: str
    form: type[FlaskForm]
    template: str = ""
    lead: str = ""
    when: Callable[[Answers], bool] = always
    prepare: Callable[[PortalSession, FlaskForm, Answers], None] = _nothing_to_prepare


@dataclass(frozen=True)
class Fill:
    """What a form can fill in by itself, such as a name by a number: a button below the field `after`, and what it does.
    `look()` gives values by the names of fields, also those in groups, such as `licenses-0-number`, and a sentence that says
    what was found. Only empty fields are filled in."""

    after: str
    label: str
    look: Callable[[], tuple[Mapping[str, str], str]]


@dataclass(frozen=True)
class Answer:
    """A question with what was answered, in words; `field_id` is where it stands in its step's page."""

    label: str
    text: str
    field_id: str = ""


@dataclass(frozen=True)
class Section:
    """The answers of one step, in words, as the review page shows them: a printed form can be made from the same."""

    title: str
    answers: tuple[Answer, ...]
    step: str = ""

    @property
    def rows(self) -> list[tuple[str, str]]:
        """Label and text of each answer."""
        return [(one.label, one.text) for one in self.answers]


@dataclass(frozen=True)
class Doubt:
    """Something in the answers that may be a mistake, and does not keep anybody from sending; `step` is where it is corrected."""

    step: str
    text: str


@dataclass(frozen=True)
class Sent:
    """A form that is being sent: who sends it, its answers, the same in words, what was in doubt, and its files.

    `title` says for whom or about what it is; `paper` is the form that was signed, and `signature` the typed name.
    """

    actor: Actor
    organization_id: int
    title: str
    answers: Answers
    sections: tuple[Section, ...]
    doubts: tuple[Doubt, ...]
    file_words: tuple[str, ...]
    paper: PrintedForm | None = None
    signature: str = ""
    signed_about: list[str] = field(default_factory=list)

    def sign(self, session: PortalSession, about: str) -> None:
        """Keep the signature with what has come of the form, such as `case:12`. A form without one has nothing to keep."""
        if self.paper is not None:
            sign(session, self.paper, about=about, typed=self.signature, organization_id=self.organization_id)
            self.signed_about.append(about)

    def keep_files(self, session: PortalSession, about: str) -> int:
        """The attached files stay with what has come of the form from now on, such as `case:12`. How many there are."""
        return sum(keep_attached(session, word, about) for word in self.file_words)


def no_doubts(_session: PortalSession, _answers: Answers) -> Sequence[Doubt]:
    """Nothing is in doubt."""
    return ()


def no_title(_answers: Answers) -> str:
    """Nothing says for whom it is."""
    return ""


@dataclass(frozen=True)
class Wizard:
    """A long form in steps; `key` is `<application>.<what>`, `label` its name, such as `Add a practitioner`.

    `permission` is the application's that somebody needs. `send(session, sent)` does what the form is for, in one transaction
    and in the organization's scope, once whatever is pressed twice, and gives the path of the page to go to. `title(answers)`
    says for whom a draft is, as far as it is known. `doubts` looks for contradictions between answers. `lead` and `needed` stand
    on the first page: what it is for, and what one should have at hand. `statement` is what sending says, `done` the notice
    afterwards.

    `signed(sections)` is the form on paper that is signed on the review page, made of what stands there; `send` keeps the
    signature with `sent.sign`. None: nothing is signed.
    """

    key: str
    label: str
    permission: str
    steps: tuple[WizardStep, ...]
    send: Callable[[PortalSession, Sent], str]
    title: Callable[[Answers], str] = no_title
    doubts: Callable[[PortalSession, Answers], Sequence[Doubt]] = no_doubts
    lead: str = ""
    needed: tuple[str, ...] = ()
    statement: str = ""
    done: str = "Sent."
    help_topic: str = "drafts"
    signed: Callable[[Sequence[Section]], PrintedForm] | None = None

    def __post_init__(self) -> None:
        keys = [step.key for step in self.steps]
        if not keys or len(set(keys)) < len(keys) or not all(map(_KEY.fullmatch, keys)):
            raise ValueError(f"{self.key}: its steps need keys of small letters, digits and hyphens, each another one")

    @property
    def name(self) -> str:
        """What its endpoints begin with."""
        return self.key.rpartition(".")[2].replace("-", "_")

    def endpoint(self, deed: str) -> str:
        """One of its pages, such as `begin` or `review`."""
        return f"{self.key.partition('.')[0]}.{self.name}_{deed}"

    @property
    def drafts(self) -> DraftKind:
        """Its drafts, for `Application(draft_kinds=(…,))`."""
        return DraftKind(self.key, self.label, self.permission, self.endpoint("go_on"))

    def step(self, key: str) -> WizardStep | None:
        """The step of that key, or None."""
        return next((one for one in self.steps if one.key == key), None)
