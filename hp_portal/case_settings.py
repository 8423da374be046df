"""The days on which the payer is closed, by which the clocks of cases run."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator
from pydantic_settings import NoDecode

from hp_portal.attachment_settings import AttachmentSettings


def read_days(value: Any) -> Any:
    """Days with commas between them."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Days = Annotated[tuple[dt.date, ...], NoDecode, BeforeValidator(read_days)]


SIGNING_AGREEMENT = (
    "I intend to sign this form. By checking the box and typing my name I sign it electronically, and I agree to do this with "
    "{payer} electronically instead of on paper. I may sign for whom the form names, I have read it, and what it says is true to "
    "the best of my knowledge. My electronic signature has the same effect as one by hand. I can print or save what I signed. I "
    "can sign on paper instead, or ask for a copy on paper: call {payer}. What I agree to here is for this form alone."
)


class CaseSettings(AttachmentSettings):
    """The settings of cases; beside those of attached files."""

    holidays_state: str = Field(
        "",
        pattern="^([A-Z]{2})?$",
        description="Closed on public holidays of this state, such as MN, besides the federal ones.",
    )
    tax_id_case_days: int = Field(
        5, ge=1, description="Business days until an office hears about a Tax ID without a payment."
    )
    closed_on: Days = Field((), description="More days on which the payer is closed: 2026-11-27,2026-12-24.")
    signing_agreement: str = Field(
        SIGNING_AGREEMENT,
        min_length=40,
        max_length=4000,
        description="What people agree to who sign a form electronically. `{payer}` is the payer's name.",
    )
    open_on: Days = Field((), description="Public holidays on which the payer is open all the same.")

    @field_validator("holidays_state")
    @classmethod
    def _is_a_state(cls, value: str) -> str:
        if value:
            from holidays import country_holidays  # takes most of a second

            try:
                country_holidays("US", subdiv=value)
            except NotImplementedError:
                raise ValueError(f"{value!r} is no state whose public holidays are known; use one such as MN") from None
        return value
