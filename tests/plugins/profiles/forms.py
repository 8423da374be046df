"""An office with twelve locations and some practitioners, and its forms as people fill them in."""

from __future__ import annotations

import datetime as dt
import io
import re
from typing import Any

from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from hp_portal_plugins.profiles.record.applying import (
    Stated,
    affiliation_of,
    apply_change,
    new_location,
    new_practitioner,
    saying,
)
from hp_portal_plugins.profiles.record.facts import facts_of, values_on
from hp_portal_plugins.profiles.record.fields import Subject
from tests.support.client import PortalClient, tree_of
from tests.support.clock import Clock
from tests.support.identifiers import make_npi
from tests.support.wizards import hidden, path_of, save
from tests.support.world import World

SINCE, TODAY = dt.date(2026, 1, 1), dt.date(2026, 6, 1)
APP = "/apps/profiles"
NAME = "Test Person"


class Office:
    """Somebody of the office, signed in, with the ids of what is on record."""

    def __init__(self, world: World, clock: Clock, sites: int = 12) -> None:
        clock.set(dt.datetime(2026, 6, 1, 17, tzinfo=dt.UTC))
        self.world = world
        organization = world.organization("Aspen Clinic")
        self.payee = world.payee(name="Aspen Group")
        world.grant(organization, self.payee)
        self.person = world.person("a.clerk", organization=organization)
        self.client: PortalClient = world.sign_in("a.clerk")
        self.sites: list[int] = []
        self.people: dict[str, int] = {}
        with world.session() as session:
            facts = []
            for number in range(1, sites + 1):
                place = new_location(session, self.payee.id, f"L-{number:02}").id
                self.sites.append(place)
                values = {"standing": "open", "name": f"Site {number:02}", "street": f"{number} First Street"}
                values |= {"city": "Exampleton", "state": "MN", "zip": "55440", "phone": "9525550100"}
                facts += saying("location", place, SINCE, {(name, ""): text for name, text in values.items()})
            for name, care in (("Alder", "yes"), ("Basil", "no"), ("Cedar", "yes")):
                person = new_practitioner(session, f"P-{name}").id
                self.people[name] = person
                said = {("last_name", ""): name, ("first_name", ""): "Ann", ("primary_care", ""): care}
                said |= {("license_number", "MN"): "47110", ("license_expires", "MN"): "2027-12-31"}
                said |= {("language", "Hmong"): "yes", ("specialty", "207Q00000X"): "primary"}
                said |= {("npi", ""): make_npi(700 + person)}
                facts += saying("practitioner", person, SINCE, said)
                for place in self.sites[: 3 if name == "Basil" else 1]:
                    both = affiliation_of(session, person, place).id
                    facts += saying("affiliation", both, SINCE, {("standing", ""): "active", ("accepting", ""): "new"})
            apply_change(session, Stated("loaded", "The first load"), facts)

    def begin(self, form: str, **values: Any) -> str:
        """A new draft: its path, without the step."""
        return re.sub("/steps/.*", "", path_of(self.client.post(f"{APP}/{form}/begin", values)))

    def save(self, draft: str, step: str, typed: dict[str, Any], **more: Any) -> TestResponse:
        """Fill in a step and press Continue."""
        return save(self.client, draft, step, typed, **more)

    def shown(self, draft: str, step: str) -> dict[str, Any]:
        """What stands in the fields of a step, as a browser would send it."""
        form = next(
            one for one in tree_of(self.client.get(f"{draft}/steps/{step}")).iter("form") if one.get("id") == "fields"
        )
        found: dict[str, Any] = {}
        for field in form.iter():
            name, kind = field.get("name"), field.get("type", "")
            if name is None or field.tag == "button" or kind == "file" or name in ("csrf_token", "version", "page"):
                continue
            if field.tag == "select":
                options = list(field.iter("option"))
                chosen = next((one for one in options if one.get("selected") is not None), options[0])
                found[name] = chosen.get("value", "")
            elif kind in ("checkbox", "radio"):
                if field.get("checked") is not None:
                    found.setdefault(name, []).append(field.get("value", "y"))
            else:
                found[name] = field.get("value") or (field.text or "").strip()
        return found

    def attach(self, draft: str, step: str, **typed: Any) -> TestResponse:
        """Attach a file in a step."""
        given = hidden(self.client.get(f"{draft}/steps/{step}"))
        file = FileStorage(io.BytesIO(b"%PDF-1.4 paper"), "paper.pdf")
        parts: dict[str, Any] = {**given, "csrf_token": self.client.csrf_token(), "go": "continue", "files": [file]}
        boundary, body = encode_multipart({**parts, **typed})
        kind = f"multipart/form-data; boundary={boundary}"
        return self.client.flask.post(f"{draft}/steps/{step}/save", data=body, content_type=kind)

    def send(self, draft: str, **signed: str) -> TestResponse:
        """Sign on the review page, and send."""
        page = self.client.get(f"{draft}/review")
        form = next(one for one in tree_of(page).iter("form") if (one.get("action") or "").endswith("/send"))
        said = next(one.get("value", "") for one in form.iter("input") if one.get("name") == "signing")
        return self.client.post(
            f"{draft}/send", {"signing": said, "agree": "y", "signature": self.person.name, **signed}
        )

    def values(self, subject: Subject, one: int, day: dt.date = TODAY) -> dict[tuple[str, str], str]:
        """What is on record."""
        with self.world.session() as session:
            return values_on(facts_of(session, subject, [one], sealed=True).get(one, {}), day)
