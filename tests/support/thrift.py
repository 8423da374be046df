"""What makes a run of several thousand tests cheaper and changes none of them."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from werkzeug.routing import Rule

_MEMORY = Path("/dev/shm")
_ROOM = 4 << 30


def keep_files_in_memory() -> None:
    """Have the run's temporary files, databases included, in memory, where there is room and nobody chose a folder."""
    if "TMPDIR" in os.environ or not os.access(_MEMORY, os.W_OK) or shutil.disk_usage(_MEMORY).free < _ROOM:
        return
    os.environ["TMPDIR"] = str(_MEMORY)
    tempfile.tempdir = None


def leave_what_was_imported_alone() -> None:
    """Have the cyclic collector pass over everything that was there before the first test."""
    gc.collect()
    gc.freeze()


def remember_builders() -> None:
    """Compile what builds a route's addresses once, instead of once for every app: a third of the time an app takes to make."""
    compile_builder: Callable[[Rule, bool], Any] = Rule._compile_builder
    known: dict[tuple[object, ...], Any] = {}

    def remembered(rule: Rule, append_unknown: bool = True) -> Any:
        if rule.defaults:  # they are put into the function as text
            return compile_builder(rule, append_unknown)
        key = (rule.rule, tuple(rule._trace), append_unknown)
        if key not in known:
            known[key] = compile_builder(rule, append_unknown)
        return known[key]

    setattr(Rule, "_compile_builder", remembered)  # noqa: B010 – assigned plainly, its type would have to be repeated
