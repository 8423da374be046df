"""Recoveries: provider-level adjustments in the chains in which they belong together, and what of them is open."""

from __future__ import annotations

import csv
import datetime as dt
import io
from dataclasses import replace
from xml.etree.ElementTree import Element

import openpyxl
import pytest
import sqlalchemy as sa

from hp_portal.core.downloads import making
from hp_portal.core.organizations.models import Grant
from hp_portal.scopes import WholeScope
from hp_portal_plugins.remittance.demo.writing import ProviderReason
from hp_portal_plugins.remittance.denials import recoveries, recovery_documents
from hp_portal_plugins.remittance.models import VOIDED, Payment, ProviderAdjustment
from tests.support.client import tree_of

from .inquiry import DAY, Office, claim, events, words

PAGE = "/apps/remittance/recoveries"


def day(number: int) -> dt.date:
    return DAY + dt.timedelta(days=number)


def shown(office: Office, query: str = "") -> tuple[str, list[list[str]]]:
    """The heading, and of each chain its rows: code, what it belongs to, payment, amount, balance."""
    tree: Element = tree_of(office.client.get(PAGE + query))
    chains = []
    for body in tree.iter("tbody"):
        rows = []
        for row in body.iter("tr"):
            if row.find("th") is None:  # what is said of the chain as a whole
                rows.append(words(row))
                continue
            cells = {cell.get("data-label"): words(cell) for cell in row.iter("td")}
            code = words(next(iter(row.iter("th")))).split()[0]
            belongs = cells.get("Belongs to", "").removesuffix(office.payee_text.name).strip()
            rows.append(" | ".join((code, belongs, cells["Payment"], cells["Amount"], cells["Balance"])))
        chains.append(rows)
    return words(next(tree.iter("h2"))), chains


def test_chains_of_recoveries_and_balances(office: Office) -> None:
    first = office.paid("4501", claim(1), claim(2), claim(3))
    # Put off and half taken; put off and taken; taken without having been put off; interest; a number that nobody has.
    office.paid(
        "4502",
        claim(11),
        issued=day(10),
        adjusted=(ProviderReason("WO", "26X000001", -10000), ProviderReason("WO", "26X000002", -5000)),
    )
    office.paid(
        "4503",
        claim(12),
        issued=day(20),
        adjusted=(
            ProviderReason("WO", "26X000001", 4000),
            ProviderReason("72", "26X000002", 5000),
            ProviderReason("WO", "ACCT-00003", 700),
            ProviderReason("L6", "26X000003", -12),
        ),
    )
    # A balance that runs from payment to payment, by whatever it is referred to.
    office.paid("4504", claim(13), issued=day(30), adjusted=(ProviderReason("FB", "4504", -2000),))
    office.paid(
        "4505",
        claim(14),
        issued=day(40),
        adjusted=(
            ProviderReason("FB", "4504", 2000),
            ProviderReason("FB", "X9", -300),
            ProviderReason("CS", "4504", 1),
        ),
    )
    heading, chains = shown(office)
    assert heading == "2 open entries, $63.00 still to be taken"
    mine = "SAMPLE, ANN 26X000001 Yours: ACCT-00001"
    forward = [
        "FB | The payee’s payments | 4504 EFT | −$20.00 | −$20.00",
        "FB |  | 4505 EFT | $20.00 | $0.00",
        "FB |  | 4505 EFT | −$3.00 | −$3.00 Open",
    ]
    half = [f"WO | {mine} | 4502 EFT | −$100.00 | −$100.00", "WO |  | 4503 EFT | $40.00 | −$60.00 Open"]
    assert chains == [forward, half]
    heading, chains = shown(office, "?show=settled")
    assert heading == "2 open entries, $63.00 still to be taken"
    other = "SAMPLE, ANN 26X000003 Yours: ACCT-00003"
    assert chains[0] == ["CS | EFT 4504 | 4505 EFT | $0.01 | "]
    assert sorted(chains[1:]) == sorted(
        [
            [f"L6 | {other} | 4503 EFT | −$0.12 | "],
            [f"WO | {other} | 4503 EFT | $7.00 | $7.00 Taken"],
            [
                "WO | SAMPLE, ANN 26X000002 Yours: ACCT-00002 | 4502 EFT | −$50.00 | −$50.00",
                "72 |  | 4503 EFT | $50.00 | $0.00 Settled",
            ],
        ]
    )
    # What an adjustment does is said by its sign.
    told = words(tree_of(office.client.get(PAGE)))
    for said in ("FB Balance carried to a later", "FB Balance brought from an earlier", "WO Overpayment, put off to a"):
        assert said in told
    # Which claims were named is recorded.
    assert events(office.world, "remittance.recovery.listed")[0]["claims"] == {str(first): "1"}
    # What is voided counts no more, and what cannot be read is not taken for nothing.
    with office.world.session() as session:
        session.execute(sa.update(Payment).where(Payment.trace_number == "4505").values(set_aside=VOIDED))
        of_half = (ProviderAdjustment.reason == "WO", ProviderAdjustment.amount == 4000)
        session.execute(sa.update(ProviderAdjustment).where(*of_half).values(amount=None))
        session.commit()
    heading, chains = shown(office)
    assert heading == "1 open entry, $20.00 still to be taken"
    assert chains[0] == ["FB | The payee’s payments | 4504 EFT | −$20.00 | −$20.00 Open"]
    assert chains[1][1] == "WO |  | 4503 EFT | not readable | not readable Cannot be told"
    # Somebody else sees nothing of it.
    assert shown(Office(office.world, "Other Sample Clinic")) == ("Nothing is open", [])
    nothing = office.client.get(f"{PAGE}?show=what")
    assert nothing.status_code == 422


