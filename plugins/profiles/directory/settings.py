"""The settings of Provider Data Profiles."""

from __future__ import annotations

from pydantic import BaseModel, Field


class ProfilesSettings(BaseModel):
    """`HP_PORTAL_PROFILES__…`, or the table `[profiles]`."""

    directory_search: bool = Field(False, description="Whether members can search the directory without an account.")
    directory_json: bool = Field(False, description="Whether programs can read the directory without an account.")
    directory_pages_per_minute: int = Field(
        120, ge=1, description="Pages of the directory that one network address may read in a minute."
    )
