"""hp_portal: a provider portal that a health plan runs itself."""
