"""One decision about many payments of one number: those that were ticked, or all that a file brought; and undoing it."""

from __future__ import annotations

import re
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.core.leases.leasing import LeaseLost
from hp_portal.worker import run_once
from hp_portal_plugins.remittance.demo.writing import PaymentText
from hp_portal_plugins.remittance.intake import deciding, deciding_many
from hp_portal_plugins.remittance.intake.models import SameNumber, SameNumberBatch
from hp_portal_plugins.remittance.models import Payment
from tests.support.client import PortalClient, heading_of
from tests.support.clock import Clock
from tests.support.world import World

from .inquiry import DAY, Office, claim, events
from .test_same_number_decisions import DECIDE, QUEUE, READ, standing, text_of

pytestmark = pytest.mark.either_database

TOGETHER = f"{QUEUE}/together"
REASON = "The sender corrected the whole file."


def text(office: Office, number: int, *claims: int) -> PaymentText:
    return PaymentText(f"47{number:03}", "ACH", DAY, office.payee_text, tuple(claim(one) for one in claims))


@pytest.fixture
def resent(office: Office) -> int:
    """Three payments in a file, and the same three with another claim each in a second one: its id."""
    office.imported(*(text(office, number, number) for number in range(1, 4)))
    later = office.imported(*(text(office, number, number, 10 + number) for number in range(1, 4)))
    with office.world.session() as session:
        return session.scalars(sa.select(Payment.file_id).where(Payment.id == later[0])).one()


def pairs(world: World) -> list[SameNumber]:
    with world.session() as session:
        return list(session.scalars(sa.select(SameNumber).order_by(SameNumber.id)))


def batch(world: World) -> SameNumberBatch:
    with world.session() as session:
        return session.scalars(sa.select(SameNumberBatch).order_by(SameNumberBatch.id.desc()).limit(1)).one()


def decide(staff: PortalClient, decision: str = "replaced", reason: str = REASON, **which: Any) -> Any:
    return staff.post(TOGETHER, {"decision": decision, "reason": reason, **which})


BEFORE = [(None, None, True)] * 6
REPLACED = [*(("replaced", number, False) for number in (4, 5, 6)), *[(None, None, False)] * 3]


def test_all_of_a_file_that_was_sent_again_is_one_decision(office: Office, resent: int, staff: PortalClient) -> None:
    world = office.world
    queue = staff.get(QUEUE).text
    assert f'href="{TOGETHER}?file={resent}"' in queue
    assert f'href="{TOGETHER}?file={resent}"' in staff.get(f"/staff/remittance/files/{resent}").text
    page = staff.get(f"{TOGETHER}?file={resent}")
    assert heading_of(page) == "Decide about 3 pairs"
    assert "What differs: amount in 3 pairs." in text_of(staff, f"{TOGETHER}?file={resent}")
    answer = decide(staff, file=str(resent))
    assert answer.status_code == 303
    assert standing(world) == REPLACED
    decided = [{"payment": one.payment_id, "earlier": one.earlier_id, "decision": "replaced"} for one in pairs(world)]
    assert events(world, "remittance.same-number.decided") == decided, "each by itself"
    assert events(world, "remittance.same-number.decided-together") == [
        {"batch": batch(world).id, "decision": "replaced", "pairs": 3}
    ]
    assert [(one.state, one.reason, one.decided_by_id) for one in pairs(world)] == [
        ("replaced", REASON, batch(world).asked_by_id)
    ] * 3
    shown = text_of(staff, answer.headers["Location"])
    assert "Replaced by the later: 3 pairs" in shown
    assert "3 pairs decided." in shown
    assert "Nothing waits" in text_of(staff, QUEUE)
    assert "Replaced by the later: 3 pairs" in text_of(staff, f"{QUEUE}?decided=1")


def test_it_is_undone_as_a_whole_but_for_what_was_decided_anew(
    office: Office, resent: int, staff: PortalClient
) -> None:
    world = office.world
    address = decide(staff, file=str(resent)).headers["Location"]
    first = pairs(world)[0].id
    staff.post(f"{QUEUE}/{first}/undo", {"reason": "Not this one."})
    staff.post(f"{QUEUE}/{first}/decide", {"decision": "replaced", "reason": "It is after all."})
    assert staff.post(f"{address}/undo", {"reason": ""}).status_code == 422
    assert standing(world) == REPLACED
    assert staff.post(f"{address}/undo", {"reason": "They were two payments each."}).status_code == 303
    assert [one.state for one in pairs(world)] == ["replaced", "waits", "waits"]
    assert standing(world)[1:3] == BEFORE[1:3]
    assert len(events(world, "remittance.same-number.undone")) == 3
    shown = text_of(staff, address)
    assert "2 pairs wait for a decision again. 1 pair had been undone or decided anew before." in shown
    assert "They were two payments each." in shown
    assert staff.post(f"{address}/undo", {"reason": "Once more."}).status_code == 303
    assert len(events(world, "remittance.same-number.undone-together")) == 1


