"""*Who can see our data* with 200,000 events of billing organizations in 90 days: counted by day, and reading the record.

`python -m bench.seeing [--events 200000]`
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import sqlalchemy as sa

from bench.data import PAYEES, fill
from bench.figures import Figure, show
from bench.requests import databases
from hp_portal import clock
from hp_portal.core.audit.models import AuditEvent, AuditSeal, AuditSealedRow
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.tax_ids.models import UseCounted
from hp_portal.core.tax_ids.seeing import who_sees
from hp_portal.core.tax_ids.use import REMEMBERED, count_use
from hp_portal.database import Database, PortalSession
from hp_portal.scopes import WholeScope

EVENTS, PAYMENTS, BILLERS, OWN = 200_000, 4_000, 5, 1
ROUNDS, AT_A_TIME = 21, 5_000


def _moments(count: int) -> Iterator[dt.datetime]:
    now = clock.now()
    for index in range(count):
        yield now - REMEMBERED * (1 - (index + 1) / (count + 1))


def open_payments(session: PortalSession, count: int) -> None:
    """Billing organizations see every payee, and have opened payments one after the other."""
    now = clock.now()
    for biller in range(100, 100 + BILLERS):
        session.add(
            Organization(id=biller, name=f"Biller {biller}", audience="billing", validated_at=now, created_at=now)
        )
        session.flush()
        session.add_all(
            Grant(organization_id=biller, payee_id=payee, proof="approval", granted_at=now)
            for payee in range(1, PAYEES + 1)
        )
    session.flush()
    payment = dict.fromkeys(session.context.events["remittance.payment.viewed"].fields, "")
    rows: list[dict[str, object]] = []
    for number, moment in enumerate(_moments(count), 1):
        fields = {**payment, "payment": number % PAYMENTS + 1, "rows": "1-5"}
        rows.append(
            {
                "id": number,
                "at": moment,
                "event": "remittance.payment.viewed",
                "organization_id": 100 + number % BILLERS,
                "request_id": "bench",
                "address": "127.0.0.1",
                "reason": "",
                "fields": json.dumps(fields, separators=(",", ":"), sort_keys=True),
            }
        )
        if len(rows) == AT_A_TIME or number == count:
            _put_away(session, rows)
            rows.clear()
    session.commit()
    session.connection().exec_driver_sql("ANALYZE")
    session.commit()


def _put_away(session: PortalSession, rows: Sequence[dict[str, object]]) -> None:
    """As recorded and sealed, without what proves it, which nobody looks at here."""
    seal = session.scalar(sa.select(sa.func.coalesce(sa.func.max(AuditSeal.id), 0) + 1)) or 1
    session.execute(sa.insert(AuditEvent), list(rows))
    values = {"id": seal, "sealed_at": rows[-1]["at"], "rows": len(rows), "digest": bytes(32)}
    session.execute(sa.insert(AuditSeal), values)
    sealed = [{"event_id": one["id"], "seal_id": seal, "digest": bytes(32)} for one in rows]
    session.execute(sa.insert(AuditSealedRow), sealed)


def seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def measure(url: str, folder: Path, kind: str, events: int) -> list[Figure]:
    """The figures of this database."""
    app = fill(url, folder, PAYMENTS)
    database: Database = app.extensions["hp_portal.database"]
    with app.app_context(), database.new_session(WholeScope("bench")) as session:
        open_payments(session, events)

        def look(*, with_use: bool = True) -> str:
            seen = who_sees(session, OWN, with_use=with_use)
            session.rollback()
            return json.dumps([(one.name, one.use.opened, str(one.use.last)) for one in seen.others])

        if session.scalar(sa.select(UseCounted.id)) is not None:
            raise RuntimeError("nothing may be counted yet")
        began = time.perf_counter()
        before = look()
        scan = time.perf_counter() - began
        counting = sum(seconds(lambda: count_use(session)) for _ in range(-(-events // (20 * AT_A_TIME))))
        if look() != before:
            raise RuntimeError("counted and read through must be the same")
        ratios, times = [], []
        for _ in range(ROUNDS):
            times.append(seconds(look))
            ratios.append(times[-1] / seconds(lambda: look(with_use=False)))
    database.engine.dispose()
    name = f"{kind}: who can see our data, {events:,} events"
    return [
        Figure(f"{name}, counted by day, of without use", statistics.median(ratios), "×", "≤ 3"),
        Figure(f"{name}, counted by day, of reading the record", statistics.median(times) / scan, "×", "≤ 0.1"),
        Figure(f"{name}, counted by day", statistics.median(times) * 1000, "ms", ""),
        Figure(f"{name}, reading the record", scan * 1000, "ms", ""),
        Figure(f"{kind}: to count them, once", counting, "s", ""),
    ]


def run(events: int = EVENTS) -> list[Figure]:
    """The figures of both databases."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="hp-portal-bench-") as name:
        folder = Path(name)
        with databases(folder) as urls:
            for kind, url in urls.items():
                figures += measure(url, folder, kind, events)
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=EVENTS)
    show(run(parser.parse_args().events))
