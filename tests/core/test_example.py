"""The example of the documentation works as it stands: a form, a case, a queue and a clock in forty lines."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from tests.conftest import MakeApp
from tests.support.client import words_of
from tests.support.wizards import path_of, save
from tests.support.world import World

FILE = Path(__file__).parents[2] / "docs/examples/questions.py"


def test_a_question_is_asked_queued_and_answered(database_url: str, make_app: MakeApp) -> None:
    assert len([line for line in FILE.read_text(encoding="utf-8").splitlines() if line.strip()]) <= 40
    spec = importlib.util.spec_from_file_location("questions", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    world = World(make_app(database_url, extra_plugins={"questions": module}))
    world.person("a.clerk")
    world.staff("a.staff", permissions=("staff:console:open", "staff:cases:work", module.ANSWER))
    clerk, staff = world.sign_in("a.clerk"), world.sign_in("a.staff")
    assert "Ask a question" in words_of(clerk.get("/apps/questions/ask/"))
    draft = path_of(clerk.post("/apps/questions/ask/begin")).removesuffix("/steps/question")
    refused = save(clerk, draft, "question", {"subject": "Fee schedule", "question": ""})
    assert (refused.status_code, "Enter your question." in words_of(refused)) == (422, True)
    assert path_of(save(clerk, draft, "question", {"subject": "Fee schedule", "question": "Where is it?"})) == (
        f"{draft}/review"
    )
    case = path_of(clerk.post(f"{draft}/send"))
    said = words_of(clerk.get(case))
    assert "Fee schedule" in said
    assert "We answer within 3 business days." in said
    assert "Fee schedule" in words_of(staff.get("/staff/cases"))
    answer = {"step": "answer", "seen": "received", "words": "It is sent to you today."}
    assert staff.post(f"/staff{case}/step", answer).status_code == 303
    said = words_of(clerk.get(case))
    assert "It is sent to you today." in said
    assert "Answered" in said
