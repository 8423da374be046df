"""The questions of *Add a practitioner*, a form for each step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, FieldList, Form, FormField, SelectChoice, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, Optional, ValidationError

from hp_portal.api import Answers, AttachmentsField, DayField, NpiField, PortalSession, several_lines

from .fields import line, within_a_year
from .numbers import STATES, DeaField, a_taxonomy, capitals, license_doubt
from .offering import now, open_locations
from .places import PlaceForm, PlacesField, one_primary

_STATES = [SelectChoice("", "Choose a state"), *(SelectChoice(one, one) for one in STATES)]


def not_over(_form: Any, field: Any) -> None:
    """A validator: a day that is not over."""
    if field.data and field.data < now():
        raise ValidationError("This day is over. Enter the expiration date of the license that is valid now.")


def a_persons_npi(_form: Any, field: Any) -> None:
    """A validator: an NPI of a person, not of an organization."""
    if field.data and field.data[0] != "1":
        raise ValidationError("This is the NPI of an organization. A practitioner’s own NPI starts with 1.")


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


def license_notices(field: FieldList) -> Iterator[tuple[Any, str]]:
    """License numbers that do not look like those of their states, and states that stand there twice."""
    states: set[str] = set()
    for entry in field.entries:
        state, number = entry.form.state.data or "", entry.form.number.data or ""
        if text := license_doubt(state, number):
            yield entry.form.number, text
        if state in states:
            yield (
                entry.form.state,
                f"There are two licenses of {state}. The record keeps the first; the other stays with the case.",
            )
        states.add(state)


class WhoForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Who joins the practice."""

    first = line("First name", "Enter the first name.")
    middle = line("Middle name")
    last = line("Last name", "Enter the last name.")
    former = line("Former name", description="As it may stand on a license or a diploma.")
    npi = NpiField(
        "NPI of the practitioner",
        required="Enter the practitioner’s own NPI.",
        validators=[a_persons_npi],
        description="Ten digits: the practitioner’s own, not that of the group.",
    )
    dea = DeaField("DEA number", description="Two letters and seven digits, if the practitioner has one.")
    licenses = FieldList(
        FormField(LicenseForm, "License"), "Licenses", [one_license_a_state], min_entries=1, max_entries=10
    )

    def notices(self) -> Iterator[tuple[Any, str]]:
        """A license number that does not look like one of its state."""
        return license_notices(self.licenses)


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
    primary_care = BooleanField("The practitioner works in primary care")
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


class WhereForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """From when, and at which of the organization's locations."""

    effective = DayField(
        "Effective date", [within_a_year], required="Enter from when on the practitioner works for you."
    )
    places = PlacesField(FormField(PlaceForm, "Location"), "Locations", [one_primary])


def offer_places(session: PortalSession, form: FlaskForm, _answers: Answers) -> None:
    """The locations that are open."""
    form.places.offer(open_locations(session, now()))


class PapersForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """What goes along."""

    files = AttachmentsField("Copies of the licenses", required="Attach a copy of each license.")
    remarks = TextAreaField(
        "Anything else we should know",
        [Optional(), Length(max=1000)],
        filters=[several_lines],
        description="Name no patients.",
    )
