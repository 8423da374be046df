"""How billing organizations ask providers' offices for access, and for how long they get it."""

from __future__ import annotations

from pydantic import Field, model_validator

from hp_portal.oidc_settings import OidcSettings


class AccessSettings(OidcSettings):
    """The settings of requests for access; beside those of the staff's sign-in."""

    access_requests_at_once: int = Field(100, ge=1, le=400, description="Requests for access sent from one table.")
    access_requests_per_day: int = Field(
        200, ge=1, description="Requests for access of one billing organization in 24 hours."
    )
    access_days: int = Field(365, ge=1, description="Days of access that are proposed to whoever approves a request.")
    access_days_most: int = Field(1095, ge=1, description="Days of access that may be approved at most.")

    access_check_days: int = Field(
        2, ge=1, le=20, description="Business days in which staff look at a request for access before it is sent."
    )

    @model_validator(mode="after")
    def _proposes_what_may_be(self) -> AccessSettings:
        if self.access_days > self.access_days_most:
            raise ValueError("access_days may not be more than access_days_most")
        return self
