"""Browsers of staff who sign in with the payer's directory, and what came of it."""

from __future__ import annotations

from typing import Any

import requests
import sqlalchemy as sa
from werkzeug.test import TestResponse

from hp_portal.core.identity.models import Person
from hp_portal.core.identity.staff_roles import StaffRole, StaffRoleMember
from tests.support.client import PortalClient
from tests.support.people import recorded
from tests.support.processes import PATIENCE
from tests.support.world import World

HOST = "http://localhost"
BACK = f"{HOST}/sign-in/directory/answer"
REFUSED = "identity.directory.refused"


class Browser:
    """Somebody's browser: what it keeps of the portal, and of the directory."""

    def __init__(self, world: World) -> None:
        self.portal = world.client()
        self.directory = requests.Session()
        self.sent = ""

    def go(self, path: str = "/sign-in/directory") -> str:
        """Follow the link to the directory; its address."""
        answer = self.portal.get(path)
        assert answer.status_code == 303, answer.text
        self.sent = answer.location
        return self.sent

    def choose(self, name: str) -> str:
        """Be somebody there; the address that the directory leads back to."""
        answer = self.directory.post(self.sent, {"name": name}, allow_redirects=False, timeout=PATIENCE)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"].removeprefix(HOST)

    def enter(self, name: str, path: str = "/sign-in/directory") -> TestResponse:
        self.go(path)
        return self.portal.get(self.choose(name))


def roles_of(world: World, username: str) -> list[str]:
    with world.session() as session:
        held = (
            sa.select(StaffRole.name)
            .join(StaffRoleMember, StaffRoleMember.role_id == StaffRole.id)
            .join(Person, Person.id == StaffRoleMember.person_id)
            .where(Person.username == username)
        )
        return sorted(session.scalars(held))


def whys(world: World) -> list[str]:
    return [one["why"] for one in recorded(world, REFUSED)]


def count(world: World, model: Any) -> int:
    with world.session() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(model)) or 0


def is_in(client: PortalClient) -> bool:
    return client.get("/my-sign-ins").status_code == 200
