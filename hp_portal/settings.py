"""Typed settings: environment over TOML over defaults, and the payer's own profile.

Every setting is an environment variable `HP_PORTAL_<NAME>`; nested ones use two underscores
(`HP_PORTAL_PAYER__PHONE`). `HP_PORTAL_CONFIG` names a TOML file with the same names in lower case.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import os
import re
import secrets
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from hp_portal.account_settings import AccountSettings
from hp_portal.attachment_settings import AttachmentSettings
from hp_portal.factor_groups import Groups, read_groups
from hp_portal.key_strength import weakness_of_bytes, weakness_of_text
from hp_portal.oidc_settings import LOOPBACK


class ConfigurationError(Exception):
    """The portal cannot start as configured; the text says what to do about it."""


class Payer(BaseModel):
    """The health plan that runs this portal: what pages, letters and files say of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "Your health plan"
    short_name: str = "Health plan"
    payer_id: Annotated[str, Field(description="Identifier for claims, remittance, eligibility and status.")] = "00000"
    phone: str = ""
    hours: str = ""
    email: str = ""
    address: tuple[str, ...] = ()
    timezone: Annotated[str, Field(description="IANA zone in which people read times.")] = "America/Chicago"
    accent: Annotated[str, Field(description="Accent color: one of the themes of docs/design-system.md.")] = "teal"
    eft_enrollment_url: str = ""

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{value!r} is no time zone; use an IANA name such as America/Chicago") from error
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which people read times."""
        return ZoneInfo(self.timezone)


REASONS = (
    "Posting payments",
    "Following up on a claim",
    "Billing a secondary payer",
    "Answering a patient",
    "An appeal",
    "An audit or review",
)


# A portal that was told no name answers on its own machine alone.
LOCAL_HOSTS = LOOPBACK


class Settings(AttachmentSettings, AccountSettings):
    """All settings of one deployment."""

    model_config = SettingsConfigDict(env_prefix="HP_PORTAL_", env_nested_delimiter="__", extra="forbid", frozen=True)

    database_url: str = "sqlite:///instance/hp_portal.sqlite"
    database_pool: int = Field(10, ge=1, description="Database connections one process may hold.")
    secret_key: SecretStr = SecretStr("")
    data_key: SecretStr = SecretStr("")
    instance_path: Path = Field(Path("instance"), description="Folder for built static files and uploads.")
    payer: Payer = Field(default_factory=Payer)

    hosts: Annotated[
        tuple[str, ...],
        NoDecode,
        Field(min_length=1, description="Names by which browsers reach the portal, with commas."),
    ] = LOCAL_HOSTS
    public_url: str = Field(
        "", description="The portal's address in messages: https://portal.plan.example. Empty: the first of the names."
    )
    trusted_proxies: int = Field(0, ge=0, description="How many reverse proxies set X-Forwarded-*.")
    https: bool = Field(True, description="Browsers reach the portal by TLS: secure cookies and HSTS.")
    log_format: str = Field("json", pattern="^(json|text)$")
    demo: bool = Field(False, description="Set by `hp-portal demo` alone.")

    plugins_left_out: Annotated[
        tuple[str, ...], NoDecode, Field(description="Installed plugins that are not loaded, by name, with commas.")
    ] = ()

    idle_minutes: float = Field(15, gt=0)
    absolute_hours: float = Field(12, gt=0)
    password_min_length: int = Field(12, ge=8, description="NIST SP 800-63B: at least 8, 15 for passwords alone.")
    attempts_per_account: int = Field(
        5, ge=1, description="Failed sign-ins within the window, per account at one address and per known browser."
    )
    attempts_everywhere: int = Field(
        20, ge=1, description="Failed sign-ins of one name from anywhere, after which each makes the next wait longer."
    )
    known_browser_days: float = Field(90, gt=0, description="How long a browser that was signed in to stays known.")
    attempts_per_address: int = Field(50, ge=1, description="Failed sign-ins within the window, per address.")
    attempts_window_minutes: float = Field(15, gt=0)
    proof_attempts: int = Field(
        5,
        ge=1,
        description="Failed proofs within the window, per organization, and in all, per organization and Tax ID.",
    )
    proof_attempts_per_tin: int = Field(
        20,
        ge=1,
        description="Failed proofs for one Tax ID by all organizations, after which each makes the next wait longer.",
    )
    proof_days: int = Field(180, ge=1, description="How old a payment may be that proves access.")
    proof_asks_more: Literal["never", "without-vendor-number", "always"] = Field(
        "without-vendor-number", description="When a proof also asks for the amount or the date of the payment."
    )
    registration_proof_opens: Literal["after-email", "at-once"] = Field(
        "after-email",
        description="When the proof of somebody who registers opens access: once the e-mail is confirmed, or before.",
    )
    registration_notices_count: bool = Field(
        True, description="A non-payment notice proves access for somebody who registers."
    )
    registration_attempts_per_address: int = Field(
        20, ge=1, description="Failed proofs of people without an account within the window, per address."
    )
    registration_join_days: int = Field(
        5, ge=1, description="How long delegates have to answer somebody who wants to join, before staff decide."
    )
    registration_challenge_days: int = Field(
        10, ge=1, description="How long delegates can object to somebody whose predecessor is said to have left."
    )
    pin_days: int = Field(
        30, ge=1, description="How many days a PIN works, from the day on which its letter is mailed."
    )
    letter_days: int = Field(5, ge=1, description="How many days a letter is on its way, as its reader is told.")
    pin_letters_per_payee: int = Field(
        3, ge=1, description="Letters with a PIN to one payee within the days below, before staff look."
    )
    pin_letters_days: int = Field(30, ge=1)
    pin_attempts: int = Field(5, ge=1, description="Wrong PINs after which the PIN works no longer.")
    second_factor_for: Annotated[
        Groups,
        NoDecode,
        BeforeValidator(read_groups),
        Field(
            description="Who must have a second factor, with commas: staff, delegates, everybody, each with a day from when on, "
            "if you like: staff:2026-09-01. Empty: nobody."
        ),
    ] = {"staff": None, "delegates": None}
    second_factor_from: dt.date | None = Field(
        None, description="Nobody must have one before this day, such as 2027-03-01, whose group names no day."
    )
    second_factor_days: float = Field(14, ge=0, description="How many days new accounts have to set one up.")
    reason_asked: Literal["never", "session", "member-data"] = Field(
        "member-data", description="When people of organizations say why they look at what belongs to patients."
    )
    reasons: Annotated[tuple[str, ...], NoDecode, Field(description="The reasons to choose from, with commas.")] = (
        REASONS
    )
    delegates_found_per_hour: int = Field(
        60,
        ge=1,
        description="Organizations that *Find my delegate* tells of in an hour, and five times as many in a day.",
    )
    refusals_warned: int = Field(5, ge=1, description="Refusals of a person, within the hours below, that warn staff.")
    refusals_hours: float = Field(24, gt=0)
    audit_heads: str = Field(
        "", description="Where seals of the audit record are told: file:/path, https://… or mailto:…"
    )
    smtp_url: SecretStr = Field(
        SecretStr(""), description="The mail server: smtp://host:25 or smtps://user:word@host:465."
    )
    mail_from: str = ""
    bounce_mailbox: Path | None = Field(None, description="Where undeliverable mail arrives: an mbox or a Maildir.")
    fax_address: str = Field(
        "",
        description="Faxes leave as e-mail to a gateway: {number}@fax.example, ten digits, or {e164} with +1 before.",
    )
    fax_command: str = Field("", description="Faxes leave by HylaFAX: the command, such as /usr/bin/sendfax.")
    terms_version: str = "2026-01"
    terms_path: Path | None = Field(None, description="The payer's own terms of use as Markdown.")
    documents_at_once: int = Field(2, ge=1, description="Small documents made at once, per machine, while people wait.")
    documents_kept_days: int = Field(
        7, ge=1, le=90, description="How long the worker keeps documents for whoever asked."
    )
    documents_kept_mb: int = Field(500, ge=1, description="How much of them is kept for one person at most.")
    max_upload_mb: int = Field(256, ge=1)
    uploads_at_once_mb: int = Field(2048, ge=1, description="Temporary files of uploads being received, per machine.")
    downloads_at_once_mb: int = Field(2048, ge=1, description="Temporary files of answers being sent, per machine.")

    @field_validator("plugins_left_out", "reasons", "hosts", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value

    @field_validator("second_factor_from", mode="before")
    @classmethod
    def _no_day(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("public_url")
    @classmethod
    def _people_can_follow(cls, value: str) -> str:
        value = value.strip().removesuffix("/")
        parts = urlsplit(value)
        safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOCAL_HOSTS)
        if value and not (safe and parts.hostname and value == f"{parts.scheme}://{parts.netloc}" and "@" not in value):
            raise ValueError("use https://portal.plan.example, without a path; http:// is for this machine alone")
        return value

    @field_validator("audit_heads")
    @classmethod
    def _heads_go_somewhere(cls, value: str) -> str:
        parts = urlsplit(value)
        somewhere = {
            "file": parts.path.startswith("/") and not parts.netloc,
            "https": bool(parts.netloc),
            "mailto": "@" in parts.path,
        }
        if value and not somewhere.get(parts.scheme):
            raise ValueError("use file:/path/to/file, https://… or mailto:name@example.com")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _is_a_mail_server(cls, value: SecretStr) -> SecretStr:
        server = urlsplit(value.get_secret_value())
        if value.get_secret_value() and not (server.scheme in ("smtp", "smtps") and server.hostname):
            raise ValueError("use smtp://host:25 or smtps://user:password@host:465")
        if server.query not in ("", "encryption=none"):
            raise ValueError("nothing but ?encryption=none may follow the host and port")
        return value

    @field_validator("fax_address")
    @classmethod
    def _is_a_gateway(cls, value: str) -> str:
        name, _, host = value.partition("@")
        if value and not (("{number}" in name or "{e164}" in name) and host and " " not in value):
            raise ValueError("use {number}@fax.example, where {number} is ten digits, or {e164} for +1 and ten digits")
        return value

    @field_validator("reasons")
    @classmethod
    def _short_reasons(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(3 <= len(reason) <= 100 for reason in value):
            raise ValueError("a reason has 3 to 100 characters")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del dotenv_settings, file_secret_settings  # two ways to set a thing are enough
        # Tables that are not the core's are plugins'; hp_portal/plugin_settings.py reads them.
        own = {
            name: value
            for name, value in read_file().items()
            if name in settings_cls.model_fields or not isinstance(value, dict)
        }
        return (init_settings, env_settings, InitSettingsSource(settings_cls, own))

    @property
    def data_keys(self) -> tuple[bytes, ...]:
        """The data keys, 32 bytes each: the first encrypts, every one decrypts.

        Raises ConfigurationError when one is not the base64 of 32 random bytes.
        """
        keys = []
        for number, text in enumerate(self.data_key.get_secret_value().split(","), 1):
            try:
                key = base64.b64decode(text.strip(), validate=True)
            except binascii.Error as error:
                raise ConfigurationError(
                    f"HP_PORTAL_DATA_KEY, key {number}, is not base64. {_DATA_KEY_HELP}"
                ) from error
            if len(key) != 32:
                raise ConfigurationError(
                    f"HP_PORTAL_DATA_KEY, key {number}, has {len(key)} bytes instead of 32. {_DATA_KEY_HELP}"
                )
            if weakness := weakness_of_bytes(key):
                raise ConfigurationError(
                    f"HP_PORTAL_DATA_KEY, key {number}, can be guessed: it {weakness}. {_DATA_KEY_HELP}"
                )
            keys.append(key)
        if len(set(keys)) < len(keys):
            raise ConfigurationError("HP_PORTAL_DATA_KEY lists a key twice. Take one of both out.")
        return tuple(keys)


def load_database_url() -> str:
    """The database's URL alone, for commands that need no keys. Raises ConfigurationError."""
    try:
        return Settings().database_url  # type: ignore[call-arg]
    except (ValidationError, SettingsError) as error:
        raise not_usable(error, "HP_PORTAL_", Settings) from error


