"""The questions about locations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask_wtf import FlaskForm
from wtforms import FieldList, Form, FormField, HiddenField, RadioField, SelectChoice, SelectField, TextAreaField
from wtforms.validators import DataRequired, Length, ValidationError

from hp_portal.api import DayField, several_lines

from ..record.fields import ACCEPTING, STATES, WEEKDAYS
from .fields import ChecksField, choice, line, number_in, within_a_year
from .numbers import a_zip, zip_doubt
from .saying import as_in_record

_STATES = [SelectChoice("", "Choose a state"), *(SelectChoice(one, one) for one in STATES)]
NOT_SAID = "Not said"
_HOURS = "Such as 08:00-17:00, or 08:00-12:00, 13:00-17:00. Leave it empty when it is closed."


def hours_of(weekday: str) -> Any:
    """The hours of one day of the week."""
    return line(f"Hours, {weekday.capitalize()}", "", 100, _HOURS, as_in_record("location", "hours", weekday))


class AddressForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Where something is."""

    street = line("Street address", "Enter the street address.", 200)
    street_2 = line("Suite or floor", "", 100)
    city = line("City", "Enter the city.")
    state = SelectField("State", [DataRequired("Choose the state of the location.")], choices=_STATES)
    zip = line("ZIP code", "Enter the ZIP code.", 10, "", a_zip)

    def notices(self) -> Iterator[tuple[Any, str]]:
        """A ZIP code of another state."""
        if text := zip_doubt(self.state.data or "", self.zip.data or ""):
            yield self.zip, text


class NewPlaceForm(AddressForm):
    """A location that is not on record yet."""

    payee = choice("Tax ID and NPI that it bills with", "Choose what the location bills with.")
    name = line("Name of the location", "Enter the name of the location.", 200)
    effective = DayField("Opens on", [within_a_year], required="Enter from when on patients are seen there.")
    field_order = ("payee", "name", "effective", "street", "street_2", "city", "state", "zip")

    def __iter__(self) -> Iterator[Any]:
        """What it is before where it is."""
        return iter([self._fields[name] for name in self.field_order])


class DetailsForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """How to reach a location, and when it is open."""

    phone = line("Telephone", "", 40, "Ten digits, such as 952-555-0100.", as_in_record("location", "phone"))
    fax = line("Fax", "", 40, "", as_in_record("location", "fax"))
    hours_monday, hours_tuesday, hours_wednesday, hours_thursday, hours_friday, hours_saturday, hours_sunday = map(
        hours_of, WEEKDAYS
    )
    accessibility = line("Accessibility", "", 200, "Such as Wheelchair ramp, with commas between.")


class WhichPlaceForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Which location, and from when on."""

    location = choice("Location", "Choose a location.")
    effective = DayField("Effective date", [within_a_year], required="Enter from when on it is so.")


class AcceptingForm(Form):  # type: ignore[misc] # WTForms has no types
    """Whom a practitioner takes at the location."""

    affiliation = HiddenField()
    accepting = SelectField(
        "Accepting patients",
        choices=[SelectChoice("", "Not on record"), *(SelectChoice(one, text) for one, text in ACCEPTING.items())],
    )


class PeopleField(FieldList):  # type: ignore[misc] # WTForms has no types
    """A row for each of several people, told by an id in its first field; `question` is the name of the second."""

    names: dict[int, str] = {}
    first, question = "affiliation", "accepting"

    def offer(self, names: dict[int, str], values: dict[int, str]) -> None:
        """The people there are, and what is answered for each before anybody does."""
        self.names = names
        there = {getattr(entry.form, self.first).data for entry in self.entries}
        for one in names:
            if str(one) not in there:
                self.append_entry({self.first: str(one), self.question: values.get(one, "")})

    @property
    def rows(self) -> list[tuple[str, Any]]:
        """Name and question of each."""
        found = [(self.names.get(number_in(getattr(one.form, self.first).data)), one) for one in self.entries]
        return [(name, entry) for name, entry in found if name]

    @property
    def answered(self) -> dict[int, str]:
        """The answer by id."""
        return {
            number_in(getattr(entry.form, self.first).data): getattr(entry.form, self.question).data or ""
            for _, entry in self.rows
        }

    def words(self) -> str:
        """A line for each."""
        said = []
        for name, entry in self.rows:
            field = getattr(entry.form, self.question)
            texts = {choice.value: str(choice.label) for choice in field.iter_choices()}
            said.append(f"{name}: {texts.get(field.data, NOT_SAID)}")
        return "\n".join(said)


class PlaceDetailsForm(DetailsForm):
    """A location as it is on record, to be changed."""

    name = line("Name of the location", "Enter the name of the location.", 200)
    people = PeopleField(FormField(AcceptingForm, "Practitioner"), "Accepting patients")
    was = HiddenField()
    was_accepting = HiddenField()
    changed = True

    def validate_name(self, _field: Any) -> None:
        """Something is different."""
        if not self.changed:
            raise ValidationError("Nothing is different yet from what is on record. Change something.")


class NewAddressForm(AddressForm):
    """Where a location moves."""

    phone = line("Telephone there", "", 40, "As on record, if it stays.", as_in_record("location", "phone"))
    fax = line("Fax there", "", 40, "As on record, if it stays.", as_in_record("location", "fax"))
    everybody = RadioField(
        "Does everybody who works there move along?",
        [DataRequired("Say whether everybody moves along.")],
        choices=[SelectChoice("yes", "Yes, everybody"), SelectChoice("no", "No, some leave us at this location")],
    )
    leaving = ChecksField("Who does not move along", description="Asked where not everybody does.")
    was = HiddenField()

    def validate_leaving(self, field: Any) -> None:
        """Somebody is named where not everybody moves along."""
        if self.everybody.data == "no" and not field.ids:
            raise ValidationError("Check who does not move along.")


class CloseForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Which location closes, and when."""

    location = choice("Location", "Choose a location.")
    last = DayField("Last day", [within_a_year], required="Enter the last day on which patients are seen there.")
    reason = TextAreaField(
        "Reason",
        [DataRequired("Say why it closes."), Length(max=200)],
        filters=[several_lines],
        description="A few words, such as The lease ends.",
    )


class GoesForm(Form):  # type: ignore[misc] # WTForms has no types
    """Where somebody goes who works at a location that closes."""

    affiliation = HiddenField()
    to = SelectField("Goes to", choices=[])


class WhereToField(PeopleField):
    """Where each goes."""

    question = "to"


class PeopleForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Where those go who work there."""

    people = WhereToField(FormField(GoesForm, "Practitioner"), "Where do they go?")

    def validate_people(self, field: Any) -> None:
        """Everybody goes somewhere, or leaves."""
        for _, entry in field.rows:
            if not entry.form.to.data:
                entry.form.to.errors = ["Say where this practitioner goes."]
                raise ValidationError("Say of everybody where they go.")
