"""Retiring audit keys after a rotation of data keys: what they made stays verifiable, and they make nothing any more."""

from __future__ import annotations

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.activity.sealing import ChainLost, RecordBroken, seal_everything
from hp_portal.core.audit.chain import KEPT_KEY, RETIRED, kept_keys
from hp_portal.core.audit.models import AuditKey
from hp_portal.core.audit.record import record
from hp_portal.database import PortalSession


def retire_keys(session: PortalSession) -> list[bytes]:
    """End every data key of the settings but the first for the audit record; returns the ids of those ended. Commits.

    To be called when every process works with the new key: an event that is written with an old one afterwards is taken for a
    forgery. The old audit keys are kept, sealed with the new data key, for verifying. What is wrong with single events stops
    nothing, and is told by the worker and `audit verify` as before. Raises ChainLost.
    """
    _seal(session)
    vault = session.vault
    kept = kept_keys(session)
    ended = [key_id for key_id in vault.audit_keys if key_id != vault.key_id and key_id not in kept]
    keys = {**kept, **{key_id: vault.audit_keys[key_id] for key_id in ended}}
    now = clock.now()
    rows = [
        {"key_id": key_id, "sealed": vault.seal(key, KEPT_KEY(key_id)), "kept_at": now} for key_id, key in keys.items()
    ]
    if rows:
        session.execute(sa.insert(AuditKey), rows)
    for key_id in ended:
        record(session, RETIRED, key=key_id.hex())
    session.commit()
    _seal(session)
    return ended


def _seal(session: PortalSession) -> None:
    try:
        seal_everything(session)
    except ChainLost:
        raise
    except RecordBroken:
        return
