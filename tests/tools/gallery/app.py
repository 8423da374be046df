"""A small application that shows the design system without a database."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import Flask, Response, render_template, request
from flask_wtf import CSRFProtect
from jinja2 import ChoiceLoader, FileSystemLoader, StrictUndefined
from werkzeug.datastructures import MultiDict
from wtforms import (
    BooleanField,
    DateField,
    FileField,
    Form,
    PasswordField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.fields import SelectChoice
from wtforms.validators import InputRequired, Length, Optional

from hp_portal.core.web.assets import build_static, install
from hp_portal.core.web.charts import Point, bar_chart
from hp_portal.core.web.formats import currency_sign, show_date, show_datetime, show_day
from hp_portal.core.web.listing import Column, Listing, Sorting
from hp_portal.core.web.security import CONTENT_SECURITY_POLICY
from hp_portal.core.web.templating import load_macros

ROOT = Path(__file__).parents[3]
TEMPLATES = ROOT / "templates"
ENDPOINTS = {
    "pages.home": "/",
    "pages.help": "/help/",
    "pages.contact": "/contact",
    "pages.policies": "/policies",
    "account.sign_in": "/sign-in",
    "accounts.index": "/accounts",
    "recovery.ask": "/forgot-password",
    "account.sign_out": "/sign-out",
    "account.keepalive": "/sign-in/keep-alive",
    "account.my_sign_ins": "/my-sign-ins",
    "account.change_password": "/change-password",
    "factors.index": "/sign-in-security",
    "activity.my_activity": "/my-activity",
    "our_activity.index": "/our-activity",
    "seeing.index": "/who-can-see-our-data",
    "access_review.index": "/access-review",
    "documents.own": "/documents",
    "reason.ask": "/reason",
}


_PAID_IN_A_MONTH = [(dt.date(2026, month, 1), cents) for month, cents in ((9, 120000), (10, -15000), (11, 310000))]
_NOTES = Sorting([Column("note", "Note", sa.column("note")), Column("", "Written")], "note", sa.column("id"))


def _choices(**values: str) -> list[SelectChoice]:
    """Value by label."""
    return [SelectChoice(value, label) for label, value in values.items()]


class ExampleForm(Form):  # type: ignore[misc]
    """One field of every kind."""

    number = StringField("Check, EFT or non-payment notice number", [InputRequired("Enter the number of a payment.")])
    account = StringField("Patient account", [Optional()])
    password = PasswordField("Password", [Length(min=12, message="Use at least 12 characters.")])
    issued = DateField("Issued on or after", [Optional()])
    kind = SelectField("Payment method", choices=_choices(Any="", EFT="ACH", Check="CHK", Notice="NON"))
    audience = RadioField(
        "Your organization is a",
        [InputRequired("Choose one.")],
        choices=_choices(**{"Provider": "p", "Billing organization": "b"}),
    )
    terms = BooleanField("I have read the terms of use", [InputRequired("Accept the terms to go on.")])
    upload = FileField("835 file", [Optional()])
    reason = TextAreaField("Reason", [Optional()])
    amount = StringField("Amount", [Optional()])


@dataclass(frozen=True)
class Page:
    """What `ui.pager` needs."""

    number: int
    pages: int
    total: int
    size: int = 25
    first: int = field(init=False)
    last: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "first", (self.number - 1) * self.size + 1)
        object.__setattr__(self, "last", min(self.total, self.number * self.size))

    def url_for_page(self, number: int) -> str:
        return f"?page={number}"


def _link(label: str, current: bool = False) -> SimpleNamespace:
    return SimpleNamespace(label=label, url=f"/{label.lower().replace(' ', '-')}", current=current)


def _groups(labels: tuple[str, ...]) -> list[SimpleNamespace]:
    """The console's menu: the first label by itself, the others in a group that is open."""
    first, *others = labels
    items = [_link(label, number == 0) for number, label in enumerate(others)]
    return [
        SimpleNamespace(label=first, url="/overview", current=False, items=[_link(first)]),
        SimpleNamespace(label="Setup", url=items[0].url, current=True, items=items),
    ]


