"""Locations: one is added, one changes, one moves, one closes. Four things with different questions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from flask_wtf import FlaskForm

from hp_portal.api import Answers, Doubt, Payee, PortalSession, Sent, Wizard, WizardStep, mount_wizard

from ..blueprint import SEND, blueprint
from ..proposing.proposals import NewAffiliation, NewLocation
from ..record.applying import Fact
from ..record.fields import ACCEPTING
from .cases import CLOSED, MOVED, NEW_PLACE, PLACE, ChangeForm
from .fields import DAY, number_in
from .offering import choices_of, known_pairs, names_of, now, open_locations, values_of, works
from .place_forms import (
    CloseForm,
    DetailsForm,
    NewAddressForm,
    NewPlaceForm,
    PeopleForm,
    PlaceDetailsForm,
    WhichPlaceForm,
)
from .saying import PLACE_FIELDS, pack, said_of_place, unpack
from .sending import Wanted, send_change

LEAVES = "leaves"
DONE = "We have received it. You find here where it stands, and we tell you by e-mail."
_ADDRESS = ("street", "street_2", "city", "state", "zip")


def prepare_new(session: PortalSession, form: FlaskForm, _answers: Answers) -> None:
    rows = session.scalars(sa.select(Payee).order_by(Payee.name, Payee.id)).all()
    payees = [
        (str(row.id), f"{row.name}, Tax ID {row.masked_tin(session)}" + (f", NPI {row.npi}" if row.npi else ""))
        for row in rows
    ]
    form.payee.choices = payees if len(payees) == 1 else [("", "Choose one"), *payees]


def offer_locations(session: PortalSession, form: FlaskForm, _answers: Answers) -> None:
    """The locations that are open."""
    form.location.choices = [("", "Choose a location"), *choices_of(open_locations(session, now()))]


def day_of(answers: Answers, step: str = "which") -> dt.date:
    """From when on; today, as long as nobody has said."""
    found: dt.date | None = answers[step].get("effective")
    return found or now()


def place_of(answers: Answers, step: str = "which") -> int:
    """The location that was chosen."""
    return number_in(answers[step]["location"])


def at_place(session: PortalSession, place: int, day: dt.date) -> dict[int, str]:
    """Who works at a location: names by affiliation."""
    found = {person: one for (person, _), one in works(session, day, location_ids=[place]).items()}
    return {found[person]: name for person, name in names_of(session, list(found), day).items()}


def accepting_at(session: PortalSession, affiliations: Sequence[int], day: dt.date) -> dict[int, str]:
    """Whom they take."""
    return {one: values_of(session, "affiliation", one, day).get(("accepting", ""), "") for one in affiliations}


def prepare_details(session: PortalSession, form: FlaskForm, answers: Answers) -> None:
    place, day = place_of(answers), day_of(answers)
    people = at_place(session, place, day)
    if form.blank:
        values = values_of(session, "location", place, day)
        form.was.data = pack({key: text for key, text in values.items() if _asked(key[0])})
        for name in PLACE_FIELDS:
            if name in form and name != "accessibility":
                key = ("hours", name.removeprefix("hours_")) if name.startswith("hours_") else (name, "")
                form[name].data = values.get(key, "")
        form.accessibility.data = ", ".join(item for name, item in values if name == "accessibility")
        accepting = accepting_at(session, list(people), day)
        form.was_accepting.data = " ".join(f"{one}:{text}" for one, text in sorted(accepting.items()))
        form.people.offer(people, accepting)
    else:
        form.people.offer(people, {})
        try:
            form.changed = bool(wants_of(Wanted(day), place, form.data, form.people.answered).facts)
        except ValueError:
            form.changed = True  # what cannot be read says so at its own field


def _asked(name: str) -> bool:
    return name in ("name", "phone", "fax", "hours", "accessibility")


def wants_of(wanted: Wanted, place: int, typed: dict[str, object], accepting: dict[int, str]) -> Wanted:
    """What differs from what the page has shown."""
    wanted.say_of("location", place, unpack("location", str(typed["was"] or "")), said_of_place(typed))
    was = dict(one.partition(":")[::2] for one in str(typed["was_accepting"] or "").split())
    for affiliation, value in accepting.items():
        before = was.get(str(affiliation), "")
        if str(affiliation) in was and before in ("", *ACCEPTING):
            wanted.differ("affiliation", affiliation, {("accepting", ""): before}, {("accepting", ""): value})
    return wanted


def send_details(session: PortalSession, sent: Sent) -> str:
    place, day, typed = place_of(sent.answers), day_of(sent.answers), sent.answers["details"]
    accepting = {number_in(row["affiliation"]): row["accepting"] or "" for row in typed["people"]}
    people = at_place(session, place, day)
    accepting = {one: value for one, value in accepting.items() if one in people}
    wanted = wants_of(Wanted(day), place, dict(typed), accepting)
    return send_change(
        session, sent, PLACE, f"Change {_name(session, place)}", "location-changed", wanted, at_once=True
    )


def _name(session: PortalSession, place: int) -> str:
    return values_of(session, "location", place, now()).get(("name", ""), "a location")


def send_new(session: PortalSession, sent: Sent) -> str:
    place = sent.answers["place"]
    wanted, new = Wanted(place["effective"]), -1
    wanted.new.append(NewLocation(new, number_in(place["payee"])))
    said = said_of_place({**place, **sent.answers["details"]})
    wanted.say("location", new, {("standing", ""): "open", **said})
    return send_change(session, sent, NEW_PLACE, f"Add {place['name']}", "location-added", wanted)


def prepare_move(session: PortalSession, form: FlaskForm, answers: Answers) -> None:
    place, day = place_of(answers), day_of(answers)
    form.leaving.choices = choices_of(at_place(session, place, day))
    if form.blank:
        values = values_of(session, "location", place, day)
        form.was.data = pack({key: text for key, text in values.items() if key[0] in (*_ADDRESS, "phone", "fax")})
        form.phone.data, form.fax.data = values.get(("phone", ""), ""), values.get(("fax", ""), "")


def move_doubts(_session: PortalSession, answers: Answers) -> Sequence[Doubt]:
    was, says = unpack("location", answers["address"]["was"]), said_of_place(answers["address"])
    if all(was.get((name, ""), "") == says.get((name, ""), "") for name in _ADDRESS):
        return [Doubt("address", "This is the address that is on record already.")]
    return []


def send_move(session: PortalSession, sent: Sent) -> str:
    place, typed = place_of(sent.answers), sent.answers["address"]
    wanted = Wanted(day_of(sent.answers))
    wanted.say_of("location", place, unpack("location", typed["was"]), said_of_place(typed))
    if typed["everybody"] == "no":
        people = at_place(session, place, wanted.day)
        wanted.end([one for one in map(number_in, typed["leaving"] or ()) if one in people], "The location has moved")
    return send_change(session, sent, MOVED, f"{_name(session, place)} moves", "location-moved", wanted)


def prepare_people(session: PortalSession, form: FlaskForm, answers: Answers) -> None:
    place, last = place_of(answers, "close"), answers["close"]["last"] or now()
    others = {one: name for one, name in open_locations(session, now()).items() if one != place}
    form.people.offer(at_place(session, place, last + DAY), {})
    for entry in form.people.entries:
        entry.form.to.choices = [("", "Choose"), (LEAVES, "Leaves us"), *choices_of(others)]


def send_close(session: PortalSession, sent: Sent) -> str:
    close = sent.answers["close"]
    place, wanted = place_of(sent.answers, "close"), Wanted(close["last"] + DAY)
    wanted.differ("location", place, {("standing", ""): "open"}, {("standing", ""): "closed"})
    goes = {number_in(row["affiliation"]): row["to"] for row in sent.answers["people"]["people"]}
    at = {one: person for (person, _), one in works(session, wanted.day, location_ids=[place]).items()}
    wanted.end(at, " ".join(close["reason"].split()))
    known = known_pairs(session, list(at.values()))
    there = set(works(session, wanted.day, practitioner_ids=list(at.values())))
    for affiliation, person in sorted(at.items()):
        to = number_in(goes.get(affiliation))
        if not to or (person, to) in there:
            continue  # leaves, or works at the other one already
        if (person, to) in known:
            was = values_of(session, "affiliation", known[person, to], wanted.day).get(("standing", ""), "")
            wanted.differ("affiliation", known[person, to], {("standing", ""): was}, {("standing", ""): "active"})
        else:
            new = wanted.free_id()
            wanted.new.append(NewAffiliation(new, person, to))
            wanted.facts.append(Fact("affiliation", new, "standing", "", "active", wanted.day))
    return send_change(session, sent, CLOSED, f"{_name(session, place)} closes", "location-closed", wanted)


def _wizard(
    form: ChangeForm, steps: tuple[WizardStep, ...], send: Callable[[PortalSession, Sent], str], **more: Any
) -> Wizard:
    return Wizard(
        key=form.kind.key,
        label=form.label,
        permission=SEND,
        steps=steps,
        send=send,
        done=DONE,
        signed=form.signed,
        **more,
    )


_WHICH = WizardStep("which", "Which location, and from when", WhichPlaceForm, prepare=offer_locations)
ADD_LOCATION = _wizard(
    NEW_PLACE,
    (
        WizardStep("place", "The location", NewPlaceForm, prepare=prepare_new),
        WizardStep("details", "How to reach it, and hours", DetailsForm),
    ),
    send_new,
    title=lambda answers: answers["place"]["name"] or "",
    lead="Tell us of a location that is not on record yet.",
    needed=("The address, and the Tax ID and NPI that it bills with", "Telephone and hours"),
)
CHANGE_LOCATION = _wizard(
    PLACE,
    (
        _WHICH,
        WizardStep(
            "details",
            "What is different",
            PlaceDetailsForm,
            template="profiles/changing/details.html",
            lead="This is what is on record. Change what is different.",
            prepare=prepare_details,
        ),
    ),
    send_details,
    lead="Change the name, telephone, fax, hours or accessibility of a location, and who accepts patients there. For a new "
    "address use “A location moves”.",
)
MOVE_LOCATION = _wizard(
    MOVED,
    (_WHICH, WizardStep("address", "The new address", NewAddressForm, prepare=prepare_move)),
    send_move,
    doubts=move_doubts,
    lead="The location stays the same one, at another address from a day on. Its history stays.",
)
CLOSE_LOCATION = _wizard(
    CLOSED,
    (
        WizardStep("close", "Which location, and when", CloseForm, prepare=offer_locations),
        WizardStep(
            "people",
            "Who works there",
            PeopleForm,
            template="profiles/changing/people.html",
            prepare=prepare_people,
        ),
    ),
    send_close,
    lead="Tell us of a location that closes for good, and where the practitioners go.",
)
for _form, _path in (
    (ADD_LOCATION, "add"),
    (CHANGE_LOCATION, "change"),
    (MOVE_LOCATION, "move"),
    (CLOSE_LOCATION, "close"),
):
    mount_wizard(blueprint, _form, f"/locations/{_path}")
