"""The settings of Provider Data Profiles."""

from __future__ import annotations

from pydantic import BaseModel, Field


class ProfilesSettings(BaseModel):
    """`HP_PORTAL_PROFILES__…`, or the table `[profiles]`."""

    attest_days: int = Field(90, ge=7, le=366, description="How many days an attestation holds.")
    hidden_after_days: int = Field(
        30, ge=0, le=366, description="Days after the notice that an attestation is overdue until it hides; 0: never."
    )
