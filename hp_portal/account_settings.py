"""How long links about accounts work, when accounts that nobody uses are deactivated, and the review of everybody's access."""

from __future__ import annotations

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings


class AccountSettings(BaseSettings):
    """The settings of people's accounts."""

    password_link_hours: float = Field(24, gt=0, description="How long a link to set a password works.")
    factor_reset_hours: float = Field(
        24, ge=0, description="How long a delegate's request to remove a lost factor waits."
    )
    recovery_link_minutes: float = Field(30, gt=0, description="How long a link works to set a forgotten password.")
    invitation_days: int = Field(7, ge=1, description="How many days the link of a delegate's invitation works.")
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
