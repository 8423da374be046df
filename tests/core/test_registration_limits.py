"""Limits of proofs: who guesses is slowed down, tells nothing, and shuts nobody out who has hardly tried."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import sqlalchemy as sa

from hp_portal.core.limits.lookups import FOUND_REGISTERING
from hp_portal.core.limits.models import Attempt
from hp_portal.core.limits.proofs import StrangersTry, count_stranger
from hp_portal.core.registration import clusters
from hp_portal.core.registration.models import ProofCluster
from tests.conftest import MakeApp
from tests.support.client import PortalClient, tree_of
from tests.support.clock import Clock
from tests.support.html import text_of
from tests.support.identifiers import make_npi, make_tin
from tests.support.registering import ADDRESS, Payments, Visitor
from tests.support.world import World

pytestmark = pytest.mark.either_database

NOW = dt.datetime(2026, 3, 2, 15, 0, tzinfo=dt.UTC)
TIN, NPI, NUMBER = make_tin(4711), make_npi(4711), "PROOF-0042"
OURS = make_tin(9)
BILLING = {"organization": "Ledger Billing", "address": ADDRESS, "answers": "Owen Ledger"}


@pytest.fixture
def portal(database_url: str, make_app: MakeApp, clock: Clock) -> World:
    clock.set(NOW)
    payments = Payments()
    world = World(make_app(database_url, extra_plugins={"payments-of-the-test": payments}))
    payments.add(world, NUMBER, world.payee(TIN, NPI, "Harbor Payee", address=ADDRESS), TIN, day=dt.date(2026, 2, 20))
    return world


def come_from(client: PortalClient, address: str) -> None:
    client.flask.environ_base = {**client.flask.environ_base, "REMOTE_ADDR": address}


def visitor(portal: World, number: int, address: str, path: str = "check") -> Visitor:
    """Somebody with a mailbox of their own, up to the proof, from an address of their own."""
    found = Visitor(portal, email=f"somebody{number}@office{number}.example")
    come_from(found.client, address)
    found.begin(path)
    return found


def guess(portal: World, times: int, *, first: int = 0, network: str = "198.51.100", **what: str) -> list[int]:
    """Wrong payments, four by each of as many people as it takes."""
    statuses: list[int] = []
    for number in range(first, first + -(-times // 4)):
        somebody = visitor(portal, number, f"{network}.{number + 1}")
        statuses += [
            somebody.prove(number="NO-SUCH", amount="1.00", **what).status_code
            for _ in range(min(4, times - len(statuses)))
        ]
    return statuses


def guessed(portal: World, address: str = "198.51.100.1", times: int = 20) -> None:
    """The same in the database alone: as many wrong payments as there are tries, from one address."""
    with portal.session() as session:
        for number in range(times):
            tried = StrangersTry(address, f"guesser{number}@elsewhere.example", npi=NPI, tins=(TIN,))
            count_stranger(session, portal.settings, tried)


def test_the_office_s_right_payment_is_taken_while_strangers_guess(portal: World) -> None:
    guessed(portal)
    assert visitor(portal, 50, "198.51.100.99").prove(number=NUMBER, npi=NPI, amount="100.00").status_code == 429
    office = visitor(portal, 51, "203.0.113.5")
    for _ in range(2):
        assert office.prove(number="MISTYPED", npi=NPI, amount="100.00").status_code == 422
    assert office.prove(number=NUMBER, npi=NPI, amount="100.00").status_code == 303


def test_whoever_has_to_wait_is_told_what_else_there_is(portal: World) -> None:
    guessed(portal)
    page = tree_of(visitor(portal, 50, "198.51.100.99").prove(number=NUMBER, npi=NPI, amount="100.00"))
    [main] = page.iter("main")
    assert "we can mail you a PIN" in text_of(main)
    assert {"/register", "/contact"} <= {one.get("href") for one in main.iter("a")}
    assert "not listed" in text_of(main)
    assert portal.settings.payer.phone in text_of(main)
    assert "again in 15 minutes, from Mar 2, 2026, 9:16 AM CST on" in text_of(main), (
        "the first minute that is not too early"
    )


@pytest.mark.parametrize("one", ["address", "mailbox"])
def test_who_tries_one_tax_id_after_the_other_has_to_wait(portal: World, one: str) -> None:
    """From one address, or with one e-mail address from many: however many Tax IDs the tries are spread over."""
    most = portal.settings.registration_attempts_per_address if one == "address" else portal.settings.proof_attempts
    somebody = visitor(portal, 0, "198.51.100.7")
    statuses = []
    for number in range(most + 1):
        if one == "mailbox":
            come_from(somebody.client, f"198.{number + 1}.100.7")
        elif number % 2 == 0:
            somebody = visitor(portal, number, "198.51.100.7")
        tried = somebody.prove(number="NO-SUCH", npi=make_npi(100 + number), amount="1.00")
        statuses.append(tried.status_code)
    assert statuses == [422] * most + [429]


def test_many_networks_have_few_tries_together(portal: World) -> None:
    """Twenty, then 24 a day, whoever has how many networks: the day's last one shuts everybody out, and the next day does not."""
    guessed(portal)
    for number in range(7):
        guessed(portal, f"10.{number}.0.1", 3)
    somebody = visitor(portal, 100, "10.100.0.1")
    statuses = [somebody.prove(number="NO-SUCH", npi=NPI, amount="1.00").status_code for _ in range(3)]
    assert statuses == [422] * 3
    assert visitor(portal, 200, "203.0.113.5").prove(number=NUMBER, npi=NPI, amount="100.00").status_code == 429


