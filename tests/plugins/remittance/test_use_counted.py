"""How much organizations open is counted by day from the sealed record, and told as if it were read through."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
import sqlalchemy as sa

from hp_portal.core.tax_ids import use
from hp_portal.core.tax_ids.models import PayeeUse
from hp_portal.worker import core_jobs, run_job
from tests.plugins.remittance.inquiry import Office, url_of
from tests.plugins.remittance.town import WHO, Town, facts
from tests.support.clock import Clock


def test_what_was_opened_is_counted_once(office: Office, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the worker as soon as it is sealed, before that by the page, and by day afterwards."""
    clock.set(dt.datetime(2026, 3, 2, 18, tzinfo=dt.UTC))
    town, world = Town(office), office.world

    def work() -> None:
        for key in ("audit.seal", "tax-ids.count-use"):
            job = next(job for job in core_jobs(world.settings) if job.key == key)
            with world.app.app_context():
                assert run_job(world.app, job)

    def told() -> tuple[str, str]:
        found = facts(world.sign_in("d.elegate").get(WHO), town.ledger.id)
        return found["Opened in 30 days"], found["Last opened"]

    def opens(*more: str) -> None:
        biller = world.sign_in("l.edger")
        for path in more:
            biller.get(f"{url_of(town.payment)}{path}")
        biller.get(url_of(town.others))

    opens("", "/claims/1")
    work()
    assert told() == ("2", "Mar 2, 2026, 12:00 PM CST")
    clock.advance(minutes=1)
    opens("")
    assert told() == ("3", "Mar 2, 2026, 12:01 PM CST"), "before it is sealed"
    for _ in range(2):
        work()
        assert told() == ("3", "Mar 2, 2026, 12:01 PM CST")
    # What shows payments of several payees at once is opened once.
    both = {town.clinic.payee.id, town.second.id}
    with world.session() as session:
        kinds = use.showing(session).items()
    specs = {key: replace(spec, payees_shown=lambda session, events: [both for _ in events]) for key, spec in kinds}
    monkeypatch.setattr(use, "showing", lambda session: specs)
    clock.advance(days=1)
    world.sign_in("l.edger").get(url_of(town.payment))
    work()
    assert told()[0] == "4"
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(PayeeUse.id))) == 4, "of a day and payee each, and of the others"
    for days, opened, last in (
        (28, "4", "Mar 3"),
        (1, "1", "Mar 3"),
        (1, "0", "Mar 3"),
        (59, "0", "Mar 3"),
        (1, "0", "Not"),
    ):
        clock.advance(days=days)
        assert (told()[0], told()[1].startswith(last)) == (opened, True), days
    work()
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(PayeeUse.id))) == 0
