"""The append-only record of who, when, what and why."""