def test_a_provider_with_many_networks_has_six(portal: World) -> None:
    guessed(portal)
    guessed(portal, "10.1.0.1", 3)
    guessed(portal, "10.1.1.1", 2)
    somebody = visitor(portal, 100, "10.1.2.1")
    statuses = [somebody.prove(number="NO-SUCH", npi=NPI, amount="1.00").status_code for _ in range(2)]
    assert statuses == [422, 429]


def test_a_payee_is_one_budget_by_whatever_it_is_named(portal: World) -> None:
    guess(portal, 10, npi=NPI)
    guess(portal, 10, first=10, tin=TIN, vendor_number="V1")
    for number, what in enumerate(({"npi": NPI}, {"tin": TIN, "vendor_number": "V1"})):
        somebody = visitor(portal, 60 + number, "198.51.100.99")
        assert somebody.prove(number="NO-SUCH", amount="1.00", **what).status_code == 429


# ---- what a billing organization's Tax ID answers


def ledger(portal: World) -> None:
    somebody = visitor(portal, 1, "192.0.2.1", "billing")
    assert somebody.prove(tin=OURS, **BILLING).location == "/register/finish"
    assert somebody.finish().status_code == 303


@pytest.mark.parametrize("path", ["check", "notice"])
def test_a_payment_tells_nothing_of_a_billing_organization(portal: World, path: str) -> None:
    ledger(portal)
    somebody = visitor(portal, 2, "203.0.113.1", path)
    number = "NO-SUCH" if path == "check" else "NP-NONE"
    given = {"number": number, "vendor_number": "V1", "npi": make_npi(9) if path == "notice" else ""}
    told = []
    for tin in (OURS, make_tin(10)):
        answer = somebody.prove(tin=tin, **given)
        told.append((answer.status_code, re.sub(r"[0-9a-f]{32}", "", text_of(tree_of(answer)).replace(tin, ""))))
    assert told[0] == told[1]
    assert "A billing organization registers under its own Tax ID" in told[0][1]


def counted(portal: World) -> int:
    with portal.session() as session:
        found = session.vault.digests(FOUND_REGISTERING, "attempt")
        return session.scalar(sa.select(sa.func.count(Attempt.id)).where(Attempt.subject.in_(found))) or 0


def test_whatever_a_tax_id_alone_tells_is_counted(portal: World) -> None:
    ledger(portal)
    assert counted(portal) == 0
    mail = visitor(portal, 2, "203.0.113.1", "mail")
    assert "Tax ID of a billing organization" in mail.prove(tin=OURS, npi="").text
    assert counted(portal) == 1
    billing = visitor(portal, 3, "203.0.113.2", "billing")
    assert "Tax ID of a provider that we pay" in billing.prove(tin=TIN, **BILLING).text
    assert counted(portal) == 2
    assert billing.prove(tin=OURS, **BILLING).location == "/register/organization"
    assert counted(portal) == 3
    assert billing.prove(tin=make_tin(11), **BILLING).status_code == 303
    assert counted(portal) == 3


def test_who_uses_up_find_my_delegate_shuts_nobody_out_of_registering(
    database_url: str, make_app: MakeApp, portal: World
) -> None:
    app = make_app(database_url, delegates_found_per_hour=1)
    world = World(app)
    world.grant(world.organization(), world.payee(make_tin(5), make_npi(5)))
    client = world.client()
    form = {"tin": make_tin(5), "npi_or_zip": make_npi(5)}
    come_from(client, "198.51.100.1")
    assert client.post("/find-my-delegate", form).status_code == 200
    come_from(client, "203.0.113.1")
    assert client.post("/find-my-delegate", form).status_code == 429
    assert visitor(world, 4, "203.0.113.1", "mail").prove(tin=TIN, npi=NPI).status_code == 303


