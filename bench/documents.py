"""Large documents: what they take, and whether anybody else waits while they are made.

`python -m bench.documents`
"""

from __future__ import annotations

import contextlib
import io
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import sqlalchemy as sa
from flask import Flask

from bench.data import fill
from bench.figures import Figure, show
from bench.load import load, request
from bench.requests import environment, served
from hp_portal.core.downloads.models import DocumentRequest
from hp_portal.core.downloads.queue import ACTIVE, FAILED
from hp_portal.core.organizations.models import Grant
from hp_portal.database import Database, PortalSession
from hp_portal.hookspecs import Making
from hp_portal.scopes import WholeScope

CLAIMS, LINES = 2000, 4
EACH = (14, 16)
"""Claims of each payment of many: as many lines and adjustments that 500 payments have some 50,000 rows."""
FEW = 100
"""Payments in the measured ZIP: its PDFs are made one after another, so its memory does not grow with their number."""
PDFS, WORKBOOKS = 4, 8
ROUNDS = 3


def run() -> list[Figure]:
    """Every figure of this bench; see docs/figures.md."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'documents.sqlite'}"
        app = fill(url, folder / "instance", 100)
        payment = _large_payment(app)
        figures = [
            *_one_document(app, payment),
            *_everybody_else(app, url, folder / "instance", payment),
            *_together(app),
        ]
        app.extensions["hp_portal.database"].engine.dispose()
        return figures


def _large_payment(app: Flask) -> int:
    """Import a payment of 2,000 claims with four lines each, and let the bench's person see it."""
    from hp_portal_plugins.remittance.intake.importing import import_file
    from hp_portal_plugins.remittance.models import Claim, Payment
    from tests.tools.gen835 import generate

    file = generate(bytes=1_500_000, seed=3, claims=(CLAIMS, CLAIMS), lines=(LINES, LINES), plb=1.0)
    with app.app_context(), _session(app) as session:
        import_file(session, io.BytesIO(file), "bench", person_id=None)
        largest = sa.select(Payment.id).order_by(Payment.claim_count.desc()).limit(1)
        payment_id: int = session.scalars(largest).one()
        own = session.scalars(sa.select(Grant.payee_id).where(Grant.organization_id == 1).limit(1)).one()
        session.execute(sa.update(Payment).where(Payment.id == payment_id).values(payee_id=own))
        session.execute(sa.update(Claim).where(Claim.payment_id == payment_id).values(payee_id=own))
        session.commit()
    return payment_id


def _together(app: Flask) -> list[Figure]:
    """Memory of making one file of as many payments and rows as one may have: of the worker, over what it had before, and of the
    processes that it starts, at their peaks."""
    from hp_portal_plugins.remittance.downloads import together

    payments = _many_payments(app)
    kinds = {kind.key: kind for kind in together.TOGETHER}
    making = Making(at_once=False, progress=lambda _done, _of: None)
    figures = []
    for key, chosen in (
        (together.CSV, payments),
        (together.XLSX, payments),
        (together.EDI, payments),
        (together.ZIP, payments[:FEW]),
    ):
        with app.app_context(), _session(app) as session, _peak() as apart, _growth() as own:
            made = kinds[key].make(session, {"payments": chosen, "reason": "bench"}, making)
        if made is None or made.left_out:
            raise RuntimeError(f"{key} has not all payments in it")
        name = (
            f"{len(chosen)} payments as one {together.FORMATS[key]}" if key != together.ZIP else f"{FEW} PDFs in a ZIP"
        )
        figures += [
            Figure(f"{name}: memory of its processes", apart[0], "MiB", "≤ 512"),
            Figure(f"{name}: memory of the worker over idle", own[0], "MiB", "≤ 256"),
        ]
    return figures


def _many_payments(app: Flask) -> list[list[object]]:
    """Import payments; pairs of id and name of as many as one file may have."""
    from hp_portal_plugins.remittance.downloads.chosen import MOST_TOGETHER, name_of
    from hp_portal_plugins.remittance.intake.importing import import_file
    from hp_portal_plugins.remittance.models import Payment
    from tests.tools.gen835 import generate

    file = generate(bytes=4_200_000, seed=4, claims=EACH, lines=(1, 3), plb=0.3)
    with app.app_context(), _session(app) as session:
        report = import_file(session, io.BytesIO(file), "bench of many", person_id=None)
        session.commit()
        newest = session.scalars(sa.select(Payment).where(Payment.file_id == report.file_id).limit(MOST_TOGETHER))
        chosen = [[one.id, name_of(one.method, one.trace_number, one.effective_on)] for one in newest]
    if len(chosen) < MOST_TOGETHER:
        raise RuntimeError(f"the file has {len(chosen)} payments alone")
    return chosen


