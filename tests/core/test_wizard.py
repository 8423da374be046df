"""Long forms in steps, through the pages of the sample plugin's."""

from __future__ import annotations

import io

import pytest
import sqlalchemy as sa
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from tests.sample_plugin.notes import Note
from tests.support.client import heading_of, tree_of, words_of
from tests.support.html import text_of
from tests.support.wizards import REPORT, WHAT, WHEN, begin, filled, hidden, path_of, save, save_file, steps_of
from tests.support.world import World


def title_of(page: TestResponse) -> str:
    return next(text_of(one) for one in tree_of(page).iter("title"))


def test_a_form_goes_from_step_to_step_and_is_sent_once(sample_world: World) -> None:
    """Only what this report needs is asked; what is wrong is said where it is; sending twice gives one note."""
    world = sample_world
    world.person("aspen")
    client = world.sign_in("aspen")
    start = client.get(f"{REPORT}/")
    assert heading_of(start) == "Report a mistake"
    assert "A copy of the note" in start.text
    draft = begin(client)
    first = client.get(f"{draft}/steps/what")
    assert (heading_of(first), "Step 1 of 4" in first.text) == ("What is wrong", True)
    assert title_of(first).startswith("What is wrong (step 1 of 4), Report a mistake")
    assert "Enter which note it is." not in first.text

    wrong = save(client, draft, "what", {"note": "", "kind": "typo"})
    assert wrong.status_code == 422
    assert title_of(wrong).startswith("Error: ")
    assert '<a href="#note">Enter which note it is.</a>' in wrong.text
    assert "checked" in wrong.text, "what was typed is still there"
    assert "checked" in client.get(f"{draft}/steps/what").text, "and kept"

    assert path_of(save(client, draft, "what", WHAT)) == f"{draft}/steps/when"
    when = client.get(f"{draft}/steps/when")
    assert steps_of(when) == ["[What is wrong, done]", "When it was seen", "Proof", "Check and send"]
    assert path_of(save(client, draft, "when", WHEN)) == f"{draft}/steps/proof"
    assert save(client, draft, "proof", {}).status_code == 422, "a copy is asked for"
    incomplete = client.post(f"{draft}/send")
    assert incomplete.status_code == 422
    assert "Not complete yet" in words_of(incomplete)
    assert 'action="' + draft + '/send"' not in incomplete.text
    assert path_of(save_file(client, draft, "note.txt", b"The note itself.\n")) == f"{draft}/review"
    assert path_of(save(client, draft, "proof", {})) == f"{draft}/review", "the file is attached already"

    review = client.get(f"{draft}/review")
    said = words_of(review)
    for words in ("NoteNote 12 Change", "Kind of mistakeA typing error", "First seenMar 2, 2026", "Last seenNot given"):
        assert words in said
    assert "Copy of the notenote.txt" in said
    assert "By sending this you say that it is so." in said
    sent = client.post(f"{draft}/send")
    to = path_of(sent)
    assert to.startswith("/apps/sample/notes/")
    shown = client.get(to)
    assert "The report was sent." in shown.text
    assert "note.txt" in shown.text
    assert path_of(client.post(f"{draft}/send")) == to
    assert "sent already" in client.get(to).text
    for rest in ("/", "/review", "/steps/what"):
        assert path_of(client.get(f"{draft}{rest}")) == to
    with world.session() as session:
        (note,) = session.scalars(sa.select(Note)).all()
        assert "What is wrong: Note: Note 12" in note.text
        assert "When it was seen: First seen: Mar 2, 2026" in note.text


def test_changing_an_answer_comes_back_to_the_review_and_opens_what_is_asked_now(sample_world: World) -> None:
    world = sample_world
    world.person("aspen")
    client = world.sign_in("aspen")
    draft = filled(client)
    review = client.get(f"{draft}/review")
    change = next(one.get("href") for one in tree_of(review).iter("a") if text_of(one) == "Change Kind of mistake")
    assert change == f"{draft}/steps/what?back=review#kind-0"
    back = save(client, draft, "what", {"note": "PAT", "kind": "person"}, back="review")
    assert path_of(back) == f"{draft}/review"
    review = client.get(f"{draft}/review")
    assert "Who it is about: not answered yet" in words_of(review)
    assert client.post(f"{draft}/send").status_code == 422
    people = {"people-0-name": "PAT", "people-0-main": "y"}
    assert path_of(save(client, draft, "people", people, back="review")) == f"{draft}/review"
    assert "The note is called like a person." in words_of(client.get(f"{draft}/review"))
    # What fits no more is named, and nothing is sent before it is corrected.
    save(client, draft, "when", {"first": "2026-03-02", "last": "2026-03-01"}, "close")
    review = client.get(f"{draft}/review")
    assert "When it was seen: an answer is missing or does not fit any more" in words_of(review)
    wrong = client.get(f"{draft}/steps/when?back=review")
    assert "The last day is before the first." in wrong.text
    assert 'value="2026-03-01"' in wrong.text
    assert client.post(f"{draft}/send").status_code == 422
    save(client, draft, "when", WHEN, back="review")
    to = path_of(client.post(f"{draft}/send"))
    with world.session() as session:
        (note,) = session.scalars(sa.select(Note)).all()
        assert f"/apps/sample/notes/{note.id}" == to
        assert "Who it is about: Person 1: The main person: Yes" in note.text
        assert "The note is called like a person." in note.text


