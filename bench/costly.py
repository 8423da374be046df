"""What costs whoever waits: the demo's payments, a password of marks out of order, forms of a megabyte of what is bad to read.

`python -m bench.costly`
"""

from __future__ import annotations

import io
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest.mock import patch

from flask import Flask

from bench.figures import Figure, show
from bench.importing import app_on
from hp_portal import demo_people
from hp_portal.core.organizations.models import Organization
from hp_portal.scopes import WholeScope
from hp_portal_plugins.remittance.demo import loading
from hp_portal_plugins.remittance.intake import importing
from tests.support.client import PortalClient
from tests.support.costly import ROOM, all_answers, post
from tests.support.databases import database_of
from tests.support.matrix import build_scene
from tests.support.world import World
from tests.tools.gen835 import generate

ROUNDS = 5
MARKS = "a" + "\u0315" * 40_000 + "\u0300" * 40_000


def _seconds(work: Callable[[], object]) -> float:
    """Of the processor."""
    began = time.process_time()
    work()
    return time.process_time() - began


def _demo(app: Flask) -> list[Figure]:
    """The demo's files beside one generated file of as many bytes. Nothing is kept."""
    world, database = World(app), database_of(app)
    organizations: dict[str, Organization] = {}
    for entry in demo_people.DEMO_PAYEES:
        payee = world.payee(entry.tin, entry.npi or None, entry.name, vendor_number=entry.vendor_number)
        for name in entry.organizations:
            if name not in organizations:
                organizations[name] = world.organization(name)
            world.grant(organizations[name], payee)
    ratios = []
    for _ in range(ROUNDS):
        with (
            patch.object(loading, "import_file", wraps=importing.import_file) as imports,
            app.app_context(),
            database.new_session(WholeScope("bench")) as session,
        ):
            took = _seconds(partial(loading.load_demo, session))
            session.rollback()
        size = sum(len(call.args[1].getvalue()) for call in imports.call_args_list)
        text = io.BytesIO(generate(bytes=size, seed=1))
        with app.app_context(), database.new_session(WholeScope("bench")) as session:
            alone = _seconds(partial(importing.import_file, session, text, "bench.835"))
            session.rollback()
        ratios.append(took / alone)
    return [Figure("the demo's payments / one file of as many bytes", statistics.median(ratios), "×", "≤ 6")]


def _password(app: Flask) -> list[Figure]:
    """Signing in with marks that normalizing sorts in a time by the square of their number, beside as many letters."""
    client = PortalClient(app)
    ratios = []
    for _ in range(ROUNDS):
        seconds = [
            post(client, "/sign-in", {"data": {"username": "nobody", "password": text}})[0]
            for text in ("a" * len(MARKS.encode()), MARKS)
        ]
        ratios.append(seconds[1] / seconds[0])
    return [Figure("signing in with a huge password of marks / of letters", statistics.median(ratios), "×", "≤ 3")]


def _forms(app: Flask) -> list[Figure]:
    """The costliest of all forms, beside one field of as many letters on the page to sign in."""
    scene = build_scene(World(app))
    letters = {"data": {"username": "a" * ROOM}}
    plain = statistics.median(post(PortalClient(app), "/sign-in", letters)[0] for _ in range(ROUNDS))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # a large file waits on disk until the request is forgotten
        seconds, endpoint, what = max((seconds, endpoint, what) for endpoint, what, seconds, _ in all_answers(scene))
    return [Figure(f"costliest form ({endpoint}, {what}) / letters", seconds / plain, "×", "≤ 25")]


def run() -> list[Figure]:
    """On SQLite: it is the time of the processor, not of the database."""
    with tempfile.TemporaryDirectory(prefix="hp-portal-bench-") as name:
        folder = Path(name)
        figures = []
        for number, measure in enumerate((_demo, _password, _forms)):
            app = app_on(f"sqlite:///{folder / f'{number}.sqlite'}", folder / "instance")
            figures += measure(app)
            database_of(app).engine.dispose()
        return figures


if __name__ == "__main__":
    show(run())
