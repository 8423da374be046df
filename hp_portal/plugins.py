"""Plugins: called one by one, so that a failure stays its owner's. plugin_loading.py loads them."""

from __future__ import annotations

import datetime as dt
import re
import threading
import traceback
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pluggy
import structlog

from hp_portal.database import PortalSession, start_writing
from hp_portal.hookspecs import (
    CHANNELS,
    LANES,
    Application,
    DemoCheck,
    Job,
    PaidSoFar,
    PayeeRef,
    PortalEvent,
    Transport,
)
from hp_portal.scopes import whole

KEY = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LOADING = frozenset({"import", "registration", "portal_application"})
log = structlog.get_logger(__name__)


@dataclass
class PluginState:
    """One installed plugin as the staff's page shows it. `error` is the text of why it did not load or last failed.

    `left_out` says that a setting keeps it out. `package` is the name of its module. `own` marks the core's applications.
    """

    name: str
    version: str
    loaded: bool = True
    error: str = ""
    folder: Path | None = None
    application: Application | None = None
    left_out: bool = False
    package: str = ""
    own: bool = False

    @property
    def key(self) -> str:
        """What its tables, jobs and settings are called after."""
        return self.application.key if self.application else self.name

    def standing(self, away: Collection[str]) -> str:
        """In a word how it stands: left out, failed, rolled back, loaded. `away`: the keys of those rolled back."""
        if self.left_out:
            return "left out"
        if not self.loaded:
            return "failed"
        return "rolled back" if self.key in away else "loaded"


@dataclass(frozen=True)
class Outcome:
    """How a hook or job of a plugin ended: `error` says what failed and where, without data; empty for success."""

    plugin: str
    place: str
    error: str = ""


class _Outcomes(threading.local):
    """What has happened in this thread and is not kept in the database yet."""

    def __init__(self) -> None:
        self.waiting: dict[tuple[str, str], Outcome] = {}


@dataclass
class Plugins:
    """The plugin manager and the state of every plugin, keyed by name.

    `unknown` are names that are to be left out, and that no installed plugin has.
    """

    manager: pluggy.PluginManager
    states: dict[str, PluginState] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    _outcomes: _Outcomes = field(default_factory=_Outcomes)

    @property
    def applications(self) -> list[Application]:
        """The applications of loaded plugins, in the order of the menu."""
        found = [state.application for state in self.states.values() if state.loaded and state.application]
        return sorted(found, key=lambda application: (application.weight, application.label))

    def listed(self, away: Mapping[str, str]) -> list[dict[str, str]]:
        """What is installed, a row for each. `away`: what to say of plugins that were rolled back, by key."""
        return [
            {
                "name": state.name,
                "version": state.version,
                "application": state.application.label if state.application else "",
                "state": state.standing(away),
                "error": state.error or away.get(state.key, ""),
            }
            for state in self.states.values()
        ]

    def collect(
        self, hook: str, *, among: Collection[str] | None = None, **arguments: Any
    ) -> Iterator[tuple[str, Any]]:
        """Call every implementation of a hook, yielding (plugin name, answer). One that raises is logged and skipped.

        `among` names the plugins to call; default: all.

        In order of registration, `tryfirst` before and `trylast` after. With a `session`, each runs in a savepoint, so that
        a failure leaves nothing half written and the session usable.
        """
        implementations: list[pluggy.HookImpl] = getattr(self.manager.hook, hook).get_hookimpls()
        for implementation in sorted(implementations, key=lambda found: found.trylast - found.tryfirst):
            name = implementation.plugin_name
            if among is not None and name not in among:
                continue
            wanted = {key: arguments[key] for key in implementation.argnames}
            try:
                with confined(), _savepoint(arguments.get("session")):
                    answer = check_answer(hook, self.states[name], implementation.function(**wanted))
            except Exception as error:
                self.failed(name, hook, error)
            else:
                self.succeeded(name, hook)
                yield name, answer

    def first(self, hook: str, **arguments: Any) -> Any:
        """The first answer that is not None, or None."""
        for _, answer in self.collect(hook, **arguments):
            if answer is not None:
                return answer
        return None

    def tell(self, session: PortalSession, event: PortalEvent) -> None:
        """Tell every plugin of an event in the transaction that made it, each in a savepoint and in a whole scope."""
        with whole(session, f"portal_event {event.key}"):
            for _ in self.collect("portal_event", session=session, event=event):
                pass

    def leave_out(self, name: str, reason: str) -> None:
        """Take a plugin out as a whole before it is mounted: none of its pages, hooks or jobs."""
        state = self.states[name]
        log.error("plugin.left-out", plugin=name, reason=reason)
        state.error = state.error or reason
        state.loaded = False
        if self.manager.has_plugin(name):
            self.manager.unregister(name=name)

    def failed(self, name: str, hook: str, error: Exception) -> None:
        """Note a failure of a hook, or of a job by its key, for the staff's page; the portal runs on."""
        log.error("plugin.failed", plugin=name, hook=hook, error=type(error).__name__, exc_info=error)
        if hook in LOADING:
            self.states[name].error = f"{hook}: {describe(error)}"
        else:
            # What failed while it worked may quote the data it worked on; what failed to load does not.
            self._outcomes.waiting[name, hook] = Outcome(name, hook, describe(error, with_text=False))

    def succeeded(self, name: str, hook: str) -> None:
        """Note a success, which clears an earlier failure; a failure in the same request stands."""
        if hook not in LOADING:
            self._outcomes.waiting.setdefault((name, hook), Outcome(name, hook))

    def take_outcomes(self) -> list[Outcome]:
        """What is to be kept in the database of this thread's failures and successes."""
        found = list(self._outcomes.waiting.values())
        self._outcomes.waiting.clear()
        return found


