"""From where wrong proofs come for many Tax IDs, and what staff say to it."""

from __future__ import annotations

from flask import abort, flash, url_for
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.people.forms import ReasonForm
from hp_portal.core.registration import clusters
from hp_portal.core.staff.blueprint import blueprint
from hp_portal.core.staff.registration_views import DECIDE
from hp_portal.core.web.render import db_session, form_status, page, redirect_to


@blueprint.route("/registrations/clusters/<id:cluster_id>", methods=["GET", "POST"])
@access.staff(DECIDE)
def registrations_cluster(cluster_id: int) -> ResponseReturnValue:
    db, form = db_session(), ReasonForm()
    if not form.validate_on_submit():
        cluster = clusters.view_cluster(db, cluster_id) or abort(404)
        answer = page("staff/registration_cluster.html", cluster=cluster, form=form, status=form_status(form))
        db.commit()
        return answer
    done = clusters.settle(db, the_actor(), cluster_id, form.reason.data)
    db.commit()
    if done:
        flash("It is settled. Another wrong payment from there for as many Tax IDs brings it back.", "good")
    else:
        flash("Somebody else has settled it meanwhile.", "info")
    return redirect_to(url_for("staff.registrations"))
