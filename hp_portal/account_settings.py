"""Accounts that nobody uses, and the review of everybody's access."""

from __future__ import annotations

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings


class AccountSettings(BaseSettings):
    """The settings of resting accounts and of access reviews."""

    account_rest_days: int = Field(90, ge=0, description="Days unused after which accounts are deactivated; 0: never.")
    access_review_months: int = Field(
        3, ge=0, le=24, description="How often delegates review who has access, in months; 0: never."
    )
    access_review_days: int = Field(30, ge=1, le=90, description="How many days delegates have for an access review.")

    @field_validator("account_rest_days")
    @classmethod
    def _is_told_in_time(cls, value: int) -> int:
        if 0 < value < 30:
            raise ValueError("use 0 for never, or at least 30: people are told 14 days before")
        return value
