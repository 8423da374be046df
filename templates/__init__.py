"""The Jinja templates of the core; `hp_portal.templates` once installed."""
