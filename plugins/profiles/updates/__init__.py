"""Provider updates: what providers without a contract, and so without this application, tell the payer of their changes."""
