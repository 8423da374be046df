"""Denials across payments: counted by reason, and the lines below a reason are those that were counted."""

from __future__ import annotations

import csv
import datetime as dt
import io
import itertools
import random
import re
import sqlite3
from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode
from xml.etree.ElementTree import Element

import pytest
import sqlalchemy as sa

from hp_portal_plugins.remittance.demo.writing import ClaimText, PaymentText, Reason, Service
from hp_portal_plugins.remittance.models import VOIDED, Payment
from tests.support.client import tree_of

from .inquiry import DAY, Office, claim, events, url_of, words

pytestmark = pytest.mark.either_database

PAGE = "/apps/remittance/denials"
ANY_DAY = {"issued_from": "any"}
Group = tuple[int, int, str]


def line(*reasons: tuple[str, int], paid: int = 0, procedure: str = "HC:99213") -> Service:
    """A line that pays `paid` after these reasons, each `CO-97` and cents."""
    made = tuple(Reason(code[:2], code[3:], amount) for code, amount in reasons)
    return Service(procedure, paid + sum(amount for _, amount in reasons), made, DAY - dt.timedelta(days=20))


def of(number: int, *lines: Service, status: str = "1", whole: tuple[Reason, ...] = ()) -> ClaimText:
    return claim(number, services=lines, status=status, reasons=whole)


def get(office: Office, path: str = PAGE, **asked: str) -> Element:
    return tree_of(office.client.get(f"{path}?{urlencode({**ANY_DAY, **asked})}"))


def groups(tree: Element) -> dict[str, Group]:
    """Of each reason how many lines and claims, and how much."""
    table = next((one for one in tree.iter("table") if one.get("id") == "reasons"), None)
    found = {}
    for row in [] if table is None else [row for body in table.iter("tbody") for row in body.iter("tr")]:
        cells = {cell.get("data-label"): words(cell) for cell in row.iter("td")}
        head = words(next(iter(row.iter("th"))))
        found[head] = (int(cells["Lines"].replace(",", "")), int(cells["Claims"].replace(",", "")), cells["Taken off"])
    return found


def together(tree: Element) -> str:
    return next((words(head) for head in tree.iter("h2")), "")


def lines_of(office: Office, code: str, **asked: str) -> list[dict[str, str]]:
    """All lines of a reason, of all pages, by the heads of their columns."""
    group, reason = code.split("-")
    found: list[dict[str, str]] = []
    for page in range(1, 20):
        values = {**ANY_DAY, **asked, "in": group, "why": reason, "page": str(page)}
        tree = tree_of(office.client.get(f"{PAGE}/lines?{urlencode(values)}"))
        table = next(one for one in tree.iter("table") if str(one.get("id")).startswith("lines-"))
        for row in [row for body in table.iter("tbody") for row in body.iter("tr")]:
            cells = {str(cell.get("data-label")): words(cell) for cell in row.iter("td")}
            found.append({"Claim": words(next(iter(row.iter("th")))), **cells})
        if not any(link.get("rel") == "next" for link in tree.iter("a")):
            break
    return found


def cents(text: str) -> int:
    return int(re.sub(r"[$,.]", "", text))


@pytest.fixture
def mixed(office: Office) -> int:
    """Every kind of adjustment once, $200 charged as a rule."""
    return office.paid(
        "4501",
        of(1, line(("CO-18", 9000), ("CO-45", 3000)), status="4"),
        of(
            2,
            line(("CO-97", 5000), ("PR-1", 2000), paid=100),
            line(("CO-97", 1000), ("CO-45", 300), ("CO-97", 50), paid=1),
        ),
        of(3, line(("PR-96", 12000)), status="4"),
        of(4, line(("PR-96", 700), paid=500)),
        of(5, line(("CO-45", 100), paid=1000), whole=(Reason("CO", "97", 400),)),
        of(6, line(("OA-94", -500), paid=1000)),
    )