def test_somebody_with_two_organizations_stays_with_the_one_of_the_page(sample_world: World) -> None:
    world = sample_world
    first, second = world.organization("Alder Clinic"), world.organization("Birch Clinic")
    person = world.person("aspen", organization=first)
    world.membership(person, second)
    client = world.sign_in("aspen")
    draft = filled(client, f"/o/{second.id}")
    assert draft.startswith(f"/o/{second.id}{REPORT}/")
    to = path_of(client.post(f"{draft}/send"))
    assert to.startswith(f"/o/{second.id}/apps/sample/notes/")
    assert path_of(client.post(f"{draft}/send")) == to
    assert client.get(draft.replace(f"/o/{second.id}/", f"/o/{first.id}/") + "/review").status_code == 404


def test_groups_grow_and_shrink_and_keep_their_order(sample_world: World) -> None:
    world = sample_world
    world.person("aspen")
    client = world.sign_in("aspen")
    draft = begin(client)
    save(client, draft, "what", {"note": "Note 12", "kind": "person"})
    names = {"people-0-name": "ALDER"}
    added = save(client, draft, "people", names, "add:people")
    assert added.headers["Location"].endswith("/steps/people#people-1-name")
    names |= {"people-1-name": "BIRCH"}
    save(client, draft, "people", names, "add:people")
    names |= {"people-2-name": "CEDAR"}
    full = save(client, draft, "people", {**names, "people-0-main": "y", "people-2-main": "y"})
    assert full.status_code == 422
    assert '<a href="#people-2-main">Person 3: Only one can be the main person.</a>' in full.text
    assert "add:people" not in full.text, "three is the most"
    assert path_of(save(client, draft, "people", names, "add:people")) == f"{draft}/steps/people"
    save(client, draft, "people", names, "remove:people-1")
    page = client.get(f"{draft}/steps/people")
    kept = {one.get("name"): one.get("value") for one in tree_of(page).iter("input") if one.get("type") == "text"}
    assert kept == {"people-0-name": "ALDER", "people-1-name": "CEDAR"}
    save(client, draft, "people", {"people-0-name": "ALDER"}, "remove:people-0")
    assert 'value="ALDER"' in client.get(f"{draft}/steps/people").text, "one is the least"
    for odd in ("remove:people-²", "add:note", "remove:x", "add:", ""):
        answer = save(client, draft, "people", {"people-0-name": "ALDER", "people-²-name": "x"}, odd)
        assert answer.status_code == 303


