"""Our activity by a patient's number: who asked for it, and who saw a claim of it."""

from __future__ import annotations

import pytest

from hp_portal.core.activity import ours
from hp_portal_plugins.remittance.inquiry import tracing
from tests.core.test_our_activity import OURS, shown
from tests.plugins.remittance.inquiry import Office, claim, url_of
from tests.support.people import recorded


def look_for(office: Office, number: str) -> list[str]:
    """What is found of a number by the office's delegate."""
    client = office.world.sign_in("d.elegate")
    answer = client.post("/our-activity/patient", {"number": number})
    assert answer.status_code == 303
    assert number not in answer.location, "a number stands in no address"
    return [what for _, what, _ in shown(client, answer.location.removeprefix(OURS))]


def test_who_asked_for_a_number_and_who_saw_a_claim_of_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    world, client = office.world, office.client
    world.person("d.elegate", organization=office.organization, delegate=True, name="Dana Delegate")
    payment = office.paid("4501", *(claim(n) for n in range(1, 71)))
    other = office.paid("4502", claim(99))
    client.get(f"{url_of(payment)}/claims/3")
    client.get(f"{url_of(payment)}/claims/4")
    client.get(url_of(payment) + "?page=2")
    client.get(url_of(other))
    client.get(f"{url_of(payment)}/csv")
    client.get("/apps/remittance/?number=ACCT-00088")
    search = client.post("/apps/remittance/search", {"member_id": "M00000003"})
    client.get(search.location.partition("#")[0])

    claims, opened = "Viewed claim 26X000003 in EFT 4501", "Downloaded EFT 4501 as CSV"
    for number in ("M00000003", "m-00000003", "ACCT-00003", "26X000003"):
        found = look_for(office, number)
        assert (claims in found, any(one.startswith(opened) for one in found)) == (True, True), number
        assert "Viewed claim 26X000004 in EFT 4501" not in found
        assert not any("Viewed EFT 4502" in one for one in found)
        assert not any("page 2" in one for one in found), "the second page did not show it"
    assert "Searched for claims" in look_for(office, "M00000003")
    assert "Viewed EFT 4501, page 2 of its claims" in look_for(office, "M00000070")
    assert look_for(office, "ACCT-00088") == ["Searched for a number that found nothing"]
    assert look_for(office, "M00000012345") == []
    assert any(
        "patient" in one["filters"] and len(one["filters"]["patient"]) == 64
        for one in recorded(world, "audit.ours.viewed")
    )

    # What is not looked through is said, on the page and in the file.
    delegate = world.sign_in("d.elegate")
    where = delegate.post("/our-activity/patient", {"number": "M00000003"}).location
    file = where.replace(OURS, f"{OURS}/csv")
    for module, most, cut_off in ((ours, "LOOKED_AT", True), (tracing, "MOST_CLAIMS", True), (ours, "", False)):
        with monkeypatch.context() as patch:
            if most:
                patch.setattr(module, most, 1 if module is ours else 0)
            assert ("may be missing" in delegate.get(where).text) == cut_off
            assert ("may be missing" in delegate.get(file).get_data().decode("utf-8-sig")) == cut_off

    # Somebody else's record stays theirs, whatever number is known.
    stranger = Office(world, "Cedar Sample Clinic")
    world.person("s.delegate", organization=stranger.organization, delegate=True)
    asker = world.sign_in("s.delegate")
    answer = asker.post("/our-activity/patient", {"number": "M00000003"})
    assert shown(asker, answer.location.removeprefix(OURS)) == []
    refused = asker.post("/our-activity/patient?person=anna", {"number": "SAMPLE"})
    assert (refused.status_code, "Enter a number" in refused.text, 'value="SAMPLE"' in refused.text) == (
        422,
        True,
        True,
    )
    assert asker.get("/our-activity?patient=no-such-word").location == "/our-activity"
