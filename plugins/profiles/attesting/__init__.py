"""Attestation: every 90 days an organization says that what is published of it is right, and what is not."""
