"""How often somebody may try a password.

A name typed at one address has a few tries within the window, and so has a browser in which its person has signed in before, for
itself. Over all addresses a name has more; beyond them each failed try makes the next wait longer, except in a known browser. So
nobody can lock somebody else out of a browser they use, and many addresses are no way round the limits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from hp_portal.core.limits.attempts import (
    TooManyAttempts,
    check_attempts,
    count_failure,
    forget_failures,
    forget_parts,
    take_back,
    waits_of,
)
from hp_portal.core.limits.totals import (
    Growing,
    check_total,
    clean_totals,
    count_total,
    forget_total,
    total_waits,
)
from hp_portal.database import PortalSession
from hp_portal.settings import Settings

SLOWEST = dt.timedelta(hours=6)
# Totals end with a success, or when nobody has failed for so long.
KEPT = dt.timedelta(days=30)


@dataclass(frozen=True)
class Try:
    """One try at a password: `pair` is counted within the window, `total` in all, `address` for everybody there; empty: not."""

    kind: str
    pair: str
    of: str
    limit: int
    window: dt.timedelta
    total: str
    slower: Growing
    address: str = ""
    per_address: int = 0


def slower(settings: Settings) -> Growing:
    """How the waits of one name grow that fails everywhere."""
    return Growing(settings.attempts_everywhere, dt.timedelta(minutes=1), SLOWEST)


def _window(settings: Settings) -> dt.timedelta:
    return dt.timedelta(minutes=settings.attempts_window_minutes)


def sign_in_try(settings: Settings, *, name: str, address: str, browser: str | None) -> Try:
    """A try to sign in by a name as it was typed, normalized; `browser` is the word of a known one."""
    of, limit, window = f"name:{name}", settings.attempts_per_account, _window(settings)
    if browser is not None:
        return Try("sign-in", f"browser:{browser} {of}", of, limit, window, "", slower(settings))
    pair, at, most = f"{of} at:{address}", f"at:{address}", settings.attempts_per_address
    return Try("sign-in", pair, of, limit, window, of, slower(settings), at, most)


def own_password_try(settings: Settings, sign_in_id: int) -> Try:
    """A try at the password of whoever is signed in, to change it: each session has its own."""
    subject, limit = f"sign-in:{sign_in_id}", settings.attempts_per_account
    return Try("own-password", subject, subject, limit, _window(settings), subject, slower(settings))


def second_step_try(settings: Settings, *, person_id: int, address: str, browser: str | None) -> Try:
    """A try at the second step, by somebody who has given the right password; `browser` is the word of a known one."""
    of, limit, window = f"person:{person_id}", settings.attempts_per_account, _window(settings)
    if browser is not None:
        return Try("second-step", f"browser:{browser} {of}", of, limit, window, "", slower(settings))
    return Try("second-step", f"{of} at:{address}", of, limit, window, of, slower(settings))


def check_and_count(session: PortalSession, tried: Try) -> None:
    """Count a try before it is made. Raises TooManyAttempts, with the longest wait, when there is none left.

    Such a try is not counted. Needs a whole scope, as everything here does.
    """
    waits = []
    for check in (_check_pair, _check_total, _check_address):
        try:
            check(session, tried)
        except TooManyAttempts as error:
            waits.append(error.wait)
    if waits:
        raise TooManyAttempts(max(waits))
    count_failure(session, tried.kind, tried.pair, of=tried.of)
    if tried.total:
        count_total(session, tried.kind, tried.total)
    if tried.address:
        count_failure(session, tried.kind, tried.address)


def _check_pair(session: PortalSession, tried: Try) -> None:
    check_attempts(session, tried.kind, tried.pair, limit=tried.limit, window=tried.window)


def _check_total(session: PortalSession, tried: Try) -> None:
    if tried.total:
        check_total(session, tried.kind, tried.total, tried.slower)


def _check_address(session: PortalSession, tried: Try) -> None:
    if tried.address:
        check_attempts(session, tried.kind, tried.address, limit=tried.per_address, window=tried.window)


def forget_try(session: PortalSession, tried: Try) -> None:
    """It was a success: the name's counts start anew here and in all; the address's others still count."""
    forget_failures(session, tried.kind, tried.pair)
    if tried.total:
        forget_total(session, tried.kind, tried.total)
    if tried.address:
        take_back(session, tried.kind, tried.address)


def take_back_try(session: PortalSession, tried: Try) -> None:
    """It was a success: it counts no longer, the failed ones before it still do."""
    take_back(session, tried.kind, tried.pair)
    forget_total(session, tried.kind, tried.total)


def forget_names(session: PortalSession, *names: str) -> None:
    """Nothing counts any more that was tried with these names, wherever it was."""
    for name in names:
        forget_parts(session, "sign-in", f"name:{name}")
        forget_total(session, "sign-in", f"name:{name}")


def forget_second_steps(session: PortalSession, person_id: int) -> None:
    """Nothing counts any more that was tried at this person's second step, wherever it was."""
    forget_parts(session, "second-step", f"person:{person_id}")
    forget_total(session, "second-step", f"person:{person_id}")


def longest_waits(session: PortalSession, settings: Settings, names: list[str]) -> dict[str, dt.timedelta]:
    """How long each of these names has to wait at most, at some address or everywhere; the others are left out."""
    wholes = {f"name:{name}": name for name in names}
    found = _longest(session, settings, "sign-in", wholes)
    return {wholes[whole]: wait for whole, wait in found.items()}


def longest_step_waits(session: PortalSession, settings: Settings, person_ids: list[int]) -> dict[int, dt.timedelta]:
    """The same for the second steps of these people."""
    wholes = {f"person:{person_id}": person_id for person_id in person_ids}
    found = _longest(session, settings, "second-step", wholes)
    return {wholes[whole]: wait for whole, wait in found.items()}


def _longest(session: PortalSession, settings: Settings, kind: str, wholes: Iterable[str]) -> dict[str, dt.timedelta]:
    found = waits_of(session, kind, wholes, limit=settings.attempts_per_account, window=_window(settings))
    for whole, wait in total_waits(session, kind, wholes, slower(settings)).items():
        found[whole] = max(wait, found.get(whole, wait))
    return found


def clean(session: PortalSession) -> None:
    """Forget totals that nobody has added to for long."""
    for kind in ("sign-in", "second-step", "own-password"):
        clean_totals(session, kind, KEPT)
