"""What a case of somebody without an account is about, as staff say it: a payee on record, and an organization."""

from __future__ import annotations

from flask import abort, flash
from flask.typing import ResponseReturnValue

from hp_portal.case_kinds import CaseRefused
from hp_portal.core.access import rules as access
from hp_portal.core.cases import linking
from hp_portal.core.cases.acting import WORK
from hp_portal.core.cases.forms import OrganizationForm, PayeeForm
from hp_portal.core.staff.blueprint import blueprint
from hp_portal.core.staff.case_views import ID, back_to, find_for_staff, organization_choices, show_case
from hp_portal.core.web.render import db_session


@blueprint.post(f"/cases/{ID}/payee")
@access.staff(WORK)
def cases_payee(case_id: int) -> ResponseReturnValue:
    case, kind = find_for_staff(case_id)
    form, db = PayeeForm(), db_session()
    if not form.validate_on_submit():
        return show_case(case, kind, 422, payee_form=form)
    try:
        name = linking.link_payee(db, case_id, tin=form.tin.data, npi=form.npi.data)
    except linking.NoSuchPayee as error:
        form.form_errors = [str(error)]
        return show_case(case, kind, 422, payee_form=form)
    except LookupError:
        abort(404)
    db.commit()
    flash(f"Linked to {name}." if name else "Linked to no payee.", "good")
    return back_to(case)


@blueprint.post(f"/cases/{ID}/organization")
@access.staff(WORK)
def cases_organization(case_id: int) -> ResponseReturnValue:
    case, kind = find_for_staff(case_id)
    form, db = OrganizationForm(), db_session()
    form.organization.choices = organization_choices(case, kind)
    if not form.validate_on_submit():
        return show_case(case, kind, 422, organization_form=form)
    chosen = int(form.organization.data) if form.organization.data else None
    try:
        linking.link_organization(db, kind, case_id, chosen)
    except CaseRefused as error:
        db.rollback()
        form.form_errors = [str(error)]
        return show_case(*find_for_staff(case_id), 409, organization_form=form)
    except LookupError:
        abort(404)
    db.commit()
    flash("Its people see the case now." if chosen else "No organization sees the case now.", "good")
    return back_to(case)
