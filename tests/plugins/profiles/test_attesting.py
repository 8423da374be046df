"""Attestation by exception: what is shown first, what is signed, what is left out, and what happens when nobody attests."""

from __future__ import annotations

import datetime as dt
import io
import re

import pytest
import sqlalchemy as sa

from hp_portal.core.cases.models import Case
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.core.payees.models import Payee
from hp_portal_plugins.profiles.attesting.figures import count_overdue
from hp_portal_plugins.profiles.attesting.models import Attestation
from hp_portal_plugins.profiles.attesting.reminding import keep_clock
from hp_portal_plugins.profiles.directory.building import JOB as DIRECTORY
from hp_portal_plugins.profiles.directory.building import current_build
from hp_portal_plugins.profiles.hiding import hidden_locations
from hp_portal_plugins.profiles.loading.importing import load_file
from hp_portal_plugins.profiles.loading.rows import COLUMNS
from hp_portal_plugins.profiles.record.applying import Fact, Stated, apply_change
from hp_portal_plugins.profiles.record.models import Affiliation, Location, Practitioner
from tests.core.test_staff_console import recorded, rows_of
from tests.support.client import PortalClient, words_of
from tests.support.clock import Clock
from tests.support.identifiers import make_npi, make_tin
from tests.support.messages import mails
from tests.support.pdf import TaggedPdf
from tests.support.public_cases import run_job
from tests.support.world import World

from .test_seeing import TODAY

URL = "/apps/profiles/attestation"
MAIL = "profiles/mail/attestation_due"
PEOPLE = 40
ADDRESS = {"street": "1 First Street", "city": "Exampleton", "state": "MN", "zip": "55000", "directory": "yes"}


def record_of(*expiring: int) -> str:
    """Forty practitioners at one location, as a file; of these the license expires soon."""
    rows = [
        f",HERE,name,,Aspen Site,2026-01-01,,{make_tin(41)},{make_npi(41)}",
        ",HERE,standing,,open,2026-01-01",
        ",HERE,phone,,9525550100,2026-01-01",
        *(f",HERE,{field},,{value},2026-01-01" for field, value in ADDRESS.items()),
        f",THERE,name,,Site of others,2026-01-01,,{make_tin(42)},{make_npi(42)}",
        "X,,last_name,,Stranger,2026-01-01",
        "X,THERE,standing,,active,2026-01-01",
    ]
    for number in range(PEOPLE):
        name = f"P{number:02d}"
        rows += [
            f"{name},,last_name,,Sample{number:02d},2026-01-01",
            f"{name},,license_number,MN,L{number},2026-01-01",
            f"{name},,license_expires,MN,{'2026-10-01' if number in expiring else '2029-01-01'},2026-01-01",
            f"{name},,insurance_expires,,2029-01-01,2026-01-01",
            f"{name},,npi,,1234567893,2026-01-01",
            f"{name},,specialty,207Q00000X,primary,2026-01-01",
            f"{name},HERE,standing,,active,2026-01-01",
            f"{name},HERE,directory,,yes,2026-01-01",
            f"{name},HERE,accepting,,new,2026-01-01",
        ]
    return "\n".join((",".join(COLUMNS), *rows, ""))


@pytest.fixture
def clerk(world: World, clock: Clock) -> PortalClient:
    clock.set(TODAY)
    office = world.organization("Aspen Clinic")
    world.grant(office, world.payee(make_tin(41), make_npi(41)))
    world.payee(make_tin(42), make_npi(42))
    world.person("a.clerk", name="Casey Clerk", organization=office)
    world.person("d.legate", name="Dana Delegate", organization=office, delegate=True)
    with world.session() as session:
        assert not load_file(session, io.BytesIO(record_of(7).encode()), "record.csv").refused
    return world.sign_in("a.clerk")


def ids(world: World) -> dict[str, int]:
    """The affiliation of each practitioner."""
    with world.session() as session:
        rows = session.execute(
            sa.select(Practitioner.reference, Affiliation.id).join(
                Affiliation, Affiliation.practitioner_id == Practitioner.id
            )
        )
        return dict(rows.all())


def say(world: World, affiliation: int, field: str, value: str) -> None:
    with world.session() as session:
        day = dt.date(2026, 9, 1)
        apply_change(session, Stated("practitioner-changed"), [Fact("affiliation", affiliation, field, "", value, day)])


