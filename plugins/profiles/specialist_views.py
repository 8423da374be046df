"""The staff's pages of service specialists."""

from __future__ import annotations

from flask import abort, flash, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length, Optional, ValidationError

from hp_portal.api import access, db_session, is_email, one_line, page, redirect_to

from .blueprint import WORK, staff_blueprint
from .specialists import SHOWN, SPECIALISTS, Assigned, assign_specialist, find_assigned, list_specialists


class SpecialistForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """An organization's specialist; all empty: none."""

    name = StringField("Name", [Length(max=200)], filters=[one_line])
    phone = StringField("Telephone", [Length(max=60)], filters=[one_line])
    email = StringField("E-mail", [Length(max=254)], filters=[one_line])

    def validate_name(self, field: StringField) -> None:
        if not field.data and (self.phone.data or self.email.data):
            raise ValidationError("Enter the name, or leave everything empty for no specialist.")

    def validate_phone(self, field: StringField) -> None:
        if not field.data and self.name.data:
            raise ValidationError("Enter the telephone number at which offices reach this person.")

    def validate_email(self, field: StringField) -> None:
        if field.data and not is_email(field.data):
            raise ValidationError("Enter an e-mail address such as name@plan.example, or leave it empty.")


class SpecialistsForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Which organizations are looked for."""

    class Meta:
        csrf = False

    q = StringField("Organization or specialist", [Length(max=100)], filters=[one_line])
    show = SelectField("Show", [Optional()], choices=[SelectChoice(*choice) for choice in SHOWN.items()])


def _found(organization_id: int) -> Assigned:
    return find_assigned(db_session(), organization_id) or abort(404)


@staff_blueprint.get("/specialists")
@access.staff(WORK)
def specialists() -> ResponseReturnValue:
    form = SpecialistsForm(formdata=request.args)
    if not form.validate():
        return page("profiles/staff/specialists.html", "results", form=form, listing=None, status=422)
    query, show = form.q.data or "", (form.show.data or "").strip()
    listing = list_specialists(db_session(), SPECIALISTS.read(request.args), query, show)
    listing = listing.at("profiles_staff.specialists", q=query, show=show)
    return page("profiles/staff/specialists.html", "results", form=form, listing=listing)


@staff_blueprint.get("/specialists/<id:organization_id>")
@access.staff(WORK)
def specialist(organization_id: int) -> ResponseReturnValue:
    found = _found(organization_id)
    return page("profiles/staff/specialist.html", found=found, form=SpecialistForm(formdata=None, obj=found))


@staff_blueprint.post("/specialists/<id:organization_id>/assign")
@access.staff(WORK)
def assign(organization_id: int) -> ResponseReturnValue:
    found, form, db = _found(organization_id), SpecialistForm(), db_session()
    if not form.validate_on_submit():
        return page("profiles/staff/specialist.html", found=found, form=form, status=422)
    assign_specialist(db, organization_id, form.name.data, form.phone.data, form.email.data)
    db.commit()
    if form.name.data:
        flash(f"{form.name.data} is the service specialist of {found.organization}.", "good")
    else:
        flash(f"{found.organization} has no service specialist; it is shown the telephone number of the plan.", "good")
    return redirect_to(url_for("profiles_staff.specialists"))
