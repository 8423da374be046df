"""The WSGI application, for any server: `hp_portal.wsgi:app`."""

from __future__ import annotations

from hp_portal.app import create_app

app = create_app()
app.extensions["hp_portal.database"].check_keys_if_there()
