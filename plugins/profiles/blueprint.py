"""What the pages of Provider Data Profiles hang on, and what one must be allowed to open them."""

from flask import Blueprint

blueprint = Blueprint("profiles", __name__)
blueprint.cli.short_help = "Load and export practitioners and locations."
staff_blueprint = Blueprint("profiles_staff", __name__)
public_blueprint = Blueprint("profiles_public", __name__)

READ = "profiles:record:read"
SEND = "profiles:change:send"
WORK = "profiles:change:work"
LOAD = "profiles:record:load"

IN_PART = 3
"""The exit status of a command that could not use all of what it was given."""
