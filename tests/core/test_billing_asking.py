"""What a billing organization asks, asks again and corrects, and how it reads where its requests stand."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.core.organizations.access_requests import AccessRequest
from tests.core.test_billing_access import BASE, NPI, OFFICE, SECOND, TIN, Scene, rows_of
from tests.core.test_billing_access import scene as scene
from tests.support.client import tree_of
from tests.support.html import text_of
from tests.support.identifiers import make_tin


def _words(page: Any) -> str:
    """A page as it reads without the numbers that differ from request to request."""
    return re.sub(r"•+\d+", "", text_of(tree_of(page)).partition("Version")[0])


def _alike(scene: Scene, address: str) -> str:
    return _words(scene.asker.get(address))


def test_nothing_tells_what_staff_look_at_from_what_was_sent(scene: Scene) -> None:
    scene.world.staff("s.links", permissions=["staff:tax-ids:manage", "staff:console:open"])
    known, held = [scene.ask(tin=tin, form=tin[:5]).location for tin in (TIN, make_tin(999))]
    for days, resends in ((1, True), (0, True), (8, False), (1, True), (7, False)):
        scene.clock.advance(days=days, seconds=1)
        scene.work()
        if resends:
            said = [scene.asker.post(f"{one}/resend", {}, follow_redirects=True) for one in (known, held)]
            assert len({_words(one) for one in said}) == 1
        assert _alike(scene, known) == _alike(scene, held)
    assert "Reminded" in _alike(scene, held)
    assert {to for to, _ in scene.messages("access_asked")} == {OFFICE["email"]}
    mails = len(scene.messages("access_asked"))
    staff = scene.world.sign_in("s.links")
    path = f"/staff/access-requests/{held.rpartition('/')[2]}/send"
    assert staff.post(path, {"reason": "called them"}).status_code == 303
    assert len(scene.messages("access_asked")) == mails + 1
    assert _alike(scene, known) == _alike(scene, held), "nor when staff have let it go"


def test_the_office_never_finds_what_was_not_sent(scene: Scene) -> None:
    delegate = scene.world.sign_in("h.delegate")
    gone = scene.ask(email="olive@gmail.com").location
    office = f"/access-requests/{gone.rpartition('/')[2]}"
    assert "Ledger Billing" not in delegate.get("/access-requests").text
    scene.asker.post(f"{gone}/withdraw", {})
    assert delegate.get(office).status_code == 404
    scene.ask(email="olive@gmail.com", form="f2")
    scene.clock.advance(days=31)
    scene.work()
    assert "Expired" in scene.status()
    assert "Ledger Billing" not in delegate.get("/access-requests").text
