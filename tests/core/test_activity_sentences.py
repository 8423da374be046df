"""Activity in sentences: names and links for those who may see them, the label for everybody else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.clock import now
from hp_portal.core.activity.events import CORE_EVENTS
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Grant
from hp_portal.events import EventRegistry, EventSpec, Reference, UndeclaredEvent
from tests.plugins.remittance.inquiry import Office, claim, url_of
from tests.support.client import PortalClient, tree_of
from tests.support.html import text_of
from tests.support.world import World


def said(client: PortalClient, url: str = "/my-activity") -> list[tuple[str, list[str]]]:
    """Each sentence of the list, newest first, with the addresses it leads to."""
    cells = [cell for cell in tree_of(client.get(url)).iter("td") if cell.get("data-label") == "What"]
    return [(text_of(cell), [link.get("href", "") for link in cell.iter("a")]) for cell in cells]


def test_what_somebody_did_with_links(world: World) -> None:
    office = Office(world)
    payment = office.paid("9400000001", claim(7), claim(8))
    office.client.get("/apps/remittance/?number=no such number")
    office.client.get(url_of(payment))
    office.client.get(url_of(payment, 2))
    office.client.get(f"{url_of(payment)}/csv")
    assert said(office.client) == [
        ("Downloaded EFT 9400000001 as CSV Reason: Posting payments", [url_of(payment)]),
        ("Viewed claim 26X000008 in EFT 9400000001", [url_of(payment, 2), url_of(payment)]),
        ("Viewed EFT 9400000001", [url_of(payment)]),
        ("Searched for a number that found nothing", []),
    ]


def test_what_was_taken_away_is_not_named_any_more(world: World) -> None:
    """Neither a number nor a link of a payment that the organization may not see."""
    office = Office(world)
    payment = office.paid("9400000001")
    office.client.get(url_of(payment, 1))
    with world.session() as session:
        session.execute(sa.update(Grant).values(ended_at=Grant.granted_at))
    assert said(office.client) == [("Viewed a claim", [])]
    assert "9400000001" not in office.client.get("/my-activity").text


def test_an_application_taken_away_leaves_no_link(world: World) -> None:
    office = Office(world)
    payment = office.paid("9400000001")
    office.client.get(url_of(payment))
    world.disable("remittance", "physician")
    assert said(office.client) == [("Viewed EFT 9400000001", [])]


def test_what_staff_did_with_links(world: World) -> None:
    office = Office(world, "Harbor Sample Clinic")
    payment = office.paid("9400000001")
    office.client.get(url_of(payment))
    person = world.person("m.keeper", organization=office.organization, name="Mina Keeper")
    world.staff(
        "a.staff",
        permissions=["staff:console:open", "staff:people:search", "staff:people:deactivate", "staff:activity:search"],
    )
    staff = world.sign_in("a.staff")
    organization = f"/staff/organizations/{office.organization.id}"
    staff.get(organization)
    staff.post(f"/staff/people/{person.id}/deactivate", {"reason": "left"})
    expected = [
        ("Deactivated Mina Keeper Reason: left", [f"/staff/people/{person.id}"]),
        ("Viewed Harbor Sample Clinic", [organization]),
    ]
    assert said(staff) == expected
    everybody = said(staff, "/staff/activity?person=person")
    assert everybody == [("Viewed EFT 9400000001", [])], "staff cannot open the provider's own page"
    world.staff("b.staff", permissions=["staff:console:open", "staff:activity:search"])
    unlinked = said(world.sign_in("b.staff"), "/staff/activity?person=staff&event=staff.organization.viewed")
    assert unlinked == [("Viewed Harbor Sample Clinic", [])]


def write(world: World, username: str, event: str, fields: dict[str, Any]) -> None:
    """An event as an older version, or a plugin that is gone, left it."""
    with world.session() as session:
        person = session.scalars(sa.select(Person).where(Person.username == username)).one()
        session.add(
            AuditEvent(
                at=now(),
                event=event,
                person_id=person.id,
                organization_id=person.organization_id,
                request_id="",
                address="",
                reason="",
                fields=json.dumps(fields),
            )
        )


def test_old_and_foreign_events_are_shown_all_the_same(world: World) -> None:
    office = Office(world)
    office.client.get("/my-activity")
    for event, fields in (("remittance.claim.viewed", {"something": "else"}), ("gone.thing.done", {"thing": 4711})):
        write(world, office.username, event, fields)
    assert said(office.client)[:2] == [
        ("Used an application that is no longer installed", []),
        ("Viewed a claim", []),
    ]


def test_no_sentence_shows_a_key(world: World) -> None:
    """What stands in a sentence by itself is what people understand: never a field that holds a row's key."""
    keys = {"person", "organization", "payee", "payment", "claim", "file", "upload", "sign_in"}
    shown = {
        spec.key: sorted(set(spec.placeholders) - spec.names.keys() & keys)
        for spec in world.database.events.all()
        if set(spec.placeholders) & keys - spec.names.keys()
    }
    assert shown == {}
    assert all(spec.sentence or len(spec.fields) < 4 for spec in CORE_EVENTS)


def nothing(_session: object, events: Any, _for_staff: bool) -> list[Reference | None]:
    return [None for _ in events]


@pytest.mark.parametrize(
    ("sentence", "names", "right"),
    [
        ("Did {thing}", {}, True),
        ("Did {other}", {"other": nothing}, True),
        ("Did {other}", {}, False),
    ],
)
def test_a_sentence_speaks_of_what_the_event_has(
    sentence: str, names: dict[str, Callable[..., list[Reference | None]]], right: bool
) -> None:
    registry, spec = EventRegistry(), EventSpec("sample.thing.done", "Did", ("thing",), sentence, names)
    if right:
        registry.declare([spec])
        assert registry["sample.thing.done"] is spec
    else:
        with pytest.raises(UndeclaredEvent, match="other"):
            registry.declare([spec])
