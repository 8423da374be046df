"""Accounts of other people: created, unlocked, deactivated, given a link to set a password."""
