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
    draft_days: int = Field(
        60, ge=14, le=730, description="Days after which a draft is deleted that nobody has saved again."
    )
    draft_warning_days: int = Field(
        7, ge=1, le=13, description="Days before that at which whoever has the draft is warned."
    )
    public_case_minutes: float = Field(
        60, gt=0, le=1440, description="How long a link works that opens a case of somebody without an account."
    )
    public_forms_per_day: int = Field(200, ge=1, description="How many forms people without an account may send a day.")
    public_files_per_day: int = Field(200, ge=1, description="How many files they may attach a day.")
    closed_on: Days = Field((), description="More days on which the payer is closed: 2026-11-27,2026-12-24.")
    signing_agreement: str = Field(
        "",
        pattern=r"^((?s:.){40,4000})?$",
        description="What people agree to who sign a form electronically, with `{payer}` for its name. Empty: a text of ours.",
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
