"""The payer's claims system as master: what staff accept waits in a file until it is answered, and nothing is lost between."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from hp_portal import cli
from hp_portal.core.cases.acting import portal_step
from hp_portal.core.cases.models import Case
from hp_portal.core.delivery.models import Message
from hp_portal_plugins.profiles.proposing.settling import made_by, outcomes_of
from hp_portal_plugins.profiles.record.models import Practitioner
from hp_portal_plugins.profiles.settings import ProfilesSettings
from tests.core.test_staff_console import recorded
from tests.plugins.profiles.proposing import Office, an_office, holds, moves
from tests.plugins.profiles.test_deciding import WORKERS, at, decide, opened
from tests.plugins.profiles.test_proposing import adds
from tests.support.client import words_of
from tests.support.identifiers import make_npi
from tests.support.processes import kill_myself, killed
from tests.support.world import World

STEP = "hp_portal_plugins.profiles.deciding.delta.portal_step"
Run = Callable[..., Result]


@pytest.fixture
def office(world: World, monkeypatch: pytest.MonkeyPatch) -> Office:
    found = an_office(world)
    world.person("a.clerk", organization=found.organization)
    world.staff("a.staff", permissions=WORKERS)
    chosen = world.app.extensions["hp_portal.plugin_settings"]
    monkeypatch.setitem(chosen, "profiles", ProfilesSettings(master="payer"))
    return found


@pytest.fixture
def run(world: World, monkeypatch: pytest.MonkeyPatch) -> Run:
    def run(command: str, file: Path) -> Result:
        monkeypatch.setattr(cli, "_app", [world.app])
        return CliRunner().invoke(cli.cli, ["profiles", "delta", command, str(file)])

    return run


def exported(run: Run, file: Path) -> list[dict[str, Any]]:
    done = run("export", file)
    assert done.exit_code == 0, done.output
    text = file.read_text(encoding="utf-8-sig")
    rows = json.loads(text) if file.suffix == ".json" else list(csv.DictReader(io.StringIO(text)))
    assert f"{len(rows)} line" in done.output
    return [{name: str(value) for name, value in row.items()} for row in rows]


def test_what_is_accepted_waits_until_the_claims_system_has_answered(
    world: World, office: Office, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = opened(world, office, moves(office)), opened(world, office, adds(office, make_npi(706)))
    staff, clerk = world.sign_in("a.staff"), world.sign_in("a.clerk")
    assert "Hand checked lines on to the claims system" in words_of(staff.get(at(first)))
    assert decide(staff, first, [0, 2], why="Not this one").status_code == 303
    assert decide(staff, second, list(range(7))).status_code == 303
    said = words_of(clerk.get(f"/cases/{first}"))
    assert said.count("Accepted on") == 2
    assert "because: Not this one" in said
    with world.session() as session:
        assert session.get_one(Case, first).state == "at-payer"
        assert holds(session, "location", office.location, "phone") == "9525550100", "the record waits"
        people = session.scalar(sa.select(sa.func.count()).select_from(Practitioner))
        assert people == 1
    out = tmp_path / "delta.csv"
    rows = exported(run, out)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert exported(run, out) == rows == exported(run, tmp_path / "delta.json"), (
        "the same lines until they are answered"
    )
    written = out.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", kill_myself)
        assert killed(lambda: run("export", out), world.database.engine)
    assert out.read_bytes() == written, "the file of before is whole"
    (left,) = tmp_path.glob(".delta.csv.*")
    assert stat.S_IMODE(left.stat().st_mode) == 0o600
    os.utime(left, (0, 0))
    assert exported(run, out) == rows, "and what was left does not stand in the way"
    beside = [path.name for path in tmp_path.iterdir() if "delta" in path.name]
    assert sorted(beside) == ["delta.csv", "delta.json"], "and no file beside them"
    assert [row["fact"] for row in rows[:2]] == ["phone", "accepting"]
    assert (rows[0]["value"], rows[0]["before"], rows[0]["from"]) == ("9525550200", "9525550100", "2026-07-01")
    new = {row["practitioner"] for row in rows[2:] if row["practitioner"]}
    assert len(new) == 1, "one new practitioner"
    assert new.pop().startswith("new-")
    assert [bool(row["tin"]) for row in rows if row["fact"] == "name"] == [True], "whose the new location is"

    one = run("acknowledge", _answers(tmp_path, [{"id": rows[0]["id"], "answer": "taken"}]))
    assert one.exit_code == 0, one.output
    assert "1 line taken, 0 refused, 0 answered before; 0 answers not used" in one.output
    with world.session() as session:
        assert holds(session, "location", office.location, "phone") == "9525550200"
        assert session.get_one(Case, first).state == "at-payer", "one line waits still"
    assert exported(run, out) == rows[1:]

    answers = [{"id": rows[1]["id"], "answer": "refused", "words": "The site is closed to changes"}]
    answers += [
        {"id": row["id"], "answer": "taken", "practitioner": "P-900" if row["practitioner"] else ""} for row in rows[2:]
    ]

    def dies(session: Any, case_id: int, key: str) -> bool:
        return kill_myself() if case_id == second else portal_step(session, case_id, key)

    with monkeypatch.context() as patch:
        patch.setattr(STEP, dies)
        assert killed(lambda: run("acknowledge", _answers(tmp_path, answers)), world.database.engine)
    with world.session() as session:
        assert session.get_one(Case, first).state == "done", "what was answered before the end stands"
        assert made_by(session, second) == {}, "and of the other case nothing"
    assert len(exported(run, out)) == 7
    again = run("acknowledge", _answers(tmp_path, answers))
    assert "7 lines taken, 0 refused, 1 answered before" in again.output
    assert "0 lines taken, 0 refused, 8 answered before" in run("acknowledge", _answers(tmp_path, answers)).output
    assert exported(run, out) == []
    with world.session() as session:
        assert session.get_one(Case, second).state == "done"
        person = session.get_one(Practitioner, made_by(session, second)[-1])
        assert person.reference == "P-900", "as the claims system calls it"
        told = session.scalars(sa.select(Message.subject).where(Message.about == f"case:{second}")).all()
        assert len(told) == 2
        assert outcomes_of(session, first)[2].why == "The site is closed to changes"
    assert "because: The site is closed to changes" in words_of(clerk.get(f"/cases/{first}"))
    assert [event["lines"] for event in recorded(world, "profiles.delta.exported")][:1] == [9]


def _answers(folder: Path, rows: list[dict[str, str]]) -> Path:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["id", "answer", "words", "practitioner", "location"])
    writer.writeheader()
    writer.writerows(rows)
    file = folder.parent / "answers.csv"
    file.write_text(text.getvalue(), encoding="utf-8")
    return file


def test_answers_that_cannot_be_used_are_listed(world: World, office: Office, run: Run, tmp_path: Path) -> None:
    case, staff = opened(world, office, moves(office)), world.sign_in("a.staff")
    decide(staff, case, [0, 1, 2])
    ids = [row["id"] for row in exported(run, tmp_path / "delta.csv")]
    file = tmp_path / "answers.json"
    rows = [
        {"id": "999999", "answer": "taken"},
        {"id": ids[0], "answer": "perhaps"},
        {"id": ids[0], "answer": "refused"},
        {"id": ids[1], "answer": "taken"},
        {"id": ids[1], "answer": "refused", "words": "Twice"},
        {"id": ids[2], "answer": "refused", "words": "No such site"},
    ]
    file.write_text(json.dumps(rows), encoding="utf-8")
    done = run("acknowledge", file)
    assert done.exit_code == 3
    for words in ("Entry 1: No line was exported with the id '999999'", "Entry 2: The answer is taken or refused",
                  "Entry 3: Say in words why", "Entry 5: The file says two different things"):  # fmt: skip
        assert words in done.output
    assert "1 line taken, 1 refused, 0 answered before; 4 answers not used" in done.output
    for broken in ("[1]", "{", "{}"):
        file.write_text(broken, encoding="utf-8")
        refused = run("acknowledge", file)
        assert (refused.exit_code, "Nothing was done." in refused.output) == (1, True)
    file.write_text(json.dumps([{"id": ids[0], "answer": "refused", "words": "No"}]), encoding="utf-8")
    assert run("acknowledge", file).exit_code == 0
    with world.session() as session:
        assert session.get_one(Case, case).state == "done", "a part of it was taken"
    undo = staff.get(at(case))
    assert "Take back what was applied" not in undo.text, "the claims system decides"
