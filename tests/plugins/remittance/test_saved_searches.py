"""Searches saved under a name: one's own or shared with the office, with periods counted anew, sealed."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.core.identity.models import Person
from hp_portal_plugins.remittance.office import saved_searches
from tests.support.client import tree_of
from tests.support.clock import Clock
from tests.support.databases import as_owner
from tests.support.world import World

from .inquiry import Office, claim, events, words

HOME = "/apps/remittance/"
SAVED = f"{HOME}saved-searches"


@pytest.fixture
def office(world: World) -> Office:
    return Office(world, username="pat.searcher")


def save(client: Any, query: str, name: str, **typed: str) -> Any:
    return client.post(f"{SAVED}/new?{query}", {"name": name, **typed})


def names(client: Any, address: str = HOME) -> dict[str, str]:
    """The saved searches on the search page, by name, with their addresses."""
    (found,) = [part for part in tree_of(client.get(address)).iter("nav") if part.get("aria-label") == "Saved searches"]
    return {words(link): link.get("href") or "" for link in found.iter("a") if "Rename" not in words(link)}


def found(client: Any, address: str) -> list[str]:
    """The numbers that a saved search finds now."""
    tree = tree_of(client.get(address, follow_redirects=True))
    return [words(row.findall("th")[0]).split()[0] for row in tree.iter("tr") if row.find("td") is not None]


def test_a_period_is_counted_anew_and_dates_stay(office: Office, clock: Clock) -> None:
    clock.set(dt.datetime(2026, 3, 20, 18, tzinfo=dt.UTC))
    office.client = office.world.sign_in(office.username)
    for number, day in (("4512", dt.date(2026, 3, 2)), ("4513", dt.date(2026, 2, 2))):
        office.paid(number, issued=day)
    page = office.client.get(f"{HOME}?period=30&unposted=1")
    (link,) = [link for link in tree_of(page).iter("a") if words(link) == "Save this search"]
    address = (link.get("href") or "").partition("?")[2]
    assert "Payments: last 30 days, not yet posted." in office.client.get(f"{SAVED}/new?{address}").text
    assert save(office.client, address, "Not posted lately").status_code == 303
    save(office.client, "issued_from=2026-02-18&issued_to=2026-03-20", "Fixed")
    save(office.client, "period=last-month", "Last month")
    saved = names(office.client)
    assert list(saved) == ["Fixed", "Last month", "Not posted lately"]
    assert [found(office.client, saved[name]) for name in saved] == [["4512"], ["4513"], ["4512"]]

    clock.set(dt.datetime(2026, 4, 20, 18, tzinfo=dt.UTC))
    office.client = office.world.sign_in(office.username)
    office.paid("4514", issued=dt.date(2026, 4, 6))
    assert [found(office.client, saved[name]) for name in saved] == [["4512"], ["4512"], ["4514"]]
    both = office.client.get(f"{HOME}?period=30&issued_from=2026-01-01")
    assert both.status_code == 422
    assert "Choose a period, or enter dates, but not both." in both.text


def test_a_search_by_patient_is_kept_sealed_and_shared_only_with_the_office(office: Office, world: World) -> None:
    office.paid("4512", claim(1, ("SECRETNAME", "KIM")))
    world.person("cole.colleague", organization=office.organization)
    world.person("ada.admin", organization=office.organization, delegate=True)
    colleague, admin = world.sign_in("cole.colleague"), world.sign_in("ada.admin")
    service = Office(world, "Elm Sample Billing")
    world.grant(service.organization, office.payee)
    typed = {"last_name": "SECRETNAME", "service_from": "2026-01-01", "service_to": "2026-12-31"}
    results = office.client.post(f"{HOME}search", typed).headers["Location"]
    query = results.partition("?")[2]
    assert "SECRETNAME" not in query
    assert "Claims by last name, dates of service." in office.client.get(f"{SAVED}/new?{query}").text
    save(office.client, query, "Secretname claims", shared="y")
    save(office.client, "zero=1", "Mine alone")
    assert list(names(office.client)) == ["Mine alone", "Secretname claims"]
    shared = names(colleague)
    assert list(shared) == ["Secretname claims"]
    assert "SECRETNAME" in colleague.get(shared["Secretname claims"], follow_redirects=True).text
    with as_owner(world.app) as engine, engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT id, search_sealed FROM remittance_saved_search ORDER BY id")).all()
    assert not [row for row in rows if b"ecretname" in bytes(row[1]) or b"SECRETNAME" in bytes(row[1])]

    # Neither another organization nor a colleague reaches what is not theirs.
    ids = [row[0] for row in rows]
    for search_id in ids:
        for address in (f"{SAVED}/{search_id}", f"{SAVED}/{search_id}/change"):
            assert service.client.get(address).status_code == 404
        assert service.client.post(f"{SAVED}/{search_id}/remove").status_code == 404
    assert colleague.get(f"{SAVED}/{ids[1]}").status_code == 404
    assert colleague.post(f"{SAVED}/{ids[0]}/remove").status_code == 403
    assert colleague.post(f"{SAVED}/{ids[0]}/change", {"name": "Taken over"}).status_code == 403
    # Whoever saved it shares it no longer; a delegate removes what is shared, and finds nothing else.
    assert admin.get(f"{SAVED}/{ids[1]}/change").status_code == 404
    assert admin.post(f"{SAVED}/{ids[0]}/change", {"name": "For all", "shared": "y"}).status_code == 303
    assert "For all" in office.client.get(SAVED).text
    office.client.post(f"{SAVED}/{ids[0]}/change", {"name": "For me"})
    assert colleague.get(f"{SAVED}/{ids[0]}").status_code == 404
    office.client.post(f"{SAVED}/{ids[0]}/change", {"name": "For me", "shared": "y"})
    assert admin.post(f"{SAVED}/{ids[0]}/remove").status_code == 303
    assert list(names(office.client)) == ["Mine alone"]
    # A word that is somebody else's, or gone, saves nothing.
    assert save(colleague, query, "Not mine").headers["Location"].endswith(HOME)
    assert [event["kind"] for event in events(world, "remittance.saved-search.saved")] == ["claims", "payments"]
    assert events(world, "remittance.saved-search.removed") == [{"kind": "claims", "search": ids[0], "shared": True}]


def test_names_are_checked_and_there_are_so_many_and_no_more(
    office: Office, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_searches, "MOST", 2)
    for name, said in (("", "Enter a name"), ("x" * 61, "A name has at most 60 characters.")):
        answer = save(office.client, "zero=1", name)
        assert answer.status_code == 422
        assert said in answer.text
    assert save(office.client, "", "Nothing").headers["Location"].endswith(HOME)
    save(office.client, "zero=1", "One")
    answer = save(office.client, "zero=1", "ONE")
    assert answer.status_code == 422
    assert "You have a saved search with this name." in answer.text
    save(office.client, "new=1", "Two")
    answer = save(office.client, "new=1", "Three")
    assert answer.status_code == 422
    assert "You have 2 saved searches, as many as one can have. Remove one first." in answer.text
    assert 'value="Three"' in answer.text
    assert list(names(office.client)) == ["One", "Two"]


def test_whoever_leaves_hands_their_searches_over(office: Office, world: World) -> None:
    """Those of their own and those that they share, each under a name that the successor does not have yet."""
    world.person("ada.admin", organization=office.organization, delegate=True, name="Ada Admin")
    admin = world.sign_in("ada.admin")
    for name, query, shared in (("Zero", "zero=1", ""), ("For all", "new=1", "y")):
        save(office.client, query, name, **({"shared": shared} if shared else {}))
    save(admin, "new=1", "zero")
    with world.session() as session:
        ids = dict(session.execute(sa.select(Person.username, Person.id)).all())
    leaving = {
        "day": dt.datetime.now(world.settings.payer.zone).date().isoformat(),
        "successor": str(ids["ada.admin"]),
        "reason": "New job",
        "known": "0",
    }
    answer = admin.post(f"/accounts/{ids[office.username]}/leaving/save", leaving, follow_redirects=True)
    assert "has left" in answer.text
    saved = names(admin)
    assert list(saved) == ["For all", "zero", "Zero (2)"]
    assert admin.get(saved["Zero (2)"], follow_redirects=True).status_code == 200
    assert events(world, "remittance.saved-search.handed-over") == [{"count": 2}]
    world.person("cole.colleague", organization=office.organization)
    assert list(names(world.sign_in("cole.colleague"))) == ["For all"], "what was not shared is not shared now"