def sign(clerk: PortalClient, page: str) -> dict[str, str]:
    """What is posted to attest what a page shows."""
    shown = {name: re.findall(rf'name="{name}"[^>]*value="([^"]+)"', page)[0] for name in ("signing", "seen")}
    return {**shown, "agree": "y", "signature": "Casey Clerk"}


def first(page: str) -> list[str]:
    """Who stands under *Look at these first*."""
    part = page[page.index("Look at these first") : page.index("Everything that you attest")]
    return [one.partition(": case")[0] for one in re.findall(r"(Sample\d\d[^<]*)</a>", part)]


def test_forty_practitioners_with_two_exceptions(world: World, clerk: PortalClient, clock: Clock) -> None:
    """Two marked as not right, the rest with one signature: seven requests in all. Then only what changed is shown first."""
    of, steps = ids(world), []

    def get(path: str) -> str:
        steps.append(path)
        answer = clerk.get(path)
        assert answer.status_code == 200
        return answer.text

    def post(path: str, data: dict[str, str]) -> None:
        steps.append(path)
        answer = clerk.post(path, data=data)
        assert answer.status_code == 303, words_of(answer)

    say(world, of["P03"], "primary", "yes")
    page = get(URL)
    assert first(page) == ["Sample07"], "the license expires"
    assert page.count("Sample") > PEOPLE
    assert "Stranger" not in page
    assert clerk.post(f"{URL}/lines/{of['P07']}/leave-out", data={}).status_code == 422
    for name in ("P07", "P12"):
        assert "What is not right?" in get(f"{URL}/lines/{of[name]}/not-right")
        post(f"{URL}/lines/{of[name]}/leave-out", {"words": f"{name} works elsewhere."})
    assert clerk.get(f"{URL}/lines/{of['X']}/not-right").status_code == 404
    page = get(URL)
    assert first(page) == ["Sample07, Aspen Site", "Sample12, Aspen Site"], "these are links to their cases now"
    assert "38 practitioners at 1 location" in page
    post(f"{URL}/sign", sign(clerk, page))
    assert len(steps) == 7, "and no more of them with 400 practitioners"
    (signed,) = recorded(world, "profiles.attestation.signed")
    assert (signed["practitioners"], signed["locations"], signed["left_out"]) == (38, 1, 2)
    assert "Due on Dec 14, 2026" in words_of(clerk.get(URL))
    pdf = TaggedPdf(clerk.get(f"{URL}/{signed['attestation']}/pdf").data).text
    assert "Signed by Casey Clerk" in pdf
    assert "38 practitioners at 1 location" in pdf
    assert "Sample06" in pdf
    left = pdf[pdf.index("Left out, because") : pdf.index("Standing Open")]
    assert "Sample07" in left
    assert "Sample12" in left
    assert pdf.count("Sample12") == 1
    with world.session() as session:
        cases = session.scalars(sa.select(Case).order_by(Case.id)).all()
        assert [case.title for case in cases] == ["Not right: Sample07, Aspen Site", "Not right: Sample12, Aspen Site"]
        for case in cases:
            case.ended_at = case.opened_at
    clock.set(TODAY + dt.timedelta(minutes=5))
    say(world, of["P05"], "accepting", "closed")
    later = clerk.get(URL)
    assert first(later.text) == ["Sample05", "Sample07"]
    assert "Accepting patients: new before, closed now" in words_of(later)


def test_what_was_not_shown_is_never_attested(world: World, clerk: PortalClient) -> None:
    """The record moves between the page and the signature: nothing is signed, the words say why, and the page is shown anew."""
    of = ids(world)
    page = clerk.get(URL).text
    say(world, of["P05"], "accepting", "closed")
    answer = clerk.post(f"{URL}/sign", data=sign(clerk, page))
    assert answer.status_code == 422
    assert "has changed since the page was shown" in words_of(answer)
    assert "Closed to patients" in answer.text
    with world.session() as session:
        assert session.scalars(sa.select(Attestation)).all() == []
        place = session.scalars(sa.select(Location.id).where(Location.reference == "HERE")).one()
    page = answer.text
    with world.session() as session:
        day = dt.date(2026, 9, 1)
        apply_change(session, Stated("location-changed"), [Fact("location", place, "phone", "", "9525550199", day)])
    assert clerk.post(f"{URL}/sign", data=sign(clerk, page)).status_code == 422
    page = clerk.get(URL).text
    assert clerk.post(f"{URL}/sign", data=sign(clerk, page) | {"signature": "Somebody"}).status_code == 422
    assert clerk.post(f"{URL}/sign", data=sign(clerk, page)).status_code == 303
    (signed,) = recorded(world, "profiles.attestation.signed")
    other = world.organization("Birch Clinic")
    world.person("b.clerk", organization=other)
    stranger = world.sign_in("b.clerk")
    assert stranger.get(f"{URL}/{signed['attestation']}/pdf").status_code == 404
    assert "Sample0" not in stranger.get(URL).text
    assert stranger.post(f"{URL}/lines/{of['P05']}/leave-out", data={"words": "x"}).status_code == 404


