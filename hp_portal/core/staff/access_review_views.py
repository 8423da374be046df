"""Access reviews of organizations: those that are overdue, open, or signed."""

from __future__ import annotations

from flask import abort, request
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.delegates.review_documents import STAFF_PDF, STAFF_READ, find_signed
from hp_portal.core.downloads.handing import hand_over
from hp_portal.core.staff import review_list as reading
from hp_portal.core.staff.blueprint import blueprint
from hp_portal.core.staff.forms import AccessReviewsForm
from hp_portal.core.web.render import db_session, page


@blueprint.get("/access-reviews")
@access.staff(STAFF_READ)
def access_reviews() -> ResponseReturnValue:
    db, form = db_session(), AccessReviewsForm(request.args)
    if not form.validate():
        return page("staff/access_reviews.html", "results", form=form, listing=None, status=422)
    show, name = form.show.data or reading.OVERDUE, form.name.data or ""
    listing = reading.list_reviews(db, show, name, reading.REVIEWS.read(request.args))
    db.commit()
    return page(
        "staff/access_reviews.html",
        "results",
        form=form,
        listing=listing.at("staff.access_reviews", show=show, name=name),
    )


@blueprint.get("/access-reviews/<id:review_id>/pdf")
@access.staff(STAFF_READ)
def access_reviews_pdf(review_id: int) -> ResponseReturnValue:
    find_signed(db_session(), review_id) or abort(404)
    return hand_over(STAFF_PDF, {"review": review_id}, title="Access review", small=True)
