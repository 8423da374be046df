"""The ways out: what takes the messages of each channel. A plugin's comes first, then what the settings name.

Letters and faxes for which there is no way wait for the staff, who print them or send them by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import current_app

from hp_portal.core.delivery.fax_transports import fax_transport
from hp_portal.core.delivery.mailbox import Mailbox
from hp_portal.core.delivery.outbox import EMAIL, FAX
from hp_portal.core.delivery.smtp import Smtp
from hp_portal.core.delivery.transports import Connection, NotSent, Transport
from hp_portal.core.web.render import settings as portal_settings
from hp_portal.hookspecs import Transport as PluginTransport
from hp_portal.plugins import Plugins, confined
from hp_portal.settings import Settings


def mailbox_folder(instance: Path) -> Path:
    """Where the demo's mailbox is."""
    return instance / "mailbox"


def demo_mailbox() -> Mailbox:
    """The mailbox of this demo. Needs an app context."""
    return Mailbox(mailbox_folder(Path(current_app.instance_path)))


def mail_transport(settings: Settings, instance: Path) -> Transport:
    """How e-mail leaves: by the mail server of the settings; in a demo without one, into its mailbox."""
    if settings.demo and not settings.smtp_url.get_secret_value():
        return Mailbox(mailbox_folder(instance))
    return Smtp(settings)


def ways_out() -> dict[str, Transport]:
    """The ways of this portal, by channel. Needs an app context."""
    settings, plugins = portal_settings(), current_app.extensions["hp_portal.plugins"]
    mail = mail_transport(settings, Path(current_app.instance_path))
    ways: dict[str, Transport] = {EMAIL: mail}
    if fax := fax_transport(settings, mail):
        ways[FAX] = fax
    return ways | _of_plugins(plugins)


def leaves_by_itself(channel: str) -> bool:
    """Is there a way for the messages of a channel, so that the staff have nothing to do with them?"""
    return channel in ways_out()


def takes_mail() -> bool:
    """Is there anything that takes e-mails: a mail server, a plugin, or the demo's mailbox? Needs an app context."""
    settings, plugins = portal_settings(), current_app.extensions["hp_portal.plugins"]
    server = bool(settings.smtp_url.get_secret_value() and settings.mail_from)
    return settings.demo or server or EMAIL in _of_plugins(plugins)


def _of_plugins(plugins: Plugins) -> dict[str, Transport]:
    ways: dict[str, Transport] = {}
    for name, found in plugins.collect("portal_transports"):
        for transport in found:
            ways.setdefault(transport.channel, OfPlugin(plugins, name, transport))
    return ways


class OfPlugin:
    """A plugin's transport: whatever it raises, its messages wait and are tried again, and the staff see whose failure it is."""

    def __init__(self, plugins: Plugins, name: str, transport: PluginTransport) -> None:
        self._plugins, self._name, self._transport = plugins, name, transport

    @contextmanager
    def open(self) -> Iterator[OfPlugin]:
        with self._guarded():
            opened = self._transport.open()
            self._connection: Connection = opened.__enter__()
        try:
            yield self
        finally:
            with self._guarded():
                opened.__exit__(None, None, None)

    def send(self, composed: Any) -> str:
        with self._guarded(one=True):
            said = self._connection.send(composed)
            if not isinstance(said, str):
                raise TypeError(f"answered with {type(said).__name__} instead of words")
        self._plugins.succeeded(self._name, self._place)
        return said

    @property
    def _place(self) -> str:
        return f"portal_transports, {self._transport.channel}"

    @contextmanager
    def _guarded(self, *, one: bool = False) -> Iterator[None]:
        try:
            with confined():
                yield
        except NotSent:
            raise
        except Exception as error:
            self._plugins.failed(self._name, self._place, error)
            raise NotSent(f"{self._transport.label} failed: an error in the plugin.", everything=not one) from error
