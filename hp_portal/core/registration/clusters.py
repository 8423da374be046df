"""From where wrong proofs come for many Tax IDs: an address, its network, or mailboxes of one domain.

Each Tax ID may have been named so rarely that it warns nobody: this counts at how many of them somebody has failed within a day.
Every function needs a whole scope; the caller commits.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.identity.actor import Actor
from hp_portal.core.limits.attempts import count_failure
from hp_portal.core.limits.lookups import DAY, site_network
from hp_portal.core.limits.models import Attempt
from hp_portal.core.limits.proofs import StrangersTry
from hp_portal.core.registration.models import ProofCluster
from hp_portal.database import PortalSession, lock

COUNTED = "proof-cluster"
MOST = {"address": 5, "network": 8, "domain": 8}
"""At so many Tax IDs or NPIs somebody fails from there within a day before staff are told."""


def _sources(tried: StrangersTry) -> Iterator[tuple[str, str]]:
    yield "address", tried.address
    yield "network", site_network(tried.address)
    yield "domain", tried.email.rpartition("@")[2].lower()


def note(session: PortalSession, tried: StrangersTry) -> None:
    """Note a wrong proof by where it comes from; where it was about many Tax IDs, staff find it among the registrations."""
    for kind, source in _sources(tried):
        if source:
            of = f"{kind}:{source}"
            lock(session, f"{COUNTED}:{of}")
            count_failure(session, COUNTED, f"{of} {tried.aims[0]}", of=of)
            session.flush()
            _tell(session, kind, source)


def _tell(session: PortalSession, kind: str, source: str) -> None:
    now = clock.now()
    aims, failed = session.execute(
        sa.select(sa.func.count(Attempt.subject.distinct()), sa.func.count(Attempt.id)).where(
            Attempt.kind == COUNTED,
            Attempt.of.in_(session.vault.digests(f"{kind}:{source}", "attempt")),
            Attempt.at > now - DAY,
        )
    ).one()
    known = session.scalars(
        sa.select(ProofCluster).where(
            ProofCluster.kind == kind, ProofCluster.source == source, ProofCluster.settled_at.is_(None)
        )
    ).first()
    if known is not None:
        known.aims, known.failed, known.last_at = max(known.aims, aims), known.failed + 1, now
    elif aims >= MOST[kind]:
        found = ProofCluster(kind=kind, source=source, aims=aims, failed=failed, first_at=now, last_at=now, note="")
        session.add(found)
        session.flush()
        record(session, "registration.cluster.found", cluster=found.id)
    session.flush()


def _open() -> sa.ColumnElement[bool]:
    return ProofCluster.settled_at.is_(None)


def count_open(session: PortalSession) -> int:
    """How many staff have not looked into."""
    return session.scalar(sa.select(sa.func.count(ProofCluster.id)).where(_open())) or 0


def open_clusters(session: PortalSession) -> list[ProofCluster]:
    """Those, the oldest first."""
    return list(session.scalars(sa.select(ProofCluster).where(_open()).order_by(ProofCluster.id).limit(100)))


def view_cluster(session: PortalSession, cluster_id: int) -> ProofCluster | None:
    """One that is open, recorded as looked at, or None."""
    found = session.scalars(sa.select(ProofCluster).where(ProofCluster.id == cluster_id, _open())).one_or_none()
    if found is not None:
        record(session, "registration.cluster.viewed", cluster=found.id)
    return found


def settle(session: PortalSession, actor: Actor, cluster_id: int, note: str) -> bool:
    """Staff have looked into it; False when somebody had before."""
    done = session.scalars(
        sa.update(ProofCluster)
        .where(ProofCluster.id == cluster_id, _open())
        .values(settled_at=clock.now(), settled_by_id=actor.person_id, note=note)
        .returning(ProofCluster.id)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if done is not None:
        record(session, "registration.cluster.settled", reason=note, cluster=cluster_id)
    return done is not None
