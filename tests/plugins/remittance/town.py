"""A town in which others see the payments of a clinic, and what its page says of them."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from werkzeug.test import TestResponse

from hp_portal.clock import now as the_time
from hp_portal.core.organizations.models import Grant
from hp_portal.core.tax_ids.models import LINKED, LinkNotice
from tests.plugins.remittance.inquiry import Office, claim
from tests.support.client import PortalClient, tree_of
from tests.support.html import text_of

WHO = "/who-can-see-our-data"


def table(page: TestResponse, name: str) -> list[dict[str, str]]:
    """The rows of a table by the names of their columns."""
    found: Element | None = next((one for one in tree_of(page).iter("table") if one.get("id") == name), None)
    rows = [row for body in found.iter("tbody") for row in body.iter("tr")] if found is not None else []
    return [
        {
            cell.get("data-label", "" if cell.tag == "td" else "Name"): text_of(cell)
            for cell in row
            if cell.tag in ("th", "td")
        }
        for row in rows
    ]


def facts(page: TestResponse, organization: int) -> dict[str, str]:
    panel = next(one for one in tree_of(page).iter("section") if one.get("id") == f"organization-{organization}")
    pairs = [one for facts in panel.iter("dl") for one in facts.iter("div")]
    return {text_of(next(one.iter("dt"))): text_of(next(one.iter("dd"))) for one in pairs}


class Town:
    """A clinic with two delegates and a clerk, a billing service that works for it and for another office, and a twin of the
    clinic with the same Tax ID."""

    def __init__(self, office: Office) -> None:
        world = self.world = office.world
        self.clinic, self.other = office, Office(world, "Cedar Sample Clinic", "cedar")
        self.twin = world.organization("Twin Sample Clinic")
        self.ledger = world.organization("Ledger Sample Billing", audience="billing")
        for username, organization in (("d.elegate", office.organization), ("e.lse", office.organization)):
            world.person(username, organization=organization, delegate=True, applications=())
        world.person("l.edger", organization=self.ledger, delegate=True)
        world.person("t.win", organization=self.twin, delegate=True)
        self.second = world.payee(office.payee_text.tin, name="Birch Sample Clinic – Harbor")
        world.grant(office.organization, self.second)
        self.grant = world.grant(self.ledger, office.payee)
        self.more = world.grant(self.ledger, self.second)
        self.elsewhere = world.grant(self.ledger, self.other.payee)
        self.twins = world.grant(self.twin, office.payee, proof="check")
        self.payment, self.others = office.paid("4501", claim(1), claim(2)), self.other.paid("4502", claim(3))
        self.delegate, self.biller = world.sign_in("d.elegate"), world.sign_in("l.edger")

    def end(self, client: PortalClient, **what: int) -> TestResponse:
        asked = {name: str(value) for name, value in what.items()}
        data = {"reason": "Contract ended", "shown": self.shown(client, **what), **asked}
        return client.post(f"{WHO}/end/confirmed", data, follow_redirects=True)

    def shown(self, client: PortalClient, **what: int) -> str:
        """The access that the page lists as what would be ended."""
        page = client.get(f"{WHO}/end?" + "&".join(f"{name}={value}" for name, value in what.items()))
        if page.status_code != 200:
            return ""
        return next(one.get("value", "") for one in tree_of(page).iter("input") if one.get("name") == "shown")

    def twin_objects(self) -> None:
        """The twin was told of the access of the billing service, and has objected to it."""
        now = the_time()
        with self.world.session() as session:
            notice = LinkNotice(
                organization_id=self.twin.id,
                kind=LINKED,
                payee_id=self.clinic.payee.id,
                other_id=self.ledger.id,
                grant_id=self.grant.id,
                at=now,
                objected_at=now,
                objection="Who is this?",
            )
            session.add(notice)

    def is_open(self, grant: Grant) -> bool:
        with self.world.session() as session:
            return session.get_one(Grant, grant.id).ended_at is None
