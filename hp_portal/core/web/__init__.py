"""Rendering, security headers, logs, formats: the ground under every page."""
