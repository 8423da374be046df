"""The plugin contract: hooks, and the frozen values they take and return. docs/plugin-hooks.md describes each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal

import pluggy
from flask import Blueprint
from pydantic import BaseModel

from hp_portal.audience import Audience
from hp_portal.case_kinds import CaseKind
from hp_portal.draft_kinds import DraftKind
from hp_portal.events import EventSpec as EventSpec
from hp_portal.events import PortalEvent as PortalEvent
from hp_portal.session import PortalSession

PROJECT = "hp_portal"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks the functions of a plugin's `__init__.py` that implement hooks: `@hookimpl`."""


@dataclass(frozen=True)
class Permission:
    """Something a route can require, named `<application>:<thing>:<deed>`."""

    key: str
    label: str


@dataclass(frozen=True)
class StaffLink:
    """An entry of the staff console's menu: shown to staff with the permission.

    `summary` says below it what it is for; empty: what the permission says. `group` is the heading it stands under: one of the
    console's own (`Providers`, `Oversight`, `Setup`) or another; empty: the application's label.
    """

    label: str
    endpoint: str
    permission: str
    summary: str = ""
    group: str = ""


@dataclass(frozen=True)
class PublicLink:
    """A page of the application's for everybody, on the welcome page and in help, where people without an account look for it.

    `endpoint` is one of the application's public blueprint; `summary` says what it is for. `shown` is asked for each page,
    without the database: False, and there is no link.
    """

    label: str
    endpoint: str
    summary: str = ""
    shown: Callable[[], bool] = lambda: True


@dataclass(frozen=True)
class StaffQueue:
    """Work that waits for the payer's staff, or a warning: on the console's first page with its number, while there is any.

    `count` gives the number, with one cheap statement in a whole scope; `one` and `many` are the words after it, such as
    `import has failed`, `imports have failed`. `endpoint`, with `arguments` in its address, is where one does something
    about it. `tone`: how urgent it is.
    """

    one: str
    many: str
    endpoint: str
    permission: str
    count: Callable[[PortalSession], int]
    tone: Literal["info", "warn", "bad"] = "info"
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class HomeSearch:
    """A box on the home page: what is typed goes to `endpoint` as the argument `parameter` of its address.

    What may tell of a member may not stand in an address: with `method` "post" it is sent as a form. `links` are pages of the
    application that stand below the box: pairs of label and endpoint. `payments`, an endpoint and the parameter of its address,
    shows the payments with a number: who has just proved one goes on there.
    """

    label: str
    endpoint: str
    parameter: str
    hint: str = ""
    method: Literal["get", "post"] = "get"
    links: tuple[tuple[str, str], ...] = ()
    payments: tuple[str, str] | None = None


@dataclass(frozen=True)
class News:
    """Something new since the last visit, in a few words, and where to see it."""

    text: str
    url: str


@dataclass(frozen=True)
class MadeFile:
    """A file to hand over: what is in it, the name it is saved under, its media type.

    A large body is a file, open for reading at its beginning; whoever gets it closes it. `left_out` says in words what was
    asked for and is not in it, a line each; it is shown, and names no patient. `contents` is what the file is about after all,
    when that is not what was `wanted`: what the kind's `hand_over` is asked with.
    """

    body: bytes | BinaryIO
    name: str
    content_type: str
    left_out: tuple[str, ...] = ()
    contents: Mapping[str, Any] | None = None


def nobody_waits() -> None:
    """Nothing to give way to."""


@dataclass(frozen=True)
class Making:
    """How a document is being made: while somebody waits, or by the worker, and whom to tell how far it is.

    What takes minutes calls `give_way()` between its parts, with no process of its own at work: now and then a document that
    waits is made meanwhile, of a kind that does not say `takes_long`.
    """

    at_once: bool
    progress: Callable[[int, int], None]
    give_way: Callable[[], None] = nobody_waits


