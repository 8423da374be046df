"""What attesting leads to and is fed with: forms that correct a line, and what speaks against the record."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from hp_portal import cli
from hp_portal.core.cases.models import Case
from hp_portal.core.cases.numbers import show_number
from hp_portal.core.delivery.letters import Letter, add_letter, mark_returned
from hp_portal.core.delivery.models import Message
from hp_portal.core.identity.models import Person
from hp_portal.core.payees.models import Payee
from hp_portal_plugins.profiles.attesting.contradicting import JOB as LETTERS
from hp_portal_plugins.profiles.attesting.models import Attestation, Contradiction
from hp_portal_plugins.profiles.proposing.settling import apply_proposal
from tests.core.test_staff_console import recorded, rows_of
from tests.support.client import PortalClient, tree_of, words_of
from tests.support.clock import Clock
from tests.support.identifiers import make_npi, make_tin
from tests.support.pdf import TaggedPdf
from tests.support.public_cases import run_job
from tests.support.world import World

from .forms import Office

URL = "/apps/profiles/attestation"
HEAD = "npi,place,what,seen_on,location,tin,payee_npi,source"


def buttons(client: PortalClient, path: str) -> dict[str, tuple[str, dict[str, str]]]:
    """The buttons of a page that begin a form: by what they say, where they lead and what they send."""
    found = {}
    for form in tree_of(client.get(path)).iter("form"):
        sent = {one.get("name", ""): one.get("value", "") for one in form.iter("input") if one.get("type") == "hidden"}
        said = "".join("".join(one.itertext()) for one in form.iter("button")).strip()
        found[said] = (form.get("action", ""), {name: text for name, text in sent.items() if name != "csrf_token"})
    return found


def attest(client: PortalClient, page: str, name: str, status: int = 303) -> str:
    """Sign what a page shows; what was answered."""
    sent = {name: re.findall(rf'name="{name}"[^>]*value="([^"]*)"', page)[0] for name in ("signing", "seen")}
    answer = client.post(f"{URL}/sign", {**sent, "agree": "y", "signature": name})
    assert answer.status_code == status, words_of(answer)
    return words_of(answer)


def number_of_last(world: World) -> tuple[int, str]:
    with world.session() as session:
        case = session.scalars(sa.select(Case).order_by(Case.id.desc()).limit(1)).one()
        return case.id, show_number(case.number)


def test_a_line_that_is_not_right_leads_to_the_form_that_corrects_it(world: World, clock: Clock) -> None:
    """With what is known filled in; the line says that a change was sent, is left out, and is settled once it is decided."""
    office = Office(world, clock, sites=2)
    client = office.client
    here = next(
        path
        for path in re.findall(rf'href="({URL}/lines/\d+/not-right)"', client.get(URL).text)
        if "Basil, Ann, Site 02" in words_of(client.get(path))
    )
    begins = buttons(client, here)
    path, sent = begins["Does not work here any more"]
    step = client.post(path, sent).location or ""
    assert step.endswith("/steps/leave")
    draft = step.removesuffix("/steps/leave")
    assert office.shown(draft, "leave")["practitioner"] == str(office.people["Basil"])
    assert office.shown(draft, "places")["places"] == [str(office.sites[1])]
    known = {"practitioner": str(office.people["Basil"]), "where": "some"}
    office.save(draft, "leave", {**known, "last": "2026-05-31", "reason": "Retires"})
    assert office.send(draft).status_code == 303
    case_id, number = number_of_last(world)
    page = client.get(URL)
    assert f"Basil, Ann, Site 02: case {number}" in words_of(page)
    assert "without the 1 left out" in words_of(page)
    assert "A change was sent" in words_of(client.get(here))
    attest(client, page.text, office.person.name)
    (signed,) = recorded(world, "profiles.attestation.signed")
    assert signed["left_out"] == 1
    said = TaggedPdf(client.get(f"{URL}/{signed['attestation']}/pdf").data).text
    assert "Left out, because it is not right Practitioner Location Basil, Ann Site 02" in said
    clock.advance(minutes=5)
    with world.session() as session:
        apply_proposal(session, case_id, [0, 1])
        session.get_one(Case, case_id).ended_at = clock.now()
    page = client.get(URL)
    assert f"case {number}" not in words_of(page)
    assert "Basil, Ann does not work here any more." in words_of(page)

    path, sent = begins["Name, license, specialty, languages or hospitals"]
    assert (client.post(path, sent).location or "").endswith("/steps/person"), "whom and when is known"
    path, sent = begins["Telephone, hours, or who accepts patients"]
    draft = (client.post(path, sent).location or "").removesuffix("/steps/details")
    name = {**office.shown(draft, "details"), "name": "Site Two"}
    office.save(draft, "details", name)
    office.send(draft)
    _, number = number_of_last(world)
    page = client.get(URL)
    assert f"Site 02: the location itself, case {number}" in words_of(page)
    place = f"{URL}/locations/{office.sites[0]}/not-right"
    for label in ("The address", "It is closed", "Name, telephone, fax, hours or accessibility"):
        path, sent = buttons(client, place)[label]
        assert client.post(path, sent).status_code == 303, label


def test_a_change_of_a_day_to_come_is_told_and_nothing_is_left_out(world: World, clock: Clock) -> None:
    office = Office(world, clock, sites=1)
    draft = office.begin("practitioners/leave")
    who = {"practitioner": str(office.people["Alder"]), "where": "all", "members": "plan"}
    office.save(draft, "leave", {**who, "last": "2026-07-31", "reason": "Retires"})
    office.send(draft)
    _, number = number_of_last(world)
    page = words_of(office.client.get(URL))
    assert f"Change sent: case {number}" in page
    assert "Left out, because" not in page


Tell = Callable[..., Result]


@pytest.fixture
def tell(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tell:
    def tell(text: str, *options: str) -> Result:
        (tmp_path / "told.csv").write_text(f"{HEAD}\n{text}", encoding="utf-8")
        monkeypatch.setattr(cli, "_app", [world.app])
        return CliRunner().invoke(cli.cli, ["profiles", "told", str(tmp_path / "told.csv"), *options])

    return tell


def test_what_speaks_against_the_record(world: World, clock: Clock, tell: Tell) -> None:
    """Told by a file, by a letter and an e-mail that came back, and by staff; answered by attesting, or settled."""
    office = Office(world, clock, sites=2)
    client = office.client
    world.payee(make_tin(55), make_npi(55), name="Birch Group")
    with world.session() as session:
        payee = session.get_one(Payee, office.payee.id)
        tin, npi = payee.whole_tin(session), payee.npi or ""
    basil = make_npi(700 + office.people["Basil"])
    claims = "Claims from an address that is not on your list"
    rows = [
        f'{basil},"9 Elm Street, Duluth MN",{claims},2026-05-20,,{tin},{npi},',
        ",,Patients say that nobody answers the telephone,2026-05-20,L-01,,,Calls of members",
        f"{make_npi(999)},,Claims of somebody who is not on your list,2026-05-20,,{tin},{npi},",
        f"{make_npi(998)},9 Oak Street,Claims of a stranger,2026-05-20,,{make_tin(55)},{make_npi(55)},",
    ]
    wrong = [
        f"{basil},x,No Tax ID,2026-05-20,,,,",
        "1234567890,x,Not an NPI,2026-05-20,L-01,,,",
        ",x,Nobody,2026-05-20,,,,",
        f"{basil},x,To come,2026-06-02,L-01,,,",
        f"{basil},x,Unknown,2026-05-20,L-99,,,",
        f"{basil},x,,2026-05-20,L-01,,,",
        f"{basil},x,No payee,2026-05-20,,{make_tin(77)},,",
        rows[1],
    ]
    tried = tell("\n".join([*rows, *wrong]), "--dry-run")
    assert tried.exit_code == 3, tried.output
    assert "4 new rows, 0 known; 8 rows refused. Nothing was kept" in tried.output
    for said in ("line 6, tin", "line 7, npi", "line 8, npi", "line 9, seen_on", "line 10, location", "line 11, what"):
        assert said in tried.output
    assert "Birch" not in words_of(client.get(URL))
    before = client.get(URL).text
    assert "4 new rows" in tell("\n".join(rows)).output
    assert "0 new rows, 4 known" in tell("\n".join(rows)).output
    assert "changed since the page was shown" in attest(client, before, office.person.name, 422), "nobody has seen it"
    page = words_of(client.get(URL))
    assert f"{claims}. Address: 9 Elm Street, Duluth MN. Seen on May 20, 2026. Source: Claims." in page
    assert "nobody answers the telephone. Seen on May 20, 2026. Source: Calls of members." in page
    assert f"NPI {make_npi(999)}: Claims of somebody" in page
    assert "Oak Street" not in page, "another group's"

    with world.session() as session:
        address = ["Site 02", "2 First Street, Floor 3", "Exampleton MN 55440-1234"]
        letter = add_letter(session, Letter(address, "A letter", "x", ["Text"]))
        session.get_one(Message, letter).state = "sent"
        session.flush()
        assert mark_returned(session, letter, "Moved, left no address")
        session.get_one(Person, office.person.id).email_returned_at = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC)
    for _ in range(2):
        run_job(world, LETTERS.key)
    world.staff("s.work", permissions=("profiles:change:work",))
    staff = world.sign_in("s.work")
    new = staff.get("/staff/profiles/contradictions/new")
    assert "Flag something" in words_of(new)
    flagged = {"what": "Alder told us that she retires", "seen_on": "2026-05-30", "location": "L-01"}
    flagged |= {"npi": make_npi(700 + office.people["Alder"])}
    add = "/staff/profiles/contradictions/add"
    refused = staff.post(add, {**flagged, "location": "L-99"})
    assert refused.status_code == 422
    assert "No location has this number." in words_of(refused)
    assert "Alder told us" in refused.text
    assert staff.post(add, flagged).status_code == 303
    assert staff.post(add, flagged).status_code == 422, "the same again"
    told = words_of(client.get(URL))
    assert "A letter to this location came back: Moved, left no address. Address: 2 First Street, Floor 3" in told
    assert f"The last e-mail to {office.person.name} came back on May 3, 2026" in told
    assert "Alder told us that she retires. Seen on May 30, 2026. Source: Our staff." in told
    listed = rows_of(staff.get("/staff/profiles/contradictions"), "contradictions")
    assert len(listed) == 6, "the letter once, although the job ran twice"
    assert listed[0][1:3] == ["Aspen Group", "Alder, Ann, Site 01"]
    assert all("Open" in row[-1] for row in listed)
    assert "6 not settled" in words_of(staff.get("/staff/profiles/attestations"))

    with world.session() as session:
        alder = session.scalars(sa.select(Contradiction).where(Contradiction.kind == "staff")).one()
    settle = f"/staff/profiles/contradictions/{alder.id}/settle"
    assert staff.post(settle).status_code == 303
    assert staff.post(settle).status_code == 404
    assert "Alder told us" not in words_of(client.get(URL))
    attest(client, client.get(URL).text, office.person.name)
    (signed,) = recorded(world, "profiles.attestation.signed")
    said = TaggedPdf(client.get(f"{URL}/{signed['attestation']}/pdf").data).text
    assert "What contradicts the record, was shown, and is not so" in said
    assert "nobody answers the telephone" in said
    assert "Contradicted" not in words_of(client.get(URL)), "it was answered"
    states = [row[-1] for row in rows_of(staff.get("/staff/profiles/contradictions"), "contradictions")]
    assert sum("Attested all the same" in one for one in states) == 4
    assert sum("Open" in one for one in states) == 1, "of the group that has not attested"
    with world.session() as session:
        assert session.scalars(sa.select(Attestation)).one().left_out == 0
