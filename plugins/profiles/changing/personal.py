"""*Change a practitioner*: from what is on record today, only what differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flask_wtf import FlaskForm
from wtforms import FieldList, FormField, HiddenField
from wtforms.validators import ValidationError

from hp_portal.api import Answers, AttachmentsField, DayField, PortalSession, Sent, Wizard, WizardStep, mount_wizard

from ..blueprint import SEND, blueprint
from ..loading.specialties import specialty_words
from ..nppes.models import RegistryEntry
from ..nppes.saying import find_entry, registry_doubts
from ..record.facts import Key, items_of
from ..record.fields import read_day
from .add_forms import (
    HospitalForm,
    LicenseForm,
    SpecialtyForm,
    license_notices,
    one_license_a_state,
    refill,
    specialty_notices,
)
from .cases import CHANGED
from .fields import choice, line, number_in, within_a_year
from .numbers import DeaField
from .offering import choices_of, names_of, now, practitioners, values_of
from .saying import codes_by_name, languages_in, licenses_said, pack, specialties_said, unpack
from .sending import Wanted, send_change

_NAMES = ("first_name", "middle_name", "last_name", "suffix", "degree")
_ASKED = (*_NAMES, "license_number", "license_starts", "license_expires", "specialty", "language", "hospital")


class WhichPersonForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Who changes, and from when on."""

    practitioner = choice("Practitioner", "Choose a practitioner.")
    effective = DayField("Effective date", [within_a_year], required="Enter from when on it is so.")


def prepare_which(session: PortalSession, form: FlaskForm, _answers: Answers) -> None:
    form.practitioner.choices = [("", "Choose a practitioner"), *choices_of(practitioners(session, now()))]
    if form.effective.data is None and not form.effective.raw_data:
        form.effective.data = now()


class PersonForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """A practitioner as on record, to be changed."""

    first_name = line("First name", "Enter the first name.")
    middle_name = line("Middle name")
    last_name = line(
        "Last name", "Enter the last name.", 100, "With a new last name, the one on record becomes the former name."
    )
    suffix = line("Suffix", "", 20)
    degree = line("Degree", "", 40, "Such as MD.")
    licenses = FieldList(
        FormField(LicenseForm, "License"), "Licenses", [one_license_a_state], min_entries=1, max_entries=20
    )
    dea = DeaField("New DEA number", description="Leave it empty when it stays as it is. It is not shown here.")
    specialties = FieldList(FormField(SpecialtyForm, "Specialty"), "Specialties", min_entries=1, max_entries=8)
    languages = line("Languages other than English", "", 200, "With commas between them.")
    hospitals = FieldList(FormField(HospitalForm, "Hospital"), "Hospital affiliations", min_entries=0, max_entries=20)
    was = HiddenField()
    changed = True
    entry: RegistryEntry | None = None

    def validate_first_name(self, _field: Any) -> None:
        """Something is different."""
        if not self.changed:
            raise ValidationError("Nothing is different yet from what is on record. Change something.")

    def notices(self) -> Iterator[tuple[Any, str]]:
        """What the national registry has otherwise, and a license number that does not look like one of its state."""
        if self.changed:
            for text in registry_doubts(self.entry, self.first_name.data or "", (self.last_name.data, self.known_as)):
                yield self.last_name, text
        yield from license_notices(self.licenses)
        yield from specialty_notices(self.specialties, self.codes)

    known_as = ""
    codes: Mapping[str, str] = {}


