"""Whoever is linked to a Tax ID is told of others who are linked to it or guess at it, and can object; staff decide."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, replace
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.tax_ids.models import LinkNotice, ProofWarning
from hp_portal.core.tax_ids.notices import ObjectedAlready, notices, object_to, put_away, tell_of_link
from hp_portal.core.tax_ids.objections import find_objection, keep_link
from hp_portal.hookspecs import PayeeRef
from tests.conftest import MakeApp
from tests.support.client import PortalClient, tree_of
from tests.support.clock import Clock
from tests.support.html import text_of
from tests.support.identifiers import make_npi, make_tin
from tests.support.world import World

from .test_gate import BASE
from .test_tax_id_access import DAY, Payments

pytestmark = pytest.mark.either_database

START = dt.datetime(2026, 3, 2, 15, 0, tzinfo=dt.UTC)
TIN, NPI = make_tin(4711), make_npi(4711)
OBJECT = "/apps/tax-id-npi-access/notices/{}/object"
ALERTS = "/staff/tax-id-alerts"


@dataclass
class Scene:
    """The owner of a Tax ID, somebody else who links to it, and staff."""

    world: World
    owner: Organization
    other: Organization
    payee: Payee

    @property
    def here(self) -> PortalClient:
        return self.world.sign_in("a.owner")

    @property
    def there(self) -> PortalClient:
        return self.world.sign_in("b.other")

    @property
    def staff(self) -> PortalClient:
        return self.world.sign_in("s.staff")

    def link(self, number: str = "P-1") -> Any:
        form = {"tin": TIN, "npi": NPI, "number": number}
        return self.there.post("/apps/tax-id-npi-access/add", form)

    def notices(self) -> list[LinkNotice]:
        with self.world.session() as session:
            return list(session.scalars(sa.select(LinkNotice).order_by(LinkNotice.id)))

    def grant(self) -> Grant:
        with self.world.session() as session:
            return session.scalars(sa.select(Grant).where(Grant.organization_id == self.other.id)).one()

    def recorded(self, event: str) -> list[tuple[int | None, int | None, dict[str, Any], str]]:
        with self.world.session() as session:
            rows = session.scalars(sa.select(AuditEvent).where(AuditEvent.event == event).order_by(AuditEvent.id))
            return [(row.person_id, row.organization_id, json.loads(row.fields), row.reason) for row in rows]


@pytest.fixture
def scene(database_url: str, make_app: MakeApp) -> Scene:
    payments = Payments()
    world = World(make_app(database_url, extra_plugins={"payments-of-the-test": payments}, proof_attempts=3))
    owner, other = world.organization("Harbor Clinic"), world.organization("Newcomer Clinic")
    payee = world.payee(TIN, NPI, "Harbor Payee")
    world.grant(owner, world.payee(TIN, name="Harbor Annex"))
    for number in ("P-1", "P-2"):
        payments.known[number, TIN, NPI] = PayeeRef(payee.id, False, number, 100, DAY)
    world.person("a.owner", organization=owner, name="Anna Owner")
    world.person("b.other", organization=other)
    world.staff("s.staff", permissions=("staff:console:open", "staff:tax-ids:manage", "staff:people:search"))
    return Scene(world, owner, other, payee)


def test_whoever_is_linked_is_told_of_another_link(scene: Scene) -> None:
    """On the home page, on the page of the application, and in the activity of everybody there; nobody else is."""
    scene.world.person("c.stranger")
    assert "was linked to your Tax ID" not in scene.here.get("/").text
    assert scene.link().status_code == 303
    (notice,) = scene.notices()
    assert (notice.organization_id, notice.other_id, notice.grant_id) == (
        scene.owner.id,
        scene.other.id,
        scene.grant().id,
    )
    for path in ("/", "/apps/tax-id-npi-access/", "/my-activity"):
        assert "Newcomer Clinic" in scene.here.get(path).text, path
        for stranger in (scene.there, scene.world.sign_in("c.stranger")):
            text = stranger.get(path).text
            assert "was linked to your Tax ID" not in text, path
    assert scene.recorded("tax-id-npi-access.link.told") == [
        (None, scene.owner.id, {"organization": scene.other.id, "payee": scene.payee.id}, "")
    ]
    with scene.world.session() as session:
        told = session.scalars(sa.select(AuditEvent).where(AuditEvent.event == "tax-id-npi-access.link.told")).one()
    assert told.address == "", "where the others were is none of theirs"


def test_a_link_that_staff_make_is_told_too(scene: Scene) -> None:
    form = {"tin": TIN, "npi": NPI, "reason": "asked by phone"}
    assert scene.staff.post(f"/staff/organizations/{scene.other.id}/link", form).status_code == 303
    assert "Newcomer Clinic was linked to your Tax ID" in scene.here.get("/").text


def test_those_who_are_not_concerned_are_not_told(scene: Scene) -> None:
    """Neither billing services nor whoever is linked to another Tax ID or no longer to this one."""
    world = scene.world
    biller, former, stranger = (world.organization(audience=kind) for kind in ("billing", "physician", "physician"))
    world.grant(biller, world.payee(TIN))
    world.end_grant(world.grant(former, world.payee(TIN)))
    world.grant(stranger, world.payee(make_tin(99)))
    scene.link()
    assert [notice.organization_id for notice in scene.notices()] == [scene.owner.id]


def test_a_notice_is_put_away_for_everybody_and_stays_on_its_page(scene: Scene) -> None:
    scene.link()
    (notice,) = scene.notices()
    path = f"/apps/tax-id-npi-access/notices/{notice.id}/read"
    assert scene.there.post(path).status_code == 404
    assert "Newcomer Clinic" in scene.here.get("/").text
    assert [scene.here.post(path).status_code for _ in range(2)] == [303, 303]
    assert "Newcomer Clinic" not in scene.here.get("/").text
    assert "Newcomer Clinic" in scene.here.get("/apps/tax-id-npi-access/").text
    assert len(scene.recorded("tax-id-npi-access.notice.read")) == 1


def test_an_objection_reaches_staff_who_end_the_link(scene: Scene) -> None:
    scene.link()
    (notice,) = scene.notices()
    path = OBJECT.format(notice.id)
    assert scene.there.post(path, {"reason": "ours"}).status_code == 404
    assert "objection" not in scene.staff.get("/staff/").text
    assert "Newcomer Clinic" in scene.here.get(path).text
    empty = scene.here.post(path, {"reason": " "})
    assert (empty.status_code, "Say why" in empty.text) == (422, True)
    assert scene.here.post(path, {"reason": "Nobody here knows them"}).status_code == 303
    assert "We are looking into it" in scene.here.get("/apps/tax-id-npi-access/").text
    again = scene.here.post(path, {"reason": "Once more"})
    assert again.status_code == 303
    ids = {"organization": scene.other.id, "payee": scene.payee.id}
    ((_, organization_id, fields, reason),) = scene.recorded("tax-id-npi-access.link.objected")
    assert (organization_id, fields, reason) == (scene.owner.id, ids, "Nobody here knows them")

    assert "1 objection to a linked Tax ID" in scene.staff.get("/staff/").text
    listed = scene.staff.get(ALERTS).text
    assert "Nobody here knows them" in listed
    assert "Anna Owner" in listed
    assert TIN not in listed
    decide = scene.staff.get(f"{ALERTS}/objections/{notice.id}").text
    end = f"/staff/linked/{scene.grant().id}/end"
    assert end in decide
    assert scene.staff.post(end, {"reason": "fraud"}).status_code == 303
    assert scene.grant().ended_at is not None
    assert "objection" not in scene.staff.get("/staff/").text
    assert scene.staff.get(f"{ALERTS}/objections/{notice.id}").status_code == 404
    assert "You objected to the link of Newcomer Clinic" in scene.here.get("/").text, (
        "the answer comes to the home page"
    )
    ((_, _, fields, reason),) = scene.recorded("tax-id-npi-access.objection.settled")
    assert (fields, reason) == (
        {"organization": scene.owner.id, "payee": scene.payee.id, "outcome": "ended"},
        "fraud",
    )
    assert scene.link().status_code == 422, "the payment has proved something already"


def test_staff_may_let_a_link_stay(scene: Scene) -> None:
    scene.link()
    (notice,) = scene.notices()
    scene.here.post(OBJECT.format(notice.id), {"reason": "Who is this?"})
    page = f"{ALERTS}/objections/{notice.id}"
    assert scene.staff.post(page, {"reason": ""}).status_code == 422
    assert scene.staff.post(page, {"reason": "They bought the practice"}).status_code == 303
    assert scene.grant().ended_at is None
    assert "They bought the practice" in scene.here.get("/").text
    assert "No objection waits" in scene.staff.get(ALERTS).text
    assert scene.staff.post(page, {"reason": "again"}).status_code == 404


def test_a_link_that_has_ended_needs_no_objection(scene: Scene) -> None:
    scene.link()
    (notice,) = scene.notices()
    scene.world.end_grant(scene.grant())
    assert scene.here.post(OBJECT.format(notice.id), {"reason": "late"}).status_code == 303
    assert scene.recorded("tax-id-npi-access.link.objected") == []


def guess(scene: Scene, times: int = 3) -> list[int]:
    return [scene.link(f"GUESS-{number}").status_code for number in range(times)]


def test_guessing_warns_staff_and_tells_the_owner(scene: Scene, clock: Clock) -> None:
    clock.set(clock.now())
    assert guess(scene, 2) == [422, 422]
    assert "Tax ID is being tried" not in scene.staff.get("/staff/").text
    assert guess(scene, 2) == [422, 429]
    assert "1 Tax ID is being tried with wrong payments" in scene.staff.get("/staff/").text
    for path in ("/", "/apps/tax-id-npi-access/", "/my-activity"):
        text = scene.here.get(path).text
        assert "named wrong payments for" in text, path
        assert "Newcomer Clinic" not in text, "who it was is for staff to find out"
    clock.advance(hours=1)
    guess(scene, 1)
    listed = [text_of(row) for row in tree_of(scene.staff.get(ALERTS)).iter("tr")][1:]
    assert len(listed) == 1
    assert "•••••4711" in listed[0]
    assert "Newcomer Clinic" in listed[0]
    assert "4 in all Warned" in " ".join(listed[0].split()), "those before the warning count"
    assert scene.here.post("/apps/tax-id-npi-access/add", {"tin": TIN, "npi": "", "number": "SLIP"}).status_code == 422
    listed = [text_of(row) for row in tree_of(scene.staff.get(ALERTS)).iter("tr")][1:]
    assert "5 in all" in listed[0], "whoever named it"
    assert len(scene.notices()) == 1, "told once"
    with scene.world.session() as session:
        warning = session.scalars(sa.select(ProofWarning)).one()
    assert scene.staff.post(f"{ALERTS}/warnings/{warning.id}/settle").status_code == 303
    assert scene.staff.post(f"{ALERTS}/warnings/{warning.id}/settle").status_code == 404
    assert "No warning is open" in scene.staff.get(ALERTS).text
    clock.advance(hours=2)
    guess(scene, 1)
    assert "1 Tax ID is being tried" in scene.staff.get("/staff/").text, "and again, when it goes on"
    assert [warning.failed for warning in warnings(scene)] == [5, 6], "those before the first warning, too"


def test_a_blocked_try_is_recorded_and_undoes_nothing(scene: Scene) -> None:
    guess(scene, 5)
    blocked = scene.recorded("tax-id-npi-access.grant.blocked")
    assert [fields for _, _, fields, _ in blocked] == [{"tin": "•••••4711", "npi": NPI}], "the first of those alike"
    assert len(scene.recorded("tax-id-npi-access.grant.refused")) == 3


def test_only_staff_who_link_tax_ids_see_alerts(scene: Scene) -> None:
    scene.world.staff("t.staff", permissions=("staff:console:open",))
    assert scene.world.sign_in("t.staff").get(ALERTS).status_code == 403
    assert scene.here.get(ALERTS).status_code == 404


def test_the_form_asks_for_more_as_the_payer_wants_it(database_url: str, make_app: MakeApp) -> None:
    payments = Payments()
    for asks, amount, vendor in (("never", False, True), ("without-vendor-number", True, True), ("always", True, True)):
        world = World(make_app(database_url, extra_plugins={"p": payments}, proof_asks_more=asks, proof_days=90))
        world.person(f"a.{asks[:5].strip('-')}")
        client = world.sign_in(f"a.{asks[:5].strip('-')}")
        text = client.get("/apps/tax-id-npi-access/add").text
        assert ('name="amount"' in text, 'name="vendor_number"' in text) == (amount, vendor)
        assert "90 days" in text
        typed = {"tin": TIN, "npi": NPI, "number": "P-77", "vendor_number": ""}
        answer = client.post("/apps/tax-id-npi-access/add", typed)
        assert answer.status_code == 422
        assert 'value="P-77"' in answer.text, "nothing typed gets lost"
        assert (
            ("Enter the" in answer.text.split("<form", 2)[1]) or asks == "never" or "amount or the date" in answer.text
        )
        assert bool(payments.asked) == (asks == "never")
        payments.asked.clear()


def test_the_verbs_touch_no_other_organization_s_notice(scene: Scene) -> None:
    """Whatever page calls them."""
    scene.link()
    (notice,) = scene.notices()
    who = replace(BASE, organization_id=scene.other.id)
    with scene.world.session_of(scene.other) as session:
        assert not put_away(session, who, notice.id)
        with pytest.raises(ObjectedAlready):
            object_to(session, who, notice.id, "ours")
        session.commit()
    (after,) = scene.notices()
    assert (after.read_at, after.objected_at) == (None, None)


def test_what_is_done_to_one_notice_or_objection_concerns_no_other(scene: Scene, clock: Clock) -> None:
    clock.set(clock.now())
    third = scene.world.organization("Third Clinic")
    scene.world.person("c.third", organization=third)
    scene.link()
    form = {"tin": TIN, "npi": NPI, "number": "P-2"}
    assert scene.world.sign_in("c.third").post("/apps/tax-id-npi-access/add", form).status_code == 303
    first, second = [notice for notice in scene.notices() if notice.organization_id == scene.owner.id]
    assert scene.here.post(f"/apps/tax-id-npi-access/notices/{first.id}/read").status_code == 303
    put_aside, left = [notice for notice in scene.notices() if notice.organization_id == scene.owner.id]
    assert (put_aside.read_by_id, left.read_at) == (person_id(scene, "a.owner"), None)
    assert [fields for _, _, fields, _ in scene.recorded("tax-id-npi-access.notice.read")] == [{"notice": first.id}]

    clock.advance(minutes=1)
    assert scene.here.post(OBJECT.format(second.id), {"reason": "Who are they?"}).status_code == 303
    first, second = [notice for notice in scene.notices() if notice.organization_id == scene.owner.id]
    assert (first.objection, second.objection, second.read_at) == ("", "Who are they?", clock.now())
    read_at = first.read_at
    clock.advance(minutes=1)
    assert scene.here.post(OBJECT.format(first.id), {"reason": "Not ours"}).status_code == 303
    first, second = [notice for notice in scene.notices() if notice.organization_id == scene.owner.id]
    assert first.read_at == read_at, "when it was put away"
    with scene.world.session_of(scene.owner) as session, pytest.raises(ObjectedAlready):
        object_to(session, replace(BASE, organization_id=scene.owner.id), first.id, "twice")

    listed = scene.staff.get(ALERTS).text
    assert listed.index("Who are they?") < listed.index("Not ours"), "the oldest first"
    assert scene.recorded("tax-id-npi-access.alert.listed")[-1][2] == {"objections": 2, "warnings": 0}
    decide = scene.staff.get(f"{ALERTS}/objections/{first.id}").text
    assert ("Not ours" in decide, "Who are they?" in decide) == (True, False)
    assert scene.staff.post(f"{ALERTS}/objections/{second.id}", {"reason": "They are one"}).status_code == 303
    first, second = [notice for notice in scene.notices() if notice.organization_id == scene.owner.id]
    assert (first.outcome, second.outcome, second.settled_by_id) == (None, "kept", person_id(scene, "s.staff"))
    assert scene.staff.post(f"/staff/linked/{scene.grant().id}/end", {"reason": "fraud"}).status_code == 303
    first, second = [notice for notice in scene.notices() if notice.organization_id == scene.owner.id]
    assert (first.outcome, second.outcome, second.answer) == ("ended", "kept", "They are one")


def test_a_warning_is_of_one_tax_id(scene: Scene) -> None:
    other_tin = make_tin(815)
    annex = scene.world.payee(other_tin, name="Other Payee")
    scene.world.grant(scene.owner, annex)
    guess(scene)
    scene.world.person("c.third")
    for number in range(3):
        form = {"tin": other_tin, "npi": NPI, "number": f"GUESS-{number}"}
        scene.world.sign_in("c.third").post("/apps/tax-id-npi-access/add", form)
    told = [fields["payee"] for _, _, fields, _ in scene.recorded("tax-id-npi-access.tin.guessed")]
    assert len(told) == 2
    assert told[1] == annex.id
    one, two = warnings(scene)
    notice = next(notice for notice in scene.notices() if notice.kind == "guessed")
    with scene.world.session_of(scene.owner) as session, pytest.raises(ObjectedAlready):
        object_to(session, replace(BASE, organization_id=scene.owner.id), notice.id, "to whom?")
    assert scene.staff.post(f"{ALERTS}/warnings/{one.id}/settle").status_code == 303
    one, two = warnings(scene)
    assert (one.settled_by_id, two.settled_at) == (person_id(scene, "s.staff"), None)
    assert [fields for _, _, fields, _ in scene.recorded("tax-id-npi-access.warning.settled")] == [{"tin": one.tin}]


def warnings(scene: Scene) -> list[ProofWarning]:
    with scene.world.session() as session:
        return list(session.scalars(sa.select(ProofWarning).order_by(ProofWarning.id)))


def person_id(scene: Scene, username: str) -> int:
    with scene.world.session() as session:
        return session.scalars(sa.select(Person.id).where(Person.username == username)).one()


def test_a_notice_names_its_own_payee_and_who_was_told(scene: Scene) -> None:
    """To whoever was told, and to staff; by the NPI where it has one."""
    scene.world.payee(make_tin(815), make_npi(815), "Elsewhere Payee")
    scene.link()
    scene.link("P-2")
    (notice,) = scene.notices()
    who = replace(BASE, organization_id=scene.owner.id, person_id=person_id(scene, "a.owner"))
    with scene.world.session_of(scene.owner) as session:
        (told,) = notices(session, who)
        assert (told.payee, told.tin, told.npi, told.read, told.open) == ("Harbor Payee", "•••••4711", NPI, False, True)
        assert [found.id for found in notices(session, who, unread=True)] == [notice.id]
        assert put_away(session, who, notice.id)
        assert [found.read for found in notices(session, who)] == [True]
        assert notices(session, who, unread=True) == []
        session.commit()
    assert f"Harbor Payee (NPI {NPI})" in scene.here.get("/my-activity").text
    scene.here.post(OBJECT.format(notice.id), {"reason": "Not ours"})
    listed = scene.staff.get(ALERTS).text
    assert ("Harbor Payee" in listed, "Elsewhere Payee" in listed) == (True, False)


def test_a_notice_of_a_payee_without_an_npi_names_none(scene: Scene) -> None:
    bare = scene.world.payee(TIN, npi=None, name="Bare Payee")
    with scene.world.session() as session:
        grant = Grant(organization_id=scene.other.id, payee_id=bare.id, proof="staff", granted_at=START)
        session.add(grant)
        session.flush()
        tell_of_link(session, grant)
        session.commit()
    (notice,) = scene.notices()
    who = replace(BASE, organization_id=scene.owner.id)
    with scene.world.session_of(scene.owner) as session:
        assert [(told.payee, told.npi) for told in notices(session, who)] == [("Bare Payee", "")]
    activity = scene.here.get("/my-activity").text
    assert ("Bare Payee" in activity, "Bare Payee (NPI" in activity) == (True, False)
    scene.here.post(OBJECT.format(notice.id), {"reason": "Not ours"})
    with scene.world.session() as session:
        objection = find_objection(session, notice.id)
        assert objection is not None
        assert (objection.payee, objection.npi, objection.objected_by) == ("Bare Payee", "", "Anna Owner")


def test_an_objection_is_decided_once(scene: Scene) -> None:
    """The second of two who decide at the same time is told so, and changes nothing."""
    scene.link()
    (notice,) = scene.notices()
    scene.here.post(OBJECT.format(notice.id), {"reason": "Who is this?"})
    staff = replace(BASE, organization_id=None, person_id=person_id(scene, "s.staff"))
    with scene.world.session() as session:
        objection = find_objection(session, notice.id)
        assert objection is not None
        assert keep_link(session, staff, objection, "They bought the practice")
        assert not keep_link(session, staff, objection, "Changed my mind")
        session.commit()
    assert [(after.outcome, after.answer) for after in scene.notices()] == [("kept", "They bought the practice")]
    assert len(scene.recorded("tax-id-npi-access.objection.settled")) == 1
