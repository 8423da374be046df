"""`hp-portal delivery …`: mail that came back."""

from __future__ import annotations

import json
import mailbox
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import click

from hp_portal.core.delivery.returns import OUTCOMES, collect_returns, take_return
from hp_portal.database import PortalSession


def delivery_commands(new_session: Callable[[str], PortalSession]) -> click.Group:
    """The group; `new_session` makes a session in a whole scope, for the reason given."""
    delivery = click.Group("delivery", help="Messages that the portal sends.")

    @delivery.command("bounce")
    @click.option("--to", default="", envvar="ORIGINAL_RECIPIENT", help="The address it came back to, where known.")
    @click.option("--mailbox", "box", type=click.Path(exists=True, path_type=Path), help="Empty this mbox or Maildir.")
    @click.option("--json", "as_json", is_flag=True)
    def bounce(to: str, box: Path | None, as_json: bool) -> None:
        """Take mail that came back, from standard input or out of a mailbox.

        A message it belongs to is marked; any other mail is kept for the staff to read.
        """
        with new_session("mail that came back") as session:
            if box is None:
                done = Counter([take_return(session, sys.stdin.buffer.read(), to)])
                session.commit()
            else:
                try:
                    done = collect_returns(session, box)
                except (OSError, mailbox.Error) as error:
                    raise click.ClickException(f"{box}: {error}") from error
        if as_json:
            click.echo(json.dumps({outcome: done[outcome] for outcome in OUTCOMES}))
        else:
            click.echo(
                ", ".join(f"{count} {OUTCOMES[outcome]}" for outcome, count in done.items()) or "Nothing was there."
            )

    return delivery