def test_those_that_were_ticked_are_decided_and_no_other(office: Office, resent: int, staff: PortalClient) -> None:
    world = office.world
    ids = [str(one.id) for one in pairs(world)]
    assert re.findall(r'name="pair" value="(\d+)"', staff.get(QUEUE).text) == ids[::-1]
    address = f"{TOGETHER}?pair={ids[0]}&pair={ids[2]}"
    assert heading_of(staff.get(address)) == "Decide about 2 pairs"
    refused = decide(staff, decision="", reason="typed", pair=[ids[0], ids[2]])
    assert refused.status_code == 422
    assert 'value="typed"' in refused.text
    assert re.findall(r'name="pair" value="(\d+)"', refused.text) == [ids[0], ids[2]]
    decide(staff, "kept", pair=[ids[0], ids[2]])
    assert [one.state for one in pairs(world)] == ["kept", "waits", "kept"]
    assert decide(staff, "kept", pair=[ids[0]]).status_code == 404, "nobody decides twice"
    for wrong, status in (("", 422), ("pair=x", 422), ("file=x", 404), ("file=99", 404), (f"pair={'9' * 40}", 422)):
        assert staff.get(f"{TOGETHER}?{wrong}").status_code == status
    assert re.findall(r'name="pair" value="(\d+)"', staff.get(f"{TOGETHER}?pair={ids[1]}&pair={ids[1]}").text) == [
        ids[1]
    ]
    many = [str(number) for number in range(deciding_many.MOST_CHOSEN + 1)]
    refused = staff.get(f"{TOGETHER}?{'&'.join(f'pair={number}' for number in many)}")
    assert "At most 200 pairs can be ticked" in refused.text
    assert decide(staff, "kept", pair=many).status_code == 422
    assert pairs(world)[1].state == "waits"


