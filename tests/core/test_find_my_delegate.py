"""*Find my delegate*: what a stranger learns and does not, limits, and asking the delegates to contact somebody."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from pathlib import Path
from typing import cast

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from hp_portal.core.delegates.finding import zip_of
from hp_portal.core.delegates.models import DelegateLookup
from hp_portal.core.identity.masking import mask_email, short_name
from hp_portal.core.limits import lookups as limits
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.models import Attempt
from hp_portal.core.organizations.models import Organization
from hp_portal.core.payees.models import Payee
from hp_portal.database import PortalSession
from tests.conftest import MakeApp
from tests.support.client import heading_of
from tests.support.clock import Clock
from tests.support.databases import settings_for, sqlite_url
from tests.support.delegates import NOON, NPI, TIN, ZIP, build_clinic, events, look
from tests.support.identifiers import make_npi, make_tin
from tests.support.world import World

pytestmark = pytest.mark.either_database


@pytest.fixture
def clinic(world: World) -> Organization:
    return build_clinic(world)


@pytest.mark.parametrize("also", [NPI, ZIP, "55000-1234", f"{NPI[:4]} {NPI[4:]}"])
def test_registered_by_npi_or_zip(world: World, clinic: Organization, also: str) -> None:
    text = look(world.client(), f"{TIN[:2]}-{TIN[2:]}", also).text
    assert "Your organization is registered" in text
    assert "Maria L. (m•••@o•••.example)" in text
    assert "Sam T. (s•••@o•••.example)" in text
    for secret in ("Lopez", "Teller", "maria@", "Casey", "Gone", clinic.name, TIN):
        assert secret not in text
    (made,) = events(world, "delegates.lookup.made")
    by = "NPI" if also[:5] == NPI[:5] or " " in also else "ZIP code"
    assert made[1] == {"tin": f"•••••{TIN[-4:]}", "by": by, "registered": True}


def test_not_registered_unknown_and_wrong_are_one_answer(world: World, clinic: Organization) -> None:
    """As long as the one for a registered organization, with the same statements and rows."""
    world.payee(make_tin(2), make_npi(2))
    ended = world.grant(world.organization(), world.payee(make_tin(3), make_npi(3)))
    world.end_grant(ended)
    world.grant(world.organization("Ledger Service", audience="billing"), world.payee(make_tin(4), make_npi(4)))
    world.grant(world.organization(validated=False), world.payee(make_tin(5), make_npi(5)))
    provisional = world.organization()
    world.grant(provisional, world.payee(make_tin(6), make_npi(6)))
    with world.session() as session:
        session.get_one(Organization, provisional.id).provisional = True
    asked = {
        "registered": (TIN, NPI),
        "not claimed": (make_tin(2), make_npi(2)),
        "ended": (make_tin(3), make_npi(3)),
        "billing": (make_tin(4), make_npi(4)),
        "not validated": (make_tin(5), make_npi(5)),
        "provisional": (make_tin(6), make_npi(6)),
        "nobody's": (make_tin(9), make_npi(9)),
        "another's NPI": (TIN, make_npi(2)),
        "another ZIP": (TIN, "55001"),
    }
    lengths, statements, answers = {}, {}, {}
    look(world.client(), make_tin(8), address="198.51.100.1")  # what a process asks once
    for number, (name, (tin, also)) in enumerate(asked.items()):
        client = world.client()
        client.csrf_token()
        seen: list[str] = []
        with _noted(world, seen):
            answer = look(client, tin, also, f"192.0.{number}.1")
        assert answer.status_code == 200
        lengths[name], answers[name] = len(answer.data), heading_of(answer)
        statements[name] = [re.sub(r"\bIN \([^)]*\)", "IN (…)", one) for one in seen]
    assert set(lengths.values()) == {limits_of_page()}, lengths
    assert answers.pop("registered") == "Your organization is registered"
    assert set(answers.values()) == {"No registered organization"}
    by_npi = {name: found for name, found in statements.items() if name != "another ZIP"}
    assert len({tuple(found) for found in by_npi.values()}) == 1, by_npi
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(DelegateLookup.id))) == len(asked) + 1
        assert session.scalar(sa.select(sa.func.count(Attempt.id))) == 7 * (len(asked) + 1)


def limits_of_page() -> int:
    from hp_portal.core.delegates.views import FULL

    return FULL


class _noted:
    """Notes the statements that the database runs."""

    def __init__(self, world: World, into: list[str]) -> None:
        self.engine, self.into = world.database.engine, into

    def _note(self, _connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        self.into.append(statement)

    def __enter__(self) -> None:
        event.listen(self.engine, "before_cursor_execute", self._note)

    def __exit__(self, *_error: object) -> None:
        event.remove(self.engine, "before_cursor_execute", self._note)


def test_a_zip_code_is_no_part_of_a_longer_number(world: World, clinic: Organization) -> None:
    with world.session() as session:
        session.execute(sa.update(Payee).values(address="Box 155000"))
    assert heading_of(look(world.client(), also="55000")) == "No registered organization"


def test_a_form_that_cannot_be_read(world: World) -> None:
    client = world.client()
    answer = look(client, "12", "12")
    assert answer.status_code == 422
    assert "A Tax ID has 9 digits" in answer.text
    assert "Enter an NPI of 10 digits or a ZIP code of 5 digits" in answer.text
    assert look(client, "", "").status_code == 422
    assert client.get("/findmydelegate").location == "/find-my-delegate"
    assert events(world, "delegates.%") == []


def test_masks() -> None:
    assert short_name("Dr. Maria de la Cruz") == "Maria C."
    assert [short_name(one) for one in ("Cher", "Dr.", "Dr. Cher", "")] == ["Cher", "Dr.", "Cher", ""]
    assert mask_email("maria@office.example") == "m•••@o•••.example"
    assert mask_email("hello@mail.marialopez.example") == "h•••@m•••.example"
    lines = (
        "1 Main Street\nExampleton MN 55000",
        "Box 7\nA MN 55000-1234 ",
        "Street 155000",
        "",
        "55000 Main Street\nA",
    )
    assert [zip_of(one) for one in lines] == ["55000", "55000", "", "", ""]


# ---- limits


def test_an_address_its_network_and_a_tax_id_are_limited(world: World, clinic: Organization, clock: Clock) -> None:
    clock.set(NOON)
    client = world.client()
    for number in range(10):
        assert look(client, make_tin(100 + number)).status_code == 200
    refused = look(client)
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "3601"
    assert "This was done too often. Wait 60 minutes" in refused.text
    assert world.settings.payer.phone in refused.text
    assert "Maria" not in refused.text
    assert look(client, address="192.0.2.200").status_code == 200, "another address of the network"
    for number in range(9):
        assert look(client, make_tin(200 + number), address="192.0.2.200").status_code == 200
    assert look(client, make_tin(300), address="192.0.2.201").status_code == 429, "the network had twenty"
    clock.advance(hours=1, seconds=1)
    assert look(client, make_tin(8)).status_code == 200
    blocked = events(world, "delegates.lookup.blocked")
    assert blocked, "staff see refusals"
    assert {tuple(fields) for _, fields in blocked} == {("what",)}


def test_who_looks_up_a_tax_id_does_not_shut_its_office_out(world: World, clinic: Organization, clock: Clock) -> None:
    clock.set(NOON)
    client = world.client()
    for _ in range(10):
        assert look(client, also=make_npi(77), address="198.51.100.9").status_code == 200
    assert look(client, address="198.51.100.10").status_code == 429, "the Tax ID had ten, all from there"
    assert look(client, make_tin(7), address="198.51.100.10").status_code == 200, "another Tax ID has its own"
    for number in range(3):
        assert "Maria" in look(client, address=f"203.0.113.{number}").text, "the office, from elsewhere"
    assert look(client, address="203.0.113.9").status_code == 429
    clock.advance(hours=1, seconds=1)
    assert look(client, address="203.0.113.9").status_code == 429, "a Tax ID has ten in a day, a network three"
    assert look(client, address="2001:db8:1::1").status_code == 200


@pytest.mark.parametrize(
    ("addresses", "most"), [("2001:db8:0:{:x}00::/64", 30), ("2001:db8:{:x}::/64", 40), ("10.1.{}.1", 40)]
)
def test_no_network_uses_up_what_is_there_for_all(
    counted: None, world: World, clinic: Organization, clock: Clock, addresses: str, most: int
) -> None:
    """Not that of a company or of a provider, with countless addresses and a registered organization's numbers for each."""
    clock.set(NOON)
    by_found, let_in = limits.found_limits(world.settings), 0
    with world.session() as session:
        for number in range(1, 80):
            by_look = limits.look_limits(world.settings, addresses.format(number), f"{number:09}")
            try:
                limits.check(session, limits.LOOK, [*by_look, *by_found])
            except TooManyAttempts:
                continue
            limits.count(session, limits.LOOK, [*by_look, *by_found])
            let_in += 1
    assert let_in == most
    assert "Maria" in look(world.client(), address="192.0.2.1").text


