"""*Who works where*: practitioners and locations in one table, many to many."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectMultipleField, StringField
from wtforms.validators import DataRequired, Length, Optional, ValidationError
from wtforms.widgets import CheckboxInput

from hp_portal.api import Answers, DayField, PortalSession, Sent, Wizard, WizardStep, mount_wizard, one_line

from ..blueprint import SEND, blueprint
from ..proposing.proposals import NewAffiliation
from ..record.applying import Fact
from ..record.facts import items_of
from .cases import TABLE
from .fields import ChecksField, within_a_year
from .offering import Pair, choices_of, known_pairs, names_of, now, open_locations, practitioners, values_of, works
from .sending import Wanted, send_change

MOST = 1000
"""Boxes of one page; more than anybody looks through."""
_PAIR = re.compile(r"[0-9]{1,18}-[0-9]{1,18}", re.ASCII)


class WhichForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """The part of the table that changes."""

    effective = DayField("Effective date", [within_a_year], required="Enter from when on it is so.")
    places = ChecksField("Locations", [DataRequired("Check one location or more.")])
    name = StringField(
        "Only practitioners whose name contains",
        [Optional(), Length(max=100)],
        filters=[one_line],
        description="Leave it empty for everybody who works at any of your locations.",
    )
    people: dict[int, str]

    def validate_places(self, field: Any) -> None:
        """The table is one that people can look through."""
        boxes = len(self.people) * len(field.data or ())
        if field.data and not self.people:
            raise ValidationError("No practitioner of yours has such a name.")
        if boxes > MOST:
            raise ValidationError(f"That is a table of {boxes} boxes. Choose fewer locations, or a part of a name.")


def _people(session: PortalSession, name: str | None) -> dict[int, str]:
    words = (name or "").casefold().split()
    found = practitioners(session, now())
    return {one: text for one, text in found.items() if all(word in text.casefold() for word in words)}


def prepare_which(session: PortalSession, form: FlaskForm, _answers: Answers) -> None:
    names = open_locations(session, now())
    form.places.choices = choices_of(names)
    form.people = _people(session, form.name.data)
    if form.blank and len(names) <= 6:
        form.places.data = [str(one) for one in names]


class WorksField(SelectMultipleField):  # type: ignore[misc] # WTForms has no types
    """A box for each practitioner at each location; `data` are texts such as `12-7`."""

    option_widget = CheckboxInput()
    rows: dict[int, str] = {}
    columns: dict[int, str] = {}
    was: frozenset[Pair] = frozenset()

    def offer(self, rows: dict[int, str], columns: dict[int, str]) -> None:
        """The practitioners and the locations of the table."""
        self.rows, self.columns = rows, columns
        self.choices = [
            (f"{person}-{place}", f"{name} at {where}")
            for person, name in rows.items()
            for place, where in columns.items()
        ]

    @property
    def boxes(self) -> dict[str, Any]:
        """The box of each pair."""
        return {str(option.data): option for option in self}

    @property
    def ticked(self) -> frozenset[Pair]:
        """The pairs that are ticked, of those offered."""
        return pairs_of(self.data or ()) & pairs_of(value for value, _ in self.choices)

    @property
    def begins(self) -> list[Pair]:
        """What is ticked and was not."""
        return sorted(self.ticked - self.was)

    @property
    def ends(self) -> list[Pair]:
        """What was ticked and is not any more."""
        return sorted(pair for pair in self.was - self.ticked if pair[0] in self.rows and pair[1] in self.columns)

    def words(self) -> str:
        """What changes."""
        said = [(pair, "Works here from then on") for pair in self.begins] + [(pair, "Leaves") for pair in self.ends]
        return "\n".join(f"{self.rows[one]}, {self.columns[place]}: {word}" for (one, place), word in said)


def pairs_of(texts: Iterable[str]) -> frozenset[Pair]:
    """Pairs, of texts such as `12-7`."""
    found = (one.split("-") for one in texts if _PAIR.fullmatch(one))
    return frozenset((int(person), int(place)) for person, place in found)


class TableForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """The table. `was` is how it stood when it was shown: only what somebody has changed is sent."""

    works = WorksField("What changes", choices=[])
    was = HiddenField()

    def validate_works(self, field: WorksField) -> None:
        """Something changes."""
        if not field.begins and not field.ends:
            raise ValidationError("Nothing is different yet. Check or clear a box.")

    def notices(self) -> list[tuple[Any, str]]:
        """Who would have no location left, and who would work in a state without a license."""
        return [(self.works, text) for text in self.doubts]

    doubts: Sequence[str] = ()


def prepare_table(session: PortalSession, form: FlaskForm, answers: Answers) -> None:
    which = answers["which"]
    day, names = which["effective"] or now(), open_locations(session, now())
    columns = {one: name for one, name in names.items() if str(one) in (which["places"] or ())}
    field = form.works
    field.offer(_people(session, which["name"]), columns)
    if form.blank:
        active = works(session, day, practitioner_ids=list(field.rows), location_ids=list(columns))
        texts = sorted(f"{person}-{place}" for person, place in active)
        field.data, form.was.data = texts, " ".join(texts)
        field.was = frozenset(active)
    else:
        field.was = pairs_of((form.was.data or "").split())
        form.doubts = list(_doubts(session, field, day))


def _doubts(session: PortalSession, field: WorksField, day: dt.date) -> Iterator[str]:
    states: dict[int, str] = {}
    for person, place in field.begins:
        if place not in states:
            states[place] = values_of(session, "location", place, day).get(("state", ""), "")
        licensed = items_of(values_of(session, "practitioner", person, day), "license_number")
        if states[place] and licensed and states[place] not in licensed:
            yield f"{field.rows[person]} has no license of {states[place]} on record, and would work in that state."
    if leaving := {person for person, _ in field.ends}:
        everywhere = set(works(session, day, practitioner_ids=sorted(leaving)))
        left = {person for person, _ in (everywhere - set(field.ends)) | set(field.begins)}
        for person in sorted(leaving - left):
            yield f"{field.rows[person]} would have no location of yours left. Is “A practitioner leaves” what you mean?"


def send(session: PortalSession, sent: Sent) -> str:
    which, table = sent.answers["which"], sent.answers["table"]
    was, ticked = pairs_of((table["was"] or "").split()), pairs_of(table["works"] or ())
    wanted = Wanted(which["effective"])
    _say(session, wanted, ticked - was, was - ticked, {int(one) for one in which["places"]})
    changes = len({(one.subject, one.subject_id) for one in wanted.facts})
    people = {person for person, _ in ticked ^ was}
    names = ", ".join(names_of(session, people, now()).values())
    title = f"Who works where: {names if len(people) < 3 else f'{changes} changes'}"
    return send_change(session, sent, TABLE, title, "affiliations-changed", wanted)


def _say(
    session: PortalSession, wanted: Wanted, begins: frozenset[Pair], ends: frozenset[Pair], places: set[int]
) -> None:
    people = sorted({person for person, _ in begins | ends})
    known = known_pairs(session, people)
    wanted.end([known[pair] for pair in sorted(ends) if pair in known and pair[1] in places])
    for pair in sorted(begins):
        if pair in known:
            was = values_of(session, "affiliation", known[pair], wanted.day).get(("standing", ""), "")
            wanted.differ("affiliation", known[pair], {("standing", ""): was}, {("standing", ""): "active"})
        else:
            new = wanted.free_id()
            wanted.new.append(NewAffiliation(new, *pair))
            wanted.facts.append(Fact("affiliation", new, "standing", "", "active", wanted.day))


WHO_WORKS_WHERE = Wizard(
    key="profiles.affiliations",
    label=TABLE.label,
    permission=SEND,
    steps=(
        WizardStep("which", "From when, and which locations", WhichForm, prepare=prepare_which),
        WizardStep(
            "table",
            "Who works where",
            TableForm,
            template="profiles/changing/table.html",
            prepare=prepare_table,
        ),
    ),
    send=send,
    lead="Check and clear boxes in one table of practitioners and locations.",
    needed=("The day from which on it is so",),
    done="We have received it. You find here where it stands, and we tell you by e-mail.",
    signed=TABLE.signed,
)
mount_wizard(blueprint, WHO_WORKS_WHERE, "/affiliations")
