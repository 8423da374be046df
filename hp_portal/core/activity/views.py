"""My activity, and pages of activity that stand still while one turns them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.activity.reading import Activity, view_own_activity
from hp_portal.core.web.listing import Listing, page_number
from hp_portal.core.web.render import db_session, page

blueprint = Blueprint("activity", __name__)


def newest_shown() -> int | None:
    """The newest event of the first page, which the links to further pages carry along; None on the first."""
    asked = request.args.get("newest", type=int)
    return asked if asked is not None and 0 < asked < 2**63 else None


def steady_pages(listing: Listing[Activity], endpoint: str, **arguments: Any) -> Listing[Activity]:
    """The same page of a list, its pager leading to pages that later events do not shift."""
    newest = newest_shown()
    if newest is None and listing.rows:
        newest = listing.rows[0].id
    return listing.at(endpoint, **arguments, newest=newest)


@blueprint.get("/my-activity")
@access.signed_in
def my_activity() -> ResponseReturnValue:
    db = db_session()
    found = view_own_activity(db, the_actor(), page_number(request.args), newest_shown())
    listing = steady_pages(found, "activity.my_activity")
    db.commit()
    return page("activity/my_activity.html", "activity", listing=listing)