def test_networks() -> None:
    assert limits.wide_network("192.0.2.77") == "192.0.2.0/24"
    assert limits.wide_network("2001:db8:1:23ff::/64") == "2001:db8:1:2300::/56"
    assert limits.wide_network("") == limits.site_network("") == limits.provider_network("") == ""
    assert limits.site_network("192.0.2.77") == "192.0.2.0/24"
    assert limits.provider_network("192.0.2.77") == "192.0.0.0/16"
    assert limits.site_network("2001:db8:1:23ff::/64") == "2001:db8:1::/48"
    assert limits.provider_network("2001:db8:1:23ff::/64") == "2001:db8::/32"


def test_what_is_found_in_all_is_limited(
    database_url: str, make_app: MakeApp, world: World, clinic: Organization, clock: Clock
) -> None:
    clock.set(NOON)
    app = make_app(database_url, delegates_found_per_hour=2)
    client = world.client(app)
    for number in range(5):
        assert look(client, make_tin(500 + number), address=f"198.51.{number}.1").status_code == 200
    for number in range(2):
        assert "Maria" in look(client, address=f"198.51.{number + 10}.1").text
    assert look(client, address="203.0.113.1").status_code == 429
    assert look(client, make_tin(600), address="203.0.113.1").status_code == 429, "it does not tell what would be found"
    clock.advance(hours=1, seconds=1)
    assert look(client, address="203.0.113.1").status_code == 200


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """The counts in memory, as fast as 10,000 tries need. The tests above try the database's."""
    counts: dict[str, list[dt.datetime]] = defaultdict(list)

    def check(_session: object, kind: str, subject: str, *, limit: int, window: dt.timedelta) -> None:
        now = clock.now()
        recent = [at for at in counts[f"{kind} {subject}"][-limit:] if at > now - window]
        if len(recent) >= limit:
            raise TooManyAttempts(recent[0] + window - now)

    def count(_session: object, kind: str, subject: str) -> None:
        counts[f"{kind} {subject}"].append(clock.now())

    monkeypatch.setattr(limits, "check_attempts", check)
    monkeypatch.setattr(limits, "count_failure", count)


