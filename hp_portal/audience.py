"""For whom applications are enabled: provider types and billing organizations."""

from __future__ import annotations

import enum


class Audience(enum.StrEnum):
    """For whom an application can be enabled: a provider type, or billing organizations."""

    HOSPITAL = "hospital"
    PHYSICIAN = "physician"
    DENTAL = "dental"
    SPECIALTY = "specialty"
    PHARMACY = "pharmacy"
    BILLING = "billing"

    @property
    def label(self) -> str:
        """As screens show it."""
        return "Billing organization" if self is Audience.BILLING else self.value.capitalize()


PROVIDER_TYPES = tuple(audience for audience in Audience if audience is not Audience.BILLING)
