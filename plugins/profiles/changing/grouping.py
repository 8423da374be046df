"""*New Tax ID or name of the group*: nothing of the record of practitioners and locations, so staff do it by hand."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import url_for
from flask_wtf import FlaskForm
from wtforms import RadioField, SelectChoice, TextAreaField
from wtforms.validators import DataRequired, Length, Optional, Regexp, ValidationError

from hp_portal.api import (
    Answers,
    AttachmentsField,
    DayField,
    Payee,
    PortalSession,
    Sent,
    Wizard,
    WizardStep,
    mount_wizard,
    several_lines,
)

from ..blueprint import SEND, blueprint
from .cases import GROUP, open_form
from .fields import choice, line, within_a_year

NEW_TIN, NEW_NAME = "tin", "name"


class GroupForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """What changes of the group. The Tax ID itself stands on the W-9, and not in the case."""

    payee = choice("Group", "Choose which group.")
    what = RadioField(
        "What changes?",
        [DataRequired("Say what changes.")],
        choices=[
            SelectChoice(NEW_TIN, "The Tax ID"),
            SelectChoice(NEW_NAME, "The legal name"),
            SelectChoice("both", "Both"),
        ],
    )
    effective = DayField("Effective date", [within_a_year], required="Enter from when on it is so.")
    name = line("New legal name", "", 200, "As it stands on the W-9. Asked for when the name changes.")
    last_four = line(
        "Last four digits of the new Tax ID",
        "",
        4,
        "Asked for when the Tax ID changes.",
        Regexp("[0-9]{4}$", message="Enter four digits."),
    )
    files = AttachmentsField(
        "W-9", required="Attach the W-9.", description="Form W-9 with the new name or Tax ID, signed and dated."
    )
    remarks = TextAreaField("Anything else we should know", [Optional(), Length(max=1000)], filters=[several_lines])

    def validate_what(self, field: Any) -> None:
        """What changes is told."""
        if field.data in (NEW_NAME, "both") and not self.name.data:
            raise ValidationError("Enter the new legal name below.")
        if field.data in (NEW_TIN, "both") and not self.last_four.data:
            raise ValidationError("Enter the last four digits of the new Tax ID below.")


def prepare(session: PortalSession, form: FlaskForm, _answers: Answers) -> None:
    rows = session.scalars(sa.select(Payee).order_by(Payee.name, Payee.id)).all()
    payees = [(str(row.id), f"{row.name}, Tax ID {row.masked_tin(session)}") for row in rows]
    form.payee.choices = payees if len(payees) == 1 else [("", "Choose one"), *payees]


def send(session: PortalSession, sent: Sent) -> str:
    answers = sent.answers["group"]
    words = {NEW_TIN: "New Tax ID", NEW_NAME: "New legal name"}.get(answers["what"], "New Tax ID and legal name")
    case = open_form(session, GROUP.kind, words, sent)
    sent.sign(session, f"case:{case.id}")
    return url_for("cases.one", case_id=case.id)


CHANGE_GROUP = Wizard(
    key=GROUP.kind.key,
    label=GROUP.label,
    permission=SEND,
    steps=(WizardStep("group", "What changes", GroupForm, prepare=prepare),),
    send=send,
    lead="Tell us of a new Tax ID or legal name. Locations stay as they are until we have talked with you about it.",
    needed=("The signed W-9 with the new name or Tax ID",),
    done="We have received it. You find here where it stands, and we tell you by e-mail.",
    signed=GROUP.signed,
)
mount_wizard(blueprint, CHANGE_GROUP, "/group")