def _context() -> dict[str, Any]:
    signed_out = request.args.get("signed-out") is not None
    staff = request.args.get("staff") is not None
    labels = (
        "Remittance Inquiry",
        "Tax ID & NPI access",
        "Provider Data Profiles",
        "Dental changes",
        "Credentialing status",
        "Join our network",
    )
    staff_labels = ("Overview", "Applications", "Organizations and people", "Imports", "Activity", "Plugins")
    return {
        "payer": SimpleNamespace(
            name="Example Health Plan",
            short_name="Example",
            phone="555-0100",
            accent=request.args.get("accent", "teal"),
        ),
        "current_user": SimpleNamespace(
            is_authenticated=not signed_out,
            display_name="Test Person",
            organization_name="Sample Clinic",
            organization_id=1,
            organizations=((1, "Sample Clinic"), (2, "Sample Hospital")) if "several" in request.args else (),
            is_staff=staff,
            is_delegate=not staff,
            elsewhere=False,
            by_directory=False,
            person_key=request.args.get("person", "0123abcd"),
            reason="Answering a patient",
        ),
        "portal_settings": SimpleNamespace(reason_asked="member-data"),
        "menu": [] if staff or signed_out else [_link(label, number == 0) for number, label in enumerate(labels)],
        "staff_menu": _groups(staff_labels) if staff else [],
        "between": False,
        "here": lambda: request.full_path,
        "home_below": lambda organization_id: f"/o/{organization_id}/",
        "help_topic": "start",
        "request_id": "7f3a9c",
        "session_limits": None if signed_out else int(request.args.get("idle", "900")),
        "portal_version": "0.1.0",
    }


def _example_form() -> ExampleForm:
    if request.args.get("errors") is None:
        return ExampleForm()
    form = ExampleForm(MultiDict({"password": "short"}))
    form.validate()
    return form


def create_gallery(out: Path) -> Flask:
    """The gallery as an application; static files are built into `out`.

    Addresses: `/` (query: accent, staff, signed-out, errors, idle, person), `/error/<code>`, `/bare`, `/fragment`.
    """
    app = Flask("gallery", static_folder=None)
    app.secret_key = "gallery"
    env = app.jinja_env
    env.undefined = StrictUndefined
    env.loader = ChoiceLoader([FileSystemLoader(TEMPLATES), FileSystemLoader(Path(__file__).parent / "templates")])
    CSRFProtect(app)
    install(app, build_static([("", ROOT / "hp_portal" / "static")], out))
    env.trim_blocks = env.lstrip_blocks = True
    zone = ZoneInfo("America/Chicago")
    env.globals.update(
        t_date=show_date,
        t_day=lambda moment: show_day(moment, zone),
        t_datetime=lambda moment: show_datetime(moment, zone),
        t_currency=currency_sign,
    )
    load_macros(app)
    app.context_processor(_context)
    for endpoint, rule in ENDPOINTS.items():
        app.add_url_rule(rule, endpoint, _gallery, methods=["GET", "POST"])
    app.add_url_rule("/error/<int:code>", "error", _error)
    app.add_url_rule("/bare", "bare", lambda: render_template("errors/bare.html", code=503, home="/"))
    app.add_url_rule("/fragment", "fragment", _fragment, methods=["GET", "POST"])
    app.after_request(_harden)
    return app


def _gallery(topic: str = "") -> str:
    return render_template(
        "gallery.html",
        form=_example_form(),
        pages=[Page(1, 1, 1), Page(1, 13, 312), Page(6, 13, 312)],
        day=dt.date(2026, 11, 3),
        moment=dt.datetime(2026, 11, 3, 15, 4, tzinfo=dt.UTC),
        tabs=[_link("Claims", True), _link("Provider-level adjustments"), _link("Codes used")],
        topic=topic,
        chart=bar_chart(
            [Point(f"{first:%b}", cents, f"${cents // 100}") for first, cents in _PAID_IN_A_MONTH],
        ),
        paid=_PAID_IN_A_MONTH,
        listing=Listing(["Aa Sample", "Bb Sample"], 2, 2, 5, _NOTES.read({"sort": "note", "page": "2"})),
    )


def _error(code: int) -> str:
    return render_template(
        "errors/error.html",
        code=code,
        detail=None,
        retry_after=600 if code == 429 else None,
        actions=(),
        fields=(),
        send=(),
    )


def _fragment() -> tuple[str, int]:
    status = int(request.args.get("status", "200"))
    if status >= 400:
        return render_template("errors/fragment.html", code=status, detail=None, retry_after=None, actions=()), status
    return render_template("parts/swapped.html"), status


def _harden(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response
