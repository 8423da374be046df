"""What the time of an answer tells a stranger: of a right and a wrong proof, of whatever is wrong, and of an e-mail address with
and without an account. Told as the statistic of Kolmogorov and Smirnov, D, and how likely one so large is when nothing differs,
p.

`python -m bench.answers [--times 300]`
"""

from __future__ import annotations

import argparse
import math
import random
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient

from bench.data import fill, number_of, payee_of, settings_for
from bench.figures import Figure, show
from bench.requests import databases
from hp_portal.app import create_app
from hp_portal.core.registration import drafts
from hp_portal.core.registration.drafts import Draft
from hp_portal.database import Database
from hp_portal.scopes import WholeScope
from hp_portal.settings import Settings
from tests.support.databases import runtime_url

TIMES = 300
PAYMENTS = 20_000
MANY = 10**6
LIMITS = {"proof_attempts": MANY, "proof_attempts_per_tin": MANY, "registration_attempts_per_address": MANY}
PERSON = {"name": "Mina Keeper", "telephone": "218-555-0142", "job": "Biller"}
KNOWN, UNKNOWN = "bench@office.example", "nobody@office.example"


def ks(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """D and p of two samples; p as the sum of the limiting distribution (Stephens 1970)."""
    ordered = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    seen, largest = [0, 0], 0.0
    for place, (value, whose) in enumerate(ordered):
        seen[whose] += 1
        if place + 1 == len(ordered) or ordered[place + 1][0] != value:
            largest = max(largest, abs(seen[0] / len(first) - seen[1] / len(second)))
    root = math.sqrt(len(first) * len(second) / (len(first) + len(second)))
    scaled = (root + 0.12 + 0.11 / root) * largest
    if scaled < 0.2:
        return largest, 1.0
    total = 2 * sum((-1) ** (k - 1) * math.exp(-2 * k * k * scaled * scaled) for k in range(1, 101))
    return largest, min(1.0, max(0.0, total))


class Stranger:
    """A browser on the way to an account."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.client: FlaskClient = app.test_client()
        self.send("/register", path="check")

    def send(self, url: str, **fields: str) -> int:
        """Send a form with its token; the status."""
        page = self.client.get("/register").text
        found = re.search(r'name="csrf-token" content="([^"]+)"', page)
        assert found is not None
        self.token = found[1]
        return self.post(url, **fields)

    def post(self, url: str, **fields: str) -> int:
        return self.client.post(url, data={"csrf_token": self.token, **fields}).status_code

    def confirm(self) -> None:
        """As if the link in the mailbox had been followed."""
        database: Database = self.app.extensions["hp_portal.database"]
        with self.client.session_transaction() as kept:
            token = kept["registration"]
        with database.new_session(WholeScope("bench")) as session:
            draft: Draft = drafts.find(session, token)
            draft.row.confirmed_at = draft.row.created_at
            session.commit()


def measure(kinds: dict[str, Callable[[], object]], times: int) -> dict[str, list[float]]:
    """How long each took, in milliseconds, in turns of a random order."""
    found: dict[str, list[float]] = {kind: [] for kind in kinds}
    for turn in range(times + 5):
        for kind in random.sample(list(kinds), len(kinds)):
            start = time.perf_counter()
            kinds[kind]()
            if turn >= 5:
                found[kind].append((time.perf_counter() - start) * 1000)
    return found


def told(engine: str, what: str, found: dict[str, list[float]], first: str, second: str) -> list[Figure]:
    distance, likely = ks(found[first], found[second])
    return [Figure(f"{what}, D, {engine}", distance), Figure(f"{what}, p, {engine}", likely)]


def of(engine: str, url: str, folder: Path, times: int) -> list[Figure]:
    fill(url, folder, PAYMENTS)
    base = settings_for(runtime_url(url), folder).model_dump()
    app = create_app(Settings(**{**base, **LIMITS, "proof_asks_more": "never", "proof_days": 36500}))
    proving = Stranger(app)
    proving.send("/register/you", **PERSON, email=UNKNOWN)
    proving.confirm()
    number, tin, vendor = number_of(1), f"{payee_of(1):09d}", f"V{payee_of(1)}"

    def proof(**given: str) -> Callable[[], object]:
        fields = {"number": number, "tin": tin, "vendor_number": vendor, **given}
        return lambda: proving.post("/register/proof", **fields)

    proving.send("/register/proof")
    assert (proof()(), proof(number="NO-SUCH-NUMBER")()) == (303, 422)
    kinds = {
        "right": proof(),
        "number": proof(number="NO-SUCH-NUMBER"),
        "tin": proof(tin="999999999"),
        "vendor": proof(vendor_number="V999999"),
    }
    found = measure(kinds, times)
    asking = {address: Stranger(app) for address in (KNOWN, UNKNOWN)}
    for one in asking.values():
        one.send("/register/you", **PERSON, email="first@office.example")

    def ask(address: str) -> None:
        for email in ("first@office.example", address):
            asking[address].post("/register/you", **PERSON, email=email)

    mails = measure({address: partial(ask, address) for address in asking}, times)
    return [
        *told(engine, "wrong number and wrong Tax ID", found, "number", "tin"),
        *told(engine, "wrong number and wrong vendor number", found, "number", "vendor"),
        *told(engine, "right and wrong proof", found, "right", "number"),
        *told(engine, "e-mail with and without an account", mails, KNOWN, UNKNOWN),
    ]


def run(times: int = TIMES) -> list[Figure]:
    """The figures on each engine that can start here."""
    # What keeps strangers from trying often keeps this from measuring.
    drafts.MAILS_OF_DRAFT = drafts.MAILS_FROM_ADDRESS = drafts.MAILS_TO_MAILBOX = MANY
    figures = []
    with tempfile.TemporaryDirectory() as folder, databases(Path(folder)) as urls:
        for engine, url in urls.items():
            figures += of(engine, url, Path(folder), times)
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=TIMES)
    show(run(parser.parse_args().times))
