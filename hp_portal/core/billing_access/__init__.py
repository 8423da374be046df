"""Billing organizations ask providers' offices to let them see payments; the offices answer, with an account or without."""