def test_denials_are_counted_by_reason(office: Office, mixed: int) -> None:
    tree = get(office)
    counted = {"PR-96": (1, 1, "$120.00"), "CO-18": (1, 1, "$90.00"), "CO-97": (3, 2, "$64.50")}
    assert groups(tree) == counted
    assert together(tree) == "5 lines in 4 claims, $274.50 taken off"
    assert list(groups(tree)) == ["PR-96", "CO-18", "CO-97"]
    # Who bears it stands once a row, as a word; the sentence of the group where the reason is open.
    borne = [words(cell) for cell in tree.iter("td") if cell.get("data-label") == "Who bears it"]
    assert borne == ["Patient", "Provider (contract)", "Provider (contract)"]
    opened = office.client.get(f"{PAGE}/lines?issued_from=any&in=PR&why=96", fragment=True).text
    assert ("The patient owes this." in words(tree), "The patient owes this." in opened) == (False, True)
    # What the contract takes off and what the patient owes: when it is asked for, by a box or by name.
    with_patient = groups(get(office, patient="1"))
    assert with_patient == counted | {"PR-96": (2, 2, "$127.00"), "PR-1": (1, 1, "$20.00")}
    with_contract = groups(get(office, contract="1"))
    assert with_contract == counted | {"CO-45": (3, 3, "$34.00")}
    assert groups(get(office, codes="45, PR-1")) == {"CO-45": (3, 3, "$34.00"), "PR-1": (1, 1, "$20.00")}
    assert groups(get(office, group="PR")) == {"PR-96": (2, 2, "$127.00"), "PR-1": (1, 1, "$20.00")}
    assert groups(get(office, status="4")) == {"PR-96": (1, 1, "$120.00"), "CO-18": (1, 1, "$90.00")}
    assert groups(get(office, codes="CO-97 18")) == {"CO-18": (1, 1, "$90.00"), "CO-97": (3, 2, "$64.50")}
    # A line of a reason: of which claim, when and what, and how much.
    whole, first, second = sorted(lines_of(office, "CO-97"), key=lambda row: -cents(row["Taken off"]))[::-1]
    assert (whole["Procedure"], whole["Charged"], whole["Paid"], whole["Taken off"]) == (
        "The whole claim", "$11.00", "$6.00", "$4.00",
    )  # fmt: skip
    assert (second["Procedure"], second["Date of service"], second["Charged"], second["Paid"], second["Taken off"]) == (
        "99213 line 1", "Feb 10, 2026", "$71.00", "$1.00", "$50.00",
    )  # fmt: skip
    assert (first["Claim"], first["Taken off"]) == ("26X000002 Yours: ACCT-00002 SAMPLE, ANN", "$10.50")


def test_the_lines_below_a_reason_are_those_that_were_counted(office: Office) -> None:
    """A year of payments by chance, with reversals and corrections, against counts made from what was written."""
    pick = random.Random("denials")
    codes = ["CO-45", "CO-97", "CO-50", "PR-1", "PR-3", "PR-204", "OA-23", "PI-97"]
    stood: dict[str, Counter[tuple[int, int, int | None]]] = defaultdict(Counter)
    turned: dict[str, Counter[tuple[int, int, int | None]]] = defaultdict(Counter)
    payments, history, numbers = [], [], itertools.count(1001)
    for place in range(8):
        issued, claims = DAY + dt.timedelta(days=place), []
        for _ in range(12):
            status = pick.choice(["1", "1", "2", "4"])
            services = tuple(
                line(
                    *((code, pick.randrange(1, 9999)) for code in pick.sample(codes, pick.randrange(4))),
                    paid=pick.choice([0, 5000]),
                )
                for _ in range(pick.randrange(1, 4))
            )
            whole = (Reason("CO", "50", pick.randrange(1, 500)),) if pick.random() < 0.1 else ()
            claims.append(of(next(numbers), *services, status=status, whole=whole))
            history.append((place, len(claims), claims[-1]))
        for was, at, one in pick.sample(history, 3):
            if was < place and not any(one.control == other.control for other in claims):
                claims.append(one.reversed())
                history = [entry for entry in history if entry[:2] != (was, at)]
                _note(turned, was, at, one)
                if pick.random() < 0.7:
                    claims.append(replace(one, services=(line(("CO-50", 77)),), reasons=(), frequency="7"))
                    _note(stood, place, len(claims), claims[-1])
        payments.append(PaymentText(str(4600 + place), "ACH", issued, office.payee_text, tuple(claims)))
    for was, at, one in history:
        _note(stood, was, at, one)
    office.imported(*payments)
    for asked, wanted in (({}, [stood]), ({"reversed": "only"}, [turned]), ({"reversed": "too"}, [stood, turned])):
        shown = groups(get(office, **asked))
        rows = {code: [row for part in wanted for row in part.get(code, {}).items()] for code in {*stood, *turned}}
        assert {code: (lines, claims, cents(amount)) for code, (lines, claims, amount) in shown.items()} == {
            code: (len(found), len({key[:2] for key, _ in found}), sum(amount for _, amount in found))
            for code, found in rows.items()
            if found
        }
        every = {key for found in rows.values() for key, _ in found}
        text = together(get(office, **asked))
        assert text.startswith(f"{len(every)} lines in {len({key[:2] for key in every})} claims, ")
        assert cents(text.split()[-3]) == sum(amount for found in rows.values() for _, amount in found)
    listed = lines_of(office, "CO-50", reversed="too")
    assert sorted(cents(row["Taken off"]) for row in listed) == sorted(
        amount for part in (stood, turned) for amount in part["CO-50"].values()
    )
    # What the list says of each claim by its history is what the counts are made of.
    assert all(("Reversed" in row["Status and news"]) for row in lines_of(office, "CO-50", reversed="only"))
    assert not any(("Reversed" in row["Status and news"]) for row in lines_of(office, "CO-50"))


