"""What billing organizations see ends with the last office that is linked to it: nothing stays open that nobody is shown."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.registration.moving import end_if_empty
from hp_portal.core.registration.trials import end_grants
from tests.support.asked import NPI, SECOND, Scene, make_scene
from tests.support.client import tree_of
from tests.support.clock import Clock
from tests.support.html import text_of
from tests.support.world import World

LINKED = "/apps/tax-id-npi-access/linked"
WHO = "/who-can-see-our-data"
LOSE = "Billing organizations that lose their access with you"


@pytest.fixture
def scene(world: World, clock: Clock) -> Scene:
    return make_scene(world, clock)


def hidden(page: Any) -> str:
    return next(one.get("value") or "" for one in tree_of(page).iter("input") if one.get("name") == "shown")


def link_of(scene: Scene, organization: Organization) -> int:
    with scene.world.session() as session:
        own = sa.select(Grant.id).where(Grant.organization_id == organization.id, Grant.is_open())
        return session.scalars(own.order_by(Grant.id)).first() or 0


def open_for_both(scene: Scene) -> str:
    """Ledger sees both payees, which somebody with a link has approved: the address of its request."""
    location: str = scene.ask().location
    assert scene.approve(scene.follow()).status_code == 303
    return location


def test_the_last_office_takes_billing_access_along(scene: Scene) -> None:
    world, both = scene.world, sorted(one.id for one in scene.payees)
    request = open_for_both(scene)
    birch = world.organization("Birch Clinic")
    world.person("b.delegate", organization=birch, delegate=True)
    world.person("b.other", organization=birch, delegate=True)
    world.grant(birch, scene.payees[0])
    trial = world.organization("Trial Clinic")
    world.grant(trial, scene.payees[0])
    with world.session() as session:
        session.get_one(Organization, trial.id).provisional = True

    harbor, first = world.sign_in("h.delegate"), f"{LINKED}/{link_of(scene, scene.harbor)}"
    page = harbor.get(first)
    assert (LOSE in page.text, "Other organizations are not touched" in page.text) == (False, True)
    assert harbor.post(f"{first}/remove", {"reason": "We have sold it", "shown": ""}).status_code == 303
    assert scene.sees() == both, "another office is linked to the payee"
    delegate, last = world.sign_in("b.delegate"), f"{LINKED}/{link_of(scene, birch)}"
    assert "Ledger Billing" in delegate.get(WHO).text

    page = delegate.get(last)
    assert (LOSE in page.text, "not touched" in page.text) == (True, False)
    words = text_of(tree_of(page))
    assert [f"Ledger Billing: Harbor {npi[-1]} (NPI {npi})" in words for npi in (NPI, SECOND)] == [True, True]
    for shown in ("", hidden(page).partition(",")[0]):
        refused = delegate.post(f"{last}/remove", {"reason": "We have sold it", "shown": shown})
        assert (refused.status_code, "More billing organizations see" in refused.text) == (409, True)
        assert 'value="We have sold it"' in refused.text
        assert scene.sees() == both
    said = delegate.post(f"{last}/remove", {"reason": "We have sold it", "shown": hidden(page)}, follow_redirects=True)
    assert "can no longer be seen by you, nor by Ledger Billing" in said.text
    assert scene.sees() == []
    [(to, told)] = [one for one in scene.messages("access_ended") if one[1]["own"]]
    assert (to, told["reason"], len(told["payees"])) == ("l@ledger.example", "", 2)
    assert "no provider’s office is linked to it any more" in told["how"]
    status = text_of(tree_of(scene.asker.get(request)))
    assert f"(NPI {SECOND}): ended, as no provider’s office is linked to it any more" in status
    assert "Ended" in scene.status()
    assert "sold it" not in status + scene.asker.get("/my-activity").text + scene.asker.get("/our-activity").text
    assert "Ended the link of Ledger Billing" in world.sign_in("b.other").get("/our-activity").text
    with world.session() as session:
        open_now = session.scalars(sa.select(Grant.organization_id).where(Grant.is_open())).all()
    assert open_now == [trial.id], "which is shown nothing of others"


def test_when_staff_end_the_link_of_the_last_office(scene: Scene) -> None:
    world = scene.world
    world.staff("s.links", permissions=["staff:tax-ids:manage", "staff:people:search"])
    world.grant(scene.harbor, scene.payees[1])
    open_for_both(scene)
    staff = world.sign_in("s.links")
    for left in (scene.payees[1:], []):
        end = f"/staff/linked/{link_of(scene, scene.harbor)}/end"
        page = staff.get(end)
        listed = text_of(tree_of(page))
        assert listed.count("the access of Ledger Billing to") == 1, (
            "of this payee alone, while an office has the other"
        )
        refused = staff.post(end, {"reason": "They have closed"})
        assert (refused.status_code, 'value="They have closed"' in refused.text) == (409, True)
        assert staff.post(end, {"reason": "They have closed", "shown": hidden(page)}).status_code == 303
        assert scene.sees() == [one.id for one in left]
    told = [to for to, values in scene.messages("access_ended") if values["how"].startswith("ended, as no")]
    assert sorted(told) == ["h@harbor.example"] * 2 + ["l@ledger.example"] * 2, "the office, too"
    for username in ("h.delegate", "l.biller"):
        read = text_of(tree_of(world.sign_in(username).get("/my-activity")))
        assert "The access of Ledger Billing to Harbor" in read
        assert "was ended, as no provider’s office is linked to it any more" in read


def test_trials_and_ended_organizations_take_along_what_leans_on_them(scene: Scene) -> None:
    """A trial is nobody's office, so its end changes nothing; an organization ends once it is linked to nothing."""
    world = scene.world
    open_for_both(scene)
    trial = world.organization("Trial Clinic")
    world.grant(trial, scene.payees[0])
    with world.app.test_request_context(), world.session() as session:
        session.get_one(Organization, trial.id).provisional = True
        session.flush()
        end_grants(session, trial.id, None)
        assert end_if_empty(session, trial.id)
        session.commit()
    assert len(scene.sees()) == 2
    with world.app.test_request_context(), world.session() as session:
        assert not end_if_empty(session, scene.harbor.id)
        end_grants(session, scene.harbor.id, None)
        session.commit()
    assert scene.sees() == []
    with world.session() as session:
        told = session.scalars(sa.select(AuditEvent).filter_by(event="tax-id-npi-access.access.ended")).all()
    assert {one.organization_id for one in told} == {scene.harbor.id, scene.ledger.id}
