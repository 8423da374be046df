"""Failed tries, counted."""