def _note(counts: dict[str, Counter[tuple[int, int, int | None]]], payment: int, at: int, one: ClaimText) -> None:
    """Count a claim's denials as the rule says."""
    below: list[tuple[int | None, Reason]] = [(None, reason) for reason in one.reasons]
    below += [(n, reason) for n, service in enumerate(one.services, 1) for reason in service.reasons]
    for number, reason in below:
        code = f"{reason.group}-{reason.code}"
        if code in ("CO-45", "PR-1", "PR-2", "PR-3") or (reason.group == "PR" and one.status != "4"):
            continue
        counts[code][payment, at, number] += reason.amount


def test_reversed_replaced_and_voided(office: Office) -> None:
    denied = of(1, line(("CO-97", 5000)), status="4")
    office.paid("4501", denied, of(2, line(("CO-97", 300)), status="4"), issued=DAY)
    voided = office.paid("4502", of(3, line(("CO-97", 9000)), status="4"), issued=DAY)
    office.paid("4503", denied.reversed(), replace(denied, services=(line(("CO-45", 100), paid=4900),), status="1"))
    with office.world.session() as session:
        session.execute(sa.update(Payment).where(Payment.id == voided).values(set_aside=VOIDED))
        session.commit()
    tree = get(office)
    assert groups(tree) == {"CO-97": (1, 1, "$3.00")}
    assert "Not counted: 1 line in 1 claim, $50.00, which a later payment has reversed." in words(tree)
    assert groups(get(office, reversed="too")) == {"CO-97": (2, 2, "$53.00")}
    (row,) = lines_of(office, "CO-97", reversed="only")
    assert row["Status and news"] == "Denied Reversed on Mar 2, 2026 in EFT 4503 Corrected on Mar 2, 2026 in EFT 4503"


def test_days_payees_and_other_organizations(office: Office, mixed: int) -> None:
    second = office.add_payee(
        replace(office.payee_text, npi="1234567893", name="SECOND SAMPLE PAYEE", vendor_number="V9")
    )
    to = replace(office.payee_text, npi="1234567893", name="SECOND SAMPLE PAYEE", vendor_number="V9")
    office.paid("4502", of(9, line(("CO-29", 800)), status="4"), payee=to, issued=DAY + dt.timedelta(days=10))
    assert groups(get(office, payee=str(second.id))) == {"CO-29": (1, 1, "$8.00")}
    assert groups(get(office, issued_from="2026-03-03")) == {"CO-29": (1, 1, "$8.00")}
    assert "CO-29" not in groups(get(office, issued_to="2026-03-11"))
    assert groups(get(Office(office.world, "Other Sample Clinic"))) == {}
    assert "In payments issued from Mar 3, 2026 to Mar 12, 2026." in words(
        get(office, issued_from="2026-03-03", issued_to="2026-03-12")
    )
    assert "In payments of any day." in words(get(office))
    # Unless it is said, the last ninety days.
    office.paid("4503", of(10, line(("CO-50", 900)), status="4"), issued=dt.datetime.now(dt.UTC).date())
    assert groups(tree_of(office.client.get(PAGE))) == {"CO-50": (1, 1, "$9.00")}


