"""The questions of *Add a practitioner*, a form for each step."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, FieldList, Form, FormField, SelectChoice, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, Optional, ValidationError

from hp_portal.api import (
    Answers,
    AttachmentsField,
    DayField,
    Fill,
    NpiField,
    PortalSession,
    find_payees,
    settings_of,
    several_lines,
)

from ..loading.specialties import specialty_words
from ..nppes.models import RegistryEntry
from ..nppes.saying import (
    REGISTRY,
    Given,
    find_entry,
    is_loaded,
    is_person,
    name_of,
    registry_doubts,
)
from ..record.fields import STATES
from .fields import line, number_in, within_a_year
from .numbers import DeaField, a_taxonomy, capitals, license_doubt
from .offering import now, open_locations, states_of
from .places import PlaceForm, PlacesField, one_primary
from .saying import codes_by_name

LATE = dt.timedelta(days=30)
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
    starts = DayField("Valid from", description="If it is not valid yet, or new.")
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
    shapes = settings_of("profiles").license_shapes
    for entry in field.entries:
        state, number = entry.form.state.data or "", entry.form.number.data or ""
        if text := license_doubt(state, number, shapes):
            yield entry.form.number, text
        if state in states:
            yield (
                entry.form.state,
                f"There are two licenses of {state}. The record keeps the first; the other stays with the case.",
            )
        states.add(state)
        starts, expires = entry.form.starts.data, entry.form.expires.data
        if starts and expires and starts > expires:
            yield entry.form.starts, "The license would begin after it expires."


class WhoForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Who joins the practice."""

    npi = NpiField(
        "NPI of the practitioner",
        required="Enter the practitioner’s own NPI.",
        validators=[a_persons_npi],
        description="Ten digits: the practitioner’s own, not that of the group.",
    )
    first = line("First name", "Enter the first name.")
    middle = line("Middle name")
    last = line("Last name", "Enter the last name.")
    former = line("Former name", description="As it may stand on a license or a diploma.")
    dea = DeaField("DEA number", description="Two letters and seven digits, if the practitioner has one.")
    licenses = FieldList(
        FormField(LicenseForm, "License"), "Licenses", [one_license_a_state], min_entries=1, max_entries=10
    )

    entry: RegistryEntry | None = None
    group = ""
    fill: Fill | None = None

    def notices(self) -> Iterator[tuple[Any, str]]:
        """What does not go with the NPI, and a license number that does not look like one of its state."""
        if self.group:
            yield self.npi, f"The NPI of the practitioner is that of {self.group} in our records: is it the group’s?"
        for text in registry_doubts(self.entry, self.first.data or "", (self.last.data, self.former.data)):
            yield self.npi, text
        # The second letter is the first of the last name, or a 9 for who is registered under a business address.
        names = [name[:1].upper() for name in (self.last.data, self.former.data) if name]
        if self.dea.data and names and self.dea.data[1] not in {"9", *names}:
            yield self.dea, "The second letter of the DEA number is not that of the last name or the former name."
        yield from license_notices(self.licenses)


def prepare_who(session: PortalSession, form: FlaskForm, _answers: Answers) -> None:
    """What is known of the NPI."""
    npi = form.npi.data
    form.entry = find_entry(session, npi)
    form.group = found[0].name if npi and (found := find_payees(session, npi=npi)) else ""
    if is_loaded(session):
        form.fill = Fill("npi", "Fill in from the national registry", lambda: _from_registry(form))


def _from_registry(form: FlaskForm) -> tuple[dict[str, str], str]:
    entry: RegistryEntry | None = form.entry
    if not form.npi.data:
        return {}, "Enter the NPI first. Then its name and license can be filled in."
    if entry is None:
        return {}, f"Nothing of this NPI is known here of {REGISTRY}. Enter what is asked for."
    if not is_person(entry):
        return {}, next(registry_doubts(entry, "", ()))
    names, (state, number) = Given.of(entry), _only_license(entry)
    values = {"first": names.first, "middle": names.middle, "last": names.last}
    if not form.licenses.entries[0].form.state.data and state:
        values |= {"licenses-0-state": state, "licenses-0-number": number}
    return values, f"Empty fields were filled in from {REGISTRY}, which has this NPI as {names.full}. Check them."


