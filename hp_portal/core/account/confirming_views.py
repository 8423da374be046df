"""*Is it still you?*: asked before something about signing in is changed, when one signed in more than ten minutes ago."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec

from flask import Blueprint, Response, abort, current_app, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import safe_next, the_actor
from hp_portal.core.account import confirming, own_factors
from hp_portal.core.account.factor_forms import (
    AppCodeForm,
    DirectoryForm,
    PasskeyForm,
    PasswordForm,
    RecoveryCodeForm,
)
from hp_portal.core.account.parties import find_party, json_answer
from hp_portal.core.account.second_step import by_code, by_passkey
from hp_portal.core.account.second_step_views import tell_left
from hp_portal.core.account.signing_in import WrongCredentials
from hp_portal.core.factors import apps, passkeys, recovery
from hp_portal.core.factors.apps import CodeUsed, WrongCode
from hp_portal.core.factors.passkeys import ChallengeGone, WrongPasskey
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.waiting import too_many
from hp_portal.core.web.prefixes import here
from hp_portal.core.web.render import db_session, page, redirect_to, settings

blueprint = Blueprint("confirm", __name__)
Values = ParamSpec("Values")
DIRECTORY = "directory"
FORMS: dict[str, type[Any]] = {
    DIRECTORY: DirectoryForm,
    apps.KIND: AppCodeForm,
    passkeys.KIND: PasskeyForm,
    recovery.KIND: RecoveryCodeForm,
    confirming.PASSWORD: PasswordForm,
}
WRONG = {
    apps.KIND: "This is not the code that your app shows now. Codes change every half minute: enter the next one.",
    recovery.KIND: "This is none of your recovery codes. Check each letter and digit.",
    confirming.PASSWORD: "This is not your password.",
    passkeys.KIND: "This passkey is not one of yours, or was removed, or it took too long. Try again, or use another way.",
}


def confirmed(view: Callable[Values, ResponseReturnValue]) -> Callable[Values, ResponseReturnValue]:
    """Asks again who it is before the view, unless that was shown within ten minutes."""

    @functools.wraps(view)
    def asking(*values: Values.args, **named: Values.kwargs) -> ResponseReturnValue:
        return to_confirm() if not confirming.is_recent(the_actor()) else view(*values, **named)

    return asking


def to_confirm() -> ResponseReturnValue:
    """Lead to the page that asks, and from there back to the page that the person is on."""
    return redirect_to(url_for("confirm.ask", next=here(query=False) if _is_page() else url_for("factors.index")))


def _is_page() -> bool:
    """Can the address of this request be opened, or is it one that forms are sent to?"""
    routes = current_app.create_url_adapter(request)
    return routes is not None and routes.test(request.path, method="GET")


def _ways() -> dict[str, int]:
    """What the person can show who they are with: the password only where there is no factor."""
    if the_actor().by_directory:
        return {DIRECTORY: 1}
    own = own_factors.look(db_session(), the_actor())
    if not own.count:
        return {confirming.PASSWORD: 1}
    return {
        apps.KIND: len(own.apps),
        # At the address of a machine browsers know no passkeys.
        passkeys.KIND: len(own.passkeys) if find_party() else 0,
        recovery.KIND: own.codes_left,
    }


def _way(ways: dict[str, int]) -> str:
    chosen = request.args.get("way", "")
    return chosen if ways.get(chosen) else next((kind for kind, number in ways.items() if number), passkeys.KIND)


def _page(form: FlaskForm, ways: dict[str, int], way: str, status: int) -> Response:
    return page("account/confirm.html", form=form, ways=ways, way=way, status=status)


def directory_page(following: str, status: int, said: list[str]) -> Response:
    """The page again, after the staff's directory was of no help."""
    form = DirectoryForm(formdata=None, next=following)
    form.form_errors = said
    return _page(form, {DIRECTORY: 1}, DIRECTORY, status)


@blueprint.get("/confirm-it-is-you")
@access.before_terms
def ask() -> ResponseReturnValue:
    ways = _ways()
    way = _way(ways)
    return _page(FORMS[way](formdata=None, next=request.args.get("next", "")), ways, way, 200)


@blueprint.post("/confirm-it-is-you")
@access.before_terms
def show() -> ResponseReturnValue:
    ways = _ways()
    way, db, actor = _way(ways), db_session(), the_actor()
    if way == DIRECTORY:  # asked by a page of its own
        return redirect_to(url_for("confirm.ask", next=request.form.get("next") or None))
    form = FORMS[way]()
    if not form.validate_on_submit():
        if way == passkeys.KIND:
            form.form_errors = [PasskeyForm.MISSING]
        return _page(form, ways, way, 422)
    try:
        confirming.reserve(db, settings(), actor, way)
    except TooManyAttempts as error:
        db.commit()
        return too_many(form, error, lambda again, status: _page(again, ways, way, status))
    db.commit()
    if way == passkeys.KIND:
        proof = by_passkey(find_party() or abort(404), form.token.data, form.credential.data)
    elif way == confirming.PASSWORD:
        proof = confirming.by_password(form.code.data)
    else:
        proof = by_code(way, form.code.data)
    try:
        left = confirming.confirm(db, settings(), actor, way, proof)
    except (WrongCredentials, WrongCode, WrongPasskey, ChallengeGone) as error:
        db.commit()
        words = "This code was used already. Enter another one." if isinstance(error, CodeUsed) else WRONG[way]
        if way == passkeys.KIND:
            form.form_errors = [words]
        else:
            form.code.errors = [words]
        return _page(form, ways, way, 422)
    db.commit()
    if left is not None:
        tell_left(left)
    return redirect_to(safe_next(form.next.data))


@blueprint.post("/confirm-it-is-you/passkey/options")
@access.before_terms
def options() -> ResponseReturnValue:
    db = db_session()
    told = confirming.begin_passkey(db, the_actor(), find_party() or abort(404))
    db.commit()
    return json_answer(told)
