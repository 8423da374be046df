"""Several organizations that hold one payee: whoever has proved it chooses, and nobody else is told of them."""

from __future__ import annotations

import pytest

from hp_portal.core.organizations.models import Organization
from tests.core.test_registration_joins import NPI, TIN, Scene, payments, scene
from tests.support.client import PortalClient
from tests.support.registering import Visitor, mailed_pin, mails, mails_leave, tidy

pytestmark = pytest.mark.either_database

__all__ = ["payments", "scene"]
A_DELEGATE, B_DELEGATE = "a.delegate@office.example", "b.delegate@office.example"


@pytest.fixture
def shore(scene: Scene) -> Organization:
    """A second organization that holds the payee."""
    shore = scene.world.organization("Shore Office")
    scene.world.grant(shore, scene.payee)
    scene.world.person("b.delegate", organization=shore, delegate=True, name="Bea Delegate")
    return shore


def go_on(visitor: Visitor, organization: Organization | None, route: str, left_reason: str = "") -> int:
    given = {"route": route, "left_reason": left_reason, "organization": str(organization.id) if organization else ""}
    return visitor.client.post("/register/organization", given).status_code


def staff(scene: Scene) -> PortalClient:
    scene.world.staff("a.staff", permissions=("staff:console:open", "staff:registrations:read", DECIDE))
    return scene.world.sign_in("a.staff")


DECIDE = "staff:registrations:decide"


def test_who_has_proved_the_payee_chooses_the_organization(scene: Scene, shore: Organization) -> None:
    visitor = scene.visitor()
    page = visitor.client.get("/register/organization").text
    assert all(text in page for text in ("Harbor Clinic", "Shore Office", "a•••@", "Bea D.", "b•••@"))
    assert go_on(visitor, None, "join") == 422
    assert go_on(visitor, scene.world.organization("Elsewhere"), "join") == 422, "it does not hold the payee"
    assert go_on(visitor, shore, "join") == 303
    assert "Shore Office" in visitor.client.get("/register/finish").text
    visitor.finish()
    assert (scene.case().state, scene.case().organization_id) == ("asked", shore.id)
    assert len(mails(scene.world, B_DELEGATE)) == 1
    assert not mails(scene.world, A_DELEGATE)


def test_a_trial_concerns_the_organization_that_was_chosen(scene: Scene, shore: Organization) -> None:
    visitor = scene.visitor()
    assert go_on(visitor, shore, "left", "left") == 303
    visitor.finish()
    assert (scene.case().state, scene.case().organization_id) == ("challenged", shore.id)
    assert mails(scene.world, B_DELEGATE)[0][1]["organization"] == "Shore Office"
    assert not mails(scene.world, A_DELEGATE)
    mails_leave(scene.world)
    scene.clock.advance(days=10)
    tidy(scene.world)
    assert scene.newcomer().organization_id == shore.id
    assert mails(scene.world, B_DELEGATE)[0][0].template == "registration_newcomer"


def by_mail(scene: Scene) -> Visitor:
    visitor = Visitor(scene.world)
    visitor.begin("mail")
    visitor.prove(tin=TIN, npi=NPI)
    page = visitor.client.get("/register/organization").text
    assert not any(text in page for text in ("Harbor Clinic", "Shore Office", "Which organization", "organizations"))
    return visitor


def test_without_a_proof_staff_say_which_one_it_is(scene: Scene, shore: Organization) -> None:
    visitor = by_mail(scene)
    assert go_on(visitor, None, "join") == 303
    assert "Our staff will look at your request first" in visitor.client.get("/register/finish").text
    visitor.finish()
    case = scene.case()
    assert (case.state, case.organization_id) == ("staff", None)
    page = staff(scene).get(f"/staff/registrations/{case.id}").text
    assert all(f"Let the person into {name}, as a delegate" in page for name in ("Harbor Clinic", "Shore Office"))
    words = {"decision": f"member:{shore.id}", "reason": "Called the office.", "answer": "Welcome."}
    assert scene.world.sign_in("a.staff").post(f"/staff/registrations/{case.id}/decide", words).status_code == 303
    assert scene.newcomer().organization_id == shore.id
    assert mails(scene.world, B_DELEGATE)[0][0].template == "registration_newcomer", "its delegates have not said so"


def test_after_the_pin_one_says_in_which_organization_somebody_has_left(scene: Scene, shore: Organization) -> None:
    visitor = by_mail(scene)
    assert go_on(visitor, None, "left", "left") == 303
    visitor.finish()
    assert (scene.case().state, scene.case().organization_id) == ("pin", None)
    assert "Shore Office" not in visitor.client.get("/registration").text
    assert visitor.client.post("/registration/organization", {"organization": str(shore.id)}).status_code == 303
    assert scene.case().state == "pin", "not before the PIN"
    visitor.client.post("/registration/pin", {"pin": mailed_pin(scene.world)})
    page = visitor.client.get("/registration").text
    assert "Harbor Clinic" in page
    assert "Shore Office" in page
    assert scene.grants(scene.case().own_id) == set(), "nobody has been told yet"
    elsewhere = scene.world.organization("Elsewhere")
    visitor.client.post("/registration/organization", {"organization": str(elsewhere.id)})
    assert scene.case().state == "staff"
    visitor.client.post("/registration/organization", {"organization": str(shore.id)})
    assert (scene.case().state, scene.case().organization_id) == ("challenged", shore.id)
    assert scene.grants(scene.case().own_id) == {scene.payee.id}
    assert mails(scene.world, B_DELEGATE)[0][0].template == "registration_challenge"
    assert not mails(scene.world, A_DELEGATE)
