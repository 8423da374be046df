"""*Add a practitioner*: the steps, what contradicts itself, and the case that it becomes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from flask import url_for

from hp_portal.api import (
    Answers,
    Doubt,
    PortalSession,
    Sent,
    Wizard,
    WizardStep,
    find_payees,
    mount_wizard,
    settings,
    today,
)

from ..blueprint import SEND, blueprint
from .add_forms import HospitalsForm, PapersForm, PracticeForm, WhereForm, WhoForm
from .cases import ADD_PRACTITIONER, open_form

LATE = dt.timedelta(days=30)


def full_name(answers: Answers) -> str:
    """The practitioner's name, as far as it is known."""
    who = answers["who"]
    return " ".join(filter(None, (who["first"], who["middle"], who["last"])))


def doubts(session: PortalSession, answers: Answers) -> Sequence[Doubt]:
    """Contradictions that can be right after all, in the order of the steps."""
    return [*_about_numbers(session, answers), *_about_places(answers)]


def _about_numbers(session: PortalSession, answers: Answers) -> Iterator[Doubt]:
    who, places = answers["who"], answers["where"]["places"]
    if who["npi"] in {one["npi"] for one in places}:
        yield Doubt(
            "who", "The NPI of the practitioner and that of a location are the same. A person has an NPI of their own."
        )
    elif found := find_payees(session, npi=who["npi"]):
        yield Doubt("who", f"The NPI of the practitioner is that of {found[0].name} in our records: is it the group’s?")
    # The second letter is the first of the last name, or a 9 for who is registered under a business address.
    if who["dea"] and who["dea"][1] not in {"9", *(name[:1].upper() for name in (who["last"], who["former"]) if name)}:
        yield Doubt("who", "The second letter of the DEA number is not that of the last name or the former name.")


def _about_places(answers: Answers) -> Iterator[Doubt]:
    licenses, where = answers["who"]["licenses"], answers["where"]
    licensed = {one["state"] for one in licenses}
    for state in dict.fromkeys(one["state"] for one in where["places"]):
        if state not in licensed:
            yield Doubt("who", f"A location is in {state}, and there is no license of that state.")
    effective = where["effective"]
    for one in licenses:
        if one["expires"] < effective:
            yield Doubt("where", f"The license of {one['state']} expires before the effective date.")
    if effective < today(settings().payer.zone) - LATE:
        yield Doubt(
            "where", "The effective date is more than 30 days ago. Claims since then may have to be looked at again."
        )
    addresses = [(one["street"].casefold(), one["zip"][:5]) for one in where["places"]]
    if len(set(addresses)) < len(addresses):
        yield Doubt("where", "Two locations have the same address.")


def send(session: PortalSession, sent: Sent) -> str:
    """The case of the new practitioner."""
    case = open_form(session, ADD_PRACTITIONER, f"Add {sent.title}"[:200], sent)
    return url_for("cases.one", case_id=case.id)


ADD = Wizard(
    key="profiles.add-practitioner",
    label="Add a practitioner",
    permission=SEND,
    steps=(
        WizardStep("who", "Who joins you", WhoForm),
        WizardStep("practice", "What the practitioner does", PracticeForm),
        WizardStep(
            "hospitals", "Hospital privileges", HospitalsForm, when=lambda answers: bool(answers["practice"]["admits"])
        ),
        WizardStep("where", "From when, and where", WhereForm),
        WizardStep("papers", "Documents", PapersForm),
    ),
    send=send,
    title=full_name,
    doubts=doubts,
    lead="Tell us of a practitioner who joins your practice, at one location or several.",
    needed=(
        "The practitioner’s NPI, license numbers and their expiration dates, and the DEA number if there is one",
        "The locations where the practitioner sees patients, and since when",
        "Copies of the licenses, as PDF or pictures",
    ),
    statement=(
        "By sending this you say that you may act for the practice, and that what you have entered is right to the best of "
        "your knowledge."
    ),
    done="We have received it. You find here where it stands, and we tell you by e-mail.",
)
mount_wizard(blueprint, ADD, "/practitioners/add")