def test_reminders_notice_and_hiding(world: World, clerk: PortalClient, clock: Clock) -> None:
    def tick(day: str) -> list[str]:
        clock.set(dt.datetime.fromisoformat(f"{day}T17:00:00+00:00"))
        before = len(mails(world, MAIL))
        for _ in range(2):
            with world.app.app_context(), world.session() as session:
                keep_clock(session)
        return [address for address, _ in mails(world, MAIL)[before:]]

    def hidden(day: str) -> set[int]:
        with world.session() as session:
            return hidden_locations(session, dt.date.fromisoformat(day))

    def published() -> int:
        run_job(world, DIRECTORY.key)
        with world.session() as session:
            build = current_build(session)
        assert build
        return build.rows

    with world.session() as session:
        here = session.scalars(sa.select(Location.id).where(Location.reference == "HERE")).one()
        payee_id = session.scalars(sa.select(Location.payee_id).where(Location.id == here)).one()
        people = {row.name: (row.id, row.email) for row in session.scalars(sa.select(Person))}
    dana, casey = people["Dana Delegate"], people["Casey Clerk"]
    assert tick("2026-09-15") == []
    assert "Due on Dec 14, 2026" in words_of(clerk.get(URL))
    assert tick("2026-11-13") == []
    assert tick("2026-11-14") == [dana[1]]
    clerk = world.sign_in("a.clerk")
    assert clerk.post(f"{URL}/responsible", data={"responsible": "999999"}).status_code == 422
    assert clerk.post(f"{URL}/responsible", data={"responsible": str(casey[0])}).status_code == 303
    assert tick("2026-12-01") == [casey[1]]
    assert tick("2026-12-11") == [casey[1]]
    assert tick("2026-12-14") == []
    assert tick("2026-12-15") == [casey[1]]
    assert mails(world, MAIL)[-1][1]["hidden_on"] == "Jan 14, 2027"
    assert tick("2027-01-13") == []
    assert hidden("2027-01-13") == set()
    assert published() == PEOPLE
    assert tick("2027-01-14") == []
    assert published() == 0
    assert hidden("2027-01-13") == set()
    assert hidden("2027-01-14") == {here}
    where = words_of(world.sign_in("a.clerk").get(f"/apps/profiles/locations/{here}"))
    assert "The attestation of practitioners and locations is overdue" in where
    other = world.organization("Birch Clinic")
    with world.session() as session:
        payee = session.get_one(Payee, payee_id)
    world.grant(other, payee)
    assert published() == PEOPLE, "somebody else answers for it"
    with world.session() as session:
        session.get_one(Organization, other.id).ended_at = clock.now()
    assert published() == 0
    world.staff("s.work", permissions=("profiles:change:work",))
    staff = world.sign_in("s.work")
    page = staff.get("/staff/profiles/attestations")
    assert "Overdue0 Hidden from the directory1" in words_of(page)
    assert rows_of(page, "attestations")[0][:3] == ["Dec 14, 2026", "Aspen Clinic", "Never"]
    with world.app.app_context(), world.session() as session:
        assert count_overdue(session) == 1, "which the console's first page says"
    clock.set(dt.datetime(2027, 1, 20, 17, tzinfo=dt.UTC))
    clerk = world.sign_in("a.clerk")
    page = clerk.get(URL)
    assert "Your attestation is overdue" in page.text
    assert clerk.post(f"{URL}/sign", data=sign(clerk, page.text)).status_code == 303
    assert hidden("2027-01-19") == {here}
    assert hidden("2027-01-20") == set()
    assert published() == PEOPLE
    assert tick("2027-01-21") == []
