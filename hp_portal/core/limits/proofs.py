"""How often somebody may name a payment as a proof.

An organization has a few failed tries within the window, whatever Tax ID it names. For one Tax ID it has a few in all, then each
makes the next wait longer, up to a day; and all organizations together have more, so that many of them are no way round. Whoever
is linked to the Tax ID already is spared from what others do to it; and what strangers do keeps no organization waiting: its
people are known, and answer for what they try. So a stranger who goes on guessing shuts out no office that adds a Tax ID.

People without an account are counted by address, by e-mail address, and at what they aim: the Tax ID and the NPI, and for an NPI
alone the Tax IDs of its payees, so that one payee has one budget by whatever it is named. While others have used it up, whoever
has hardly tried it, such as the office itself, still may: three times a day from a network (IPv4 /24, IPv6 /48), six times from
a provider's (/16, /32), and 24 times by all of them.

What that is worth to a stranger who guesses: `PROOF_ATTEMPTS_PER_TIN` (20) tries at a payee, then at most 25 a day. Of a health
plan that makes 2,000 payments a week and numbers them in a row, one who knows the week of a payment to the payee, and the day of
it, hits its number with one try in 2,000: 1 percent with the first twenty, about 1.2 percent a day after that, and only from
eight networks of four providers at once. Staff, and whoever is linked, are told at the twentieth. Organizations have
twenty of their own, then one a day, by people who can be asked. Where the vendor number or
the amount is asked for as well, it is that much harder.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from hp_portal.core.limits.attempts import TooManyAttempts, check_attempts, count_failure, forget_failures
from hp_portal.core.limits.lookups import provider_network, site_network
from hp_portal.core.limits.totals import Growing, check_total, clean_totals, count_total, forget_total, total_waits
from hp_portal.database import PortalSession
from hp_portal.settings import Settings

SLOWEST = dt.timedelta(hours=24)
DAY = dt.timedelta(days=1)
# How often those who have hardly tried what waits may try it in a day: from a network, from a provider's, and all of them.
FRESH, FRESH_OF_PROVIDER, FRESH_IN_ALL = 3, 6, 24
# Totals are forgotten when nobody has failed for so long.
KEPT = dt.timedelta(days=365)


@dataclass(frozen=True)
class ProofTry:
    """One organization's try at one Tax ID, of nine digits. `linked`: the organization sees payments to that Tax ID already."""

    organization_id: int
    tin: str
    linked: bool

    @property
    def organization(self) -> str:
        return f"organization:{self.organization_id}"

    @property
    def own(self) -> str:
        """The organization's tries at this Tax ID."""
        return f"organization:{self.organization_id} tin:{self.tin}"

    @property
    def organizations(self) -> str:
        """The tries at this Tax ID of all organizations that are not linked to it."""
        return f"organizations tin:{self.tin}"

    @property
    def everybody(self) -> str:
        """The same with those of strangers, whom it keeps waiting."""
        return f"tin:{self.tin}"

    @property
    def all(self) -> str:
        """Every try at this Tax ID, whoever made it: for staff to read, it makes nobody wait."""
        return f"all tin:{self.tin}"


@dataclass(frozen=True)
class FailedProof:
    """A try that failed. `alarming`: the next one has to wait, so somebody should look. `in_all`: how many have failed at this
    Tax ID, whoever made them, forgotten when nobody has failed for a year."""

    alarming: bool
    in_all: int


def _window(settings: Settings) -> dt.timedelta:
    return dt.timedelta(minutes=settings.attempts_window_minutes)


def _own(settings: Settings) -> Growing:
    return Growing(settings.proof_attempts, _window(settings), SLOWEST)


def _everybody(settings: Settings) -> Growing:
    return Growing(settings.proof_attempts_per_tin, _window(settings), SLOWEST)


def check_proof(session: PortalSession, settings: Settings, tried: ProofTry) -> None:
    """Raise TooManyAttempts, with the longest wait, when the try may not be made. Needs a whole scope, as all of this does."""
    waits = []

    def note(error: TooManyAttempts) -> None:
        waits.append(error.wait)

    try:
        limit, window = settings.proof_attempts, _window(settings)
        check_attempts(session, "proof", tried.organization, limit=limit, window=window)
    except TooManyAttempts as error:
        note(error)
    try:
        check_total(session, "proof", tried.own, _own(settings))
    except TooManyAttempts as error:
        note(error)
    if not tried.linked:
        try:
            check_total(session, "proof", tried.organizations, _everybody(settings))
        except TooManyAttempts as error:
            note(error)
    if waits:
        raise TooManyAttempts(max(waits))


