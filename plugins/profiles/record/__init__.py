"""The record of practitioners, locations and affiliations: dated facts, as of any day."""
