"""Commands of plugins, `hp-portal remittance import`: run within the app, and not before there are tables."""

from __future__ import annotations

import copy
import functools
from typing import Any

import click
from flask import Flask

from hp_portal import migrations


def in_app_context(app: Flask, group: click.Group) -> click.Group:
    """The group of a plugin's commands, to be run by `hp-portal`."""
    wrapped = click.Group(group.name, help=group.help)
    for name, command in group.commands.items():
        wrapped.add_command(_with_tables(app, group.name or "", command), name)

    @click.pass_context
    def enter(ctx: click.Context) -> None:
        ctx.with_resource(app.app_context())

    wrapped.callback = enter
    return wrapped


def _with_tables(app: Flask, key: str, command: click.Command) -> click.Command:
    """A plugin's command that says what is missing before it begins: it may tell errors of the database in its own way."""
    run = command.callback
    if run is None or isinstance(command, click.Group):
        return command

    @functools.wraps(run)
    def run_with_tables(*arguments: Any, **options: Any) -> Any:
        if told := migrations.upgrade_first(app, key):
            raise click.ClickException(told)
        return run(*arguments, **options)

    checked = copy.copy(command)
    checked.callback = run_with_tables
    return checked