def test_many_are_decided_and_undone_by_the_worker_as_who_asked(
    office: Office, resent: int, staff: PortalClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = office.world
    monkeypatch.setattr(deciding_many, "AT_ONCE", 2)
    monkeypatch.setattr(deciding_many, "_STEP", 2)
    address = decide(staff, "later-voided", file=str(resent)).headers["Location"]
    assert standing(world) == BEFORE, "not in the request"
    waiting = staff.get(address).text
    assert "Being decided" in waiting
    assert f'data-hx-get="{address}/progress"' in waiting
    assert decide(staff, "kept", file=str(resent)).status_code == 404, "they are spoken for"
    staff.post(f"{address}/undo", {"reason": "Too early."})
    assert batch(world).state == "deciding", "it is undone when it is done"
    assert run_once(world.app, ["long"])
    assert standing(world) == [*[(None, None, False)] * 3, *[("voided", None, False)] * 3]
    assert "3 pairs decided." in staff.get(f"{address}/progress", fragment=True).text
    assert who(world, "remittance.same-number.decided") == [batch(world).asked_by_id]
    other = world.staff("b.staff", permissions=["staff:console:open", READ, DECIDE])
    world.sign_in("b.staff").post(f"{address}/undo", {"reason": "No."})
    assert "Being undone" in staff.get(address).text
    assert run_once(world.app, ["long"])
    assert standing(world) == BEFORE
    assert who(world, "remittance.same-number.undone") == [other.id]
    assert "3 pairs wait for a decision again." in staff.get(address).text
    assert batch(world).state == "undone"


def who(world: World, event: str) -> list[int]:
    """Who is recorded as having done it."""
    with world.session() as session:
        done = sa.text("SELECT DISTINCT person_id FROM audit_event WHERE event = :event")
        return list(session.connection().execute(done, {"event": event}).scalars())


def test_a_worker_that_fails_or_is_overtaken_leaves_what_it_has_done_to_the_next(
    office: Office, resent: int, staff: PortalClient, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    world = office.world
    monkeypatch.setattr(deciding_many, "AT_ONCE", 0)
    monkeypatch.setattr(deciding_many, "_STEP", 1)
    decide(staff, file=str(resent))
    third, really = pairs(world)[2].id, deciding.decide

    def fails_at_the_third(session: Any, pair_id: int, *decision: Any, **more: Any) -> None:
        if pair_id == third:
            raise RuntimeError("the database is away, say")
        really(session, pair_id, *decision, **more)

    def overtaken(*_: Any, **__: Any) -> None:
        raise LeaseLost

    monkeypatch.setattr(deciding_many, "decide", fails_at_the_third)
    assert not run_once(world.app, ["long"])
    assert [one.state for one in pairs(world)] == ["replaced", "replaced", "waits"]
    monkeypatch.setattr(deciding_many, "decide", really)
    clock.advance(minutes=3)
    with monkeypatch.context() as now:
        now.setattr(deciding_many, "renew_lease", overtaken)
        assert run_once(world.app, ["long"]), "another worker has it: that is no failure"
    assert pairs(world)[2].state == "waits"
    clock.advance(minutes=3)
    assert run_once(world.app, ["long"])
    assert standing(world) == REPLACED
    assert batch(world).done == 3


def test_only_what_waits_is_offered_counted_and_decided(office: Office, resent: int, staff: PortalClient) -> None:
    world = office.world
    first, second, _ = (one.id for one in pairs(world))
    staff.post(f"{QUEUE}/{first}/decide", {"decision": "kept", "reason": "Two payments."})
    assert heading_of(staff.get(f"{TOGETHER}?file={resent}")) == "Decide about 2 pairs"
    listed = {"decided": False, "page": 1, "shown": 2}
    assert events(world, "remittance.same-number.listed") == [listed]
    staff.post(f"{QUEUE}/{second}/decide", {"decision": "kept", "reason": "Two payments."})
    assert f"{TOGETHER}?file=" not in staff.get(QUEUE).text, "one pair is no whole file"
    address = decide(staff, file=str(resent)).headers["Location"]
    assert [one.state for one in pairs(world)] == ["kept", "kept", "replaced"]
    assert batch(world).pairs == 1
    assert "1 pair decided." in staff.get(address).text
    assert events(world, "remittance.same-number.batch-viewed") == [{"batch": batch(world).id}]


def test_staff_are_warned_where_the_payee_differs(office: Office, staff: PortalClient) -> None:
    other = Office(office.world, "Oak Sample Clinic")
    office.imported(text(office, 1, 1), text(office, 2, 2))
    office.imported(text(other, 1, 1), text(office, 2, 2, 12))
    ids = [one.id for one in pairs(office.world)]
    warned = "In 1 pair the payee differs."
    assert warned in text_of(staff, f"{TOGETHER}?pair={ids[0]}&pair={ids[1]}")
    assert "the payee differs" not in text_of(staff, f"{TOGETHER}?pair={ids[1]}")


def test_what_cannot_be_decided_so_stays_in_the_queue(office: Office, resent: int, staff: PortalClient) -> None:
    """One of the later payments is voided meanwhile, in another pair that it is in."""
    world = office.world
    with world.session() as session:
        session.execute(sa.update(Payment).where(Payment.id == 5).values(set_aside="voided"))
    address = decide(staff, file=str(resent)).headers["Location"]
    assert [one.state for one in pairs(world)] == ["replaced", "waits", "replaced"]
    assert standing(world)[1] == (None, None, True)
    shown = text_of(staff, address)
    assert "2 pairs decided. 1 pair could not be decided so" in shown
    assert "Decided, but not about all" in shown
    assert f'value="{pairs(world)[1].id}"' in staff.get(QUEUE).text
    assert len(events(world, "remittance.same-number.decided")) == 2


def test_only_who_may_decide_is_offered_it(office: Office, resent: int, staff: PortalClient) -> None:
    world = office.world
    world.staff("b.staff", permissions=["staff:console:open", READ])
    reader = world.sign_in("b.staff")
    assert TOGETHER not in reader.get(QUEUE).text
    assert 'type="checkbox"' not in reader.get(QUEUE).text
    assert reader.get(f"{TOGETHER}?file={resent}").status_code == 403
    assert decide(reader, file=str(resent)).status_code == 403
    address = decide(staff, file=str(resent)).headers["Location"]
    assert "Undo all of it" in staff.get(address).text
    assert "Undo all of it" not in reader.get(address).text
    assert reader.post(f"{address}/undo", {"reason": "No."}).status_code == 403
    assert standing(world) == REPLACED
