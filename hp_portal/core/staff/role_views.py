"""The console's page of roles: which may do what."""

from __future__ import annotations

from typing import Any

from flask import abort, url_for
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import directory
from hp_portal.core.applications.menu import plugins
from hp_portal.core.staff import roles
from hp_portal.core.staff.blueprint import blueprint
from hp_portal.core.staff.forms import RoleForm
from hp_portal.core.staff.giving_views import wanted_or_400
from hp_portal.core.web.render import after_post, db_session, page, redirect_to

LAST_MANAGER = "This is the last role through which anybody can change roles. Give another role that permission first."


def _page(form: RoleForm, status: int = 200) -> ResponseReturnValue:
    found, known = roles.roles(db_session()), directory().staff_permissions
    labels = {application.key: application.label for application in plugins().applications}
    return page(
        "staff/roles.html",
        roles=found,
        groups=roles.grouped(known, labels),
        nobodys=[known[key] for key in roles.nobodys(found, known)],
        form=form,
        status=status,
    )


@blueprint.get("/roles", endpoint="roles")
@access.staff(roles.MANAGE)
def all_roles() -> ResponseReturnValue:
    return _page(RoleForm(formdata=None))


@blueprint.post("/roles")
@access.staff(roles.MANAGE)
def roles_add() -> ResponseReturnValue:
    form, db = RoleForm(), db_session()
    if not form.validate_on_submit():
        return _page(form, 422)
    try:
        roles.add_role(db, form.name.data)
    except roles.RoleExists:
        db.rollback()
        form.name.errors = ["There is a role of this name. Choose another name."]
        return _page(form, 422)
    db.commit()
    return redirect_to(url_for("staff.roles"))


@blueprint.post("/roles/<id:role_id>/<permission>")
@access.staff(roles.MANAGE)
def roles_set(role_id: int, permission: str) -> ResponseReturnValue:
    """One cell: `enabled` is 1 or 0."""
    db, known = db_session(), directory().staff_permissions
    role = roles.find_role(db, role_id)
    if role is None or permission not in known:
        abort(404)
    wanted = wanted_or_400()
    back, label = url_for("staff.roles"), known[permission]
    cell: dict[str, Any] = {"role": role, "permission": permission, "label": label}
    try:
        roles.set_permission(db, role, permission, wanted=wanted)
    except roles.LastManager:
        db.rollback()
        cell["refused"] = LAST_MANAGER
        return after_post(back, "staff/roles.html", "cell", message=LAST_MANAGER, tone="bad", **cell, held=True)
    db.commit()
    said = f"{role.name} {'may now' if wanted else 'may no longer'}: {label}."
    return after_post(back, "staff/roles.html", "cell", message=said, **cell, held=wanted, saved=True)


@blueprint.post("/roles/<id:role_id>/offered")
@access.staff(roles.MANAGE)
def roles_offered(role_id: int) -> ResponseReturnValue:
    """Give a role every permission that no role has yet, such as those of a new plugin."""
    db, known = db_session(), directory().staff_permissions
    role = roles.find_role(db, role_id) or abort(404)
    offered = roles.nobodys(roles.roles(db), known)
    for permission in offered:
        roles.set_permission(db, role, permission, wanted=True)
    db.commit()
    return redirect_to(url_for("staff.roles"))
