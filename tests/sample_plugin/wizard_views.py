"""*Report a mistake in a note*: a long form in steps, kept as a draft while it is typed."""

from __future__ import annotations

from collections.abc import Sequence

from flask import url_for
from flask_wtf import FlaskForm
from wtforms import BooleanField, FieldList, Form, FormField, RadioField, SelectChoice, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, ValidationError

from hp_portal.api import (
    Answers,
    AttachmentsField,
    DayField,
    Doubt,
    PortalSession,
    Sent,
    Wizard,
    WizardStep,
    later_than,
    mount_wizard,
)

from .blueprints import blueprint
from .notes import write_note


class WhatForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    note = StringField("Note", [DataRequired("Enter which note it is."), Length(max=80)])
    kind = RadioField(
        "Kind of mistake",
        [DataRequired("Choose one.")],
        choices=[SelectChoice("typo", "A typing error"), SelectChoice("person", "A wrong person")],
    )


class PersonForm(Form):  # type: ignore[misc] # WTForms has no types
    name = StringField("Name", [DataRequired("Enter a name."), Length(max=80)])
    main = BooleanField("The main person")


def one_main(_form: FlaskForm, field: FieldList) -> None:
    """A validator: at most one of the people is the main one."""
    if len([entry for entry in field.entries if entry.form.main.data]) > 1:
        for entry in field.entries:
            if entry.form.main.data:
                entry.form.main.errors = ["Only one can be the main person."]
        raise ValidationError("Only one can be the main person.")


class PeopleForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    people = FieldList(FormField(PersonForm, "Person"), "People", [one_main], min_entries=1, max_entries=3)


class WhenForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    first = DayField("First seen", required="Enter the day.", description="As well as you know it.")
    last = DayField("Last seen", [later_than("first", "The last day is before the first.")])
    more = TextAreaField("Anything else", [Length(max=400)])


class ProofForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    files = AttachmentsField("Copy of the note", required="Attach a copy.")


def send_report(session: PortalSession, sent: Sent) -> str:
    """The report becomes a note with the answers in it."""
    lines = [f"{section.title}: {label}: {text}" for section in sent.sections for label, text in section.rows]
    note = write_note(session, sent.organization_id, "\n".join([*lines, *(one.text for one in sent.doubts)]))
    sent.keep_files(session, f"sample.note:{note.id}")
    return url_for("sample.note", note_id=note.id)


def doubts(_session: PortalSession, answers: Answers) -> Sequence[Doubt]:
    """A note that is called like a person."""
    names = [one["name"] for one in answers.get("people", {}).get("people", ())]
    return [Doubt("what", "The note is called like a person.")] if answers["what"]["note"] in names else []


REPORT = Wizard(
    key="sample.report",
    label="Report a mistake",
    permission="sample:note:read",
    steps=(
        WizardStep("what", "What is wrong", WhatForm),
        WizardStep("people", "Who it is about", PeopleForm, when=lambda answers: answers["what"]["kind"] == "person"),
        WizardStep("when", "When it was seen", WhenForm, lead="Days are enough."),
        WizardStep("proof", "Proof", ProofForm),
    ),
    send=send_report,
    title=lambda answers: answers["what"]["note"] or "",
    doubts=doubts,
    needed=("A copy of the note",),
    statement="By sending this you say that it is so.",
    done="The report was sent.",
)
mount_wizard(blueprint, REPORT, "/report")
