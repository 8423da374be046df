"""The command line as an operator uses it: an empty folder, and settings from the environment."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask

from hp_portal import cli
from hp_portal.settings import ConfigurationError
from tests.support.databases import SECRET_KEY, data_key, database_of
from tests.support.identifiers import make_npi
from tests.support.processes import PATIENCE, Started, wait_for

KEYS = {
    "HP_PORTAL_SECRET_KEY": SECRET_KEY,
    "HP_PORTAL_DATA_KEY": data_key("commands"),
    "HP_PORTAL_HTTPS": "false",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@dataclass(frozen=True)
class Done:
    """What a command left."""

    returncode: int
    stdout: str
    stderr: str


def run(folder: Path, *arguments: str, **more: str) -> Done:
    """A command with an app of its own, made of the environment. In this process: a process each costs a second."""
    made: list[Flask] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "_app", made)
        result = CliRunner().invoke(cli.cli, arguments, env=KEYS | more)
    for app in made:
        database_of(app).engine.dispose()
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout, result.stderr)


def run_python(folder: Path, *arguments: str, **settings: str) -> Done:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HP_PORTAL_")}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment | settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def run_program(folder: Path, *arguments: str, **settings: str) -> Done:
    """The program itself, as an operator starts it."""
    return run_python(folder, "-m", "hp_portal", *arguments, **settings)


def ok(result: Done) -> str:
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_a_missing_key_stops_the_start_and_says_how_to_make_one(folder: Path) -> None:
    result = run_program(folder, "serve")
    assert result.returncode == 2
    assert "HP_PORTAL_SECRET_KEY" in result.stderr
    assert "secrets.token_urlsafe" in result.stderr
    assert "Traceback" not in result.stderr


def test_help_needs_no_settings(folder: Path) -> None:
    no_keys = {"HP_PORTAL_SECRET_KEY": "", "HP_PORTAL_DATA_KEY": ""}
    assert "worker" in ok(run(folder, "--help", **no_keys))
    assert "FILES" in ok(run(folder, "remittance", "import", "--help", **no_keys))
    ok(run(folder, "remittance", "codes", "load", "--help", HP_PORTAL_PAYER="no JSON"))
    for arguments in (("import", "--", "--help"), ("import", "a.835")):
        with pytest.raises(ConfigurationError, match="HP_PORTAL_SECRET_KEY is missing"):
            run(folder, "remittance", *arguments, **no_keys)


def test_a_port_that_is_taken_is_told(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = run_program(folder, "serve", "--port", port, **KEYS | {"HP_PORTAL_HTTPS": "true"})
    assert result.returncode == 1
    assert "cannot listen on 127.0.0.1" in result.stderr
    assert "HP_PORTAL_HOSTS is not set" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_key_that_is_none_is_told(folder: Path) -> None:
    result = run_program(folder, "serve", **KEYS | {"HP_PORTAL_DATA_KEY": "bm90IDMyIGJ5dGVz"})
    assert result.returncode == 2
    assert "instead of 32" in result.stderr


def test_a_restore_with_wrong_settings_says_so_and_restores_nothing(folder: Path) -> None:
    """Not that anything is restored."""
    with pytest.raises(ConfigurationError, match=r"^HP_PORTAL_SECRET_KEY is missing"):
        run(folder, "restore", "nosuchfile", HP_PORTAL_SECRET_KEY="")


def test_the_schema_is_made_checked_and_made_again(folder: Path) -> None:
    ok(run(folder, "db", "upgrade"))
    ok(run(folder, "db", "upgrade"))
    assert "match" in ok(run(folder, "db", "check"))
    with sqlite3.connect(folder / "instance" / "hp_portal.sqlite") as connection:
        cells = connection.execute("SELECT count(*) FROM application_setting").fetchone()[0]
        accounts = connection.execute("SELECT count(*) FROM person").fetchone()[0]
    assert cells == 18, "three applications for five provider types and billing organizations"
    assert accounts == 0


def test_staff_are_created_with_an_acceptable_password(folder: Path) -> None:
    ok(run(folder, "db", "upgrade"))
    create = ("staff", "create", "sample.admin", "--name", "Sample Admin", "--email", "sample.admin@plan.example")
    weak = run(folder, *create, HP_PORTAL_NEW_PASSWORD="password1234")
    assert weak.returncode == 1
    assert "stolen elsewhere" in weak.stderr
    ok(run(folder, *create, HP_PORTAL_NEW_PASSWORD="violet-harbor-tractor-19"))
    again = run(folder, *create, HP_PORTAL_NEW_PASSWORD="violet-harbor-tractor-19")
    assert again.returncode == 1
    assert "in use" in again.stderr


def test_payees_are_loaded_dry_first(folder: Path) -> None:
    ok(run(folder, "db", "upgrade"))
    (folder / "payees.csv").write_text(
        "tin,npi,vendor_number,name,provider_type,network_status\n"
        f"00-0000001,{make_npi(1)},V1,Sample Clinic,physician,contracted\n",
        encoding="utf-8-sig",
    )
    assert "Dry run" in ok(run(folder, "payees", "import", "payees.csv", "--dry-run"))
    report: dict[str, Any] = json.loads(ok(run(folder, "payees", "import", "payees.csv", "--json")))
    assert (report["added"], report["errors"]) == (1, [])
    (folder / "bad.csv").write_text(
        "tin,npi,vendor_number,name,provider_type,network_status\n1,2,V1,X,physician,contracted\n", encoding="utf-8"
    )
    bad = run(folder, "payees", "import", "bad.csv")
    assert bad.returncode == 1
    assert "line 2, tin" in bad.stderr


def test_plugins_are_listed(folder: Path) -> None:
    ok(run(folder, "db", "upgrade"))
    rows = json.loads(ok(run(folder, "plugins", "list", "--json")))
    states = {row["name"]: row["state"] for row in rows}
    assert states == {"tax_ids": "loaded", "profiles": "loaded", "remittance": "loaded"}
    assert "Remittance Inquiry" in ok(run(folder, "plugins", "list"))


def test_the_worker_seals_and_verify_notices_a_change(folder: Path) -> None:
    ok(run(folder, "db", "upgrade"))
    ok(
        run(
            folder,
            *("staff", "create", "sample.admin", "--name", "Sample Admin", "--email", "sample.admin@plan.example"),
            HP_PORTAL_NEW_PASSWORD="violet-harbor-tractor-19",
        )
    )
    ok(run(folder, "worker", "--once"))
    good = json.loads(ok(run(folder, "audit", "verify", "--json")))
    assert (good["sealed"], good["unsealed"], good["broken"]) == (1, 0, None)
    ok(run(folder, "audit", "verify", "--head", good["head"]))
    assert run(folder, "audit", "verify", "--head", "00" * 32).returncode == 1
    with sqlite3.connect(folder / "instance" / "hp_portal.sqlite") as connection:
        for name in ("update", "delete", "replace"):
            connection.execute(f"DROP TRIGGER audit_event_no_{name}")
        connection.execute("UPDATE audit_event SET address = 'elsewhere'")
    broken = run(folder, "audit", "verify")
    assert broken.returncode == 1
    assert "event 1 has been altered" in broken.stderr


def test_the_demo_seeds_once_and_says_who_can_sign_in(folder: Path) -> None:
    first = json.loads(ok(run_program(folder, "demo", "--seed-only", "--json")))
    second = json.loads(ok(run_program(folder, "demo", "--seed-only", "--json")))
    assert first == second
    assert set(first) == {"url", "people", "checks", "to_try"}
    assert all(set(one) == {"username", "url", "what"} for one in first["to_try"])
    more = {"authenticator_key": "demo.secure", "also": "demo.both"}
    usual = {"role", "username", "password", "organization"}
    assert all(set(person) - set(more) == usual for person in first["people"])
    for key, username in more.items():
        assert [person["username"] for person in first["people"] if key in person] == [username]
    assert all(set(check) == {"number", "method", "organization", "what"} for check in first["checks"])
    assert {check["method"] for check in first["checks"]} >= {"EFT", "check", "non-payment notice"}
    lines = ok(run_program(folder, "demo", "--seed-only")).splitlines()
    assert lines[-2].strip() == "Nothing runs yet: `hp-portal demo` starts it."
    for check in first["checks"]:
        (line,) = [line for line in lines if line.split()[:1] == [check["number"]]]
        columns = re.split(r" {2,}", line.strip())
        assert columns == [check["number"], check["method"], f"{check['what']} ({check['organization']})"]
    unlinked = [check["what"] for check in first["checks"] if check["organization"] == "nobody yet"]
    assert any("Tax ID 00-0000011 and NPI 1999900073" in what for what in unlinked)
    assert any("no NPI" in what for what in unlinked)


PRODUCTION = """
import contextlib, sys
from hp_portal.cli import cli
for command in (["db", "upgrade"], ["worker", "--once"]):
    with contextlib.suppress(SystemExit):
        cli(command, standalone_mode=False)
