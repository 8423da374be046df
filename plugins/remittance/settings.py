"""The settings of Remittance Inquiry."""

from __future__ import annotations

from pydantic import BaseModel, Field


class RemittanceSettings(BaseModel):
    """`HP_PORTAL_REMITTANCE__…`, or the table `[remittance]`."""

    kept_months: int = Field(84, ge=1, description="How long payments can be looked up.")
