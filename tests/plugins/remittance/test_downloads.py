"""Downloads: who gets them, under which name, with which reason in the record."""

from __future__ import annotations

import io
import json

import oxedi
import pytest
import sqlalchemy as sa

from hp_portal.api import file_name_part
from hp_portal.core.audit.models import AuditEvent
from hp_portal_plugins.remittance.downloads.reasons import REASONS
from hp_portal_plugins.remittance.x12.reader import read
from hp_portal_plugins.remittance.x12.records import Transaction
from tests.plugins.remittance.downloads_world import usual_payment
from tests.plugins.remittance.inquiry import Office, url_of
from tests.support.world import World

pytestmark = pytest.mark.either_database

KINDS = ("pdf", "xlsx", "csv", "835", "claims/1/pdf")
CONTENT_TYPES = {
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
    "835": "application/edi-x12",
    "claims/1/pdf": "application/pdf",
}
START = {"pdf": b"%PDF-1.7", "xlsx": b"PK", "csv": b"\xef\xbb\xbfrecord,", "835": b"ISA*", "claims/1/pdf": b"%PDF-1.7"}


def downloads(world: World) -> list[tuple[str, str, dict[str, object]]]:
    """Event, reason and fields of the recorded downloads."""
    with world.session() as session:
        found = session.execute(
            sa.select(AuditEvent.event, AuditEvent.reason, AuditEvent.fields)
            .where(AuditEvent.event.like("remittance.%.downloaded"))
            .order_by(AuditEvent.id)
        )
        return [(event, reason, json.loads(fields)) for event, reason, fields in found]


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_is_handed_over_as_what_it_is(office: Office, kind: str) -> None:
    answer = office.client.get(f"{url_of(office.paid('0012-345'))}/{kind}")
    assert answer.status_code == 200
    assert answer.content_type == CONTENT_TYPES[kind]
    assert answer.data.startswith(START[kind])
    assert answer.headers["Cache-Control"] == "no-store"
    name = "remittance-0012-345-claim-1.pdf" if "claim" in kind else f"remittance-0012-345.{kind}"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'


def test_every_download_stands_in_the_record_with_its_reason(office: Office) -> None:
    payment = office.paid("12345")
    for kind in KINDS:
        office.client.get(f"{url_of(payment)}/{kind}?reason=appeal")
    office.client.get(f"{url_of(payment)}/csv")
    appeal, posting = REASONS["appeal"], REASONS["posting"]
    whole = "remittance.payment.downloaded"
    assert downloads(office.world) == [
        (whole, appeal, {"payment": payment, "format": "pdf"}),
        (whole, appeal, {"payment": payment, "format": "xlsx"}),
        (whole, appeal, {"payment": payment, "format": "csv"}),
        (whole, appeal, {"payment": payment, "format": "835"}),
        ("remittance.claim.downloaded", appeal, {"payment": payment, "claim": 1, "format": "pdf"}),
        (whole, posting, {"payment": payment, "format": "csv"}),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_reason_that_is_none_gets_no_file(office: Office, kind: str) -> None:
    assert office.client.get(f"{url_of(office.paid('12345'))}/{kind}?reason=curiosity").status_code == 400
    assert downloads(office.world) == []


@pytest.mark.parametrize("kind", KINDS)
def test_another_organization_s_payment_is_not_found(office: Office, kind: str) -> None:
    payment = Office(office.world, "Cedar Sample Clinic").paid("777001")
    theirs = office.client.get(f"{url_of(payment)}/{kind}")
    nobodys = office.client.get(f"{url_of(payment + 1000)}/{kind}")
    assert theirs.status_code == nobodys.status_code == 404
    assert downloads(office.world) == []


def test_a_payment_to_an_unknown_payee_is_nobody_s(office: Office) -> None:
    payment = usual_payment(None).keep(office.world)
    assert [office.client.get(f"{url_of(payment)}/{kind}").status_code for kind in KINDS] == [404] * len(KINDS)


def test_what_is_not_there_is_not_found(office: Office) -> None:
    payment = office.paid("12345")
    for path in ("claims/2/pdf", "claims/0/pdf", f"claims/{2**40}/pdf", "docx"):
        assert office.client.get(f"{url_of(payment)}/{path}").status_code == 404
    assert office.client.get(f"{url_of(2**70)}/pdf").status_code == 404


def test_the_835_is_this_payment_alone_in_an_interchange_that_balances(office: Office) -> None:
    first, second = office.paid("555001"), office.paid("555002")
    data = office.client.get(f"{url_of(second)}/835").data
    checks = [found for found in read(io.BytesIO(data)) if isinstance(found, Transaction)]
    assert [check.fact("trace_number") for check in checks] == ["555002"]
    assert checks[0].balanced
    assert checks[0].diagnostics == ()
    oracle = oxedi.parse(data)
    assert [len(oracle.tables[name]) for name in ("payments", "claims")] == [1, 1]
    assert oracle.sum_payments() == 150
    assert b"555001" in office.client.get(f"{url_of(first)}/835").data


@pytest.mark.parametrize(
    ("number", "part"),
    [
        ("0012345", "0012345"),
        ("NP 00/12", "NP-00-12"),
        ('..\\..\\"x"\r\nSet-Cookie: a=b', "x-Set-Cookie-a-b"),
        ("é§", ""),
        ("9" * 200, "9" * 60),
    ],
)
def test_file_names_hold_what_every_system_takes(number: str, part: str) -> None:
    assert file_name_part(number) == part
