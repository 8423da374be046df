"""Pages of long lists: every row once, in the order asked for, and one answer for a page that is not there."""

from __future__ import annotations

import inspect
import os
import re
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hp_portal import clock
from hp_portal.core.organizations.models import Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.web.listing import Column, Listing, Order, PastTheEnd, Sorting, page_number, page_of
from hp_portal.scopes import WholeScope
from tests.sample_plugin import notes, views
from tests.support import matrix
from tests.support.client import PortalClient, tree_of
from tests.support.html import text_of
from tests.support.matrix import build_scene
from tests.support.world import World

pytestmark = pytest.mark.either_database

PAYEES = Sorting(
    (
        Column("name", "Name", Payee.name),
        Column("npi", "NPI", Payee.npi, "code"),
        Column("updated", "Changed", Payee.updated_at, "date"),
        Column("links", "Links", kind="number"),
    ),
    default="name",
    tie=Payee.id,
)


def writer(world: World, count: int) -> PortalClient:
    """Somebody with notes called `note 001` and so on, the newest first in the alphabet."""
    organization = world.organization()
    world.person("a.clerk", organization=organization, applications=("sample",))
    with world.session() as session:
        session.add_all(
            notes.Note(organization_id=organization.id, text=f"note {count - number:03d}") for number in range(count)
        )
    return world.sign_in("a.clerk")


def test_a_list_may_start_in_an_order_that_is_no_columns() -> None:
    sorting = Sorting((Column("name", "Name", Payee.name),), default="", tie=Payee.id.asc())
    order = sorting.read({"sort": "unknown"})
    assert [str(part) for part in order.order_by()] == ["payee.id ASC"]
    assert [(head.url, head.direction) for head in order.headers(str)] == [("name", None)]
    assert [str(part) for part in sorting.read({"sort": "-name"}).order_by()][1] == "payee.id ASC"
    assert Listing([], 1, 25, 0, order).url_for_page(1) == "?"


# ---- pages of a statement


def payee(name: str, npi: str) -> Payee:
    return Payee(
        tin_sealed=b"", tin_hash=os.urandom(32), npi=npi or None, vendor_number="V", name=name, provider_type="physician",
        network_status="contracted", address="", updated_at=clock.now(),
    )  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(st.sampled_from("aab"), max_size=12),
    size=st.integers(1, 5),
    sort=st.sampled_from(("name", "-name", "npi", "-npi")),
    without_npi=st.integers(0, 12),
)
def test_the_pages_together_are_every_row_once_in_order(
    world: World, names: list[str], size: int, sort: str, without_npi: int
) -> None:
    """However many rows are equal, and with empty values last both ways."""
    shown: list[Payee] = []
    with world.database.new_session(WholeScope("a test")) as session:
        for number, name in enumerate(names):
            session.add(payee(name, "" if number < without_npi else f"{number:010}"))
        pages = page_of(session, sa.select(Payee), Order(PAYEES, sort), size=size).pages
        for number in range(1, pages + 1):
            listing: Listing[Payee] = page_of(session, sa.select(Payee), Order(PAYEES, sort, number), size=size)
            assert (listing.total, listing.pages) == (len(names), pages)
            assert len(listing.rows) == (size if number < pages else len(names) - size * (pages - 1))
            shown += listing.rows
        with pytest.raises(PastTheEnd):
            page_of(session, sa.select(Payee), Order(PAYEES, sort, pages + 1), size=size)
    assert len({row.id for row in shown}) == len(shown) == len(names)
    values = [(getattr(row, sort.removeprefix("-")), row.id) for row in shown]
    known = [value for value in values if value[0] is not None]
    assert values[: len(known)] == known, "an empty value stands among the others"
    assert known == sorted(known, reverse=sort.startswith("-"))


def test_a_tie_may_say_its_own_direction(world: World) -> None:
    payees = [world.payee(name="same") for _ in range(3)]
    sorting = Sorting(PAYEES.columns, default="-name", tie=Payee.id.asc())
    with world.session() as session:
        listing: Listing[Payee] = page_of(session, sa.select(Payee), sorting.read({}))
    assert [row.id for row in listing.rows] == [payee.id for payee in payees]


def test_grouped_rows_need_a_count_of_their_own(world: World) -> None:
    """Counting a grouped statement's rows would count what is in the groups."""
    for name in ("a", "a", "b"):
        world.payee(name=name)
    grouped = sa.select(Payee.name, sa.func.count()).group_by(Payee.name).order_by(Payee.name)
    count = sa.select(sa.func.count(sa.distinct(Payee.name)))
    with world.session() as session:
        with pytest.raises(ValueError, match="count of its own"):
            page_of(session, grouped, 1)
        with pytest.raises(ValueError, match="count of its own"):
            page_of(session, sa.select(Payee.name).distinct(), 1)
        listing: Listing[str] = page_of(session, grouped, 1, count=count, size=1, make=lambda row: f"{row[0]}{row[1]}")
    assert (listing.rows, listing.total) == (["a2"], 2)


def test_an_organization_s_pages_hold_its_own_rows(sample_world: World) -> None:
    """Also in the count."""
    mine, other = sample_world.organization(), sample_world.organization()
    with sample_world.session() as session:
        session.add_all(notes.Note(organization_id=one.id, text="x") for one in (mine, other, other))
    with sample_world.session_of(mine) as session:
        listing: Listing[notes.Note] = page_of(session, sa.select(notes.Note), notes.LIST.read({}), size=1)
    assert (len(listing.rows), listing.total) == (1, 1)


# ---- what an address asks for


@pytest.mark.parametrize("asked", ["", "x", "0", "-3", "1.5", None])
def test_an_unreadable_page_is_the_first(asked: str | None) -> None:
    assert page_number({"page": asked}) == 1


