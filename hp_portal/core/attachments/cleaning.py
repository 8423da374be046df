"""Opens a file in a process of its own, and has it cleaned there."""

from __future__ import annotations

import json

from hp_portal.core.attachments.refused import TOO_COSTLY, Refused
from hp_portal.core.documents.limited import DocumentKilled, DocumentLimits, DocumentTooLarge, make_apart

LIMITS = DocumentLimits(memory=1536, processor=60, seconds=120)


def clean_apart(kind: str, body: bytes, limits: DocumentLimits = LIMITS) -> tuple[str, bytes | None]:
    """The kind of what is given out, and that; None: the file as it is.

    Raises Refused, and DocumentError when the process failed: DocumentKilled, when another time it may not.
    """
    try:
        made = make_apart(
            "hp_portal.core.attachments.cleaner", kind.encode() + b"\n" + body, limits, f"a file ({kind})"
        )
    except DocumentKilled:
        raise
    except DocumentTooLarge as error:
        raise Refused(TOO_COSTLY) from error
    head, _, cleaned = made.partition(b"\n")
    said = json.loads(head)
    if "refused" in said:
        raise Refused(said["refused"])
    return said["kind"], None if said["same"] else cleaned
