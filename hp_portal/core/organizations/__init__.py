"""Organizations, provider types and payees (TIN + NPI)."""
