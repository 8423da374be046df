"""The questions of *Add a practitioner*, a form for each step."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, FieldList, Form, FormField, SelectChoice, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, Optional, ValidationError

from hp_portal.api import AttachmentsField, DayField, NpiField, one_line, settings, several_lines, today

from .numbers import STATES, DeaField, a_taxonomy, a_zip, capitals

_STATES = [SelectChoice("", "Choose a state"), *(SelectChoice(one, one) for one in STATES)]
AHEAD = dt.timedelta(days=365)


def not_over(_form: Any, field: Any) -> None:
    """A validator: a day that is not over."""
    if field.data and field.data < today(settings().payer.zone):
        raise ValidationError("This day is over. Enter the expiration date of the license that is valid now.")


def line(label: str, missing: str = "", most: int = 100, description: str = "", *more: Any) -> StringField:
    """A line of text, asked for when `missing` says what to do without one."""
    needed = DataRequired(missing) if missing else Optional()
    return StringField(label, [needed, Length(max=most), *more], filters=[one_line], description=description)


class LicenseForm(Form):  # type: ignore[misc] # WTForms has no types
    """A license of one state."""

    state = SelectField("State", [DataRequired("Choose the state of the license.")], choices=_STATES)
    number = line("License number", "Enter the license number.", 40)
    expires = DayField("Expires on", [not_over], required="Enter when the license expires.")


def one_license_a_state(_form: FlaskForm, field: FieldList) -> None:
    """A validator: the same license is not entered twice."""
    seen: set[tuple[str, str]] = set()
    for entry in field.entries:
        pair = (entry.form.state.data or "", (entry.form.number.data or "").upper())
        if pair in seen and pair[1]:
            entry.form.number.errors = ["This license is entered twice. Remove one."]
            raise ValidationError("A license is entered twice.")
        seen.add(pair)


class WhoForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Who joins the practice."""

    first = line("First name", "Enter the first name.")
    middle = line("Middle name")
    last = line("Last name", "Enter the last name.")
    former = line("Former name", description="As it may stand on a license or a diploma.")
    npi = NpiField(
        "NPI of the practitioner",
        required="Enter the practitioner’s own NPI.",
        description="Ten digits: the practitioner’s own, not that of the group.",
    )
    dea = DeaField("DEA number", description="Two letters and seven digits, if the practitioner has one.")
    licenses = FieldList(
        FormField(LicenseForm, "License"), "Licenses", [one_license_a_state], min_entries=1, max_entries=10
    )


class SpecialtyForm(Form):  # type: ignore[misc] # WTForms has no types
    """A specialty in words, perhaps with its code."""

    name = line("Specialty", "Enter the specialty.", description="Such as Family Medicine.")
    taxonomy = StringField(
        "Taxonomy code",
        [Optional(), Length(max=40), a_taxonomy],
        filters=[capitals],
        description="Such as 207Q00000X, if you know it.",
    )


class PracticeForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """What the practitioner does."""

    specialties = FieldList(FormField(SpecialtyForm, "Specialty"), "Specialties", min_entries=1, max_entries=5)
    languages = line("Languages other than English", most=200, description="With commas between them.")
    admits = BooleanField("The practitioner has privileges at a hospital")


class HospitalForm(Form):  # type: ignore[misc] # WTForms has no types
    """A hospital where the practitioner may work."""

    name = line("Hospital", "Enter the name of the hospital.", 200)
    kind = SelectField(
        "Privileges",
        choices=[
            SelectChoice(one, one) for one in ("Admitting", "Active", "Courtesy", "Consulting", "Provisional", "Other")
        ],
    )


class HospitalsForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """The hospitals, asked of who has privileges."""

    hospitals = FieldList(FormField(HospitalForm, "Hospital"), "Hospitals", min_entries=1, max_entries=10)


class PlaceForm(Form):  # type: ignore[misc] # WTForms has no types
    """A location where the practitioner sees patients."""

    name = line("Name of the location", "Enter the name of the location.", 200)
    street = line("Street address", "Enter the street address.", 200)
    city = line("City", "Enter the city.")
    state = SelectField("State", [DataRequired("Choose the state of the location.")], choices=_STATES)
    zip = line("ZIP code", "Enter the ZIP code.", 10, "", a_zip)
    npi = NpiField("NPI of the group or location", description="Ten digits, if it has one.")
    primary = BooleanField("This is the primary location")


def one_primary(_form: FlaskForm, field: FieldList) -> None:
    """A validator: one of several locations is the primary one, and no second."""
    marked = [entry for entry in field.entries if entry.form.primary.data]
    if len(marked) > 1:
        for entry in marked:
            entry.form.primary.errors = ["Only one location can be the primary one."]
        raise ValidationError("Only one location can be the primary one.")
    if not marked and len(field.entries) > 1:
        field.entries[0].form.primary.errors = ["Say which location is the primary one."]
        raise ValidationError("Say which location is the primary one.")


class WhereForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """From when, and where."""

    effective = DayField("Effective date", required="Enter from when on the practitioner works for you.")
    places = FieldList(FormField(PlaceForm, "Location"), "Locations", [one_primary], min_entries=1, max_entries=20)

    def validate_effective(self, field: DayField) -> None:
        """Neither years ahead nor years ago: that is a mistake in the year."""
        now = today(settings().payer.zone)
        if field.data > now + AHEAD:
            raise ValidationError("Enter a day within the next 12 months.")
        if field.data < now - AHEAD:
            raise ValidationError(
                "Enter a day within the last 12 months. Ask your service specialist about earlier ones."
            )


class PapersForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """What goes along."""

    files = AttachmentsField("Copies of the licenses", required="Attach a copy of each license.")
    remarks = TextAreaField(
        "Anything else we should know",
        [Optional(), Length(max=1000)],
        filters=[several_lines],
        description="Name no patients.",
    )