@dataclass(frozen=True)
class DocumentKind:
    """A kind of document that an application makes; `key` is `<application>.<what>`.

    `make(session, wanted, making)` gives the file, or None when what is wanted is not there for this session, which sees what the
    person sees who asked. `wanted` are values of JSON's types. It raises DocumentError. `hand_over(session, wanted)` is asked
    each time before the file leaves: it puts that into the audit record, and says False when the person may no longer see what
    is in it. `permission` is asked for, too. `instead` says what to do when the document is too large. `counts` says what
    `making.progress` counts, as (one, many), where the page is to say so. `since(session, wanted, made_at)` says on
    the page of a finished file what has changed since, a sentence each; it is asked in the person's scope. `takes_long`: it may
    take minutes, so that no other document gives way to it.
    """

    key: str
    label: str
    permission: str
    make: Callable[[PortalSession, Mapping[str, Any], Making], MadeFile | None]
    hand_over: Callable[[PortalSession, Mapping[str, Any]], bool]
    instead: str = ""
    counts: tuple[str, str] | None = None
    since: Callable[[PortalSession, Mapping[str, Any], dt.datetime], Sequence[str]] | None = None
    takes_long: bool = False


def _nothing(_event: str, _fields: Mapping[str, Any]) -> bool:
    return False


@dataclass(frozen=True)
class PatientTrace:
    """How an application's audit events tell that they are about a number: a patient's, a member's, a claim's.

    `texts` are pieces of what events keep, such as a keyed hash; an event without any of them is not about it.
    `shows(event, fields)` looks closer at one that has some, given its key and fields. `newest_only`: the number has more claims
    than are looked for, and events about the oldest are not found.
    """

    texts: tuple[str, ...] = ()
    shows: Callable[[str, Mapping[str, Any]], bool] = _nothing
    newest_only: bool = False


@dataclass(frozen=True)
class Application:
    """An item of the Applications menu.

    `blueprint` is mounted at /apps/<key>, `staff_blueprint` at /staff/<key>, `public_blueprint` at /<key>; `index` is the
    endpoint the menu opens. `permissions` are what a person given the application holds, `staff_permissions` what roles of
    the payer's staff are made of. `starts_enabled_for` and `starts_given` (do new people get it) are how a payer's database
    begins; afterwards staff decide. `settings` is a pydantic model with a default for every field; `settings_of(key)` is what
    was read into it. `home_search` is a box on the home page; `news(session, since)` says there what is new since the last
    visit, with one cheap statement in the organization's scope. `rows` are the models whose ids stand in addresses, by the name
    of the parameter, where it is not the model's own (`<id:note_id>` is a Note): who asks for another organization's is recorded.
    `documents` are the kinds that people download. `patient_trace(session, number)` says how the record tells who asked for a
    patient's number or saw a claim of it; it is asked in the organization's scope.
    `public_links` are pages for everybody that the portal's public pages point at.
    `case_kinds` are the kinds of cases that offices send in and staff decide, `draft_kinds` the long forms that are kept while
    they are typed.
    """

    key: str
    label: str
    summary: str
    weight: int
    blueprint: Blueprint
    index: str
    staff_blueprint: Blueprint | None = None
    public_blueprint: Blueprint | None = None
    permissions: tuple[Permission, ...] = ()
    staff_permissions: tuple[Permission, ...] = ()
    staff_links: tuple[StaffLink, ...] = ()
    staff_queues: tuple[StaffQueue, ...] = ()
    public_links: tuple[PublicLink, ...] = ()
    audit_events: tuple[EventSpec, ...] = ()
    starts_enabled_for: frozenset[Audience] = frozenset()
    starts_given: bool = False
    settings: type[BaseModel] | None = None
    home_search: HomeSearch | None = None
    news: Callable[[PortalSession, dt.datetime], Sequence[News]] | None = None
    rows: Mapping[str, type[Any]] = field(default_factory=dict)
    documents: tuple[DocumentKind, ...] = ()
    patient_trace: Callable[[PortalSession, str], PatientTrace] | None = None
    case_kinds: tuple[CaseKind, ...] = ()
    draft_kinds: tuple[DraftKind, ...] = ()


