"""Files that a browser is to save."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import IO, cast
from urllib.parse import quote

from flask import Response

_NEVER = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')


_PIECE = 1 << 16


def attachment(body: bytes | IO[bytes] | Iterable[bytes], name: str, content_type: str) -> Response:
    """A file to save under `name`, never shown in the browser's window and never kept in a cache.

    `body` is the whole file, its pieces, or a file open for reading, which is sent from its beginning and closed in the end. What
    no file system takes in a name, and everything that could forge a header, becomes a dash; letters beyond ASCII go as RFC 6266
    says. Record the download before; a view commits, then answers.
    """
    is_file = not isinstance(body, bytes) and hasattr(body, "read")
    response = _sent_from(cast(IO[bytes], body), content_type) if is_file else Response(body, content_type=content_type)
    shown = _NEVER.sub("-", name.encode("utf-8", errors="replace").decode()).strip(" .-") or "file"
    response.headers["Content-Disposition"] = f"attachment; {_filename(shown)}"
    response.headers["Cache-Control"] = "no-store"
    return response


def _sent_from(file: IO[bytes], content_type: str) -> Response:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    response = Response(_pieces(file), content_type=content_type)
    response.content_length = size
    response.call_on_close(file.close)
    return response


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE):
            yield piece


def _filename(name: str) -> str:
    return f'filename="{name}"' if name.isascii() else f"filename*=UTF-8''{quote(name, safe='')}"


def file_name_part(text: str) -> str:
    """What every file system takes of a number or name: letters, digits, dashes; at most 60 of them, possibly none."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:60].strip("-")