def _check_aim(session: PortalSession, settings: Settings, aim: str, sources: list[tuple[str, int]]) -> None:
    """Raise TooManyAttempts when what somebody aims at waits, unless they have hardly tried it: `sources` are those by which they
    are told from others, and how often each may try in a day."""
    try:
        check_total(session, "proof", aim, _everybody(settings))
    except TooManyAttempts as error:
        try:
            for source, most in [*sources, ("anybody", FRESH_IN_ALL)]:
                check_attempts(session, "proof", f"{aim} {source}", limit=most, window=DAY)
        except TooManyAttempts as own:
            raise TooManyAttempts(min(error.wait, own.wait)) from None


def _count_aim(session: PortalSession, settings: Settings, aim: str, sources: list[tuple[str, int]]) -> int:
    """Count a try that failed; how many have."""
    if total_waits(session, "proof", [aim], _everybody(settings)):
        count_failure(session, "proof", f"{aim} anybody")
    for source, _ in sources:
        count_failure(session, "proof", f"{aim} {source}")
    return count_total(session, "proof", aim)


def count_failed_proof(session: PortalSession, settings: Settings, tried: ProofTry) -> FailedProof:
    """Count a try that failed."""
    count_failure(session, "proof", tried.organization)
    own = count_total(session, "proof", tried.own)
    everybody = 0
    if not tried.linked:
        count_total(session, "proof", tried.organizations)
        everybody = count_total(session, "proof", tried.everybody)
    in_all = count_total(session, "proof", tried.all)
    alarming = own >= settings.proof_attempts or everybody >= settings.proof_attempts_per_tin
    # What was counted by an earlier version stands in the other two alone.
    return FailedProof(alarming, max(own, everybody, in_all))


def forget_failed_proofs(session: PortalSession, tried: ProofTry) -> None:
    """A success starts the organization's counts anew; what all together have failed at this Tax ID still counts."""
    forget_failures(session, "proof", tried.organization)
    forget_total(session, "proof", tried.own)


@dataclass(frozen=True)
class StrangersTry:
    """A try of somebody without an account: from where, with which e-mail address, at which Tax ID or NPI (or both); `tins` are
    those of the NPI's payees, where no Tax ID was given."""

    address: str
    email: str
    tin: str = ""
    npi: str = ""
    tins: tuple[str, ...] = ()

    @property
    def aims(self) -> list[str]:
        """What it is aimed at, what was given first: a Tax ID is counted together with the tries of people who are signed in."""
        given = [("tin", self.tin), ("npi", self.npi), *(("tin", tin) for tin in self.tins)]
        return [f"{kind}:{number}" for kind, number in given if number]

    @property
    def sources(self) -> list[tuple[str, int]]:
        """The networks it comes from, and how often from each somebody may try what waits because of others."""
        near, far = site_network(self.address), provider_network(self.address)
        return [(f"site:{near}", FRESH), (f"provider:{far}", FRESH_OF_PROVIDER)]


def check_stranger(session: PortalSession, settings: Settings, tried: StrangersTry) -> None:
    """Raise TooManyAttempts, with the longest wait, when the try may not be made."""
    waits = []
    try:
        limit, window = settings.registration_attempts_per_address, _window(settings)
        check_attempts(session, "proof", f"from:{tried.address}", limit=limit, window=window)
    except TooManyAttempts as error:
        waits.append(error.wait)
    try:
        if tried.email:
            check_total(session, "proof", f"email:{tried.email}", _own(settings))
    except TooManyAttempts as error:
        waits.append(error.wait)
    # Sorted, so that two who try the same hold its locks in one order.
    for aim in sorted(tried.aims):
        try:
            _check_aim(session, settings, aim, tried.sources)
        except TooManyAttempts as error:
            waits.append(error.wait)
    if waits:
        raise TooManyAttempts(max(waits))


def count_stranger(session: PortalSession, settings: Settings, tried: StrangersTry) -> FailedProof:
    """Count a try of somebody without an account that failed."""
    count_failure(session, "proof", f"from:{tried.address}")
    own = count_total(session, "proof", f"email:{tried.email}") if tried.email else 0
    counts = [_count_aim(session, settings, aim, tried.sources) for aim in tried.aims]
    in_all = [count_total(session, "proof", f"all {aim}") for aim in tried.aims]
    alarming = own >= settings.proof_attempts or max(counts, default=0) >= settings.proof_attempts_per_tin
    # The warning is about the first aim: the Tax ID, or the NPI where no Tax ID was given.
    return FailedProof(alarming, max([*counts[:1], *in_all[:1]], default=0))


def forget_stranger(session: PortalSession, tried: StrangersTry) -> None:
    """A success starts the count of this person anew; those of the address, the Tax ID and the NPI stay."""
    if tried.email:
        forget_total(session, "proof", f"email:{tried.email}")


def clean(session: PortalSession) -> None:
    """Forget totals that nobody has added to for long."""
    clean_totals(session, "proof", KEPT)
