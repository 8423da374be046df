"""`hp-portal audit …`: verifying the record."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import click

from hp_portal.core.activity import verifying
from hp_portal.core.activity.heads import read_heads
from hp_portal.database import PortalSession


def audit_commands(new_session: Callable[[str], PortalSession]) -> click.Group:
    """The group; `new_session` makes a session in a whole scope, for the reason given."""
    audit = click.Group("audit", help="The audit record.")

    @audit.command("verify")
    @click.option("--json", "as_json", is_flag=True)
    @click.option("--head", help="The head printed by an earlier run: fails when the chain no longer contains it.")
    @click.option(
        "--heads",
        "published",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="A file with published heads: fails when the chain no longer contains one of them.",
    )
    def verify(as_json: bool, head: str | None, published: Path | None) -> None:
        """Recompute the chain of seals, look at every event, and name the first thing wrong."""
        try:
            heads = read_heads(published.read_text(encoding="utf-8", errors="replace")) if published else None
        except ValueError as error:
            raise click.ClickException(f"{published}: {error}") from error
        with new_session("audit verify") as session:
            result = verifying.verify(session, head, heads)
        if as_json:
            click.echo(json.dumps(vars(result)))
        elif result.broken is None:
            click.echo(f"{result.sealed} events sealed, {result.unsealed} waiting for a seal. Head: {result.head}")
        else:
            click.echo(f"BROKEN: {result.broken}", err=True)
        sys.exit(0 if result.broken is None else 1)

    return audit
