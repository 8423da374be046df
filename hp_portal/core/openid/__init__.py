"""Signing in of the payer's staff by OpenID Connect of the payer's own directory."""
