"""The list of organizations, and the Tax IDs and NPIs that staff link to one."""

from __future__ import annotations

from flask import Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.organizations.models import Organization
from hp_portal.core.payees.finding import find_payee
from hp_portal.core.people.ended import OrganizationEnded
from hp_portal.core.people.forms import ReasonForm
from hp_portal.core.staff.blueprint import blueprint
from hp_portal.core.staff.forms import OrganizationsForm
from hp_portal.core.staff.organizations import (
    ORGANIZATIONS,
    OrganizationFilter,
    find_organization,
    list_organizations,
)
from hp_portal.core.staff.record_forms import LinkForm
from hp_portal.core.tax_ids.by_payer import OpenGrant, end_grant, find_open_grant, link_payee
from hp_portal.core.tax_ids.grants import AlreadyLinked
from hp_portal.core.tax_ids.leaning import MORE, MoreLose, lost_with, read_shown
from hp_portal.core.web.render import db_session, form_status, page, redirect_to

ID = "<id:organization_id>"
NOT_ON_RECORD = "No payee with this Tax ID and NPI is on record. Add the payee first."


@blueprint.get("/organizations/all")
@access.staff("staff:organizations:list")
def organizations_all() -> ResponseReturnValue:
    db, form = db_session(), OrganizationsForm(request.args)
    if not form.validate():
        return page("staff/organizations_all.html", "results", form=form, listing=None, status=422)
    wanted = OrganizationFilter(form.name.data or "", form.type.data or "", form.account.data or "")
    listing = list_organizations(db, wanted, ORGANIZATIONS.read(request.args))
    listing = listing.at("staff.organizations_all", name=wanted.name, type=wanted.audience, account=wanted.account)
    db.commit()
    return page("staff/organizations_all.html", "results", form=form, listing=listing)


@blueprint.route(f"/organizations/{ID}/link", methods=["GET", "POST"])
@access.staff("staff:tax-ids:manage")
def organizations_link(organization_id: int) -> ResponseReturnValue:
    """Link a payee of the record to an organization, with a reason."""
    db, form = db_session(), LinkForm()
    organization = find_organization(db, organization_id) or abort(404)
    if not form.validate_on_submit():
        return _link_page(organization, form, form_status(form))
    payee = find_payee(db, tin=form.tin.data, npi=form.npi.data)
    if payee is None:
        form.form_errors = [NOT_ON_RECORD]
        return _link_page(organization, form, 422)
    try:
        link_payee(db, the_actor(), organization, payee, form.reason.data)
    except OrganizationEnded:  # at this moment
        db.rollback()
        abort(404)
    except AlreadyLinked:
        db.rollback()
        flash(f"{payee.name} is linked to {organization.name} already.", "info")
    else:
        db.commit()
        flash(f"{organization.name} can now see the payments to {payee.name}.", "good")
    return redirect_to(url_for("staff.organizations_one", organization_id=organization_id, _anchor="linked"))


def _link_page(organization: Organization, form: LinkForm, status: int) -> Response:
    return page("staff/link.html", organization=organization, form=form, status=status)


@blueprint.route("/linked/<id:grant_id>/end", methods=["GET", "POST"])
@access.staff("staff:tax-ids:manage")
def organizations_end_link(grant_id: int) -> ResponseReturnValue:
    db, form = db_session(), ReasonForm()
    grant: OpenGrant = find_open_grant(db, grant_id) or abort(404)
    if not form.validate_on_submit():
        return _end_link_page(grant, form, form_status(form))
    try:
        done = end_grant(db, the_actor(), grant, form.reason.data, read_shown(request.form.get("shown", "")))
    except MoreLose:
        db.rollback()
        form.form_errors = [MORE]
        return _end_link_page(grant, form, 409)
    if done:
        flash(f"{grant.organization} can no longer see the payments to {grant.payee}.", "good")
    db.commit()
    return redirect_to(url_for("staff.organizations_one", organization_id=grant.organization_id, _anchor="linked"))


def _end_link_page(grant: OpenGrant, form: ReasonForm, status: int) -> Response:
    return page(
        "staff/end_link.html", grant=grant, billing=lost_with(db_session(), grant.grant_id), form=form, status=status
    )
