"""Asks clamd whether there is a virus in a file: INSTREAM of its protocol, some lines, for which no maintained client is left."""

from __future__ import annotations

import socket
import struct
from contextlib import closing

from hp_portal.attachment_settings import Scanner

_PIECE = 1 << 17
_SECONDS = 180.0
"""Longer than clamd itself looks at one file: its MaxScanTime is 120 seconds unless set otherwise."""
_TO_CONNECT = 10.0
_TOO_LARGE = "Heuristics.Limits.Exceeded"
_LONGEST = 4096


class ScannerAway(Exception):
    """The scanner did not answer; the text says what happened, for the payer's staff."""


class ScannerSlow(ScannerAway):
    """The scanner could be reached, and did not come to an end with this file."""


class NotScanned(Exception):
    """The scanner answered, and has not looked at the whole file; the text is what it said."""


def find_virus(scanner: Scanner, body: bytes, seconds: float = _SECONDS) -> str:
    """The name of the virus that is in it; empty: none. Raises ScannerAway, ScannerSlow, NotScanned."""
    try:
        line = _connect(scanner, min(seconds, _TO_CONNECT))
    except OSError as error:
        raise ScannerAway(f"The virus scanner does not answer: {error}.") from error
    try:
        with closing(line):
            line.settimeout(seconds)
            said = _ask(line, body)
    except OSError as error:
        raise ScannerSlow(f"The virus scanner did not come to an end with this file: {error}.") from error
    if not said:
        raise ScannerSlow("The virus scanner ended the connection without an answer.")
    _, _, found = said.rpartition("stream: ")
    if found == "OK":
        return ""
    if found.startswith(_TOO_LARGE):
        raise NotScanned(f"It is too large for the virus scanner, which has not looked at all of it: {found}.")
    if found.endswith(" FOUND"):
        return found.removesuffix(" FOUND")
    raise NotScanned(f"The virus scanner said: {said}")


def _connect(scanner: Scanner, seconds: float) -> socket.socket:
    if not scanner.path:
        return socket.create_connection((scanner.host, scanner.port), seconds)
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.settimeout(seconds)
    try:
        line.connect(scanner.path)
    except OSError:
        line.close()
        raise
    return line


def _ask(line: socket.socket, body: bytes) -> str:
    whole = memoryview(body)
    try:
        line.sendall(b"zINSTREAM\0")
        for start in range(0, len(whole), _PIECE):
            piece = whole[start : start + _PIECE]
            line.sendall(struct.pack("!I", len(piece)))
            line.sendall(piece)
        line.sendall(struct.pack("!I", 0))
    except (BrokenPipeError, ConnectionResetError):
        pass  # It has heard enough, and said why.
    said = b""
    while not said.endswith(b"\0") and len(said) < _LONGEST and (piece_of := line.recv(_LONGEST)):
        said += piece_of
    return said.rstrip(b"\0").decode(errors="replace").strip()