def test_what_is_asked_for_wrongly_is_told(office: Office) -> None:
    for asked, said in (
        ({"codes": "N290"}, "N290 is not a reason code"),
        ({"codes": "what"}, "Enter reason codes, such as CO-97 or 97"),
        ({"issued_from": "2026-03-03", "issued_to": "2026-03-01"}, "lies before the first one"),
    ):
        answer = office.client.get(f"{PAGE}?{urlencode(asked)}")
        assert answer.status_code == 422
        assert said in answer.text


def test_advice_follows_the_remarks_of_each_line(office: Office) -> None:
    """With MA130 nothing can be corrected: a new claim is wanted, whether the remark is the line's or the claim's."""
    lacking = line(("CO-16", 5000))
    of_line, of_claim = of(1, replace(lacking, remarks=("N290", "MA130"))), replace(of(2, lacking), remarks=("MA130",))
    turned = of(4, replace(lacking, remarks=("MA130",)))
    office.paid("4501", of_line, of_claim, of(3, replace(lacking, remarks=("N290",))), turned)
    office.paid("4502", turned.reversed(), issued=DAY + dt.timedelta(days=9))
    said = {row["Claim"].split()[0]: row["Status and news"] for row in lines_of(office, "CO-16", reversed="too")}
    assert said["26X000001"].startswith("Processed as primary Remarks N290 MA130 What can I do now: Send a new claim.")
    assert "Remarks MA130 What can I do now: Send a new claim." in said["26X000002"]
    # What stands above the table holds for this one; and of what is reversed nothing is to be done any more.
    assert said["26X000003"] == "Processed as primary Remarks N290"
    assert "Send a new claim" not in said["26X000004"]
    above = words(get(office, f"{PAGE}/lines", **{"in": "CO", "why": "16"}))
    assert "Send a corrected claim." in above
    rows = csv.DictReader(io.StringIO(office.client.get(f"{PAGE}/csv?issued_from=any&reversed=too").data.decode()))
    advice = {row["payer_claim_number"]: row["what_can_i_do_now"].split(".")[0] for row in rows}
    new, corrected = "Send a new claim", "Send a corrected claim"
    assert advice == {"26X000001": new, "26X000002": new, "26X000003": corrected, "26X000004": ""}


def test_what_was_shown_is_recorded(office: Office, mixed: int) -> None:
    opened = office.client.get(f"{PAGE}/lines?issued_from=any&in=CO&why=97", fragment=True)
    assert "SAMPLE, ANN" in opened.text
    assert "What can I do now: " in words(tree_of(opened)), "what can be done stands above the lines"
    (event,) = events(office.world, "remittance.denial.listed")
    assert event["claims"] == {str(mixed): "2,5"}
    assert (event["code"], event["shown"], event["filter"]) == ("CO-97", 3, {"issued_from": "any"})
    closed = office.client.get(f"{PAGE}/lines?issued_from=any&in=CO&why=97&closed=1", fragment=True)
    assert url_of(mixed) not in closed.text
    assert len(events(office.world, "remittance.denial.listed")) == 1


def test_the_index_of_denials_is_used(office: Office, mixed: int) -> None:
    engine = office.world.app.extensions["hp_portal.database"].engine
    if engine.dialect.name != "sqlite":  # PostgreSQL reads a table of six rows without an index
        found = {index["name"] for index in sa.inspect(engine).get_indexes("remittance_adjustment")}
        assert "ix_remittance_adjustment_unusual" in found
        return
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if "AS unreadable" in statement:
            asked.append((statement, parameters))

    sa.event.listen(engine, "before_cursor_execute", note)
    office.client.get(f"{PAGE}?issued_from=any")
    sa.event.remove(engine, "before_cursor_execute", note)
    with sqlite3.connect(engine.url.database) as connection:
        plans = [
            " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))
            for statement, parameters in asked
        ]
    assert len(plans) == 1, "they are read once"
    assert plans[0].count("COVERING INDEX ix_remittance_adjustment_unusual") == 1
