"""What the pages of Remittance Inquiry hang on, and what one must be allowed to open them."""

from flask import Blueprint

blueprint = Blueprint("remittance", __name__)
blueprint.cli.short_help = "Import remittances and code lists."
staff_blueprint = Blueprint("remittance_staff", __name__)

READ = "remittance:payment:read"
POST = "remittance:payment:post"
DOWNLOAD = "remittance:payment:download"
RUN_IMPORTS = "remittance:import:run"
READ_IMPORTS = "remittance:import:read"
MANAGE_CODES = "remittance:codes:manage"
INSPECT = "remittance:payment:inspect"
DECIDE = "remittance:payment:decide"