def _only_license(entry: RegistryEntry) -> tuple[str, str]:
    """State and number, where the registry names a single one."""
    if not entry.licenses or ";" in entry.licenses:
        return "", ""
    state, _, number = entry.licenses.partition(" ")
    return (state, number[:40]) if state in STATES else ("", "")


class SpecialtyForm(Form):  # type: ignore[misc] # WTForms has no types
    """A specialty in words, perhaps with its code."""

    name = line("Specialty", "Enter the specialty.", description="Such as Family Medicine.")
    taxonomy = StringField(
        "Taxonomy code",
        [Optional(), Length(max=40), a_taxonomy],
        filters=[capitals],
        description="Such as 207Q00000X, if you know it.",
    )


def specialty_notices(field: FieldList, codes: Mapping[str, str]) -> Iterator[tuple[Any, str]]:
    """Specialties of which nothing but the case will tell: without a code there is nothing to record."""
    for entry in field.entries:
        name = entry.form.name.data or ""
        if name and not entry.form.taxonomy.data and name.casefold() not in codes:
            yield (
                entry.form.name,
                f"“{name}” is not in our list of specialties. Without its taxonomy code it is not recorded, only read by staff.",
            )


class PracticeForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """What the practitioner does."""

    specialties = FieldList(FormField(SpecialtyForm, "Specialty"), "Specialties", min_entries=1, max_entries=5)
    languages = line("Languages other than English", most=200, description="With commas between them.")
    primary_care = BooleanField("The practitioner works in primary care")
    admits = BooleanField("The practitioner has privileges at a hospital")
    codes: Mapping[str, str] = {}
    filled_from = ""

    def notices(self) -> Iterator[tuple[Any, str]]:
        """Specialties that do not get into the record by themselves."""
        return specialty_notices(self.specialties, self.codes)


def prepare_practice(session: PortalSession, form: FlaskForm, answers: Answers) -> None:
    """The names of the specialties, and those by the registry to begin with."""
    form.codes = codes_by_name(session)
    entry = find_entry(session, answers["who"]["npi"]) if form.blank else None
    if entry is None or not is_person(entry):
        return
    words = specialty_words(session)
    codes = [code for code in entry.taxonomies.split() if code in words][: form.specialties.max_entries]
    if codes:
        refill(form.specialties, [{"name": words[code], "taxonomy": code} for code in codes])
        form.filled_from = f"The specialties are those of {REGISTRY} for {name_of(entry)}. Change what is different."


def refill(field: FieldList, rows: list[dict[str, Any]]) -> None:
    """Rows in place of an empty one."""
    if rows:
        while field.entries:
            field.pop_entry()
        for row in rows:
            field.append_entry(row)


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
    states: Mapping[int, str] = {}
    licenses: Sequence[Mapping[str, Any]] = ()

    def notices(self) -> Iterator[tuple[Any, str]]:
        """A day on which a license does not hold, and a location in a state without one."""
        day = self.effective.data
        for one in self.licenses if day else ():
            if one["expires"] and one["expires"] < day:
                yield self.effective, f"The license of {one['state']} expires before the effective date."
            if one["starts"] and one["starts"] > day:
                yield self.effective, f"The license of {one['state']} is valid only after the effective date."
        if day and day < now() - LATE:
            yield (
                self.effective,
                "The effective date is more than 30 days ago. Claims since then may have to be looked at again.",
            )
        told = {one["state"] for one in self.licenses} | {""}
        for entry in self.places.entries:
            state = self.states.get(number_in(entry.form.location.data), "")
            if entry.form.here.data and state not in told:
                told.add(state)
                yield entry.form.here, f"A location is in {state}, and there is no license of that state."


def offer_places(session: PortalSession, form: FlaskForm, answers: Answers) -> None:
    """The locations that are open, in their states; and the licenses that were entered."""
    form.places.offer(open_locations(session, now()))
    form.states = states_of(session, form.places.here, form.effective.data or now())
    form.licenses = [one for one in answers["who"]["licenses"] if one["state"]]


class PapersForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """What goes along."""

    files = AttachmentsField("Copies of the licenses", required="Attach a copy of each license.")
    remarks = TextAreaField(
        "Anything else we should know",
        [Optional(), Length(max=1000)],
        filters=[several_lines],
        description="Name no patients.",
    )
