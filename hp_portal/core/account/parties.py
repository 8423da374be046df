"""Whom passkeys are for, as the pages that ask for one need it."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, request

from hp_portal.core.factors import passkeys
from hp_portal.core.factors.passkeys import Party
from hp_portal.core.web.links import public_address
from hp_portal.core.web.render import settings


def find_party() -> Party | None:
    """This portal, by its public address; None at a bare IP address, where browsers know no passkeys."""
    chosen, name = settings(), settings().payer.short_name
    # On one's own machine it has several names; a browser takes the one it was opened by.
    at = passkeys.party_at(public_address(), name)
    return at or (None if chosen.https else passkeys.party_at(request.host_url.removesuffix("/"), name))


def json_answer(told: dict[str, Any], status: int = 200) -> Response:
    """What a page's script has asked for."""
    answer = jsonify(told)
    answer.status_code = status
    return answer
