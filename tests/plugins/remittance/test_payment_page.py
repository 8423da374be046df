"""A payment's page: facts, balance, contacts, provider-level adjustments, glossary."""

from __future__ import annotations

import datetime as dt

import pytest

from hp_portal import clock
from hp_portal.settings import Payer
from hp_portal_plugins.remittance.codes.explanations import explanations
from hp_portal_plugins.remittance.codes.models import Code
from hp_portal_plugins.remittance.demo.writing import ProviderReason, Reason, Service
from tests.support.client import heading_of, tree_of

from .inquiry import DAY, Office, claim, events, url_of, words

pytestmark = pytest.mark.either_database


def read(office: Office, payment: int) -> str:
    """The page's text."""
    response = office.client.get(url_of(payment))
    assert response.status_code == 200
    (main,) = tree_of(response).iter("main")
    return words(main)


@pytest.mark.parametrize(
    ("number", "method", "heading", "words"),
    [
        ("4512", "ACH", "EFT 4512", "Electronic funds transfer (EFT)"),
        ("4512", "CHK", "Check 4512", "Method Check"),
        ("NP4512", "NON", "Non-payment notice NP4512", "Non-payment notice"),
    ],
)
def test_what_was_paid_to_whom(office: Office, number: str, method: str, heading: str, words: str) -> None:
    claims = (claim(1, services=()),) if method == "NON" else (claim(1),)
    payment = office.paid(number, *claims, method=method)
    assert heading_of(office.client.get(url_of(payment))).startswith(heading)
    text = read(office, payment)
    for shown in (words, "Mar 2, 2026", office.payee_text.name, office.payee_text.npi, "1 Example Street"):
        assert shown in text
    assert f"ending in {office.payee_text.tin[-4:]}" in text
    assert office.payee_text.tin not in text


def test_the_balance_is_proved_with_figures(office: Office) -> None:
    payment = office.paid("4512", claim(1), claim(2), adjusted=(ProviderReason("WO", "X1", 5000),))
    text = read(office, payment)
    assert "Paid for claims $300.00 − Provider-level adjustments $50.00 = Adds up to $250.00" in text
    assert "Equals the payment of $250.00" in text
    assert "does not add up" not in text


def test_an_adjustment_that_raises_the_payment_is_added(office: Office) -> None:
    payment = office.paid("4512", adjusted=(ProviderReason("L6", "X1", -125),))
    assert "+ Provider-level adjustments $1.25 = Adds up to $151.25" in read(office, payment)


def test_a_payment_that_does_not_balance_says_by_how_much_and_what_that_means(office: Office) -> None:
    text = read(office, office.paid("4512", claim(1), off_by=1000))
    assert "This payment does not add up" in text
    assert "The payment is $160.00, which is $10.00 more than its claims and adjustments add up to." in text
    assert "Compare the payment with your bank" in text
    assert "Equals the payment" not in text


def test_contacts_are_the_remittances(office: Office) -> None:
    text = read(office, office.paid("4512"))
    assert "Questions about claims PROVIDER SERVICES 555-010-0100" in text


def test_a_remittance_without_contacts_gets_the_payers(office: Office) -> None:
    silent = Payer(name="Sample Health Plan", short_name="Sample", payer_id="99999")
    text = read(office, office.paid("4512", payer=silent))
    assert "Provider services 555-0100" in text


def test_a_provider_adjustment_leads_to_its_claim_in_this_payment(office: Office) -> None:
    payment = office.paid("4512", claim(1), claim(2), adjusted=(ProviderReason("WO", "26x-000002", 500),))
    response = office.client.get(url_of(payment))
    assert "Overpayment taken back" in response.text
    (table,) = [table for table in tree_of(response).iter("table") if table.get("id") == "provider-adjustments"]
    assert [link.get("href") for link in table.iter("a")] == [url_of(payment, 2)]


def test_a_provider_adjustment_leads_to_its_claim_in_an_earlier_payment(office: Office) -> None:
    earlier = office.paid("4512", claim(1), issued=DAY)
    office.paid("4513", claim(1), issued=DAY + dt.timedelta(days=90))
    payment = office.paid(
        "4514", claim(2), issued=DAY + dt.timedelta(days=30), adjusted=(ProviderReason("WO", "ACCT00001", 500),)
    )
    response = office.client.get(url_of(payment))
    (table,) = [table for table in tree_of(response).iter("table") if table.get("id") == "provider-adjustments"]
    assert [link.get("href") for link in table.iter("a")] == [url_of(earlier, 1)]
    assert "in payment 4512" in words(table)


