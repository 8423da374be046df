"""Settings of plugins: environment over file over defaults, checked at the start, with messages that say what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from hp_portal.core.web.render import settings_of
from hp_portal.settings import ConfigurationError
from tests.conftest import MakeApp
from tests.support.plugins import write_plugin

MODEL = """
from dataclasses import replace
from pydantic import BaseModel

class Limits(BaseModel):
    days: int = 5

class TrialSettings(BaseModel):
    kept_months: int = 12
    names: tuple[str, ...] = ()
    limits: Limits = Limits()

_application = portal_application

@hookimpl
def portal_application():
    return replace(_application(), settings=TrialSettings)
"""


@pytest.fixture
def start(sqlite_app: Flask, make_app: MakeApp, tmp_path: Path) -> object:
    plugin = write_plugin(tmp_path / "plugins", "claim-status", body=MODEL)
    url = sqlite_app.extensions["hp_portal.settings"].database_url
    return lambda **values: make_app(url, extra_plugins={"claim-status": plugin}, **values)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "payer.toml"
    monkeypatch.setenv("HP_PORTAL_CONFIG", str(path))
    return path


def test_environment_over_file_over_defaults(start: MakeApp, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text('[claim-status]\nkept_months = 3\nnames = ["a", "b"]\n[remittance]\nkept_months = 24\n')
    monkeypatch.setenv("HP_PORTAL_CLAIM_STATUS__KEPT_MONTHS", "4")
    monkeypatch.setenv("HP_PORTAL_CLAIM_STATUS__LIMITS__DAYS", "9")
    with start().app_context():
        found = settings_of("claim-status")
        assert (found.kept_months, found.names, found.limits.days) == (4, ("a", "b"), 9)
        assert type(found).__mro__[1].__name__ == "TrialSettings"
        assert settings_of("remittance").kept_months == 24
        with pytest.raises(KeyError):
            settings_of("tax-id-npi-access")


def test_defaults(start: MakeApp) -> None:
    with start().app_context():
        assert settings_of("claim-status").kept_months == 12
        assert settings_of("remittance").kept_months == 84


@pytest.mark.parametrize(
    ("variable", "value", "text"),
    [
        ("CLAIM_STATUS__KEPT_MONTHS", "many", "HP_PORTAL_CLAIM_STATUS__KEPT_MONTHS: .*integer"),
        ("CLAIM_STATUS__LIMITS__DAYS", "x", "HP_PORTAL_CLAIM_STATUS__LIMITS__DAYS: .*integer"),
        (
            "CLAIM_STATUS__KEPT_MONTSH",
            "3",
            "KEPT_MONTSH: there is no such setting. .* has: HP_PORTAL_CLAIM_STATUS__KEPT",
        ),
        ("CLAIM_STATUS__LIMITS", "nine days", "one by one, such as HP_PORTAL_CLAIM_STATUS__LIMITS__DAYS$"),
        (
            "CLAIM_STATUS__NAMES",
            "a, b",
            "HP_PORTAL_CLAIM_STATUS__NAMES: this is no JSON; write a list as",
        ),
        ("REMITTANCE_KEPT_MONTHS", "3", "is called HP_PORTAL_REMITTANCE__KEPT_MONTHS: two underscores"),
        ("REMITTANCE__KEPT_MONTHS", "0", "HP_PORTAL_REMITTANCE__KEPT_MONTHS: .*greater than or equal to 1"),
    ],
)
def test_what_is_wrong_is_named(
    start: MakeApp, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, text: str
) -> None:
    monkeypatch.setenv(f"HP_PORTAL_{variable}", value)
    with pytest.raises(ConfigurationError, match=f"(?s){text}"):
        start()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[claim-status]\nkept_montsh = 3\n", "KEPT_MONTSH: there is no such setting"),
        ("[claim-stats]\nkept_months = 3\n", r"\[claim-stats\] in the settings .* Did you mean \[claim-status\]"),
        ('[payor]\nname = "x"\n', r"Did you mean \[payer\]"),
        ("[tax-id-npi-access]\nx = 3\n", "has no settings"),
        ("remittance_kept_months = 3\n", "there is no such setting"),
        ("this is no TOML", "which is no TOML"),
    ],
)
def test_what_is_wrong_in_the_file(start: MakeApp, file: Path, text: str, words: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=f"(?s){words}"):
        start()


def test_settings_of_a_plugin_that_is_gone_or_left_out_stop_nothing(
    start: MakeApp, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("[dental]\nx = 1\n[remittance]\nkept_months = 24\n")
    monkeypatch.setenv("HP_PORTAL_DENTAL__Y", "1")
    app = start(plugins_left_out="remittance")
    with app.app_context(), pytest.raises(KeyError):
        settings_of("remittance")