@dataclass(frozen=True)
class PaymentProof:
    """What somebody knows of a payment: its number, the TIN or NPI it was paid to (digits only), and perhaps more.

    `amount` is integer cents, `paid_on` the payment's date; `not_before` is the earliest date that counts. A payment proves
    something only when all that is given fits. `without_npi`: it was paid to a payee that has no NPI.
    """

    number: str
    tin: str | None = None
    npi: str | None = None
    vendor_number: str | None = None
    amount: int | None = None
    paid_on: dt.date | None = None
    not_before: dt.date | None = None
    without_npi: bool = False


@dataclass(frozen=True)
class PayeeRef:
    """The payee a proof leads to, and the payment that proves it.

    `number` is the payment's as it is compared, whatever way it was typed: a payment proves something once. `amount` (integer
    cents) and `paid_on` are what the payment says; the core compares them with the proof, too, and a payment without a date
    proves nothing.
    """

    payee_id: int
    is_non_payment: bool
    number: str = ""
    amount: int | None = None
    paid_on: dt.date | None = None


@dataclass(frozen=True)
class PaidSoFar:
    """What has been paid to a payee: how many payments, the day of the newest, and what an organization keeps about them, in
    words, such as `3 notes`."""

    payments: int = 0
    last_paid_on: dt.date | None = None
    kept: Sequence[str] = ()


LANES = ("short", "long", "render", "mail")


@dataclass(frozen=True)
class Job:
    """Something the worker does every so often, in a session of its own that it commits.

    `key` is `<application>.<deed>`. What may take longer than some seconds belongs into the `lane` "long", where it keeps
    nothing short waiting. Documents are made in the lane "render", one at a time; messages leave in the lane "mail".
    """

    key: str
    label: str
    every: dt.timedelta
    run: Callable[[PortalSession], None]
    lane: Literal["short", "long", "render", "mail"] = "short"


CHANNELS = ("email", "fax", "letter")


@dataclass(frozen=True)
class Transport:
    """A way for the messages of one `channel` (email, fax or letter) to leave; `label` is what staff read of it.

    `open()` opens it for some messages: a context manager, whose value has `send(composed)`. That hands over one message (a
    ComposedMail, ComposedFax or ComposedLetter, by the channel) and returns what the other side said, in words for the staff.
    It raises NotSent. A message may come again with the same `key`, when it was not known whether it had left.
    """

    channel: Literal["email", "fax", "letter"]
    label: str
    open: Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True)
class DemoCheck:
    """A payment of the demo worth trying."""

    number: str
    method: str
    organization: str
    what: str


@hookspec
def portal_application() -> Application:  # type: ignore[empty-body]
    """The plugin's item of the Applications menu."""


@hookspec(firstresult=True)
def portal_verify_payment(session: PortalSession, proof: PaymentProof) -> PayeeRef | None:
    """Is this check, EFT or non-payment notice number real, and whose is it? The first answer wins."""


@hookspec
def portal_practitioners(session: PortalSession, payee_id: int, number: str) -> Sequence[str]:  # type: ignore[empty-body]
    """Names of the practitioners who rendered what a payment to this payee pays, as the payment says them."""


@hookspec
def portal_paid_so_far(session: PortalSession, payee_ids: Sequence[int]) -> Mapping[int, PaidSoFar]:  # type: ignore[empty-body]
    """What has been paid to these payees, by payee; those to whom nothing was paid are left out."""


@hookspec
def portal_jobs() -> Sequence[Job]:  # type: ignore[empty-body]
    """What the worker does periodically."""


@hookspec
def portal_transports() -> Sequence[Transport]:  # type: ignore[empty-body]
    """Ways for messages to leave, such as a fax service."""


@hookspec
def portal_demo(session: PortalSession) -> Sequence[DemoCheck]:  # type: ignore[empty-body]
    """Load the plugin's demo data; return the payments worth trying."""


@hookspec
def portal_person_leaves(  # type: ignore[empty-body]
    session: PortalSession, person_id: int, successor_id: int, organization_id: int
) -> Sequence[str]:
    """Somebody leaves their organization: hand over to a colleague there what was theirs alone; say what, in words."""


@hookspec
def portal_event(session: PortalSession, event: PortalEvent) -> None:
    """Something is about to be committed, in this session's transaction."""
