"""Fields of low risk: what an office says of them is applied at once, by a step of the portal's own."""

from __future__ import annotations

from hp_portal.api import Case, CaseRefused, PortalSession, portal_step, settings_of

from ..record.applying import RecordMoved
from .models import APPLIED, WAITING
from .proposals import Kept, LowRisk, NotTheirs, Proposal, kept_proposal, propose
from .settling import CannotSettle, Choice, open_lines, outcomes_of, settle

ALL_AT_ONCE, SOME_AT_ONCE, ALL_WAIT = "applied-at-once", "some-at-once", "waits-at-once"


def apply_at_once(session: PortalSession, case: Case, proposal: Proposal, keys: LowRisk) -> list[int]:
    """Keep a proposal with its case, in place of `propose`, and apply what it says of fields of low risk (`keys`, such as
    `("location", "phone")`) of what is on record; the lines. When nothing else is proposed the case is done.

    When one of these has changed on record meanwhile, all of it is left for staff. The kind of the case is made by
    `stages.change_kind`. Raises what `propose` raises.
    """
    if case.organization_id is None:
        raise ValueError("a case of nobody's")
    propose(session, case.id, case.organization_id, proposal, at_once=keys)
    kept = kept_proposal(session, case.id)
    lines = low_risk_lines(kept) if kept else []
    if not lines:
        return []
    whole = len(lines) == len(proposal.facts)
    step = (ALL_WAIT if payer_is_master() else ALL_AT_ONCE) if whole else SOME_AT_ONCE
    try:
        portal_step(session, case.id, step)
    except CaseRefused:
        return []
    return [line for line, row in outcomes_of(session, case.id).items() if row.became in (APPLIED, WAITING)]


def low_risk_lines(kept: Kept) -> list[int]:
    """The lines that are applied without anybody's decision."""
    facts = enumerate(kept.proposal.facts)
    return [line for line, fact in facts if fact.subject_id > 0 and (fact.subject, fact.field) in kept.at_once]


def take_at_once(session: PortalSession, case_id: int, _words: str) -> None:
    """What the portal's steps do. Needs a whole scope."""
    kept = kept_proposal(session, case_id)
    lines = [line for line in open_lines(session, case_id) if kept and line in low_risk_lines(kept)]
    try:
        settle(session, case_id, Choice(lines), hold=payer_is_master())
    except (RecordMoved, CannotSettle, NotTheirs) as error:
        raise CaseRefused("This is left for staff to decide.") from error


def payer_is_master() -> bool:
    """Does the payer's claims system decide what stands in the record?"""
    return bool(settings_of("profiles").master == "payer")