import hp_portal.wsgi
print("loaded:", *(name for name in sys.modules if name.startswith("hp_portal") and "demo" in name))
"""


def test_a_production_process_never_loads_the_demo(folder: Path) -> None:
    result = run_python(folder, "-c", PRODUCTION, **KEYS)
    assert ok(result).splitlines()[-1] == "loaded:"


def test_the_demo_serves_with_its_worker_until_told_to_stop(folder: Path, start_program: Started) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HP_PORTAL_")}
    # Started as a shell starts it in the background: with Ctrl-C ignored.
    background = ("sh", "-c", "trap '' INT; exec \"$@\"", "sh")
    process = start_program(
        [*background, sys.executable, "-m", "hp_portal", "demo", "--port", "0", "--json"],
        environment=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["url"]
    for path, words in (("/healthz", "ok"), ("/readyz", "ready"), ("/sign-in", "Sign in")):
        with urllib.request.urlopen(url + path, timeout=PATIENCE) as answer:
            assert words in answer.read().decode()
    database = folder / "instance" / "demo" / "portal.sqlite"
    wait_for(lambda: _has_seals(database), process, "the worker's first seal")
    group = process.pid
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 0
    with pytest.raises(ProcessLookupError):
        os.killpg(group, 0)  # the web server and the worker have ended too


def _has_seals(path: Path) -> bool:
    """Has the demo's worker sealed the events of the seeding?"""
    with closing(sqlite3.connect(path)) as connection:
        found: tuple[int] = connection.execute("SELECT count(*) FROM audit_sealed_row").fetchone()
    return found[0] > 0


