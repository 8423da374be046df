"""The payer's console."""