@pytest.mark.parametrize("asked", ["", "links", "--name", "tin_sealed", "name;", "-"])
def test_an_unknown_order_is_the_default(asked: str) -> None:
    assert PAYEES.read({"sort": asked}).sort == "name"


def test_a_default_must_be_a_column_that_sorts() -> None:
    with pytest.raises(ValueError, match="links"):
        Sorting(PAYEES.columns, default="-links", tie=Payee.id)


def test_dates_sort_from_the_newest_and_a_second_click_turns_around() -> None:
    headers = {head.label: head for head in PAYEES.read({"sort": "npi"}).headers(lambda sort: sort)}
    assert headers["Changed"].url == "-updated"
    assert (headers["NPI"].url, headers["NPI"].direction) == ("-npi", "ascending")
    assert (headers["Name"].url, headers["Name"].direction) == ("name", None)
    assert (headers["Links"].url, headers["Links"].numeric) == (None, True)


# ---- as a page


def test_a_list_page_of_a_plugin_is_short(sample_world: World) -> None:
    """Its columns, its verb and its view."""
    lines = [
        "LIST = Sorting(",
        "    (Column(...), Column(...)), default=..., tie=...",
        ")",
        *inspect.getsource(notes.list_notes).splitlines(),
        *inspect.getsource(views.index).splitlines(),
    ]
    assert len(lines) <= 25
    client = writer(sample_world, 30)
    first = client.get("/apps/sample/?sort=text")
    cells = [text_of(cell) for cell in tree_of(first).iter("td")]
    assert cells == [f"note {number:03d}" for number in range(1, 26)]
    following = next(link.get("href", "") for link in tree_of(first).iter("a") if link.get("rel") == "next")
    assert following == "/apps/sample/?sort=text&page=2"
    second = client.get(following, fragment=True)
    assert [text_of(cell) for cell in tree_of(second).iter("td")] == [f"note {number:03d}" for number in range(26, 31)]
    assert "1–25 of 30 notes" in first.text


def test_heads_sort_and_put_the_fragment_into_its_place(sample_world: World) -> None:
    """They stay where rows are cards: as a line of links, *Sort by*."""
    client = writer(sample_world, 2)
    tree = tree_of(client.get("/apps/sample/?sort=-number"))
    heads = [head for head in tree.iter("th") if head.get("scope") == "col"]
    assert [(text_of(head), head.get("aria-sort")) for head in heads] == [("Number", "descending"), ("Note", None)]
    links = [link for head in heads for link in head.iter("a")]
    assert [link.get("href") for link in links] == ["/apps/sample/", "/apps/sample/?sort=text"]
    assert {link.get("data-hx-target") for link in links} == {"#results"}
    assert "note 002" in client.get("/apps/sample/?sort=-text").text


def test_addresses_keep_what_was_searched_for(sqlite_app: object, world: World) -> None:
    listing = Listing([1], 2, 1, 3, PAYEES.read({"sort": "-npi", "page": "2"}))
    with world.app.test_request_context():
        listing = listing.at("staff.organizations_one", organization_id=7, q="ash & elm", empty="", _anchor="rows")
        assert listing.url_for_page(3) == "/staff/organizations/7?q=ash+%26+elm&sort=-npi&page=3#rows"
        assert listing.url_for_page(1) == "/staff/organizations/7?q=ash+%26+elm&sort=-npi#rows"
        assert listing.headers[0].url == "/staff/organizations/7?q=ash+%26+elm#rows"


# ---- a page past the end

# Lists that show only after a search.
SEARCHES = ("/apps/remittance/?issued_from=2020-01-01", "/staff/activity?person=aspen")


def test_a_page_past_the_end_is_answered_the_same_by_every_list(world: World) -> None:
    """404 in words, with a link to the first page that opens; as a page and as a fragment."""
    scene = build_scene(world)
    lists = 0
    for route, method, rule in matrix.routes(world.app):
        staff = rule.kind == "staff"
        person = matrix.cast_person(scene, "staff with permission" if staff else "allowed", rule.permission * staff)
        if method != "GET" or rule.kind == "public":
            continue
        address = matrix.url_of(scene, route, person)
        for url in (address, *(search for search in SEARCHES if urlsplit(search).path == address)):
            assert person is not None
            client = world.sign_in(person.username)
            plain = client.get(url, check=False)
            if b'class="pager"' not in plain.data:
                continue
            lists += 1
            for fragment in (False, True):
                answer = client.get(f"{url}{'&' if '?' in url else '?'}page=999", fragment=fragment)
                assert answer.status_code == 404, url
                assert re.search(r"There is no such page: the list has (1 page|\d pages)\.", answer.text), url
                link = next(link for link in tree_of(answer).iter("a") if text_of(link) == "First page")
                assert link.get("href") == url
                assert client.get(link.get("href", ""), fragment=fragment).status_code == 200
    assert lists >= 6, "lists are no longer recognized"


def test_an_empty_list_has_a_first_page(world: World) -> None:
    world.staff("a.reader", permissions=("staff:console:open", "remittance:import:read"))
    client = world.sign_in("a.reader")
    assert client.get("/staff/remittance/?page=1").status_code == 200
    assert client.get("/staff/remittance/?page=2").status_code == 404


def test_models_are_told_apart_from_rows(world: World) -> None:
    """One column gives values, several give rows."""
    world.organization("Sample Clinic")
    with world.session() as session:
        one: Listing[str] = page_of(session, sa.select(Organization.name).order_by(Organization.id), 1)
        two: Listing[tuple[int, str]] = page_of(
            session, sa.select(Organization.id, Organization.name).order_by(Organization.id), 1
        )
    assert one.rows == ["Sample Clinic"]
    assert two.rows[0][1] == "Sample Clinic"