def test_a_reference_that_names_no_claim_is_shown_as_it_is(office: Office) -> None:
    payment = office.paid("4512", adjusted=(ProviderReason("FB", "NOSUCHCLAIM", 500),))
    response = office.client.get(url_of(payment))
    (table,) = [table for table in tree_of(response).iter("table") if table.get("id") == "provider-adjustments"]
    assert "NOSUCHCLAIM" in words(table)
    assert list(table.iter("a")) == []


def glossary(office: Office, payment: int) -> dict[str, str]:
    """The glossary's rows: code and kind to meaning."""
    tree = tree_of(office.client.get(url_of(payment)))
    (table,) = [table for table in tree.iter("table") if table.get("id") == "glossary"]
    rows = [[words(cell) for cell in row] for body in table.iter("tbody") for row in body.iter("tr")]
    return {f"{code} {kind}": meaning for code, kind, meaning, _ in rows}


def test_the_glossary_explains_only_what_is_used_in_our_own_marked_words(office: Office) -> None:
    found = glossary(office, office.paid("4512", adjusted=(ProviderReason("WO", "X1", 500),)))
    assert set(found) == {
        "1 Claim status",
        "CO Adjustment group",
        "PR Adjustment group",
        "3 Adjustment reason",
        "45 Adjustment reason",
        "WO Provider-level adjustment",
    }
    assert found["45 Adjustment reason"] == f"{explanations('CARC')['45'].text} * (our words)"


def test_a_loaded_text_wins_when_it_was_valid_on_the_payments_day(office: Office) -> None:
    rows = [
        ("CARC", "45", "Loaded text", dt.date(2020, 1, 1), dt.date(2026, 12, 31)),
        ("CARC", "3", "Ended text", dt.date(2020, 1, 1), dt.date(2026, 1, 31)),
        ("CARC", "3", "Later text", dt.date(2026, 6, 1), None),
        ("RARC", "Z01", "Remark text", None, None),
    ]
    with office.world.session() as session:
        for name, code, text, first, last in rows:
            session.add(
                Code(
                    list=name,
                    code=code,
                    text=text,
                    valid_from=first,
                    valid_to=last,
                    source="made up",
                    loaded_at=clock.now(),
                )
            )
    found = glossary(office, office.paid("4512", claim(1, remarks=("Z01", "Z02"))))
    assert found["45 Adjustment reason"] == "Loaded text"
    assert found["3 Adjustment reason"] == f"{explanations('CARC')['3'].text} * (our words)"
    assert found["Z01 Remark"] == "Remark text"
    assert found["Z02 Remark"] == "No explanation is loaded."


def test_remarks_of_lines_are_explained_too(office: Office) -> None:
    service = Service("HC:99213", 20000, (Reason("CO", "97", 20000),), DAY, remarks=("N130",))
    found = glossary(office, office.paid("4512", claim(1), claim(2, services=(service,))))
    assert found["N130 Remark"].startswith(explanations("RARC")["N130"].text)


def test_no_such_payment_is_404(office: Office) -> None:
    assert office.client.get(url_of(987654)).status_code == 404


def test_looking_at_a_payment_is_recorded(office: Office) -> None:
    payment = office.paid("4512")
    office.client.get(url_of(payment))
    assert events(office.world, "remittance.payment.viewed") == [
        {
            "payment": payment,
            "number": "4512",
            "status": "",
            "filter": "",
            "opened": "",
            "also": {},
            "page": 1,
            "sort": "",
            "shown": 1,
            "rows": "1",
        }
    ]


def test_downloads_are_offered_with_a_reason_to_whom_they_are_given(office: Office) -> None:
    payment = office.paid("4512")
    tree = tree_of(office.client.get(url_of(payment)))
    targets = [button.get("formaction") for button in tree.iter("button") if button.get("formaction")]
    assert targets == [f"{url_of(payment)}/{kind}" for kind in ("pdf", "xlsx", "csv", "835")]
    (reason,) = [field for field in tree.iter("select") if field.get("name") == "reason"]
    (chosen,) = [option for option in reason.iter("option") if option.get("selected") is not None]
    assert words(chosen) == "Posting payments"
    for target in targets:
        answer = office.client.get(f"{target}?reason=appeal", check=False)
        assert answer.status_code == 200, target