def test_forgetting_a_plugin_asks_first(folder: Path) -> None:
    ok(run(folder, "db", "upgrade"))
    without = "remittance"
    refused = run(folder, "plugins", "forget", "remittance", "--yes")
    assert refused.returncode == 1
    assert "is installed" in refused.stderr
    assert run(folder, "plugins", "forget", "remittance", HP_PORTAL_PLUGINS_LEFT_OUT=without).returncode == 1, (
        "nobody answered"
    )
    said = ok(run(folder, "plugins", "forget", "remittance", "--yes", HP_PORTAL_PLUGINS_LEFT_OUT=without))
    assert "remittance_payment" in said
    assert "remittance is forgotten" in said
    assert "match" in ok(run(folder, "db", "check", HP_PORTAL_PLUGINS_LEFT_OUT=without))
    with sqlite3.connect(folder / "instance" / "hp_portal.sqlite") as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert "person" in names
    assert not {name for name in names if name.startswith("remittance_")}
    ok(run(folder, "db", "upgrade"))


@pytest.mark.parametrize(
    "command",
    [
        "worker --once",
        "staff role Administrator",
        "audit verify",
        "keys list",
        "keys rotate",
        "plugins forget dental",
        "remittance import some.835",
    ],
)
def test_a_command_without_tables_says_what_to_run_first(folder: Path, command: str) -> None:
    (folder / "some.835").write_text("ISA")
    result = run(folder, *command.split())
    assert result.returncode == 1
    assert "Run `hp-portal db upgrade` first." in result.stderr
    assert result.stdout == ""
    assert "SQL" not in result.stderr


def test_a_role_is_given_what_is_new(folder: Path) -> None:
    ok(run(folder, "db", "upgrade"))
    mistyped = run(folder, "staff", "role", "Adminstrator")
    assert mistyped.returncode == 1
    assert "there is no role 'Adminstrator'. Roles: none." in mistyped.stderr
    said = ok(run(folder, "staff", "role", "Administrator", "--permission", "staff:console:open"))
    assert said == "Administrator was given: staff:console:open.\n"
    said = ok(run(folder, "staff", "role", "Administrator", "--all"))
    assert "staff:roles:manage" in said
    assert "staff:console:open" not in said
    assert "Roles: Administrator." in run(folder, "staff", "role", "Adminstrator").stderr
    assert run(folder, "staff", "role", "Administrator", "--permission", "staff:no:such").returncode == 1
