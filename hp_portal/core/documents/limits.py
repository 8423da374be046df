"""Limits of a process that makes a document, as it puts them on itself before it reads anything."""

from __future__ import annotations

import os
import resource
from collections.abc import Sequence

PROGRESS = "progress"
OUT_OF_MEMORY = 3
_NICE = 10


def hold(arguments: Sequence[str]) -> None:
    """Keep to MiB of address space and seconds of the processor, the two arguments; behind the web in the line for the
    processor; and leave no image of the memory, which holds people's data. For a program's start."""
    memory, seconds = int(arguments[0]) << 20, int(arguments[1])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(_NICE)


def seconds_used() -> int:
    """Seconds of the processor that this process and its children have used."""
    found = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return int(sum(usage.ru_utime + usage.ru_stime for usage in found))


def take_off(seconds: int) -> None:
    """In a child, for which the system counts anew: take what was used before it from what it may use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    if soft != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_CPU, (max(1, soft - seconds), hard))