@contextlib.contextmanager
def _highest(measure: Callable[[], int]) -> Iterator[list[float]]:
    """MiB of the bytes that `measure` gives, at the highest while the block runs."""
    peak, stop = [0.0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.05):
            peak[0] = max(peak[0], measure() / (1 << 20))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()


def _growth() -> contextlib.AbstractContextManager[list[float]]:
    """MiB that this process takes more than before, at the peak."""
    me = psutil.Process()
    before = me.memory_info().rss
    return _highest(lambda: int(me.memory_info().rss - before))


def _peak() -> contextlib.AbstractContextManager[list[float]]:
    """MiB that this process' children have together at the peak, what they share counted once."""
    me = psutil.Process()

    def of_children() -> int:
        total = 0
        for child in me.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                total += child.memory_full_info().pss
        return total

    return _highest(of_children)


class _Owner:
    """Whose documents they are."""

    person_id, organization_id = 1, 1


def _session(app: Flask) -> PortalSession:
    database: Database = app.extensions["hp_portal.database"]
    return database.new_session(WholeScope("bench"))


def _one_document(app: Flask, payment: int) -> list[Figure]:
    """Memory of a PDF's processes at their peak, and its time beside that of the same rows as a CSV file."""
    from hp_portal_plugins.remittance.downloads import documents

    with app.app_context(), _session(app) as session:
        kinds = {kind.key: kind for kind in documents.DOCUMENTS}
        wanted = {"payment": payment, "reason": "bench"}
        making = Making(at_once=False, progress=lambda _done, _of: None)
        times: dict[str, list[float]] = {documents.PDF: [], documents.CSV: []}
        with _peak() as peak:
            for _ in range(ROUNDS):
                for key, taken in times.items():
                    began = time.perf_counter()
                    kinds[key].make(session, wanted, making)
                    taken.append(time.perf_counter() - began)
    ratios = [pdf / csv for pdf, csv in zip(times[documents.PDF], times[documents.CSV], strict=True)]
    name = f"PDF of {CLAIMS:,} claims, {CLAIMS * LINES:,} lines"
    return [
        Figure(f"{name}: memory of its processes", peak[0], "MiB", "≤ 512"),
        Figure(f"{name}: time / the same as CSV", statistics.median(ratios), "×", ""),
        Figure(f"{name}: time", statistics.median(times[documents.PDF]), "s", ""),
    ]


def _everybody_else(app: Flask, url: str, folder: Path, payment: int) -> list[Figure]:
    """The 95th percentile of /sign-in while a worker makes large documents, over the same while it has nothing to do."""
    sign_in = [request("/sign-in", {})]
    command = [sys.executable, "-m", "hp_portal", "worker"]
    with served("hp_portal.wsgi:app", url, folder) as port:
        worker = subprocess.Popen(
            command, env=environment(url, folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            load(port, sign_in, connections=1, seconds=3)
            idle = load(port, sign_in, connections=1, seconds=10)
            asked = _ask_for_all(app, payment)
            time.sleep(2)
            busy = load(port, sign_in, connections=1, seconds=20)
            if not _waiting(app):
                raise RuntimeError("every document was made before the load ended")
        finally:
            worker.terminate()
            worker.wait(120)
    name = f"/sign-in p95, {PDFS} PDFs and {WORKBOOKS} workbooks being made"
    return [
        Figure(f"{name} / idle", busy.p95_ms / idle.p95_ms, "×", "≤ 2"),
        Figure(name, busy.p95_ms, "ms", ""),
        Figure("documents that one person had in line for it", asked, "", ""),
    ]


def _ask_for_all(app: Flask, payment: int) -> int:
    """As many people would: a person's limit is lifted for it."""
    from hp_portal.core.downloads import queue
    from hp_portal_plugins.remittance.downloads.documents import DOCUMENTS, PDF, XLSX

    kinds = {kind.key: kind for kind in DOCUMENTS}
    before, queue.PER_PERSON = queue.PER_PERSON, PDFS + WORKBOOKS
    try:
        with app.app_context(), _session(app) as session:
            for key, times in ((PDF, PDFS), (XLSX, WORKBOOKS)):
                for number in range(times):
                    wanted = {"payment": payment, "reason": f"bench {number}"}
                    queue.request_document(session, _Owner(), kinds[key], wanted, f"{key} {number}")
            session.commit()
    finally:
        queue.PER_PERSON = before
    return PDFS + WORKBOOKS


def _waiting(app: Flask) -> int:
    with _session(app) as session:
        counted = sa.select(sa.func.count()).select_from(DocumentRequest)
        if session.scalar(counted.where(DocumentRequest.state == FAILED)):
            raise RuntimeError("a document could not be made")
        return session.scalar(counted.where(DocumentRequest.state.in_(ACTIVE))) or 0


def main() -> None:
    show(run())


if __name__ == "__main__":
    main()