class Ended(Exception):
    """A plugin tried to end the process: its cause is what it raised, such as SystemExit."""


def check_answer(hook: str, state: PluginState, answer: Any) -> Any:
    """A hook's answer as it may be used. Raises TypeError or ValueError when it is not what the hook promises."""
    if hook == "portal_jobs":
        return _check_jobs(state.key, answer)
    if hook == "portal_transports":
        return _check_transports(answer)
    if hook in ("portal_practitioners", "portal_person_leaves"):
        return _all_of(str, answer)
    if hook == "portal_paid_so_far":
        return dict(zip(answer, _all_of(PaidSoFar, list(answer.values())), strict=True))
    if hook == "portal_demo":
        return _all_of(DemoCheck, answer)
    if hook == "portal_verify_payment" and not (answer is None or isinstance(answer, PayeeRef)):
        raise TypeError(f"answered with {type(answer).__name__} instead of a PayeeRef or None")
    return answer


def _all_of(kind: type[Any], answer: Any) -> list[Any]:
    if answer is None or isinstance(answer, str | bytes) or not isinstance(answer, Iterable):
        raise TypeError(f"answered with {type(answer).__name__} instead of a list of {kind.__name__}")
    found = list(answer)
    for one in found:
        if not isinstance(one, kind):
            raise TypeError(f"answered with a list that holds {type(one).__name__} instead of {kind.__name__}")
    return found


def _check_transports(answer: Any) -> list[Transport]:
    transports: list[Transport] = _all_of(Transport, answer)
    for transport in transports:
        if transport.channel not in CHANNELS:
            raise ValueError(f"there is no channel {transport.channel!r}; known are {', '.join(CHANNELS)}")
        if not callable(transport.open):
            raise TypeError(f"the way for {transport.channel}: `open` cannot be called")
    if len({transport.channel for transport in transports}) < len(transports):
        raise ValueError("two ways are for one channel")
    return transports


def _check_jobs(key: str, answer: Any) -> list[Job]:
    jobs: list[Job] = _all_of(Job, answer)
    for job in jobs:
        if not (isinstance(job.key, str) and job.key.startswith(f"{key}.") and len(job.key) <= 80):
            raise ValueError(f"a job is called {job.key!r}; its key must start with '{key}.'")
        if not (isinstance(job.every, dt.timedelta) and job.every > dt.timedelta(0)):
            raise ValueError(f"{job.key}: `every` must be a time span")
        if not callable(job.run):
            raise TypeError(f"{job.key}: `run` cannot be called")
        if job.lane not in LANES:
            raise ValueError(f"{job.key}: there is no lane {job.lane!r}; known are {' and '.join(LANES)}")
    twice = [name for name, count in Counter(job.key for job in jobs).items() if count > 1]
    if twice:
        raise ValueError(f"two jobs are called {twice[0]!r}")
    return jobs


@contextmanager
def confined() -> Iterator[None]:
    """Run what a plugin brings: whatever it raises but KeyboardInterrupt comes out as an Exception."""
    try:
        yield
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise Ended(f"{type(error).__name__}: {error}") from error


@contextmanager
def _savepoint(session: PortalSession | None) -> Iterator[None]:
    if session is None:
        yield
        return
    # SQLite: a savepoint outside of a transaction would commit when it is released, so the transaction starts first.
    start_writing(session)
    before, session.context.in_hook = session.context.in_hook, True
    try:
        with session.begin_nested():
            yield
    finally:
        session.context.in_hook = before


def describe(error: BaseException, *, with_text: bool = True) -> str:
    """The failure as staff read it: what, and the innermost place."""
    if isinstance(error, Ended) and error.__cause__:
        error = error.__cause__
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}" if with_text else f"{type(error).__name__}{place}"
