"""An attestation as PDF."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hp_portal.api import (
    AT_ONCE,
    BY_THE_WORKER,
    DocumentKind,
    MadeFile,
    Making,
    PortalSession,
    printing,
    record,
    settings,
)

from ..blueprint import READ
from .acting import signed_statement

PDF = "profiles.attestation-pdf"
MOST_AT_ONCE = 200
"""Practitioners in a statement that is made while somebody waits."""
Wanted = Mapping[str, Any]


def _make(session: PortalSession, wanted: Wanted, making: Making) -> MadeFile | None:
    found = signed_statement(session, int(wanted["attestation"]))
    if found is None:
        return None
    form, signature = found
    limits = AT_ONCE if making.at_once else BY_THE_WORKER
    body = printing.form_pdf(form, settings().payer, signatures=[signature], limits=limits, progress=making.progress)
    return MadeFile(body, f"attestation-{signature.at.date().isoformat()}.pdf", "application/pdf")


def _hand_over(session: PortalSession, wanted: Wanted) -> bool:
    """Record what leaves."""
    if signed_statement(session, int(wanted["attestation"])) is None:
        return False
    record(session, "profiles.attestation.downloaded", attestation=int(wanted["attestation"]))
    return True


DOCUMENTS = (DocumentKind(PDF, "Attestation as PDF", READ, _make, _hand_over),)
