"""Payments of a health plan that does not exist, written as 835 files and imported like any other."""
