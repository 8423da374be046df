"""The blueprint that every page of Remittance Inquiry is registered on."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("remittance", __name__)
