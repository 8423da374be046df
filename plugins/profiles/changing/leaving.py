"""*A practitioner leaves*: one action for one, several or all locations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from flask_wtf import FlaskForm
from wtforms import RadioField, SelectChoice, SelectField, TextAreaField
from wtforms.validators import DataRequired, Length, Optional, ValidationError

from hp_portal.api import (
    Answers,
    DayField,
    Doubt,
    PortalSession,
    Sent,
    Wizard,
    WizardStep,
    mount_wizard,
    several_lines,
    show_date,
)

from ..blueprint import SEND, blueprint
from .cases import LEFT
from .fields import DAY, ChecksField, choice, id_in, within_a_year
from .offering import choices_of, names_of, now, open_locations, practitioners, values_of, works
from .sending import Wanted, send_change

REASONS = (
    "Moves to another practice",
    "Retires",
    "Moves away",
    "Contract ended",
    "Long leave",
    "Has died",
    "Other reason",
)
PLAN = "plan"


class LeaveForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Who leaves, when, why, and where the members go."""

    practitioner = choice("Practitioner", "Choose who leaves.")
    where = RadioField(
        "From which locations",
        [DataRequired("Say whether it is all locations or some.")],
        choices=[SelectChoice("all", "All of our locations"), SelectChoice("some", "Some of them")],
        default="all",
    )
    last = DayField("Last day", [within_a_year], required="Enter the last day on which the practitioner works for you.")
    reason = SelectField(
        "Reason",
        [DataRequired("Choose a reason.")],
        choices=[SelectChoice("", "Choose a reason"), *(SelectChoice(one, one) for one in REASONS)],
    )
    members = SelectField(
        "Where do the members go?",
        [Optional()],
        choices=[],
        description="Asked for primary care: who takes over the members who have chosen this practitioner.",
    )
    remarks = TextAreaField(
        "Anything else we should know",
        [Optional(), Length(max=1000)],
        filters=[several_lines],
        description="Name no patients.",
    )
    at: dict[tuple[int, int], int]
    primary_care = False

    def validate_practitioner(self, _field: Any) -> None:
        """There is something to end."""
        if id_in(self.practitioner) and self.last.data and not self.at:
            raise ValidationError("On record, this practitioner works at none of your locations after that day.")

    def validate_members(self, field: Any) -> None:
        """For primary care somebody takes over."""
        if field.data and field.data == self.practitioner.data:
            raise ValidationError("Choose somebody else than who leaves.")


def prepare_leave(session: PortalSession, form: FlaskForm, _answers: Answers) -> None:
    people = practitioners(session, now())
    form.practitioner.choices = [("", "Choose a practitioner"), *choices_of(people)]
    form.members.choices = [
        ("", "Not asked, or not known yet"),
        (PLAN, "The health plan finds them somebody new"),
        *choices_of(people),
    ]
    person = id_in(form.practitioner)
    form.at = works(session, form.last.data + DAY, practitioner_ids=[person]) if person and form.last.data else {}
    values = values_of(session, "practitioner", person, now()) if person else {}
    form.primary_care = values.get(("primary_care", "")) == "yes"
    if form.primary_care:
        form.members.validators = [DataRequired("Say where the members go: this is a primary care practitioner.")]
        form.members.flags.optional = False


class PlacesForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Which locations, where it is not all."""

    places = ChecksField("Locations that the practitioner leaves", [DataRequired("Check one location or more.")])


def prepare_places(session: PortalSession, form: FlaskForm, answers: Answers) -> None:
    leave = answers["leave"]
    day = (leave["last"] or now()) + DAY
    person = _person(leave["practitioner"])
    names = open_locations(session, now())
    at = works(session, day, practitioner_ids=[person]) if person else {}
    form.places.choices = [(str(place), names.get(place, "A location of yours")) for _, place in at]


def _person(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0


def title_of(answers: Answers) -> str:
    """The draft is told by its day: whom it is about stands in its steps."""
    last = answers["leave"]["last"]
    return f"last day {show_date(last)}" if last else ""


def doubts(session: PortalSession, answers: Answers) -> Sequence[Doubt]:
    return list(_doubts(session, answers))


def _doubts(session: PortalSession, answers: Answers) -> Iterator[Doubt]:
    leave = answers["leave"]
    if leave["last"] and leave["last"] < now() - 30 * DAY:
        yield Doubt("leave", "The last day is more than 30 days ago. Claims since then may have to be looked at again.")
    if leave["members"] and leave["members"] != PLAN:
        other = _person(leave["members"])
        if not works(session, leave["last"] + DAY, practitioner_ids=[other]):
            yield Doubt("leave", "Who takes over the members leaves as well, by what is on record.")


def send(session: PortalSession, sent: Sent) -> str:
    leave = sent.answers["leave"]
    person, day = _person(leave["practitioner"]), leave["last"] + DAY
    at = works(session, day, practitioner_ids=[person])
    if leave["where"] == "some":
        chosen = {int(one) for one in sent.answers["places"]["places"]}
        at = {pair: one for pair, one in at.items() if pair[1] in chosen}
    name = names_of(session, [person], now()).get(person, "")
    wanted = Wanted(day)
    wanted.end(at.values(), leave["reason"])
    places = "all locations" if leave["where"] == "all" else f"{len(at)} location{'s' if len(at) > 1 else ''}"
    return send_change(session, sent, LEFT, f"{name} leaves {places}", "practitioner-ended", wanted)


LEAVE = Wizard(
    key="profiles.end-practitioner",
    label=LEFT.label,
    permission=SEND,
    steps=(
        WizardStep("leave", "Who leaves, and when", LeaveForm, prepare=prepare_leave),
        WizardStep(
            "places",
            "Which locations",
            PlacesForm,
            when=lambda answers: answers["leave"]["where"] == "some",
            prepare=prepare_places,
        ),
    ),
    send=send,
    title=title_of,
    doubts=doubts,
    lead="Tell us once of a practitioner who leaves one, several or all of your locations.",
    needed=("The last day", "For primary care: who takes over the members"),
    done="We have received it. You find here where it stands, and we tell you by e-mail.",
    signed=LEFT.signed,
)
mount_wizard(blueprint, LEAVE, "/practitioners/leave")
