"""Access to a payee that ends by itself: over at once, noted by the worker, told to those concerned."""

from __future__ import annotations

import datetime as dt
import json

import pytest
import sqlalchemy as sa

from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.delivery.models import Message
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.scopes import granted_payees
from hp_portal.worker import core_jobs, run_job
from tests.support.client import tree_of
from tests.support.clock import Clock
from tests.support.html import text_of
from tests.support.identifiers import make_npi, make_tin
from tests.support.world import World

START = dt.datetime(2026, 3, 2, 15, tzinfo=dt.UTC)
TIN, NPI = make_tin(4711), make_npi(4711)
END = START + dt.timedelta(days=30)


@pytest.fixture
def scene(world: World, clock: Clock) -> tuple[World, Organization, Organization, Payee]:
    """A billing organization, Ledger, sees a payee of Harbor Clinic until a day."""
    clock.set(START)
    harbor = world.organization("Harbor Clinic")
    ledger = world.organization("Ledger Billing", audience="billing")
    payee = world.payee(TIN, NPI, "Harbor Payee")
    world.grant(harbor, payee)
    world.grant(ledger, payee, ends_at=END)
    world.person("l.delegate", organization=ledger, delegate=True)
    world.person("h.delegate", organization=harbor, delegate=True)
    return world, harbor, ledger, payee


def note_ends(world: World) -> None:
    job = next(job for job in core_jobs(world.settings) if job.key == "tax-ids.end-access")
    with world.app.app_context():
        assert run_job(world.app, job)


def rows(client: object) -> int:
    tree = tree_of(client.get("/apps/tax-id-npi-access/"))  # type: ignore[attr-defined]
    return sum(1 for body in tree.iter("tbody") for _ in body.iter("tr"))


def test_access_is_over_on_its_day_without_a_worker(
    scene: tuple[World, Organization, Organization, Payee], clock: Clock
) -> None:
    world, harbor, ledger, payee = scene
    theirs, ours = world.sign_in("l.delegate"), world.sign_in("h.delegate")
    statement = granted_payees()
    for moment, seen in (
        (END - dt.timedelta(seconds=1), [payee.id]),
        (END, []),
        (END - dt.timedelta(days=1), [payee.id]),
    ):
        clock.set(moment)
        # One statement, made once: the moment is asked for as it runs.
        with world.session_of(ledger) as session:
            assert session.scalars(statement).all() == seen
            assert [one.id for one in session.scalars(sa.select(Payee))] == seen
        with world.session_of(harbor) as session:
            assert session.scalars(statement).all() == [payee.id]
    clock.set(END)
    theirs, ours = world.sign_in("l.delegate"), world.sign_in("h.delegate")
    assert (rows(theirs), rows(ours)) == (0, 1)


def test_the_worker_notes_the_end_once_and_tells_both(
    scene: tuple[World, Organization, Organization, Payee], clock: Clock
) -> None:
    world, harbor, ledger, payee = scene
    clock.set(END - dt.timedelta(seconds=1))
    note_ends(world)
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(Grant.id)).where(Grant.ended_at.is_not(None))) == 0
    clock.set(END + dt.timedelta(minutes=1))
    note_ends(world)
    note_ends(world)
    with world.session() as session:
        grant = session.scalars(sa.select(Grant).where(Grant.ended_at.is_not(None))).one()
        assert (grant.organization_id, grant.ended_how, grant.ended_by_id) == (ledger.id, "time", None)
        told = session.scalars(sa.select(AuditEvent).filter_by(event="tax-id-npi-access.access.ended")).all()
        assert sorted(one.organization_id or 0 for one in told) == sorted([ledger.id, harbor.id])
        assert json.loads(told[0].fields) == {"organization": ledger.id, "payee": payee.id, "how": "time"}
        mails = session.scalars(sa.select(Message).filter_by(template="access_ended")).all()
        assert sorted(one.recipient for one in mails) == ["h.delegate@office.example", "l.delegate@office.example"]
    for username in ("l.delegate", "h.delegate"):
        page = text_of(tree_of(world.sign_in(username).get("/my-activity")))
        assert "The access of Ledger Billing to Harbor Payee" in page, page
        assert "was ended on its day" in page


def test_what_is_over_and_not_yet_noted_can_be_given_again(
    scene: tuple[World, Organization, Organization, Payee], clock: Clock
) -> None:
    world, _, ledger, _ = scene
    world.staff("s.links", permissions=["staff:tax-ids:manage", "staff:people:search"])
    clock.set(END + dt.timedelta(days=1))
    client = world.sign_in("s.links")
    form = {"tin": TIN, "npi": NPI, "reason": "asked by telephone"}
    assert client.post(f"/staff/organizations/{ledger.id}/link", form).status_code == 303
    with world.session() as session:
        grants = session.scalars(sa.select(Grant).filter_by(organization_id=ledger.id).order_by(Grant.id)).all()
        assert [(one.ended_how, one.ends_at) for one in grants] == [("time", END), (None, None)]
