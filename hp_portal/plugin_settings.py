"""Settings of plugins: `HP_PORTAL_<KEY>__<NAME>` in the environment over the table `[<key>]` of the TOML file over defaults."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Iterable
from typing import Any

import structlog
from pydantic import BaseModel, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from hp_portal.hookspecs import Application
from hp_portal.settings import ConfigurationError, Settings, not_usable, read_file

log = structlog.get_logger(__name__)


def prefix_of(key: str) -> str:
    """What the environment variables of a plugin begin with: `claim-status` has `HP_PORTAL_CLAIM_STATUS__…`."""
    return f"HP_PORTAL_{key.replace('-', '_').upper()}__"


def load_plugin_settings(applications: Iterable[Application], installed: Collection[str]) -> dict[str, BaseModel]:
    """The checked settings of every application that has some, by key.

    `installed` are the keys of all installed plugins: what names another is told in the log, or refused where it looks like a
    slip of the pen. Raises ConfigurationError.
    """
    sections = {name: value for name, value in read_file().items() if isinstance(value, dict)}
    by_key = {application.key: application for application in applications}
    for name in sections.keys() - Settings.model_fields.keys():
        if name.replace("_", "-") not in installed:
            _unknown(f"[{name}]", name.replace("_", "-"), installed)
    made = {}
    for key, application in by_key.items():
        section = {**sections.get(key.replace("-", "_"), {}), **sections.get(key, {})}
        if application.settings is not None:
            _refuse_old_names(key, application.settings)
            made[key] = _read(key, application.settings, section)
        elif section:
            raise ConfigurationError(f"The plugin {key} has no settings; remove [{key}] from the file.")
    return made


def _unknown(what: str, key: str, installed: Collection[str]) -> None:
    near = difflib.get_close_matches(key, ["payer", *installed], n=1, cutoff=0.7)
    if near:
        raise ConfigurationError(f"{what} in the settings belongs to no installed plugin. Did you mean [{near[0]}]?")
    log.warning("settings.of-no-plugin", section=key)


def _refuse_old_names(key: str, model: type[BaseModel]) -> None:
    """One underscore instead of two, as these were called when they were the core's, would be read by nobody."""
    single, double = prefix_of(key).removesuffix("_"), prefix_of(key)
    in_file = read_file()
    for name in model.model_fields:
        if single + name.upper() in os.environ:
            raise ConfigurationError(f"{single}{name.upper()} is called {double}{name.upper()}: two underscores.")
        if f"{key.replace('-', '_')}_{name}" in in_file:
            raise ConfigurationError(f"{key.replace('-', '_')}_{name} is the setting {name} of the table [{key}].")


def _read(key: str, model: type[BaseModel], section: dict[str, Any]) -> BaseModel:
    prefix = prefix_of(key)

    class Read(model, BaseSettings):  # type: ignore[misc,valid-type]
        """The plugin's own model, read like the core's settings."""

        model_config = SettingsConfigDict(env_prefix=prefix, env_nested_delimiter="__", extra="forbid", frozen=True)

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            del init_settings, dotenv_settings, file_secret_settings
            return (env_settings, InitSettingsSource(settings_cls, section))

    for variable in os.environ:
        name = variable.removeprefix(prefix).partition("__")[0].lower()
        if variable.startswith(prefix) and name not in model.model_fields:
            known = ", ".join(prefix + field.upper() for field in model.model_fields)
            raise ConfigurationError(f"{variable}: there is no such setting. The plugin {key} has: {known}.")
    try:
        found: BaseModel = Read()
    except (ValidationError, SettingsError) as error:
        raise not_usable(error, prefix, model) from error
    return found
