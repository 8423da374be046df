"""The payer's console."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from flask import Response, abort, current_app, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal import migrations
from hp_portal.audience import Audience
from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.account.own_factors import factor_offer
from hp_portal.core.activity.reading import ActivityFilter, event_kinds
from hp_portal.core.activity.views import newest_shown, steady_pages
from hp_portal.core.applications import giving, matrix
from hp_portal.core.applications.menu import plugins, staff_menu
from hp_portal.core.audit.reports import record_state
from hp_portal.core.delegates.invitations import open_invitations_of
from hp_portal.core.jobs.failures import failures
from hp_portal.core.jobs.reports import reports
from hp_portal.core.organizations.models import PROOFS
from hp_portal.core.staff import access_request_views as access_request_views
from hp_portal.core.staff import access_review_views as access_review_views
from hp_portal.core.staff import agreement_views as agreement_views
from hp_portal.core.staff import alert_views as alert_views
from hp_portal.core.staff import attachment_views as attachment_views
from hp_portal.core.staff import case_paper_views as case_paper_views
from hp_portal.core.staff import case_views as case_views
from hp_portal.core.staff import contact_request_views as contact_request_views
from hp_portal.core.staff import delivery_views as delivery_views
from hp_portal.core.staff import document_views as document_views
from hp_portal.core.staff import fax_views as fax_views
from hp_portal.core.staff import letter_views as letter_views
from hp_portal.core.staff import lookup, viewing
from hp_portal.core.staff import lost_factor_views as lost_factor_views
from hp_portal.core.staff import organization_views as organization_views
from hp_portal.core.staff import payee_views as payee_views
from hp_portal.core.staff import people_views as people_views
from hp_portal.core.staff import public_case_views as public_case_views
from hp_portal.core.staff import refusal_views as refusal_views
from hp_portal.core.staff import registration_cluster_views as registration_cluster_views
from hp_portal.core.staff import registration_views as registration_views
from hp_portal.core.staff import role_views as role_views
from hp_portal.core.staff import trying_views as trying_views
from hp_portal.core.staff.blueprint import blueprint as blueprint
from hp_portal.core.staff.forms import ActivityForm, LookupForm
from hp_portal.core.staff.giving_views import application_or_404, wanted_or_400
from hp_portal.core.staff.queues import waiting
from hp_portal.core.web.cleaning import one_line
from hp_portal.core.web.listing import page_number
from hp_portal.core.web.render import after_post, db_session, page, redirect_to, settings
from hp_portal.core.web.where_from import proxy_warnings


@blueprint.get("/")
@access.staff("staff:console:open")
def console() -> ResponseReturnValue:
    actor = the_actor()
    return page(
        "staff/console.html",
        actor=actor,
        offer=factor_offer(db_session(), actor),
        links=staff_menu(),
        waiting=waiting(db_session()),
        proxies=proxy_warnings(),
    )


@blueprint.get("/applications")
@access.staff("staff:applications:manage")
def applications() -> ResponseReturnValue:
    db = db_session()
    return page(
        "staff/applications.html",
        rows=matrix.matrix(db, plugins().applications),
        audiences=list(Audience),
        reach=giving.reach(db, plugins().applications),
        new_people_get=giving.new_people_get(db),
    )


@blueprint.post("/applications/<application>/<audience>")
@access.staff("staff:applications:manage")
def applications_set(application: str, audience: str) -> ResponseReturnValue:
    """One cell of the matrix: `enabled` is 1 or 0."""
    known = application_or_404(application)
    if audience not in list(Audience):
        abort(404)
    db = db_session()
    cell = matrix.set_cell(db, the_actor(), known, Audience(audience), enabled=wanted_or_400())
    db.commit()
    state = "enabled" if cell.enabled else "disabled"
    said = f"{cell.application_label} is {state} for: {cell.audience.label}."
    back = url_for("staff.applications")
    return after_post(back, "staff/applications.html", "cell", message=said, cell=cell, saved=True)


@blueprint.get("/plugins", endpoint="plugins")
@access.staff("staff:plugins:read")
def installed_plugins() -> ResponseReturnValue:
    return page(
        "staff/plugins.html",
        states=list(plugins().states.values()),
        unknown=plugins().unknown,
        failures=failures(db_session()),
        reports=reports(db_session()),
        weaknesses=migrations.weaknesses(current_app),
        proxies=proxy_warnings(),
        rolled_back=migrations.rolled_back(current_app),
        left_behind=migrations.left_behind(current_app),
    )


@blueprint.get("/organizations")
@access.staff("staff:people:search")
def organizations() -> ResponseReturnValue:
    """A search that may stand in an address, as `q`; Tax IDs are posted."""
    query = one_line(request.args.get("q", "")) or ""
    if not query or lookup.may_be_tin(query):
        return _organizations_page(LookupForm(formdata=None), 200)
    form = LookupForm(formdata=None, query=query)
    return _found_page(form, query) if form.query.validate(form) else _organizations_page(form, 422)


def _organizations_page(form: LookupForm, status: int, found: lookup.Found | None = None) -> Response:
    return page("staff/organizations.html", form=form, found=found, limit=lookup.LIMIT, status=status)


def _found_page(form: LookupForm, query: str) -> Response:
    db = db_session()
    found = lookup.search(db, query)
    db.commit()
    return _organizations_page(form, 200, found)


@blueprint.post("/organizations")
@access.staff("staff:people:search")
def organizations_search() -> ResponseReturnValue:
    form = LookupForm()
    if not form.validate_on_submit():
        return _organizations_page(form, 422)
    query = form.query.data.strip()
    if not lookup.may_be_tin(query):
        return redirect_to(url_for("staff.organizations", q=query))
    return _found_page(form, query)


@blueprint.get("/organizations/<id:organization_id>")
@access.staff("staff:people:search")
def organizations_one(organization_id: int) -> ResponseReturnValue:
    db = db_session()
    found = viewing.view_organization(db, organization_id)
    if found is None:
        abort(404)
    db.commit()
    enabled = matrix.enabled_for(db, found.audience)
    return page(
        "staff/organization.html",
        organization=found,
        applications=[one for one in plugins().applications if one.key in enabled],
        proofs=PROOFS,
        invitations=open_invitations_of(db, organization_id),
    )


@blueprint.get("/activity")
@access.staff("staff:activity:search")
def activity() -> ResponseReturnValue:
    db, form = db_session(), ActivityForm(request.args)
    form.event.choices = [("", "Anything"), *event_kinds(db)]
    if not form.validate():
        return page("staff/activity.html", "results", form=form, listing=None, record=record_state(db), status=422)
    wanted = _activity_filter(form, settings().payer.zone)
    filters = {name: value for name in form.data if (value := request.args.get(name))}
    found = viewing.search_record(db, wanted, filters, page_number(request.args), newest_shown())
    listing, state = steady_pages(found, "staff.activity", **filters), record_state(db)
    db.commit()
    return page("staff/activity.html", "results", form=form, listing=listing, record=state)


def _activity_filter(form: ActivityForm, zone: ZoneInfo) -> ActivityFilter:
    """Days are the payer's: from the first one's midnight to the midnight that ends the last."""
    since, until = form.since.data, form.until.data
    after = until + dt.timedelta(days=1) if until else None
    return ActivityFilter(
        person=(form.person.data or "").strip(),
        organization=(form.organization.data or "").strip(),
        event=form.event.data or "",
        since=dt.datetime.combine(since, dt.time(), zone) if since else None,
        until=dt.datetime.combine(after, dt.time(), zone) if after else None,
    )