def prepare_person(session: PortalSession, form: FlaskForm, answers: Answers) -> None:
    which = answers["which"]
    person, day = number_in(which["practitioner"]), which["effective"] or now()
    form.codes = codes_by_name(session)
    known = values_of(session, "practitioner", person, day)
    form.entry, form.known_as = find_entry(session, known.get(("npi", ""))), known.get(("former_name", ""), "")
    if not form.blank:
        if all(entry.form.expires.data or not entry.form.number.data for entry in form.licenses.entries):
            form.changed = bool(_wanted(session, answers, form.data).facts)
        return
    values = {key: text for key, text in known.items() if key[0] in _ASKED}
    form.was.data = pack(values)
    for name in _NAMES:
        form[name].data = values.get((name, ""), "")
    words = specialty_words(session)
    ranked = sorted(items_of(values, "specialty").items(), key=lambda pair: (pair[1] != "primary", pair[0]))
    refill(form.specialties, [{"name": words.get(code, code), "taxonomy": code} for code, _ in ranked])
    starts, ends = items_of(values, "license_starts"), items_of(values, "license_expires")
    licenses = [
        {"state": state, "number": number, "starts": _day(starts.get(state, "")), "expires": _day(ends.get(state, ""))}
        for state, number in items_of(values, "license_number").items()
    ]
    refill(form.licenses, licenses)
    refill(form.hospitals, [{"name": item, "kind": "Active"} for item in items_of(values, "hospital")])
    form.languages.data = ", ".join(items_of(values, "language"))


def _day(text: str) -> Any:
    return read_day(text) if text else None


def _wanted(session: PortalSession, answers: Answers, typed: Any) -> Wanted:
    """What differs from what the page has shown."""
    which = answers["which"]
    person, was = number_in(which["practitioner"]), unpack("practitioner", typed["was"])
    says: dict[Key, str] = {
        **{(name, ""): typed[name] or "" for name in _NAMES},
        **licenses_said(typed["licenses"]),
        **specialties_said(session, typed["specialties"]),
        **{("language", one[:80]): "yes" for one in languages_in(typed["languages"])},
        **{("hospital", one["name"][:80]): "yes" for one in typed["hospitals"] if one["name"]},
    }
    wanted = Wanted(which["effective"] or now())
    wanted.say_of("practitioner", person, was, says)
    before = was.get(("last_name", ""), "")
    if before and before != says["last_name", ""]:
        wanted.say("practitioner", person, {("former_name", ""): before})
    if typed["dea"]:
        wanted.say("practitioner", person, {("dea_number", ""): typed["dea"]})
    return wanted


def has_new_name(answers: Answers) -> bool:
    """Is a name another one, so that a document is asked for?"""
    person = answers["person"]
    was = unpack("practitioner", person["was"])
    return bool(was) and any(
        was.get((name, ""), "") != (person[name] or "") for name in ("first_name", "last_name") if person[name]
    )


class NameForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """The document of a new name."""

    files = AttachmentsField(
        "Document of the new name",
        required="Attach a document of the new name.",
        description="Such as the marriage certificate, the court order, or the license with the new name.",
    )


def send(session: PortalSession, sent: Sent) -> str:
    person = number_in(sent.answers["which"]["practitioner"])
    name = names_of(session, [person], now()).get(person, "a practitioner")
    wanted = _wanted(session, sent.answers, sent.answers["person"])
    return send_change(session, sent, CHANGED, f"Change {name}", "practitioner-changed", wanted, at_once=True)


CHANGE_PRACTITIONER = Wizard(
    key=CHANGED.kind.key,
    label=CHANGED.label,
    permission=SEND,
    steps=(
        WizardStep("which", "Who, and from when", WhichPersonForm, prepare=prepare_which),
        WizardStep(
            "person",
            "What is different",
            PersonForm,
            lead="This is what is on record. Change what is different.",
            prepare=prepare_person,
        ),
        WizardStep("papers", "Document of the new name", NameForm, when=has_new_name),
    ),
    send=send,
    lead="Change the name, licenses, DEA number, specialties, languages or hospitals of a practitioner.",
    needed=("For a new name: a document of it", "For a license: its number and expiration date"),
    done="We have received it. You find here where it stands, and we tell you by e-mail.",
    signed=CHANGED.signed,
)
mount_wizard(blueprint, CHANGE_PRACTITIONER, "/practitioners/change")
