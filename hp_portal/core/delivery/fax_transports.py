"""How faxes leave by themselves: as e-mail to a gateway, or by HylaFAX's `sendfax` on this machine."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import format_datetime
from pathlib import Path

from hp_portal import clock
from hp_portal.core.delivery.attaching import PDF, Attachment
from hp_portal.core.delivery.faxes import ten_digits
from hp_portal.core.delivery.mail import bounce_address, message_id, sender_of, write_mail
from hp_portal.core.delivery.transports import ComposedFax, ComposedMail, Connection, NotSent, Transport
from hp_portal.settings import Settings

TIME_LIMIT = 60  # seconds: sendfax takes the file and ends
_LONGEST = 200
# What sendfax may know of the portal's surroundings: its settings have keys.
_PASSED_ON = ("PATH", "HOME", "USER", "LANG", "TZ", "FAXSERVER")


def fax_transport(settings: Settings, mail: Transport) -> Transport | None:
    """What the settings name; None when faxes are sent by hand."""
    if settings.fax_address:
        return FaxByMail(settings, mail)
    return SendFax(settings.fax_command) if settings.fax_command else None


class FaxByMail:
    """A gateway that faxes what it gets by e-mail, to an address with the number in it."""

    def __init__(self, settings: Settings, mail: Transport) -> None:
        self._settings, self._mail = settings, mail

    @contextmanager
    def open(self) -> Iterator[_ByMail]:
        with self._mail.open() as connection:
            yield _ByMail(self._settings, connection)


class _ByMail:
    def __init__(self, settings: Settings, connection: Connection) -> None:
        self._settings, self._connection = settings, connection

    def send(self, composed: ComposedFax) -> str:
        settings = self._settings
        number, digits = composed.recipient, ten_digits(composed.recipient)
        address = settings.fax_address.replace("{number}", digits).replace("{e164}", number)
        heads = {
            "From": sender_of(settings),
            "To": address,
            "Subject": composed.subject,
            "Date": format_datetime(clock.now()),
            "Message-ID": message_id(settings, composed.key),
            "Auto-Submitted": "auto-generated",
        }
        raw = write_mail(heads, "The fax is attached.\n", attachments=[Attachment("fax.pdf", PDF, composed.pdf)])
        sender = bounce_address(settings, composed.key)
        said = self._connection.send(ComposedMail(sender, address, composed.key, raw))
        return f"{said} It is faxed by {address.rpartition('@')[2]}."


class SendFax:
    """HylaFAX's client, which hands the fax to its server and tells the number of the job."""

    def __init__(self, command: str) -> None:
        self._command = shlex.split(command)

    @contextmanager
    def open(self) -> Iterator[SendFax]:
        yield self

    def send(self, composed: ComposedFax) -> str:
        with tempfile.TemporaryDirectory(prefix="hp-portal-fax-") as folder:
            file = Path(folder) / "fax.pdf"
            file.write_bytes(composed.pdf)
            # -n: the cover sheet is ours; -d: to this number.
            done = self._run([*self._command, "-n", "-d", composed.recipient, str(file)])
        said = _one_line(done.stdout) or _one_line(done.stderr)
        if done.returncode:
            told = _one_line(done.stderr) or said or f"it ended with {done.returncode}"
            raise NotSent(f"sendfax said: {told}"[:_LONGEST])
        return f"sendfax said: {said or 'nothing'}"[:_LONGEST]

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[bytes]:
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        try:
            return subprocess.run(  # noqa: S603 - the program of the settings, with arguments that no shell reads
                command, capture_output=True, timeout=TIME_LIMIT, stdin=subprocess.DEVNULL, env=passed_on
            )
        except subprocess.TimeoutExpired as error:
            raise NotSent("sendfax did not come to an end in time.", everything=True) from error
        except OSError as error:
            raise NotSent(f"sendfax could not be started: {error.strerror}", everything=True) from error


def _one_line(text: bytes) -> str:
    words = " ".join(text.decode(errors="replace").split())
    return "".join(letter for letter in words if letter.isprintable())[:_LONGEST]