def test_a_newer_save_is_not_written_over(sample_world: World) -> None:
    """Both values are shown, and whoever comes second decides; the same page may save over what it has saved by itself."""
    world = sample_world
    clinic = world.organization("Alder Clinic")
    world.person("alder", organization=clinic, name="Alex Alder")
    world.person("birch", organization=clinic, name="Bo Birch")
    alder, birch = world.sign_in("alder"), world.sign_in("birch")
    draft = begin(alder)
    save(alder, draft, "what", WHAT)
    mine = hidden(alder.get(f"{draft}/steps/what"))
    shown = birch.get(f"{draft}/steps/what")
    assert "You are not the only one with this draft open" in shown.text
    assert "Alex Alder had it open" in words_of(shown)
    assert path_of(save(birch, draft, "what", {**WHAT, "note": "Note of Bo"})) == f"{draft}/steps/when"
    typed = {**WHAT, "note": "Note of Alex", "kind": "person"}
    kept = alder.post(f"{draft}/steps/what/keep", {**mine, **typed}, fragment=True)
    assert (kept.status_code, "Bo Birch" in kept.text) == (409, True)
    refused = alder.post(f"{draft}/steps/what/save", {**mine, **typed, "go": "continue"})
    assert refused.status_code == 409
    table = [[text_of(cell) for cell in row] for row in tree_of(refused).iter("tr")][1:]
    assert table == [["Note", "Note of Alex", "Note of Bo"], ["Kind of mistake", "A wrong person", "A typing error"]]
    assert 'value="Note of Alex"' in refused.text
    assert 'value="Note of Bo"' in alder.get(f"{draft}/steps/what").text
    again = alder.post(f"{draft}/steps/what/save", {**hidden(refused), **typed, "go": "continue"})
    assert path_of(again) == f"{draft}/steps/people"
    assert 'value="Note of Alex"' in birch.get(f"{draft}/steps/what").text

    # A page that has saved by itself does not stand in its own way, and one that comes late replaces nothing.
    page = hidden(birch.get(f"{draft}/steps/what"))
    early = {**typed, "note": "Note of"}
    answer = birch.post(f"{draft}/steps/what/keep", {**page, **early}, fragment=True)
    assert answer.status_code == 200
    assert f'data-version="{int(page["version"]) + 1}"' in answer.text
    whole = {**typed, "note": "Note of Bo again"}
    assert birch.post(f"{draft}/steps/what/save", {**page, **whole, "go": "continue"}).status_code == 303
    assert birch.post(f"{draft}/steps/what/keep", {**page, **early}, fragment=True).status_code == 409
    assert 'value="Note of Bo again"' in birch.get(f"{draft}/steps/what").text


def test_what_does_not_fit_is_kept_as_typed(sample_world: World) -> None:
    """By the page itself while somebody types, and by *Save and close*; what is not of the form is not."""
    world = sample_world
    world.person("aspen")
    client = world.sign_in("aspen")
    draft = begin(client)
    save(client, draft, "what", WHAT)
    page = hidden(client.get(f"{draft}/steps/when"))
    odd = {"first": "some day in March", "more": "x" * 500, "secret": "not asked"}
    kept = client.post(f"{draft}/steps/when/keep", {**page, **odd}, fragment=True)
    assert kept.status_code == 200
    assert "Saved" in kept.text
    shown = client.get(f"{draft}/steps/when").text
    assert 'value="some day in March"' in shown
    assert "x" * 500 in shown
    assert "Enter a date as month" not in shown, "nobody has pressed Continue"
    assert path_of(save(client, draft, "when", {"first": "March"}, "close")) == "/"
    assert "was saved" in client.get("/").text
    assert 'value="March"' in client.get(f"{draft}/steps/when").text
    assert path_of(client.get(f"{draft}/")) == f"{draft}/steps/when", "one goes on where it is not complete"
    for path in (f"{draft}/steps/nothing", f"{draft}/steps/people", f"{REPORT}/999/review", f"{REPORT}/999/steps/what"):
        assert client.get(path).status_code == 404
    for path in (f"{draft}/steps/people/save", f"{draft}/steps/nothing/save", f"{draft}/steps/people/keep"):
        assert client.post(path, {"version": "²", "go": "continue"}).status_code == 404


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # Werkzeug leaves what came to the collector
def test_an_upload_that_is_cut_off_changes_nothing(sample_world: World) -> None:
    """Said in words; what was typed and attached before is there, and the same sent whole is attached."""
    sample_world.person("a.clerk")
    client = sample_world.sign_in("a.clerk")
    draft = begin(client)
    save(client, draft, "what", WHAT)
    save(client, draft, "when", WHEN)
    given = hidden(client.get(f"{draft}/steps/proof"))
    file = FileStorage(io.BytesIO(b"The note itself.\n" * 500), "note.txt")
    boundary, sent = encode_multipart({**given, "csrf_token": client.csrf_token(), "go": "continue", "files": [file]})
    kind = f"multipart/form-data; boundary={boundary}"
    for come in (len(sent) - 3_000, 120):
        answer = client.flask.post(f"{draft}/steps/proof/save", data=sent[:come], content_type=kind)
        assert (answer.status_code, heading_of(answer)) == (400, "This request could not be read")
        assert "did not arrive whole: the connection was cut off. Nothing of it was taken." in words_of(answer)
    page = client.get(f"{draft}/steps/proof")
    assert (hidden(page)["version"], "note.txt" in page.text) == (given["version"], False)
    whole = client.flask.post(f"{draft}/steps/proof/save", data=sent, content_type=kind)
    assert path_of(whole) == f"{draft}/review"
    assert "note.txt" in words_of(client.get(f"{draft}/review"))
