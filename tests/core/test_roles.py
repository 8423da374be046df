"""Roles of staff in the console: what each may do, what is new, and that somebody can always change them."""

from __future__ import annotations

import json

import sqlalchemy as sa

from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.identity.staff_roles import StaffRole, StaffRolePermission
from tests.support.client import PortalClient
from tests.support.world import World

MANAGER = ("staff:console:open", "staff:roles:manage")


def role_of(world: World, username: str) -> int:
    with world.session() as session:
        return session.scalars(sa.select(StaffRole.id).where(StaffRole.name == f"Role of {username}")).one()


def permissions(world: World, role_id: int) -> set[str]:
    with world.session() as session:
        rows = sa.select(StaffRolePermission.permission).where(StaffRolePermission.role_id == role_id)
        return set(session.scalars(rows))


def recorded(world: World) -> list[tuple[str, dict[str, str]]]:
    with world.session() as session:
        rows = session.execute(
            sa.select(AuditEvent.event, AuditEvent.fields)
            .where(AuditEvent.event.like("staff.role.%"))
            .order_by(AuditEvent.id)
        ).all()
    return [(event, json.loads(fields)) for event, fields in rows]


def manager(world: World) -> PortalClient:
    world.staff("a.manager", permissions=MANAGER)
    return world.sign_in("a.manager")


def test_a_permission_is_given_and_taken_at_once(world: World) -> None:
    world.staff("b.helper", permissions=("staff:console:open",))
    helper, client = world.sign_in("b.helper"), manager(world)
    role_id = role_of(world, "b.helper")
    address = f"/staff/roles/{role_id}/staff:plugins:read"
    assert helper.get("/staff/plugins").status_code == 403
    assert client.post(address, {"enabled": "1"}).status_code == 303
    assert client.post(address, {"enabled": "1"}).status_code == 303, "again changes nothing"
    assert helper.get("/staff/plugins").status_code == 200
    answer = client.post(address, {"enabled": "0"}, fragment=True)
    assert "Saved: Role of b.helper may no longer: See the installed plugins" in answer.text
    assert helper.get("/staff/plugins").status_code == 403
    fields = {"role": "Role of b.helper", "permission": "staff:plugins:read"}
    assert recorded(world) == [("staff.role.permission-given", fields), ("staff.role.permission-taken", fields)]


def test_without_the_permission_there_is_no_such_page(world: World) -> None:
    world.staff("b.helper", permissions=("staff:console:open",))
    helper = world.sign_in("b.helper")
    assert helper.get("/staff/roles").status_code == 403
    own = role_of(world, "b.helper")
    assert helper.post(f"/staff/roles/{own}/staff:roles:manage", {"enabled": "1"}).status_code == 403
    assert helper.post(f"/staff/roles/{own}/offered", {}).status_code == 403


def test_somebody_can_always_change_roles(world: World) -> None:
    client = manager(world)
    address = f"/staff/roles/{role_of(world, 'a.manager')}/staff:roles:manage"
    assert "last role" in client.post(address, {"enabled": "0"}, fragment=True).text
    assert client.post(address, {"enabled": "0"}).status_code == 303
    assert "last role" in client.get("/staff/roles").text
    other = world.staff("b.manager", permissions=MANAGER)
    with world.session() as session:
        session.merge(other).deactivated_at = other.created_at
    assert "last role" in client.post(address, {"enabled": "0"}, fragment=True).text, "a deactivated one is no help"
    world.staff("c.manager", permissions=MANAGER)
    assert "last role" not in client.post(address, {"enabled": "0"}, fragment=True).text
    assert client.get("/staff/roles").status_code == 403


def test_new_permissions_are_offered_to_the_first_role(world: World) -> None:
    client = manager(world)
    first = role_of(world, "a.manager")
    page = client.get("/staff/roles").text
    assert "New permissions that no role has yet" in page
    assert "Give them all to Role of a.manager" in page
    assert client.post(f"/staff/roles/{first}/offered", {}).status_code == 303
    known = world.app.extensions["hp_portal.directory"].staff_permissions
    assert permissions(world, first) == set(known)
    assert len(recorded(world)) == len(known) - len(MANAGER)
    assert "that no role has yet" not in client.get("/staff/roles").text


def test_a_role_is_added_once(world: World) -> None:
    client = manager(world)
    assert client.post("/staff/roles", {"name": "Claims desk"}).status_code == 303
    assert "Claims desk" in client.get("/staff/roles").text
    again = client.post("/staff/roles", {"name": "claims desk"})
    assert again.status_code == 422
    assert "There is a role of this name" in again.text
    assert 'value="claims desk"' in again.text
    assert client.post("/staff/roles", {"name": ""}).status_code == 422
    assert recorded(world) == [("staff.role.added", {"role": "Claims desk"})]


def test_what_does_not_exist(world: World) -> None:
    client, role_id = manager(world), role_of(world, "a.manager")
    assert client.post("/staff/roles/999/staff:plugins:read", {"enabled": "1"}).status_code == 404
    assert client.post(f"/staff/roles/{role_id}/staff:no:such", {"enabled": "1"}).status_code == 404
    assert client.post(f"/staff/roles/{role_id}/staff:plugins:read", {"enabled": "x"}).status_code == 400
    assert client.post("/staff/roles/999/offered", {}).status_code == 404
