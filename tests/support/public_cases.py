"""A plugin whose cases people without an account send in, and such people."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from werkzeug.test import TestResponse
from wtforms import StringField

from hp_portal import worker
from hp_portal.api import (
    Application,
    Audience,
    CaseClock,
    CaseKind,
    CaseState,
    CaseStep,
    ContactForm,
    Permission,
    PublicCases,
    access,
    db_session,
    hookimpl,
    redirect_to,
    send_public_form,
)
from hp_portal.core.cases.models import Case
from hp_portal.core.cases.numbers import show_number

from .client import PortalClient
from .messages import mails
from .pool import Refillable
from .world import World

blueprint = Blueprint("letterbox", __name__)
public_blueprint = Blueprint("letterbox_public", __name__)
given: dict[int, int | None] = {}
"""To which organization each case was given."""


def _title(values: Mapping[str, Any]) -> str:
    return f"Letter from {values['city']}"


def _shown(values: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    return [("City", values["city"])]


KIND = CaseKind(
    key="letterbox.letter",
    label="Letter",
    permission="letterbox:letter:read",
    staff_permission="letterbox:letter:decide",
    states=(
        CaseState("received", "Received", "Received", "We read it."),
        CaseState("question", "Asked", "We have a question", "Answer it.", waits=True),
        CaseState("done", "Done", "Done", "", ended=True),
    ),
    steps=(
        CaseStep("ask", "Ask", ("received",), "question", "Asked a question", words="required"),
        CaseStep("reply", "Reply", ("question",), "received", "Replied", by="provider", words="required"),
        CaseStep("done", "Done", ("received", "question"), "done", "Done"),
    ),
    clock=lambda: CaseClock(3, "calendar", "We answer within 3 days.", "our service standard"),
    public=PublicCases(
        start="letterbox_public.form",
        link="Write us a letter",
        title=_title,
        shown=_shown,
        given=lambda _session, case_id, organization_id: given.update({case_id: organization_id}),
    ),
)
TYPED = {
    "name": "Sam Sample",
    "email": "Sam@Office.example",
    "telephone": "218-555-0142",
    "city": "Duluth",
}


class LetterForm(ContactForm):
    city = StringField("City")


@blueprint.get("/")
@access.requires("letterbox:letter:read")
def index() -> ResponseReturnValue:
    return "letters", {"Content-Type": "text/plain"}


@public_blueprint.get("/form")
@access.public
def form() -> ResponseReturnValue:
    return "a form", {"Content-Type": "text/plain"}


@public_blueprint.post("/form")
@access.public
def send() -> ResponseReturnValue:
    typed = LetterForm()
    if not typed.validate_on_submit():
        return "wrong", 422, {"Content-Type": "text/plain"}
    send_public_form(db_session(), KIND, typed.contact, {"city": typed.city.data})
    db_session().commit()
    return redirect_to(url_for("case_status.sent"))


class Letterbox(Refillable):
    """The plugin."""

    @hookimpl
    def portal_application(self) -> Application:
        return Application(
            key="letterbox",
            label="Letterbox",
            summary="",
            weight=80,
            blueprint=blueprint,
            index="letterbox.index",
            public_blueprint=public_blueprint,
            permissions=(Permission("letterbox:letter:read", "Read letters"),),
            staff_permissions=(Permission("letterbox:letter:decide", "Decide letters"),),
            starts_enabled_for=frozenset(Audience),
            case_kinds=(KIND,),
        )


class Sender:
    """Somebody without an account, who sends a letter."""

    def __init__(self, world: World, **typed: str) -> None:
        self.world = world
        self.client: PortalClient = world.client()
        self.typed = {**TYPED, **typed}

    @property
    def email(self) -> str:
        return self.typed["email"].lower()

    def send(self, **options: Any) -> TestResponse:
        return self.client.post("/letterbox/form", self.typed, **options)

    def link(self, template: str) -> str:
        """The path of the newest link in the mailbox."""
        links = [values["link"] for to, values in mails(self.world, template) if to == self.email]
        return re.sub(r"^https?://[^/]+", "", links[-1])

    def confirm(self) -> Case:
        """Follow the link in the mailbox, and press the button: the case."""
        assert self.client.get(self.link("case_public_confirm")).status_code == 303
        assert self.client.post("/case-status/confirm").status_code == 303
        with self.world.session() as session:
            return session.scalars(sa.select(Case).order_by(Case.id.desc()).limit(1)).one()

    def send_and_confirm(self) -> Case:
        assert self.send().status_code == 303
        return self.confirm()

    def look(self, case: Case, path: str = "/case-status/", **typed: str) -> TestResponse:
        return self.client.post(path, {"number": show_number(case.number), "email": self.email, **typed})


def another(world: World) -> Sender:
    """Somebody else."""
    return Sender(world, name="Kim Other", email=f"kim.{secrets.token_hex(3)}@elsewhere.example")


def run_job(world: World, key: str) -> None:
    """Have the worker run one job now."""
    [job] = [one for one in worker.all_jobs(world.app) if one.key == key]
    with world.app.app_context():
        assert worker.run_job(world.app, job)
