"""The settings of Provider Data Profiles."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class ProfilesSettings(BaseModel):
    """`HP_PORTAL_PROFILES__…`, or the table `[profiles]`."""

    master: Literal["portal", "payer"] = Field(
        "portal",
        description="What decides: this portal’s record, or the payer’s claims system. With `payer`, changes that staff accept "
        "wait in a delta file, and are recorded once the claims system has taken them.",
    )
