"""Payees (TIN + NPI): the payer's own record."""
