"""Remittance Inquiry as providers see it: search, one payment, its claims and their history."""
