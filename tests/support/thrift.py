"""What makes a run of several thousand tests cheaper and changes none of them."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

from hp_portal import migrations
from hp_portal.migrations import chains

_MEMORY = Path("/dev/shm")
_ROOM = 4 << 30


def keep_files_in_memory() -> None:
    """Have the run's temporary files, databases included, in memory, where there is room and nobody chose a folder."""
    if "TMPDIR" in os.environ or not os.access(_MEMORY, os.W_OK) or shutil.disk_usage(_MEMORY).free < _ROOM:
        return
    os.environ["TMPDIR"] = str(_MEMORY)
    tempfile.tempdir = None


def collect_seldom() -> None:
    """Have the cyclic collector pass over everything that was there before the first test, and look at the rest less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20)


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

    patch.object(Rule, "_compile_builder", remembered).start()


def remember_chains() -> None:
    """Read the migrations of the core and of this folder's plugins once, instead of once for every app."""
    read = chains.read
    ours = Path(__file__).parents[2]
    known: dict[tuple[str, Path], tuple[frozenset[str], str]] = {}

    def remembered(chain: chains.Chain) -> None:
        key = (chain.key, chain.folder)
        if key not in known:
            read(chain)
            if not chain.folder.resolve().is_relative_to(ours):  # written by a test, which may change it
                return
            known[key] = chain.revisions, chain.head
        chain.revisions, chain.head = known[key]

    for module in (chains, migrations):
        patch.object(module, "read", remembered).start()


def remember_statements() -> None:
    """Compile each statement once for each kind of database, instead of once for every engine.

    SQLAlchemy keeps what it compiled by the engine's dialect, and those of one class do not differ here.
    """
    known: dict[type[Any], Any] = {}

    def kept(engine: sa.Engine) -> Any:
        return known.setdefault(type(engine.dialect), LRUCache(5_000))

    patch.object(sa.Engine, "_compiled_cache", property(kept, lambda _engine, _own: None), create=True).start()
    patch.object(DefaultDialect, "__eq__", lambda ours, other: type(ours) is type(other)).start()
    patch.object(DefaultDialect, "__hash__", lambda ours: hash(type(ours))).start()
