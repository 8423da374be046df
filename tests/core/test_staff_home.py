"""The console's first page: what waits for staff, and what they are warned of."""

from __future__ import annotations

import dataclasses

import pytest
import sqlalchemy as sa

from hp_portal.clock import now
from hp_portal.core.staff.permissions import CORE_STAFF_PERMISSIONS
from hp_portal.core.staff.roles import MANAGE
from hp_portal.hookspecs import hookimpl
from hp_portal_plugins.remittance.intake.models import Upload
from hp_portal_plugins.remittance.models import Payment
from tests import sample_plugin
from tests.conftest import MakeApp
from tests.plugins.remittance.inquiry import Office
from tests.support.client import PortalClient, tree_of
from tests.support.clock import Clock
from tests.support.html import text_of
from tests.support.world import World

pytestmark = pytest.mark.either_database

EVERYTHING = (*sorted(CORE_STAFF_PERMISSIONS.keys() - {MANAGE}), "remittance:import:read")


def waiting(client: PortalClient, url: str = "/staff/") -> list[tuple[str, str, str]]:
    """What the page says is waiting: words, address, tone."""
    found = []
    for part in tree_of(client.get(url)).iter("ul"):
        if part.get("class") == "queues":
            for entry in part:
                link = next(entry.iter("a"))
                found.append((text_of(link), link.get("href", ""), entry.get("class", "")))
    return found


@pytest.fixture
def staff(world: World) -> PortalClient:
    world.staff("a.staff", permissions=EVERYTHING)
    return world.sign_in("a.staff")


def test_nothing_waits(world: World, staff: PortalClient) -> None:
    world.person("a.clerk")
    assert waiting(staff) == []
    assert "Needs attention" not in staff.get("/staff/").text


def test_what_waits_is_counted_the_most_urgent_first(world: World, staff: PortalClient) -> None:
    for name in ("a.clerk", "b.clerk"):
        world.person(name)
    for _ in range(world.settings.attempts_per_account):
        world.client().post("/sign-in", {"username": "a.clerk", "password": "wrong"})
        world.client().post("/sign-in", {"username": "nobody.here", "password": "wrong"})
    world.client().post("/sign-in", {"username": "b.clerk", "password": "wrong"})
    for _ in range(2):
        world.organization(validated=False)
    office = Office(world)
    office.paid("9400000001")
    with world.session() as session:
        for payment in session.query(Payment):
            payment.payee_id = None
        for state in ("failed", "waiting", "done"):
            session.add(_upload(world, state))
    imports, payees = "/staff/remittance/", "/staff/remittance/payees-not-on-record"
    assert waiting(staff) == [
        ("1 import has failed", imports, "bad"),
        ("1 person is locked out", "/staff/people/locked", "warn"),
        ("1 payee is paid but not on record", payees, "warn"),
        ("2 organizations are not validated", "/staff/organizations/all?account=waiting", "info"),
        ("1 file waits to be imported", imports, "info"),
    ]
    locked = staff.get("/staff/people/locked")
    assert "Person A Clerk" in locked.text
    assert "Person B Clerk" not in locked.text


def _upload(world: World, state: str) -> Upload:
    staff = world.staff(f"{state}.staff")
    counts = {"bytes_read": 0, "payments_read": 0, "attempts": 1}
    return Upload(name="sample.835", size=1, state=state, uploaded_by_id=staff.id, uploaded_at=now(), **counts)


def test_a_pause_that_has_ended_is_no_longer_counted(world: World, clock: Clock) -> None:
    world.person("a.clerk")
    for _ in range(world.settings.attempts_per_account):
        world.client().post("/sign-in", {"username": "a.clerk", "password": "wrong"})
    world.staff("a.staff", permissions=EVERYTHING)
    assert len(waiting(world.sign_in("a.staff"))) == 1
    clock.advance(minutes=world.settings.attempts_window_minutes)
    assert waiting(world.sign_in("a.staff")) == []


def test_one_sees_what_one_may_work_on(world: World) -> None:
    world.organization(validated=False)
    world.staff("b.staff", permissions=["staff:console:open", "staff:people:search"])
    assert waiting(world.sign_in("b.staff")) == []


def test_a_plugin_that_cannot_count_is_a_failed_plugin(database_url: str, make_app: MakeApp) -> None:
    """The others are shown all the same; a failed statement does not end the page's transaction."""

    def broken(session: object) -> int:
        session.execute(sa.select(sa.literal_column("no_such_column")))  # type: ignore[attr-defined]
        return 1

    application = sample_plugin.portal_application()
    (own,) = application.staff_queues
    queues = (
        dataclasses.replace(own, one="broken", many="broken", count=broken),
        dataclasses.replace(own, count=lambda session: 1),
    )

    class Plugin:
        def __init__(self) -> None:
            @hookimpl
            def portal_application() -> object:
                return dataclasses.replace(application, staff_queues=queues)

            self.portal_application = portal_application

    app = make_app(database_url, extra_plugins={"sample": Plugin()})
    world = World(app)
    world.organization(validated=False)
    world.staff("a.staff", permissions=[*EVERYTHING, "sample:note:count"])
    staff = world.sign_in("a.staff")
    waiting(staff)
    assert [words for words, _, _ in waiting(staff)] == [
        "1 plugin does not work",
        "1 organization is not validated",
        "1 note",
    ]
    assert "staff_queues" in staff.get("/staff/plugins").text


def test_home_leads_staff_to_the_console(world: World, staff: PortalClient) -> None:
    assert staff.get("/").location == "/staff/"


def test_permissions_that_nobody_holds(world: World) -> None:
    """As after an upgrade, or a plugin that was installed later."""
    every = set(world.app.extensions["hp_portal.directory"].staff_permissions)
    world.staff("a.staff", permissions=every - {"remittance:codes:manage"})
    staff = world.sign_in("a.staff")
    assert waiting(staff) == [("1 permission belongs to no role", "/staff/roles", "warn")]
    world.staff("b.staff", permissions=["remittance:codes:manage"])
    assert waiting(staff) == []
