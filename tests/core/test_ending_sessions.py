"""Staff sign somebody out everywhere, such as after a computer was lost."""

from __future__ import annotations

import json

import sqlalchemy as sa

from hp_portal.core.audit.models import AuditEvent
from tests.support.world import World


def test_ending_sessions_signs_out_everywhere_and_leaves_the_password(world: World) -> None:
    staff = world.sign_in(
        world.staff("s.console", permissions=("staff:people:search", "staff:people:deactivate")).username
    )
    person = world.person("m.keeper")
    browsers = [world.sign_in("m.keeper"), world.sign_in("m.keeper")]
    stranger = world.sign_in(world.person("n.other").username)
    url = f"/staff/people/{person.id}"
    assert staff.post(f"{url}/end-sessions").location == url
    assert "was signed out of 2 sessions." in staff.get(url).text
    assert [browser.get("/my-activity").status_code for browser in [*browsers, stranger]] == [303, 303, 200]
    assert world.sign_in("m.keeper").get("/my-activity").status_code == 200
    with world.session() as session:
        events = sa.select(AuditEvent.fields).where(AuditEvent.event == "people.person.signed-out")
        assert [json.loads(fields) for fields in session.scalars(events)] == [
            {"person": person.id, "sign_ins_ended": 2}
        ]
