"""Why somebody downloads: a short list, so that the record of activity can be read and counted."""

from __future__ import annotations

REASONS = {
    "posting": "Posting payments",
    "secondary-billing": "Billing a secondary payer",
    "patient-question": "A patient's question",
    "appeal": "An appeal",
    "other": "Another reason",
}
USUAL = "posting"