@pytest.mark.parametrize(
    ("networks", "hours", "fewer_than"), [(100, 1, 61), (100, 24, 301), (1, 24, 61), (16, 1, 41), (16, 24, 201)]
)
def test_ten_thousand_tries_learn_of_few(
    counted: None, tmp_path: Path, clock: Clock, networks: int, hours: int, fewer_than: int
) -> None:
    """From 100 addresses, in as many networks far apart, or in those of one provider, or in one; each try with a registered
    organization's right numbers, evenly over the hours: what the limits let through."""
    clock.set(NOON)
    nowhere = cast(PortalSession, None)  # the counts are in memory
    settings = settings_for(sqlite_url(tmp_path), tmp_path)
    learned, by_found = 0, limits.found_limits(settings)
    where = {100: "10.{}.0.1", 16: "192.0.{}.1", 1: "192.0.2.{}"}[networks]
    for number in range(10_000):
        clock.advance(seconds=hours * 3600 / 10_000)
        by_look = limits.look_limits(settings, where.format(number % 100), f"{number:09}")
        try:
            limits.check(nowhere, limits.LOOK, [*by_look, *by_found])
        except TooManyAttempts:
            continue
        limits.count(nowhere, limits.LOOK, by_look)
        limits.count(nowhere, limits.LOOK, by_found)
        learned += 1
    assert 0 < learned < fewer_than
