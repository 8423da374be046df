"""Organizations and their grants to payees."""