@pytest.fixture
def half(office: Office) -> int:
    """A recovery put off and half taken; interest; and another payee's balance. The payment of the claims."""
    first = office.paid("4501", claim(1, account="=1+1"), claim(2))
    office.paid("4502", claim(11), issued=day(10), adjusted=(ProviderReason("WO", "26X000001", -10000),))
    adjusted = (ProviderReason("WO", "26X000001", 4000), ProviderReason("L6", "26X000002", -12))
    office.paid("4503", claim(12), issued=day(20), adjusted=adjusted)
    second = replace(office.payee_text, npi="1234567893", name="SECOND SAMPLE PAYEE", vendor_number="V9")
    office.add_payee(second)
    office.paid("4504", claim(13), issued=day(30), adjusted=(ProviderReason("FB", "4504", -2000),), payee=second)
    return first


def test_by_days_and_payee(office: Office, half: int) -> None:
    heading, chains = shown(office, "?issued_to=2026-03-12")
    # The days choose entries; an entry is shown with all of its payments.
    assert heading == "1 open entry, $60.00 still to be taken"
    assert [len(chain) for chain in chains] == [2]
    assert shown(office, "?issued_from=2026-03-23")[0] == "1 open entry, $20.00 still to be taken"
    assert [chain[0][:2] for chain in shown(office, "?show=all&issued_from=2026-03-22&issued_to=2026-03-22")[1]] == [
        "L6",
        "WO",
    ]
    heading, chains = shown(office, f"?payee={office.payee.id}")
    assert (heading, len(chains)) == ("1 open entry, $60.00 still to be taken", 1)
    said = "Entries with a payment issued from Mar 22, 2026 to Mar 22, 2026, each with all of its payments."
    assert said in words(tree_of(office.client.get(f"{PAGE}?issued_from=2026-03-22&issued_to=2026-03-22")))
    text = office.client.get(f"{PAGE}?issued_from=2027-01-01").text
    assert "Every recovery and balance that your payments of these days show has been settled" in text
    assert "show=all" in text
    assert "issued_from=2027-01-01" in text.split("Show everything")[0].rsplit("<a ", 1)[1], "days stay"
    assert office.client.get(f"{PAGE}?issued_from=2026-03-03&issued_to=2026-03-01").status_code == 422


