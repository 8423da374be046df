"""The order of the questions, and which one comes next."""

from __future__ import annotations

from hp_portal.core.registration.doubts import DOCTOR, doubts_about
from hp_portal.core.registration.drafts import Draft
from hp_portal.core.registration.models import BILLING, CHECK, NOTICE, UNLISTED
from hp_portal.settings import Settings

START, YOU, MAIL, PROOF, ORGANIZATION, FINISH = "start", "you", "mail", "proof", "organization", "finish"
ORDER = (START, YOU, MAIL, PROOF, ORGANIZATION, FINISH)


def next_step(settings: Settings, draft: Draft) -> str:
    """The first question that is not answered yet; `finish` when all are."""
    typed = draft.typed
    if not typed.path:
        return START
    if not typed.name or [doubt for doubt in doubts_about(typed) if doubt != DOCTOR]:
        return YOU
    if not draft.confirmed and not may_prove_first(settings, typed.path):
        return MAIL
    if typed.path in (UNLISTED, BILLING):
        if not typed.organization:
            return PROOF
    elif typed.payee_id is None:
        return PROOF
    if typed.held and not typed.chosen:
        return ORGANIZATION
    # Only a payment opens anything before the e-mail address is confirmed.
    return MAIL if not draft.confirmed and (typed.route != "new" or not typed.proved) else FINISH


def may_prove_first(settings: Settings, path: str) -> bool:
    """Does the payer take a proof before the e-mail address is confirmed?"""
    return settings.registration_proof_opens == "at-once" and path in (CHECK, NOTICE)


def is_open(settings: Settings, draft: Draft, step: str) -> bool:
    """May this question be answered now, for the first time or again?"""
    return ORDER.index(step) <= ORDER.index(next_step(settings, draft))