# ---- wrong proofs from one place


def spray(portal: World, addresses: list[str], domains: list[str], times: int) -> None:
    """Wrong payments, each for another Tax ID, two by each person."""
    somebody: Visitor | None = None
    for number in range(times):
        if number % 2 == 0 or somebody is None:
            somebody = Visitor(portal, email=f"somebody{number}@{domains[number % len(domains)]}")
            come_from(somebody.client, addresses[number % len(addresses)])
            somebody.begin("check")
        given = {"number": "NO-SUCH", "tin": make_tin(700 + number), "vendor_number": "V1"}
        assert somebody.prove(**given).status_code == 422


def clusters_of(portal: World) -> list[tuple[str, str, int, int]]:
    with portal.session() as session:
        rows = session.scalars(sa.select(ProofCluster).order_by(ProofCluster.id))
        return [(one.kind, one.source, one.aims, one.failed) for one in rows]


def test_staff_see_from_where_wrong_proofs_come_for_many_tax_ids(portal: World) -> None:
    spray(portal, ["198.51.100.7"], [f"office{number}.example" for number in range(6)], 4)
    assert clusters_of(portal) == []
    portal.staff(
        "a.staff", permissions=("staff:console:open", "staff:registrations:read", "staff:registrations:decide")
    )
    staff = portal.sign_in("a.staff")
    assert "Wrong proofs from one place" not in staff.get("/staff/registrations").text
    spray(portal, ["198.51.100.7"], [f"clinic{number}.example" for number in range(6)], 6)
    assert clusters_of(portal) == [("address", "198.51.100.7", 6, 10)], "each Tax ID twice at most"
    assert "1 place sends wrong proofs for many Tax IDs" in staff.get("/staff/").text
    assert "198.51.100.7" in staff.get("/staff/registrations").text
    with portal.session() as session:
        one = session.scalars(sa.select(ProofCluster.id)).one()
    url = f"/staff/registrations/clusters/{one}"
    assert "198.51.100.7" in staff.get(url).text
    assert staff.post(url, {"reason": ""}).status_code == 422
    assert staff.post(url, {"reason": "A billing service mixed up its clients."}).status_code == 303
    assert "198.51.100.7" not in staff.get("/staff/registrations").text
    assert staff.get(url).status_code == 404
    with portal.session() as session:
        assert session.scalars(sa.select(ProofCluster.note)).one() == "A billing service mixed up its clients."


@pytest.mark.parametrize("kind", ["network", "domain"])
def test_many_addresses_of_a_network_or_mailboxes_of_a_domain_are_one_place(portal: World, kind: str) -> None:
    addresses = [f"198.51.100.{number}" if kind == "network" else f"10.{number}.0.1" for number in range(8)]
    domains = [f"office{number}.example" if kind == "network" else "spread.example" for number in range(8)]
    spray(portal, addresses, domains, 7)
    assert clusters_of(portal) == []
    with portal.session() as session:
        tried = StrangersTry(addresses[7], f"last@{domains[7]}", tin=make_tin(799))
        clusters.note(session, tried)
    source = "198.51.100.0/24" if kind == "network" else "spread.example"
    assert clusters_of(portal) == [(kind, source, 8, 8)]


def test_whoever_has_to_wait_counts_with_those_who_are_wrong(portal: World) -> None:
    """Who goes on at one Tax ID after another while each of them waits is seen by staff, too."""
    somebody = visitor(portal, 1, "198.51.100.7")
    tins = [make_tin(6000 + number) for number in range(5)]
    with portal.session() as session:
        for tin in tins:
            for number in range(20):
                tried = StrangersTry("198.51.100.1", f"guesser{number}@elsewhere.example", tin=tin)
                count_stranger(session, portal.settings, tried)
    for tin in tins:
        assert somebody.prove(number="NO-SUCH", tin=tin, vendor_number="V1", amount="1.00").status_code == 429
    with portal.session() as session:
        [found] = session.scalars(sa.select(ProofCluster).where(ProofCluster.kind == "address"))
    assert (found.source, found.aims, found.failed) == ("198.51.100.7", 5, 5)


def test_one_tax_id_mistyped_often_is_no_cluster(portal: World, clock: Clock) -> None:
    for number in range(12):
        with portal.session() as session:
            clusters.note(session, StrangersTry("198.51.100.7", "mina@office.example", tin=make_tin(number % 3)))
    assert clusters_of(portal) == []
    for number in range(8):
        clock.advance(hours=12)
        with portal.session() as session:
            clusters.note(session, StrangersTry("198.51.100.7", "mina@office.example", tin=make_tin(50 + number)))
    assert clusters_of(portal) == [], "not within a day"
