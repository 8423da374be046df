"""Writing the append-only record."""