_SECRET_KEY_HELP = "Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
_DATA_KEY_HELP = (
    "Make one with: python -c 'import base64, secrets; print(base64.b64encode(secrets.token_bytes(32)).decode())'"
)


def new_data_key() -> str:
    """A data key made at random, as HP_PORTAL_DATA_KEY takes it."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def read_file() -> dict[str, Any]:
    """What the TOML file holds that HP_PORTAL_CONFIG names; nothing when it names none. Raises ConfigurationError."""
    file = os.environ.get("HP_PORTAL_CONFIG")
    if not file:
        return {}
    if not Path(file).is_file():
        raise ConfigurationError(f"HP_PORTAL_CONFIG names {file}, which is no file.")
    try:
        return tomllib.loads(Path(file).read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"HP_PORTAL_CONFIG names {file}, which is no TOML: {error}") from error


_FIELD = re.compile(r'field "(\w+)"')
NO_SUCH_SETTING = "there is no such setting (a plugin's stand in its own table, [<plugin>], or after its name and __)"


def not_usable(error: ValidationError | SettingsError, prefix: str, model: type[BaseModel]) -> ConfigurationError:
    """The settings of `model` that are wrong, each by the name of its environment variable."""
    if isinstance(error, SettingsError):  # a variable that stands for several settings or a list, and is no JSON
        found = _FIELD.search(str(error))
        field = model.model_fields.get(found[1]) if found else None
        name = prefix + (found[1].upper() if found else "…")
        parts = getattr(field.annotation, "model_fields", {}) if field else {}
        one = next(iter(parts), "")
        instead = (
            f"set what it stands for one by one, such as {name}__{one.upper()}" if one else 'write a list as ["a", "b"]'
        )
        told = f"this is no JSON; {instead}"
        return ConfigurationError(f"These settings are not usable:\n  {name}: {told}")
    lines = []
    for problem in error.errors():
        name = prefix + "__".join(str(part) for part in problem["loc"]).upper()
        told = NO_SUCH_SETTING if problem["type"] == "extra_forbidden" else problem["msg"]
        lines.append(f"  {name}: {told}")
    return ConfigurationError("These settings are not usable:\n" + "\n".join(lines))


def load_settings(**values: object) -> Settings:
    """Read and check the settings; `values` win over environment and file.

    Raises ConfigurationError with a text for the person at the terminal.
    """
    try:
        settings = Settings(**values)  # type: ignore[arg-type]
    except (ValidationError, SettingsError) as error:
        raise not_usable(error, "HP_PORTAL_", Settings) from error
    if len(settings.secret_key.get_secret_value()) < 32:
        raise ConfigurationError(
            f"HP_PORTAL_SECRET_KEY is missing or shorter than 32 characters. It signs cookies. {_SECRET_KEY_HELP}"
        )
    if weakness := weakness_of_text(settings.secret_key.get_secret_value()):
        raise ConfigurationError(f"HP_PORTAL_SECRET_KEY can be guessed: it {weakness}. {_SECRET_KEY_HELP}")
    if settings.audit_heads.startswith("mailto:") and not (settings.smtp_url.get_secret_value() and settings.mail_from):
        raise ConfigurationError("HP_PORTAL_AUDIT_HEADS by mail needs HP_PORTAL_SMTP_URL and HP_PORTAL_MAIL_FROM.")
    if settings.fax_address and settings.fax_command:
        raise ConfigurationError(
            "HP_PORTAL_FAX_ADDRESS and HP_PORTAL_FAX_COMMAND are both set. Faxes leave by one of them."
        )
    if missing := settings.missing_of_directory:
        raise ConfigurationError(
            f"HP_PORTAL_STAFF_SIGN_IN is {settings.staff_sign_in}, which needs {', '.join(missing)} as well."
        )
    if not settings.data_key.get_secret_value():
        raise ConfigurationError(
            f"HP_PORTAL_DATA_KEY is missing. It encrypts Tax IDs and kept 835 text. {_DATA_KEY_HELP}"
        )
    _ = settings.data_keys
    return settings
