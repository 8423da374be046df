"""Ways round the row scope that code in an organization's page could try: what the walls of the scope are tested with.

A way is run on an organization's session, in a request of that organization. One that reads returns what it read; one that
writes leaves its changes in the session's transaction, where the test compares everything before and after. Each is also run in
a whole scope, where it must succeed: otherwise it would prove nothing.
"""

from __future__ import annotations

from . import apart, reads, reads_by_session, reads_of_parts, writes, writes_of_record
from .way import WAYS, Attack, Facts, Way

__all__ = [
    "WAYS",
    "Attack",
    "Facts",
    "Way",
    "apart",
    "reads",
    "reads_by_session",
    "reads_of_parts",
    "writes",
    "writes_of_record",
]
