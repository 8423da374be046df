"""What the pages of the sample hang on."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("sample", __name__)
staff_blueprint = Blueprint("sample_staff", __name__)
public_blueprint = Blueprint("sample_public", __name__)
