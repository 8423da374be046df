"""The program that opens what people have sent, in a process of its own within limits; see `cleaning`.

Standard input is a line with the kind, then the file. Standard output is a line of JSON, then the file to give out, if it
is another.
"""

from __future__ import annotations

import json
import sys
import warnings

from hp_portal.core.attachments.kinds import OFFICE, is_text
from hp_portal.core.attachments.office import look_into
from hp_portal.core.attachments.pdfs import clean_pdf
from hp_portal.core.attachments.pictures import clean_picture
from hp_portal.core.attachments.refused import Refused
from hp_portal.core.documents.limits import OUT_OF_MEMORY, hold

NO_TEXT = "It begins as text, but what follows is none. Save it anew as text, CSV or PDF, and attach that."


def clean(kind: str, body: bytes) -> tuple[str, bytes | None]:
    """The kind of what is given out, and that; None: the file as it is. Raises Refused."""
    with warnings.catch_warnings():
        # What is odd about a file that can be opened all the same need not be told.
        warnings.simplefilter("ignore")
        return _clean(kind, body)


def _clean(kind: str, body: bytes) -> tuple[str, bytes | None]:
    if kind == "pdf":
        return kind, clean_pdf(body)
    if kind == OFFICE:
        return look_into(body), None
    if kind == "text":
        if not is_text(body):
            raise Refused(NO_TEXT)
        return kind, None
    return clean_picture(body, kind)


def main() -> int:
    hold(sys.argv[1:])
    cleaned = None
    try:
        kind, _, body = sys.stdin.buffer.read().partition(b"\n")
        given_as, cleaned = clean(kind.decode(), body)
        head: dict[str, object] = {"kind": given_as, "same": cleaned is None}
    except Refused as error:
        head = {"refused": str(error)}
    except MemoryError:
        return OUT_OF_MEMORY
    except Exception as error:
        # The kind of error only: its text may quote the file.
        sys.stderr.write(type(error).__name__)
        return 1
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + (cleaned or b""))
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
