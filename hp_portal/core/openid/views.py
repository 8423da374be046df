"""*Sign in with the staff's directory*: to it and back, also when it is asked again who somebody is."""

from __future__ import annotations

import datetime as dt
import hmac
import secrets
from dataclasses import dataclass

from flask import Blueprint, Response, abort, request, session, url_for
from flask.sansio.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue

from hp_portal import clock
from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import current_actor, safe_next, the_actor
from hp_portal.core.account.confirming_views import directory_page
from hp_portal.core.account.second_step_views import enter
from hp_portal.core.account.views import sign_in_page
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.waiting import wait_words, with_retry_after
from hp_portal.core.openid import entering
from hp_portal.core.openid.provider import Asked, Provider, install, provider
from hp_portal.core.openid.refusals import Refused
from hp_portal.core.web.links import absolute_url
from hp_portal.core.web.render import db_session, redirect_to, settings
from hp_portal.core.web.where_from import client_address, counted_address

blueprint = Blueprint("openid", __name__)
# What a sign-in was begun with, in the signed cookie: an answer counts in the browser that has asked, alone.
KEPT = "directory_sign_in"
LONGEST = 1000  # characters of where somebody wants to go: browsers drop large cookies


@dataclass(frozen=True)
class Begun:
    """A sign-in that waits for the directory's answer. `confirms`: the sign-in that is shown again to be theirs, or none."""

    state: str
    nonce: str
    verifier: str
    at: float
    following: str
    confirms: int | None

    @property
    def begun_at(self) -> dt.datetime:
        """When the browser was sent to the directory."""
        return dt.datetime.fromtimestamp(self.at, dt.UTC)

    @property
    def asked(self) -> Asked:
        """What the directory's answer has to fit."""
        return Asked(absolute_url("openid.answer"), self.nonce, self.verifier)


@blueprint.record_once
def _know_provider(state: BlueprintSetupState) -> None:
    install(state.app, state.app.extensions["hp_portal.settings"])


def _provider() -> Provider:
    if (known := provider()) is None:
        raise RuntimeError("there is no directory: these pages are not registered without one")
    return known


def _begin(following: str, confirms: int | None) -> Response:
    """Send the browser to the directory. Nothing is written: whoever only begins costs nothing."""
    known = _provider()
    if len(following) > LONGEST:
        following = url_for("pages.home")
    # Nothing of the database is held while the directory is waited for.
    db_session().commit()
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    begun = Begun(state, nonce, verifier, clock.now().timestamp(), following, confirms)
    try:
        address = known.address(begun.asked, begun.state, again=confirms is not None)
    except Refused as error:
        return _refused(error, following, confirms)
    session[KEPT] = [begun.state, begun.nonce, begun.verifier, begun.at, begun.following, begun.confirms]
    return redirect_to(address)


@blueprint.get("/sign-in/directory")
@access.public
def begin() -> ResponseReturnValue:
    following = safe_next(request.args.get("next"))
    # Another site may not sign somebody in behind their back: there they are asked to press the button.
    if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        return redirect_to(url_for("account.sign_in", next=following))
    return _begin(following, None)


@blueprint.get("/confirm-it-is-you/directory")
@access.before_terms
def begin_again() -> ResponseReturnValue:
    if not the_actor().by_directory:
        abort(404)
    return _begin(safe_next(request.args.get("next")), the_actor().sign_in_id)


@blueprint.get("/sign-in/directory/answer")
@access.public
def answer() -> ResponseReturnValue:
    """Where the directory sends the browser back to."""
    known, db = _provider(), db_session()
    begun = _take_begun()
    following, confirms = (begun.following, begun.confirms) if begun else ("", None)
    try:
        entering.check_address(db, settings(), counted_address())
    except TooManyAttempts as error:
        db.rollback()
        entering.note_blocked(db)
        db.commit()
        said = f"Too many failed attempts. Wait {wait_words(error)}, then try again."
        return with_retry_after(_page(429, following, confirms, said), error)
    try:
        return _answered(known, _fitting(begun))
    except Refused as error:
        entering.note_refusal(db, error, counted_address())
        db.commit()
        return _refused(error, following, confirms)


def _take_begun() -> Begun | None:
    kept = session.pop(KEPT, None)
    return Begun(*kept) if kept else None


def _fitting(begun: Begun | None) -> Begun:
    """What was begun in this browser, and is answered here. Raises Refused."""
    given = request.args.get("state", "")
    if begun is None or not hmac.compare_digest(begun.state.encode(), given.encode()):
        raise Refused("gone")
    if clock.now() - begun.begun_at > entering.TTL:
        raise Refused("gone")
    # RFC 9207: an answer of another directory is none.
    if request.args.get("iss", settings().oidc_issuer) != settings().oidc_issuer:
        raise Refused("token")
    return begun


def _answered(known: Provider, begun: Begun) -> Response:
    db = db_session()
    entering.use_state(db, begun.state)
    # At once, so that the same answer is not taken by two; and nothing is held while the directory is waited for.
    db.commit()
    if request.args.get("error") or not request.args.get("code"):
        raise Refused("denied" if request.args.get("error") in DENIED else "settings")
    told = known.told(begun.asked, request.args["code"])
    if begun.confirms is not None:
        actor = current_actor()
        if actor is None or actor.sign_in_id != begun.confirms:
            raise Refused("gone")
        entering.confirm_by_directory(db, settings(), actor, told, begun.begun_at)
        db.commit()
        return redirect_to(begun.following)
    started = entering.enter_by_directory(
        db, settings(), told, address=client_address(), user_agent=request.user_agent.string
    )
    return enter(db, started, begun.following)


# What the person or the directory decided; every other error is one of the settings.
DENIED = frozenset({"access_denied", "login_required", "interaction_required", "consent_required"})


def _refused(error: Refused, following: str, confirms: int | None) -> Response:
    return _page(error.status, following, confirms, error.words(settings().directory_name))


def _page(status: int, following: str, confirms: int | None, said: str) -> Response:
    actor = current_actor()
    if confirms is not None and actor is not None:
        return directory_page(following, status, [said])
    back = "" if following == url_for("pages.home") else following
    return sign_in_page(status, back, [said])
