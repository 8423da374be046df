"""`hp-portal plugins forget` names the files that were attached to the cases and drafts of a plugin, and removes them with it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from hp_portal import cli
from hp_portal.core.attachments.models import AttachedFile
from hp_portal.core.cases.models import Case
from hp_portal.core.files.models import StoredFile
from tests.core.test_staff_console import recorded
from tests.support.attaching import attached_file
from tests.support.cases import portal_case
from tests.support.databases import as_owner
from tests.support.drafts import draft_row
from tests.support.world import World


def test_files_of_a_forgotten_plugin_s_cases_and_drafts_go(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    office = world.organization("Aspen Clinic")
    person = world.person("a.clerk", organization=office)
    with world.session() as session:
        case = portal_case(session, office, "dental.change", "received").id
        other = portal_case(session, office, "dentalmore.change", "received").id
        draft = draft_row(session, office, person.id, "dental.form").id
        attached_file(session, f"case:{case}", office, text="x" * 11)
        attached_file(session, f"draft:{draft}:proof", office)
        stays = attached_file(session, f"case:{other}", office).id
        attached_file(session, f"draft:{draft}1:proof", office)
    monkeypatch.setattr(cli, "_app", [world.app])
    with as_owner(world.app):
        asked = CliRunner().invoke(cli.cli, ["plugins", "forget", "dental"], input="n\n")
    assert asked.exit_code == 1
    for words in ("Attached files: 2 (18 bytes).", f"  case:{case}: note.txt", f"  draft:{draft}:proof: note.txt"):
        assert words in asked.output
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(AttachedFile.id))) == 4, "nothing happens before it is confirmed"
    with as_owner(world.app):
        done = CliRunner().invoke(cli.cli, ["plugins", "forget", "dental"], input="y\n")
    assert (done.exit_code, "dental is forgotten." in done.output) == (0, True), done.output
    with world.session() as session:
        left = list(session.scalars(sa.select(AttachedFile.about).order_by(AttachedFile.id)))
        assert left == [f"case:{other}", f"draft:{draft}1:proof"]
        assert session.get(AttachedFile, stays) is not None
        assert session.scalar(sa.select(sa.func.count(StoredFile.id))) == 2
        assert session.get(Case, case) is not None, "the history stays"
    assert len(recorded(world, "attachment.file.removed")) == 2
