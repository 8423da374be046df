"""Electronic signatures: who agreed to what, kept as it was signed."""
