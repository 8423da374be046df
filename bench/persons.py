"""Searching claims by a patient's name: by keyed tokens with the rows' persons opened, against the same names in the clear.

`python -m bench.persons`
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.figures import Figure, show
from bench.importing import app_on, imported, make_file
from bench.requests import databases
from hp_portal.core.web.listing import Order, page_of
from hp_portal.database import Database, PortalSession
from hp_portal.scopes import WholeScope
from hp_portal_plugins.remittance.inquiry import search
from hp_portal_plugins.remittance.inquiry.criteria import ClaimCriteria
from hp_portal_plugins.remittance.keys import name_key
from hp_portal_plugins.remittance.models import Claim, Payment

ROUNDS = 9
SEARCHES = 100
_plain = sa.Table(
    "bench_plain_claim",
    sa.MetaData(),
    sa.Column("payment_id", sa.BigInteger(), primary_key=True, autoincrement=False),
    sa.Column("claim", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("paid", sa.BigInteger()),
    sa.Column("last_name", sa.Text()),
    sa.Column("first_name", sa.Text()),
    sa.Column("name_key", sa.Text()),
    sa.Index("ix_bench_plain_claim", "name_key", postgresql_ops={"name_key": "text_pattern_ops"}),
)


def fill(session: PortalSession) -> list[str]:
    """The claims' names in the clear beside them; returns what is searched for: last names with a letter of the first."""
    rows = [
        {
            "payment_id": claim.payment_id,
            "claim": claim.claim,
            "paid": claim.paid,
            "last_name": claim.patient_last_name,
            "first_name": claim.patient_first_name,
            "name_key": name_key(claim.patient_last_name, claim.patient_first_name),
        }
        for claim in session.scalars(sa.select(Claim))
        if claim.patient_last_name
    ]
    _plain.create(session.connection())
    session.execute(sa.insert(_plain), rows)
    session.commit()
    names = sorted({str(row["name_key"]).partition(",")[0] + "," + str(row["first_name"])[:1] for row in rows})
    return names[:: max(1, len(names) // SEARCHES)][:SEARCHES]


def sealed(session: PortalSession, name: str) -> list[Any]:
    """The search as the page does it: a page of claims, and what is paid for all of them."""
    last, _, first = name.partition(",")
    order = Order(search.CLAIMS_FOUND, "-issued")
    found = search.find_claims(session, ClaimCriteria(last_name=last, first_name=first), order)
    return [_read(claim) for claim in found.listing.rows]


def plain(session: PortalSession, name: str) -> list[Any]:
    """The same with the names in the clear."""
    at = _plain.c
    begins = (
        at.name_key.startswith(name, autoescape=True)
        if session.get_bind().dialect.name == "postgresql"
        else sa.and_(at.name_key >= name, at.name_key < name + "\U0010ffff")
    )
    columns = [column for column in search._claim_rows.selected_columns if column.name != "person_sealed"]
    same = sa.and_(Claim.payment_id == at.payment_id, Claim.claim == at.claim)
    rows = (
        sa.select(*columns, at.last_name.label("patient_last_name"), at.first_name.label("patient_first_name"))
        .join(Payment, Payment.id == Claim.payment_id)
        .join(_plain, same)
        .where(begins)
        .order_by(*search.CLAIMS_FOUND.order_by("-issued"), Claim.claim)
    )
    found: Any = page_of(session, rows, 1)
    if found.pages > 1:
        session.scalar(sa.select(sa.func.sum(Claim.paid)).join(_plain, same).where(begins))
    return [_read(claim) for claim in found.rows]


def _read(claim: Any) -> tuple[Any, ...]:
    return claim.payment_id, claim.claim, claim.patient_last_name, claim.patient_first_name, claim.paid


def seconds(of: Callable[[PortalSession, str], list[Any]], session: PortalSession, names: Sequence[str]) -> float:
    began = time.perf_counter()
    for name in names:
        of(session, name)
    return time.perf_counter() - began


def measure(url: str, folder: Path, path: Path, kind: str) -> list[Figure]:
    """The figure of this database."""
    database: Database = app_on(url, folder).extensions["hp_portal.database"]
    with database.new_session(WholeScope("bench")) as session:
        imported(session, path)
        names = fill(session)
        session.connection().exec_driver_sql("ANALYZE")
        session.commit()
        for name in names:
            if sealed(session, name) != plain(session, name):
                raise RuntimeError("both searches must find the same")
        ratios = [seconds(sealed, session, names) / seconds(plain, session, names) for _ in range(ROUNDS)]
    database.engine.dispose()
    return [Figure(f"{kind}: claims by a sealed name, of one in the clear", statistics.median(ratios), "x", "≤ 1.3")]


def run(megabytes: float = 5) -> list[Figure]:
    """The figures of both databases."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="hp-portal-bench-") as name:
        folder = Path(name)
        path = folder / "bench.835"
        make_file(path, megabytes)
        with databases(folder) as urls:
            for kind, url in urls.items():
                figures += measure(url, folder, path, kind)
    return figures


if __name__ == "__main__":
    show(run())
