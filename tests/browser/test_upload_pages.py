"""Staff upload remittances in a browser and watch them being imported."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, expect

from hp_portal import worker
from hp_portal.api import Job
from hp_portal_plugins.remittance.codes import loads
from hp_portal_plugins.remittance.intake import uploads
from tests.browser.conftest import Live, axe, sign_in
from tests.plugins.remittance.import_files import CLINIC, file_of, many_payments, payment

PERMISSIONS = (
    "staff:console:open",
    "remittance:import:run",
    "remittance:import:read",
    "remittance:codes:manage",
)


@pytest.fixture
def staff(live: Live, new_context: Any, request: pytest.FixtureRequest) -> Page:
    """A member of staff who has signed in; the parameter is a pair of window size and dark."""
    live.world.staff("importer", permissions=PERMISSIONS)
    size, dark = request.param
    page: Page = new_context(size=size, dark=dark).new_page()
    sign_in(page, live.url, "importer")
    return page


def run_worker(live: Live, job: Job = uploads.JOB) -> None:
    with live.app.app_context():
        assert worker.run_job(live.app, job)


def file(name: str, data: bytes) -> FilePayload:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": data}


@pytest.mark.parametrize("staff", [("desk", False), ("phone", True)], ids=["desk", "phone, dark"], indirect=True)
def test_an_upload_is_followed_to_its_report(live: Live, staff: Page) -> None:
    page = staff
    page.goto(f"{live.url}/staff/remittance/")
    good = file_of(*many_payments(3), payment("940", off_by=100), payment("941", payee=replace(CLINIC, npi="")))
    page.get_by_label("Remittance files (835)").set_input_files([file("march.835", good), file("scan.pdf", b"%PDF")])
    page.get_by_role("main").get_by_role("button", name="Upload").click()
    expect(page.get_by_text("2 files uploaded")).to_be_visible()
    expect(page.get_by_text("Waiting for the worker")).to_have_count(2)
    axe(page)
    with live.world.session() as session:
        held = uploads.take(session)
        assert held is not None
        # The page says so by itself, without being loaded again.
        expect(page.get_by_text("Importing, 0 payments so far")).to_be_visible()
        axe(page)
        uploads.save(session, held)
    run_worker(live)
    expect(page.get_by_role("link", name="march.835")).to_be_visible()
    expect(page.get_by_role("link", name="scan.pdf")).to_be_visible()
    expect(page.locator("#imports[data-hx-trigger]")).to_have_count(0)
    axe(page)
    page.get_by_role("link", name="march.835").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Import of march.835")
    expect(page.get_by_text("not everything balances")).to_be_visible()
    axe(page)
    page.get_by_role("link", name="Payees not on record").last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Payees not on record")
    axe(page)
    page.goto(f"{live.url}/staff/remittance/codes")
    page.get_by_label("File (CSV or XLSX)").set_input_files(
        file("codes.csv", b"Code,Description,Start\nZ01,An invented reason,2020-01-01\n")
    )
    page.get_by_role("main").get_by_role("button", name="Load").click()
    expect(page.get_by_text("Waiting for the worker")).to_be_visible()
    axe(page)
    run_worker(live, loads.JOB)
    # This page too says so by itself.
    expect(page.get_by_text("1 row loaded (1 new")).to_be_visible()
    axe(page)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_it_works_without_javascript(live: Live, new_context: Any) -> None:
    live.world.staff("importer", permissions=PERMISSIONS)
    page: Page = new_context(javascript=False).new_page()
    sign_in(page, live.url, "importer")
    page.goto(f"{live.url}/staff/remittance/")
    page.get_by_label("Remittance files (835)").set_input_files([file("march.835", file_of(payment("1")))])
    page.get_by_role("main").get_by_role("button", name="Upload").click()
    expect(page.get_by_text("Waiting for the worker")).to_be_visible()
    run_worker(live)
    page.reload()
    page.get_by_role("link", name="march.835").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Import of march.835")
