"""E-mail by SMTP: one connection for many messages, encrypted, unless the settings say that it need not be."""

from __future__ import annotations

import ipaddress
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import unquote, urlsplit

from hp_portal.core.delivery.transports import ComposedMail, NotSent
from hp_portal.settings import Settings

TIMEOUT = 20  # seconds for each answer of the server
_LONGEST = 200
PLAIN = "encryption=none"
"""The end of a mail server's address where messages may leave without encryption."""
TOO_LARGE = 552
NOT_FROM_US = (421, 530, 534, 535, 538)
"""The server goes away, or wants another sign-in first (RFC 4954): whatever the message."""


def _said(code: int, text: bytes | str) -> str:
    """What a server said, on one line."""
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(words.split())}"[:_LONGEST].strip()


def _is_here(host: str) -> bool:
    """Is it this machine, whose mail nobody overhears?"""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def connect(settings: Settings, timeout: float = TIMEOUT) -> smtplib.SMTP:
    """A connection to HP_PORTAL_SMTP_URL, signed in where the address has a user. Raises OSError or SMTPException."""
    server = urlsplit(settings.smtp_url.get_secret_value())
    context = ssl.create_default_context()
    if server.scheme == "smtps":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(server.hostname or "", server.port or 0, timeout=timeout, context=context)
    else:
        smtp = smtplib.SMTP(server.hostname or "", server.port or 0, timeout=timeout)
    try:
        smtp.ehlo_or_helo_if_needed()
        if server.scheme == "smtp" and smtp.has_extn("starttls"):
            smtp.starttls(context=context)
            smtp.ehlo()
        encrypted = isinstance(smtp.sock, ssl.SSLSocket)
        if not (encrypted or server.query == PLAIN or _is_here(server.hostname or "")):
            # Whoever stands between could take the offer out, and read the links in the messages.
            raise smtplib.SMTPNotSupportedError(
                f"it offers no encryption, and HP_PORTAL_SMTP_URL does not end in ?{PLAIN}"
            )
        if server.username and not encrypted:
            raise smtplib.SMTPNotSupportedError("it offers no encryption, and the password does not leave without it")
        if server.username:
            smtp.login(unquote(server.username), unquote(server.password or ""))
    except BaseException:
        smtp.close()
        raise
    return smtp


class _Connected:
    def __init__(self, smtp: smtplib.SMTP) -> None:
        self.smtp = smtp

    def send(self, composed: ComposedMail) -> str:
        try:
            self.smtp.sendmail(composed.sender, [composed.recipient], composed.raw)
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            self._refused(code, text)
        except smtplib.SMTPSenderRefused as error:
            # Not the message but we are refused, as every other would be; unless it is too large (552).
            self._refused(error.smtp_code, error.smtp_error, of_us=error.smtp_code != TOO_LARGE)
        except smtplib.SMTPResponseException as error:
            self._refused(error.smtp_code, error.smtp_error)
        except smtplib.SMTPServerDisconnected as error:
            late = isinstance(error.__context__, TimeoutError)  # smtplib closes the connection then
            said = "The mail server did not answer in time." if late else "The mail server ended the connection."
            raise NotSent(said, everything=True) from error
        except (OSError, smtplib.SMTPException) as error:
            raise NotSent(f"The mail server could not be used: {error}"[:_LONGEST], everything=True) from error
        return "The mail server has taken it."

    def _refused(self, code: int, text: bytes | str, *, of_us: bool = False) -> None:
        """Raise NotSent for what the server said: for all messages where it will not have any from us, and not for good then."""
        with suppress(smtplib.SMTPException, OSError):
            self.smtp.rset()
        everything = of_us or code in NOT_FROM_US
        raise NotSent(
            f"The mail server said: {_said(code, text)}", final=code >= 500 and not everything, everything=everything
        )


class Smtp:
    """The mail server of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @contextmanager
    def open(self) -> Iterator[_Connected]:
        if not self._settings.smtp_url.get_secret_value() or not self._settings.mail_from:
            raise NotSent("No mail server is set up.", everything=True)
        try:
            smtp = connect(self._settings)
        except smtplib.SMTPAuthenticationError as error:
            raise NotSent(
                "The mail server did not take the user and password of the settings.", everything=True
            ) from error
        except (OSError, smtplib.SMTPException) as error:
            raise NotSent(f"The mail server could not be reached: {error}"[:_LONGEST], everything=True) from error
        try:
            yield _Connected(smtp)
        finally:
            with suppress(smtplib.SMTPException, OSError):
                smtp.quit()
            smtp.close()