def test_files_hold_what_the_page_shows(office: Office, half: int) -> None:
    answer = office.client.get(f"{PAGE}/csv?show=all&issued_from=2026-03-20&payee={office.payee.id}&reason=appeal")
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    shown_of = (
        "entry",
        "state",
        "reason",
        "payment_number",
        "amount",
        "balance",
        "patient_last_name",
        "payer_claim_number",
    )
    assert [tuple(row[name] for name in shown_of) for row in rows] == [
        ("1", "stands alone", "L6", "4503", "-0.12", "", "SAMPLE", "26X000002"),
        ("2", "open", "WO", "4502", "-100.00", "-100.00", "SAMPLE", "26X000001"),
        ("2", "open", "WO", "4503", "40.00", "-60.00", "SAMPLE", "26X000001"),
    ]
    assert rows[1]["patient_account"] == "'=1+1"
    (event,) = events(office.world, "remittance.recovery.downloaded")
    assert (event["format"], event["claims"]) == ("csv", {str(half): "1-2"})
    assert event["payments"] == f"{half + 1}-{half + 2}"
    book = openpyxl.load_workbook(io.BytesIO(office.client.get(f"{PAGE}/xlsx").data))
    assert book.sheetnames == ["Adjustments", "Open", "What was asked for"]
    owed = [[cell.value for cell in row] for row in book["Open"].iter_rows(min_row=2)]
    assert [(row[1], row[3], row[7], row[9]) for row in owed] == [
        ("FB", None, "4504", 20),
        ("WO", "26X000001", "4503", 60),
    ]
    # What is beyond a limit is said, and nothing leaves.
    before = len(events(office.world, "remittance.recovery.downloaded"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recoveries, "MOST_ADJUSTMENTS", 3)
        for path in ("", "/csv"):
            answer = office.client.get(f"{PAGE}{path}?show=all")
            assert answer.status_code == 422
            assert "have 4 provider-level adjustments" in answer.text
        assert office.client.get(f"{PAGE}?payee={office.payee.id}").status_code == 200
    assert len(events(office.world, "remittance.recovery.downloaded")) == before


def test_more_chains_than_a_page_are_read_as_those_of_a_page(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    adjusted = tuple(ProviderReason("WO", f"26X{number:06}", -number) for number in range(1, 8))
    office.paid("4501", *(claim(number) for number in range(1, 8)))
    office.paid("4502", claim(11), issued=day(10), adjusted=adjusted)
    _, chains = shown(office)
    monkeypatch.setattr(recoveries, "PAGE", 3)
    pages = [shown(office, f"?page={number}")[1] for number in (1, 2, 3)]
    assert [chain for page in pages for chain in page] == chains
    rows = list(csv.DictReader(io.StringIO(office.client.get(f"{PAGE}/csv").data.decode("utf-8-sig"))))
    assert [row["payer_claim_number"] for row in rows] == [chain[0].split()[4] for chain in chains]


def test_a_long_chain_shows_its_latest_adjustments(office: Office, half: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A balance may run through every payment of years: a page shows the end of it, with the balance of all."""
    monkeypatch.setattr(recoveries, "MOST_STEPS", 1)
    heading, chains = shown(office, f"?payee={office.payee.id}")
    assert heading == "1 open entry, $60.00 still to be taken"
    left_out = "1 earlier adjustment of this entry is not shown, but counted in the balance."
    assert chains[0][0].startswith(left_out)
    assert chains[0][1:] == ["WO | SAMPLE, ANN 26X000001 Yours: =1+1 | 4503 EFT | $40.00 | −$60.00 Open"]
    # What was not shown is not recorded as shown; the files have all of it.
    assert events(office.world, "remittance.recovery.listed")[0]["payments"] == str(half + 2)
    assert office.client.get(f"{PAGE}/csv?payee={office.payee.id}").text.count("26X000001") == 4
    # Nor is a balance told when what is not shown could not be read.
    with office.world.session() as session:
        before = ProviderAdjustment.payment_id == half + 1
        session.execute(sa.update(ProviderAdjustment).where(before).values(amount=None))
        session.commit()
    assert shown(office, f"?payee={office.payee.id}")[1][0][1].endswith("$40.00 | not readable Cannot be told")


def test_a_large_file_leaves_while_all_that_is_in_it_may_be_seen(
    office: Office, half: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(recovery_documents.MOST_AT_ONCE, recovery_documents.CSV, 0)
    answer = office.client.get(f"{PAGE}/csv?show=all")
    assert answer.status_code == 303
    with office.world.app.app_context(), office.world.database.new_session(WholeScope("documents")) as session:
        assert making.make_next(session)
    assert "4 adjustments" in office.client.get(answer.headers["Location"]).text
    assert events(office.world, "remittance.recovery.downloaded") == [], "nothing has left yet"
    file = f"{answer.headers['Location']}/file"
    assert office.client.get(file).data.decode("utf-8-sig").count("\n") == 5
    (event,) = events(office.world, "remittance.recovery.downloaded")
    assert event["payments"] == f"{half + 1}-{half + 3}"
    # One of its payees is not theirs to see any more.
    with office.world.session() as session:
        of_payee = Grant.payee_id == office.payee.id
        session.execute(sa.update(Grant).where(of_payee).values(ended_at=dt.datetime.now(dt.UTC)))
        session.commit()
    assert office.client.get(file).status_code == 404
    assert len(events(office.world, "remittance.recovery.downloaded")) == 1
