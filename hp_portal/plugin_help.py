"""The help of plugins' commands where the portal's settings are missing or wrong."""

from __future__ import annotations

import copy
import functools
import secrets
from collections.abc import Callable
from typing import Any

import click
from flask import Flask
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from hp_portal.app import create_app
from hp_portal.settings import ConfigurationError, Settings, new_data_key


class _OfNobody(Settings):
    """Settings that come from neither environment nor file."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)


def command_of(
    commands: Callable[[Flask], dict[str, click.Command]], args: list[str], error: ConfigurationError
) -> click.Command:
    """The plugin's command that `args` begin with, where they ask for help; to be read, not run. `commands` finds those
    of an app: this one is of no payer and has no database. Otherwise raises the error."""
    if "--help" not in args[1:]:
        raise error
    keys: dict[str, Any] = {"secret_key": secrets.token_urlsafe(32), "data_key": new_data_key()}
    found = commands(create_app(_OfNobody(**keys, database_url="sqlite://"))).get(args[0])
    if found is None:
        raise error
    return _refusing(found, error)


def _refusing(command: click.Command, error: ConfigurationError) -> click.Command:
    """The command for its help alone: whoever runs it is told of the error."""
    found = copy.copy(command)
    if isinstance(found, click.Group):
        found.commands = {name: _refusing(one, error) for name, one in found.commands.items()}
        found.callback = None
    else:
        found.callback = functools.partial(_refuse, error)
    return found


def _refuse(error: ConfigurationError, **_: object) -> None:
    raise error
