"""One box finds any number: payments, claims, patient accounts and members, also with the heading it was pasted with."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import unquote

import pytest

from hp_portal_plugins.remittance.inquiry.any_number import AnyNumber, Kind
from tests.support.client import heading_of, tree_of
from tests.support.world import World

from .inquiry import DAY, Office, claim, events, url_of, words

pytestmark = pytest.mark.either_database

HOME, FIND = "/apps/remittance/", "/apps/remittance/find"


def found(office: Office, typed: str, *, fragment: bool = False) -> Any:
    """What the box leads to."""
    answer = office.client.post(FIND, {"number": typed}, fragment=fragment)
    if answer.status_code == 303:
        return office.client.get(answer.headers["Location"], follow_redirects=True)
    return answer


@pytest.mark.parametrize(
    ("typed", "kind", "key"),
    [
        ("0004512", Kind.UNKNOWN, "4512"),
        ("EFT 9400000001", Kind.PAYMENT, "9400000001"),
        ("eft: 9400000001", Kind.PAYMENT, "9400000001"),
        ("EFT9400000001", Kind.PAYMENT, "EFT9400000001"),
        ("Check # 0000001234", Kind.PAYMENT, "1234"),
        ("Check#0000001234", Kind.PAYMENT, "1234"),
        ("Check/EFT number: 00-12 34", Kind.PAYMENT, "1234"),
        ("Check No. 1234", Kind.PAYMENT, "1234"),
        ("Trace: 9400000001", Kind.PAYMENT, "9400000001"),
        ("TRN*1*9400000001*1999999999~", Kind.PAYMENT, "9400000001"),
        ("Non-payment notice NP0000077", Kind.PAYMENT, "NP77"),
        ("np 77", Kind.UNKNOWN, "NP77"),
        ("Claim number: 26X000001", Kind.CLAIM, "26X000001"),
        ("The plan’s claim number 26X000001", Kind.CLAIM, "26X000001"),
        ("ICN 26X000001", Kind.CLAIM, "26X000001"),
        ("Patient account: ACCT-00001", Kind.ACCOUNT, "ACCT00001"),
        ("Acct # 30004", Kind.ACCOUNT, "30004"),
        ("Member ID M 00000001", Kind.MEMBER, "M00000001"),
        ("ID: M00000001", Kind.UNKNOWN, "M00000001"),
        ("Ref 9400000001", Kind.UNKNOWN, "9400000001"),
        ("Reference no. 9400000001", Kind.UNKNOWN, "9400000001"),
        ("Warrant 50004", Kind.PAYMENT, "50004"),
        ("MRN MRN555", Kind.ACCOUNT, "MRN555"),
        ("Sample, Ann", Kind.UNKNOWN, "SAMPLEANN"),
        ("EFT", Kind.UNKNOWN, "EFT"),
        ("check the mail", Kind.UNKNOWN, "CHECKTHEMAIL"),
    ],
)
def test_headings_are_read(typed: str, kind: Kind, key: str) -> None:
    number = AnyNumber.of(typed)
    assert (number.kind, number.keys[0]) == (kind, key)


@pytest.mark.parametrize(
    "typed",
    [
        "9400004512",
        "EFT 9400004512",
        "EFT9400004512",
        "Trace: 94 0000 4512",
        "EFT # 9400004512 Mar 2, 2026",
        "9400004512 $150.00",
        "TRN*1*9400004512*1999999999~",
    ],
)
def test_a_payment_opens_however_its_number_is_pasted(office: Office, typed: str) -> None:
    payment = office.paid("9400004512")
    office.paid("9400004513")
    answer = office.client.post(FIND, {"number": typed})
    assert (answer.status_code, answer.headers["Location"]) == (303, url_of(payment))
    by_script = office.client.post(FIND, {"number": typed}, fragment=True)
    assert by_script.headers["HX-Redirect"] == url_of(payment)
    assert [event["keys"]["number"] for event in events(office.world, "remittance.payment.searched")] in (
        [[typed] * 2, ["9400004512"] * 2]
    )


NOT_LOOKED_FOR = "You typed 2 numbers. The first was looked for; the other one was not."


def test_a_second_number_is_not_dropped_without_a_word(office: Office) -> None:
    payment = office.paid("9400004512")
    several = ("9400004512 9400004513", "9400004512, 9400004513", "EFT 9400004512,9400004513", "9400004512\n26X000777")
    for place, typed in enumerate(several):
        by_script = bool(place % 2)
        answer = office.client.post(FIND, {"number": typed}, fragment=by_script)
        address = answer.headers["HX-Redirect" if by_script else "Location"]
        assert address == url_of(payment)
        assert NOT_LOOKED_FOR in words(tree_of(office.client.get(address)))
    answer = office.client.post(FIND, {"number": typed.replace("4512", "9999")}, fragment=True)
    vain = words(tree_of(office.client.get(answer.headers["HX-Redirect"])))
    assert NOT_LOOKED_FOR in vain
    assert "No results found" in vain


def test_what_follows_a_number_may_be_no_number_or_a_part_of_it(office: Office) -> None:
    assert [
        AnyNumber.of(f"9400004512 {text}").more for text in ("Sep 11, 2026", "2026-09-11", "20260911", "$12,345.00")
    ] == [0] * 4
    assert AnyNumber.of("9400004512 9400004513; 26X000777").more == 2
    payment = office.paid("94000 04513 00001")
    answer = office.client.post(FIND, {"number": "94000 04513 00001"}, follow_redirects=True)
    assert answer.request.path == url_of(payment)
    assert "You typed" not in answer.text


def test_an_account_that_begins_like_its_heading_is_found(office: Office) -> None:
    payment = office.paid("4512", claim(1, account="MRN555"), claim(2, account="MRN MRN777"))
    for typed, place in (("MRN MRN555", 1), ("mrn mrn777", 2)):
        assert url_of(payment, place) in found(office, typed).text


def test_a_number_that_is_itself_a_heading_and_a_number_is_found(office: Office) -> None:
    payment = office.paid("EFT9400004512")
    assert office.client.post(FIND, {"number": "eft 9400004512"}).headers["Location"] == url_of(payment)


@pytest.mark.parametrize(
    "typed",
    [
        "26x000061",
        "Claim # 26X-000061",
        "acct 00061",
        "Patient account ACCT-00061",
        "m00000061",
        "Member ID: M00000061",
    ],
)
def test_claims_are_found_by_any_of_their_numbers_which_stay_out_of_address_and_record(
    office: Office, typed: str
) -> None:
    payment = office.paid("4512", claim(61, ("SAMPLE", "ANN")), claim(62))
    answer = office.client.post(FIND, {"number": typed})
    address = unquote(answer.headers["Location"])
    assert address.startswith(f"{HOME}?search=")
    assert "61" not in address.replace(address.partition("search=")[2], "")
    response = office.client.get(address)
    (table,) = [table for table in tree_of(response).iter("table") if table.get("id") == "claims-found"]
    links = [link.get("href") or "" for link in table.iter("a")]
    assert [link for link in links if "/payments/" in link] == [url_of(payment, 1), url_of(payment)]
    assert "SAMPLE, ANN" in words(table)
    assert "1 claim found, $150.00 paid" in words(tree_of(response))
    (event,) = events(office.world, "remittance.payment.searched")
    assert event["kind"] == "claims"
    assert event["claims"] == {str(payment): "1"}
    assert "00061" not in str(event), "nobody can read it in the record"


@pytest.mark.parametrize("typed", ["012345678", "123-45-6789", "M99999999", "Member ID 777777", "777777"])
@pytest.mark.parametrize("fragment", [False, True])
def test_what_is_not_found_stays_out_of_address_and_record(office: Office, typed: str, fragment: bool) -> None:
    answer = office.client.post(FIND, {"number": typed}, fragment=fragment)
    address = answer.headers["HX-Push-Url"] if fragment else answer.headers["Location"]
    assert address.startswith(f"{HOME}?search=")
    digits = AnyNumber.of(typed).keys[0]
    assert digits not in address
    response = answer if fragment else office.client.get(address)
    assert "No results found" in response.text
    (event,) = events(office.world, "remittance.payment.searched")
    assert set(event["keys"]) == {"number"}
    assert digits not in str(event)
    assert len(event["keys"]["number"]) == 64
    assert "Searched for a number that found nothing" in office.client.get("/my-activity").text


def test_what_is_typed_beside_a_payments_number_is_not_kept(office: Office) -> None:
    office.paid("9400004512")
    office.paid("9400004512", method="CHK", issued=DAY + dt.timedelta(days=1))
    answer = office.client.post(FIND, {"number": "EFT 9400004512 for SAMPLE ANN"}, fragment=True)
    assert answer.headers["HX-Push-Url"] == f"{HOME}?number=9400004512"
    assert "SAMPLE" not in str(events(office.world, "remittance.payment.searched"))


def test_several_payments_of_one_number_are_a_list_at_an_address_to_keep(office: Office) -> None:
    office.paid("4512")
    office.paid("0004512", method="CHK")
    answer = office.client.post(FIND, {"number": "45-12"}, fragment=True)
    assert "2 payments found, $300.00 together" in words(tree_of(answer))
    assert answer.headers["HX-Push-Url"] == f"{HOME}?number=45-12"
    assert "2 payments found" in found(office, "45-12").text


def test_a_number_of_a_payment_and_of_claims_shows_both(office: Office) -> None:
    payment = office.paid("30004", claim(1))
    office.paid("9000", claim(2, account="30004"))
    for typed in ("30004", "Check 30004"):
        page = found(office, typed)
        assert heading_of(page) == "Remittance Inquiry"
        text = words(tree_of(page))
        assert "1 claim found" in text
        assert "It is the number of a payment, too" in text
        payments = [link.get("href") for link in tree_of(page).iter("a") if "show the payment" in words(link)]
        assert url_of(payment) in office.client.get(payments[0] or "").text
    only_claims = words(tree_of(found(office, "Patient account 30004")))
    assert "1 claim found" in only_claims
    assert "number of a payment" not in only_claims


def test_another_organizations_numbers_are_found_by_nobody_else(office: Office, world: World) -> None:
    other = Office(world, "Oak Sample Clinic")
    other.paid("8888", claim(71))
    for typed in ("8888", "26X000071", "M00000071"):
        assert "No results found" in found(office, typed).text


def test_a_search_is_one_persons(office: Office, world: World) -> None:
    office.paid("4512", claim(61))
    address = office.client.post(FIND, {"number": "M00000061"}).headers["Location"]
    world.person("colleague", organization=office.organization)
    answer = world.sign_in("colleague").get(address, check=False)
    assert answer.status_code == 404
    assert "This search is no longer there" in answer.text


def test_nothing_typed_is_told_so(office: Office) -> None:
    answer = office.client.post(FIND, {"number": " "})
    assert answer.status_code == 422
    assert "Enter a number" in answer.text


def test_an_address_with_a_claims_number_leads_to_one_without(office: Office) -> None:
    """Such as an old bookmark."""
    office.paid("4512", claim(61))
    answer = office.client.get(f"{HOME}?number=26X000061")
    assert answer.status_code == 303
    assert "26X000061" not in answer.headers["Location"]


def test_from_nothing_found_to_a_new_tax_id_and_back_to_the_payment(office: Office, world: World) -> None:
    from hp_portal_plugins.remittance.demo.writing import PayeeText
    from tests.support.identifiers import make_npi, make_tin

    text = PayeeText("ELM SAMPLE CLINIC", make_tin(7001), make_npi(701), "V700001")
    world.payee(text.tin, text.npi, text.name, vendor_number=text.vendor_number)
    payment = office.paid("0057001", payee=text)
    nothing = found(office, "Check # 0057001")
    (form,) = [form for form in tree_of(nothing).iter("form") if form.get("action") == "/apps/tax-id-npi-access/add"]
    sent = {str(field.get("name")): field.get("value") or "" for field in form.iter("input")}
    assert sent["number"] == "0057001"
    opened = office.client.post("/apps/tax-id-npi-access/add", {**sent, "csrf_token": office.client.csrf_token()})
    assert opened.status_code == 200
    kept = {
        str(field.get("name")): field.get("value") or ""
        for field in tree_of(opened).iter("input")
        if field.get("name") in ("number", "next")
    }
    assert kept == {"number": "0057001", "next": sent["next"]}
    # A slip keeps both.
    again = office.client.post("/apps/tax-id-npi-access/add", {**kept, "tin": "1", "npi": text.npi})
    assert again.status_code == 422
    assert f'value="{sent["next"]}"' in again.text
    typed = {**kept, "tin": text.tin, "npi": text.npi, "vendor_number": text.vendor_number}
    added = office.client.post("/apps/tax-id-npi-access/add", typed)
    assert (added.status_code, added.headers["Location"]) == (303, sent["next"])
    back = office.client.get(added.headers["Location"], follow_redirects=True)
    assert back.request.path == url_of(payment)
    assert "ELM SAMPLE CLINIC has been added" in back.text


@pytest.mark.parametrize("to", ["https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)"])
def test_adding_a_tax_id_leads_nowhere_else(office: Office, world: World, to: str) -> None:
    from hp_portal_plugins.remittance.demo.writing import PayeeText
    from tests.support.identifiers import make_npi, make_tin

    text = PayeeText("ELM SAMPLE CLINIC", make_tin(7001), make_npi(701), "V700001")
    world.payee(text.tin, text.npi, text.name, vendor_number=text.vendor_number)
    office.paid("0057001", payee=text)
    typed = {"number": "57001", "tin": text.tin, "npi": text.npi, "vendor_number": text.vendor_number, "next": to}
    assert office.client.post("/apps/tax-id-npi-access/add", typed).headers["Location"] == "/"
