"""How many documents are made at once while somebody waits, on one machine, whatever the number of web processes.

A slot is a lock on a file in the instance's folder. The system takes it back when its process ends, however that ends.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO


def folder_of(instance: Path, database_url: str) -> Path:
    """Where the locks of one portal on this machine are."""
    name = hashlib.sha256(database_url.encode()).hexdigest()[:16]
    return instance / "making" / name


@contextmanager
def slot(folder: Path, person_id: int, *, at_once: int, per_person: int) -> Iterator[bool]:
    """Hold one of `at_once` slots for the length of a block; False, without waiting, when all are held, or `per_person` of them
    by this person."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as held:
        yield _take(folder, person_id, at_once, per_person, held)


def _take(folder: Path, person_id: int, at_once: int, per_person: int, held: ExitStack) -> bool:
    """Look at the slots one after the other, alone. What this takes is given back with `held`."""
    free: BinaryIO | None = None
    own = 0
    with _open(folder / "door") as door:
        fcntl.flock(door, fcntl.LOCK_EX)  # for microseconds: nothing below waits
        for number in range(at_once):
            file = _open(folder / str(number))
            if _lock(file):
                if free is None:
                    free = held.enter_context(file)
                else:
                    file.close()
            else:
                own += file.read() == str(person_id).encode()
                file.close()
        if free is None or own >= per_person:
            held.close()
            return False
        os.ftruncate(free.fileno(), 0)
        os.pwrite(free.fileno(), str(person_id).encode(), 0)
        return True


def _open(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b", buffering=0)


def _lock(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
