"""Files that nobody but the portal's own user may read: the SQLite database, the folder it lies in, the instance folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_told: set[Path] = set()


def make_private_folder(folder: Path) -> None:
    """Make a folder, and those above it, for the portal's user alone. One that is there stays as it is."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)


def make_private_file(file: Path) -> None:
    """Make an empty file for the portal's user alone, when there is none. SQLite gives the files beside it the same mode."""
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return


def readable_by_others(paths: Iterable[Path]) -> list[Path]:
    """Those of the files and folders that group or others may do anything with."""
    return [path for path in paths if path.exists() and path.stat().st_mode & _OTHERS]


def warn_of_open_files(paths: Iterable[Path]) -> None:
    """Log a warning, once a process, for each file or folder that is open to others."""
    for path in readable_by_others(paths):
        if path not in _told:
            _told.add(path)
            log.warning(
                "files.open-to-others",
                path=str(path),
                mode=f"{stat.S_IMODE(path.stat().st_mode):04o}",
                advice=f"chmod {'0700' if path.is_dir() else '0600'} {path}",
            )
