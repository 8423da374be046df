"""*Add a practitioner*: the steps, what contradicts itself, and the case that it becomes."""

from __future__ import annotations

from hp_portal.api import Answers, PortalSession, Sent, Wizard, WizardStep, mount_wizard

from ..blueprint import SEND, blueprint
from ..proposing.proposals import NewAffiliation, NewPractitioner
from .add_forms import (
    HospitalsForm,
    PapersForm,
    PracticeForm,
    WhereForm,
    WhoForm,
    offer_places,
    prepare_practice,
    prepare_who,
)
from .cases import ADDED
from .places import chosen
from .saying import languages_in, licenses_said, specialties_said
from .sending import Wanted, send_change


def full_name(answers: Answers) -> str:
    """The practitioner's name, as far as it is known."""
    who = answers["who"]
    return " ".join(filter(None, (who["first"], who["middle"], who["last"])))


def send(session: PortalSession, sent: Sent) -> str:
    """The case of the new practitioner, and what is to stand on record."""
    return send_change(session, sent, ADDED, f"Add {sent.title}", "practitioner-added", wanted(session, sent.answers))


def wanted(session: PortalSession, answers: Answers) -> Wanted:
    """The facts: who, what they do, and where."""
    who, practice, where = answers["who"], answers["practice"], answers["where"]
    found, new = Wanted(where["effective"]), -1
    found.new.append(NewPractitioner(new))
    values = {
        ("first_name", ""): who["first"],
        ("middle_name", ""): who["middle"] or "",
        ("last_name", ""): who["last"],
        ("former_name", ""): who["former"] or "",
        ("npi", ""): who["npi"],
        ("dea_number", ""): who["dea"] or "",
        ("primary_care", ""): "yes" if practice["primary_care"] else "no",
        **licenses_said(who["licenses"]),
        **specialties_said(session, practice["specialties"]),
        **{("language", one[:80]): "yes" for one in languages_in(practice["languages"])},
        **{("hospital", one["name"][:80]): "yes" for one in answers.get("hospitals", {}).get("hospitals", ())},
    }
    found.say("practitioner", new, values)
    for row in chosen(where["places"]):
        at = found.free_id()
        found.new.append(NewAffiliation(at, new, int(row["location"])))
        said = {"standing": "active", "primary": "yes" if row["primary"] else "no", "accepting": row["accepting"]}
        found.say("affiliation", at, {(name, ""): text for name, text in said.items()})
    return found


ADD = Wizard(
    key="profiles.add-practitioner",
    label="Add a practitioner",
    permission=SEND,
    steps=(
        WizardStep("who", "Who joins you", WhoForm, prepare=prepare_who),
        WizardStep("practice", "What the practitioner does", PracticeForm, prepare=prepare_practice),
        WizardStep(
            "hospitals", "Hospital privileges", HospitalsForm, when=lambda answers: bool(answers["practice"]["admits"])
        ),
        WizardStep(
            "where", "From when, and where", WhereForm, template="profiles/changing/places.html", prepare=offer_places
        ),
        WizardStep("papers", "Documents", PapersForm),
    ),
    send=send,
    title=full_name,
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
    signed=ADDED.signed,
    done="We have received it. You find here where it stands, and we tell you by e-mail.",
)
mount_wizard(blueprint, ADD, "/practitioners/add")
