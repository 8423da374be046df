"""What a plugin may speak of and look at: its own events, its own files, and in an organization's page its scope's rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from hp_portal import api
from hp_portal.core.limits import attempts
from hp_portal.core.limits.models import Attempt
from hp_portal.events import UndeclaredEvent
from hp_portal.settings import ConfigurationError
from tests.conftest import MakeApp
from tests.support.databases import prepare_database
from tests.support.plugins import write_plugin
from tests.support.world import World

VIEWS = """
import datetime
from flask import request
from hp_portal import api

@blueprint.get("/deed/<deed>")
@access.requires("claim-status:thing:read")
def deed(deed):
    session = api.db_session()
    DEEDS[deed](session)
    session.commit()
    return "done"

def whole(session):
    with api.whole(session, "curious"):
        pass

DEEDS = {
    "whole": whole,
    "record": lambda session: api.record(session, "identity.terms.accepted", version="1"),
    "announce": lambda session: session.announce(api.PortalEvent("grant.added", {})),
    "reset": lambda session: api.forget_failures(session, "sign-in", "name:a.clerk"),
    "fill": lambda session: api.count_failure(session, "sign-in", "name:a.clerk"),
    "look": lambda session: api.check_attempts(session, "proof", "x", limit=1, window=datetime.timedelta(1)),
    "another": lambda session: api.forget_failures(session, "claim code", "name:a.clerk"),
    "spaced": lambda session: api.forget_failures(session, "sign-in ", "name:a.clerk"),
    "counted": lambda session: api.count_failure(session, "claim-status code", "name:a.clerk"),
    "looked": lambda session: api.check_attempts(
        session, "claim-status code", "name:a.clerk", limit=1, window=datetime.timedelta(1)
    ),
    "forgotten": lambda session: api.forget_failures(session, "claim-status code", "name:a.clerk"),
    "own": lambda session: session.announce(api.PortalEvent("claim-status.thing.read", {})),
}
staff_blueprint = Blueprint("claim-status_staff", __name__)
"""


@pytest.fixture
def trial(sqlite_app: Flask, make_app: MakeApp, tmp_path: Path) -> World:
    plugin = write_plugin(tmp_path, "claim-status", body=VIEWS)
    app = make_app(sqlite_app.extensions["hp_portal.settings"].database_url, extra_plugins={"claim-status": plugin})
    prepare_database(app)
    return World(app)


@pytest.mark.parametrize(("deed", "status"), [("own", 200), ("whole", 500), ("record", 500), ("announce", 500)])
def test_in_a_page_of_an_organization(deed: str, status: int, trial: World) -> None:
    trial.person("a.clerk", applications=("claim-status",))
    trial.enable("claim-status", "physician")
    assert trial.sign_in("a.clerk").get(f"/apps/claim-status/deed/{deed}").status_code == status


def test_a_plugin_counts_tries_of_its_own_alone(trial: World) -> None:
    """It neither resets, fills nor reads the counts of signing in, of proofs, or of another plugin."""
    trial.person("a.clerk", applications=("claim-status",))
    trial.enable("claim-status", "physician")
    clerk = trial.sign_in("a.clerk")

    def tried(deed: str) -> int:
        return clerk.get(f"/apps/claim-status/deed/{deed}").status_code

    with trial.session() as session:
        attempts.count_failure(session, "sign-in", "name:a.clerk")
        counted = session.scalars(sa.select(Attempt.kind)).all()
    assert [tried(deed) for deed in ("reset", "fill", "look", "another", "spaced")] == [500] * 5
    with trial.session() as session:
        assert session.scalars(sa.select(Attempt.kind)).all() == counted
    deeds = "looked", "counted", "looked", "forgotten", "looked"
    assert [tried(deed) for deed in deeds] == [200, 200, 429, 200, 200]


@pytest.mark.parametrize("kind", ["sign-in", "proof", "sign-in ", " sign-in", "", "sample " + "x" * 30])
def test_kinds_of_the_core_are_out_of_reach_for_whoever_asks(kind: str, trial: World) -> None:
    """Also for code that does not seem to be a plugin's."""
    with trial.session() as session, pytest.raises(api.ForeignKind):
        api.forget_failures(session, kind, "name:a.clerk")


def test_the_reason_is_told(trial: World) -> None:
    with trial.session() as session:
        check = session.context.events.check_own
        with pytest.raises(UndeclaredEvent, match=r"events are called remittance\.…, not identity\.terms\.accepted"):
            check("hp_portal_plugins.remittance.inquiry.search_views", "identity.terms.accepted")
        check("hp_portal_plugins.remittance_of_another", "identity.terms.accepted")


def test_a_plugin_records_no_refusal_of_another(trial: World) -> None:
    code = "def refuse(session, event):\n    api.record_refusal(session, event, account='nobody')\n"
    module: dict[str, Any] = {"__name__": "hp_portal_plugins.remittance.inquiry.search_views", "api": api}
    exec(compile(code, "search_views.py", "exec"), module)
    with trial.session() as session, pytest.raises(UndeclaredEvent, match=r"not identity\.sign-in\.failed"):
        module["refuse"](session, "identity.sign-in.failed")


OUTSIDE = {
    "a template of everybody's": (
        {"templates/page.html": ""},
        "templates/page.html must stand in templates/claim-status/",
    ),
    "a template of another's": ({"templates/remittance/payment.html": ""}, "must stand in templates/claim-status/"),
    "a help topic of another name": ({"help/signing-in.md": "# Mine"}, "must be called claim-status-signing-in.md"),
}


@pytest.mark.parametrize("case", OUTSIDE)
def test_files_outside_of_its_own_names(case: str, sqlite_app: Flask, make_app: MakeApp, tmp_path: Path) -> None:
    files, words = OUTSIDE[case]
    plugin = write_plugin(tmp_path, "claim-status", files=files)
    with pytest.raises(ConfigurationError, match=words):
        make_app(sqlite_app.extensions["hp_portal.settings"].database_url, extra_plugins={"claim-status": plugin})


def test_whole_is_for_what_is_not_an_organizations(trial: World) -> None:
    from hp_portal import api

    with trial.session() as session, api.whole(session, "a job"):
        pass
