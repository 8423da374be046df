"""The blueprint that every page of Remittance Inquiry hangs on."""

from flask import Blueprint

blueprint = Blueprint("remittance", __name__)
