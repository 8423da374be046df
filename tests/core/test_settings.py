"""Settings: environment over TOML over defaults, and messages that say what to do."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from hp_portal.settings import ConfigurationError, load_settings
from tests.support.databases import DATA_KEY, SECRET_KEY, data_key


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HP_PORTAL_SECRET_KEY", SECRET_KEY)
    monkeypatch.setenv("HP_PORTAL_DATA_KEY", DATA_KEY)


@pytest.mark.usefixtures("keys")
def test_environment_over_file_over_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "payer.toml"
    file.write_text(
        'idle_minutes = 20\nmax_upload_mb = 7\n[payer]\nname = "Sample Plan"\ntimezone = "America/Denver"\n'
    )
    monkeypatch.setenv("HP_PORTAL_CONFIG", str(file))
    monkeypatch.setenv("HP_PORTAL_IDLE_MINUTES", "5")
    monkeypatch.setenv("HP_PORTAL_PAYER__NAME", "Another Plan")
    settings = load_settings()
    assert (settings.idle_minutes, settings.max_upload_mb, settings.absolute_hours) == (5, 7, 12)
    assert (settings.payer.name, settings.payer.timezone) == ("Another Plan", "America/Denver")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("SECRET_KEY", "", "HP_PORTAL_SECRET_KEY is missing.*Make one with: python -c"),
        ("SECRET_KEY", "short", "shorter than 32"),
        ("DATA_KEY", "", "HP_PORTAL_DATA_KEY is missing.*Make one with: python -c"),
        ("DATA_KEY", "no base64!", "key 1, is not base64.*Make one with"),
        ("DATA_KEY", f"{DATA_KEY},{base64.b64encode(b'short').decode()}", "key 2, has 5 bytes instead of 32"),
        ("IDLE_MINUTES", "soon", "HP_PORTAL_IDLE_MINUTES: .*number"),
        ("PASSWORD_MIN_LENGTH", "4", "HP_PORTAL_PASSWORD_MIN_LENGTH"),
        ("PAYER__TIMEZONE", "Mars/Olympus", "HP_PORTAL_PAYER__TIMEZONE.*no time zone"),
        ("PAYER", "Sample Plan", "HP_PORTAL_PAYER: this is no JSON; .* such as HP_PORTAL_PAYER__NAME"),
        ("PAYER__NAEM", "x", "HP_PORTAL_PAYER__NAEM"),
        ("PUBLIC_URL", "http://portal.plan.example", "HP_PORTAL_PUBLIC_URL: .*this machine alone"),
        ("PUBLIC_URL", "https://portal.plan.example/providers", "HP_PORTAL_PUBLIC_URL: .*without a path"),
        ("PUBLIC_URL", "portal.plan.example", "HP_PORTAL_PUBLIC_URL: .*use https://"),
        ("CONFIG", "/nowhere/payer.toml", "names /nowhere/payer.toml, which is no file"),
    ],
)
@pytest.mark.usefixtures("keys")
def test_what_is_wrong_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, text: str) -> None:
    load_settings()
    monkeypatch.setenv(f"HP_PORTAL_{name}", value)
    with pytest.raises(ConfigurationError, match=f"(?s){text}"):
        load_settings()


@pytest.mark.usefixtures("keys")
def test_a_list_of_data_keys_rotates(monkeypatch: pytest.MonkeyPatch) -> None:
    other = data_key("other")
    monkeypatch.setenv("HP_PORTAL_DATA_KEY", f"{other}, {DATA_KEY}")
    assert load_settings().data_keys == (base64.b64decode(other), base64.b64decode(DATA_KEY))


@pytest.mark.usefixtures("keys")
def test_keys_are_not_shown() -> None:
    settings = load_settings()
    assert SECRET_KEY not in repr(settings)
    assert DATA_KEY not in repr(settings)


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("url", ["mysql://x/y", "no url"])
def test_only_the_two_databases(url: str) -> None:
    from hp_portal.database import make_engine

    with pytest.raises(ConfigurationError, match="HP_PORTAL_DATABASE_URL"):
        make_engine(url)
