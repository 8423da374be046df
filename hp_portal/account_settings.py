"""How long links about accounts work, and when accounts that nobody uses are deactivated."""

from __future__ import annotations

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings


class AccountSettings(BaseSettings):
    """The settings of people's accounts."""

    password_link_hours: float = Field(24, gt=0, description="How long a link to set a password works.")
    account_rest_days: int = Field(90, ge=0, description="Days unused after which accounts are deactivated; 0: never.")
    factor_reset_hours: float = Field(
        24, ge=0, description="How long a delegate's request to remove a lost factor waits."
    )
    recovery_link_minutes: float = Field(30, gt=0, description="How long a link works to set a forgotten password.")
    invitation_days: int = Field(7, ge=1, description="How many days the link of a delegate's invitation works.")

    @field_validator("account_rest_days")
    @classmethod
    def _is_told_in_time(cls, value: int) -> int:
        if 0 < value < 30:
            raise ValueError("use 0 for never, or at least 30: people are told 14 days before")
        return value
