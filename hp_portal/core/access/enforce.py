"""The gate on the app: asked before every request, registered first, so that nothing runs before it has said yes."""

from __future__ import annotations

from typing import cast
from urllib.parse import urlsplit

from flask import Flask, abort, current_app, g, request, url_for
from flask import session as kept
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, current_user

from hp_portal import scopes
from hp_portal.core.access.gate import Directory, Verdict, decide
from hp_portal.core.access.rules import DELEGATE, SIGNED_IN, Kind, Rule, rule_of
from hp_portal.core.access.unsent import keep_unsent, page_before
from hp_portal.core.access.who_is import find_actor, note_chosen, touch
from hp_portal.core.audit.record import Who, set_who
from hp_portal.core.identity.accounts import SignInEnded
from hp_portal.core.identity.actor import Actor, Limits
from hp_portal.core.web import prefixes
from hp_portal.core.web.bodies import MAY_SEND, views_for_files
from hp_portal.core.web.prefixes import asked_organization, below, here, leave, split
from hp_portal.core.web.render import db_session, redirect_to, settings, wants_fragment
from hp_portal.core.web.where_from import client_address
from hp_portal.database import PortalSession


class NotGiven(Exception):
    """The person lacks the application: their delegates can give it."""


class NotValidated(Exception):
    """The organization's account is not validated yet."""


class OtherOrganization(Exception):
    """The address is of an organization that the person does not work for; `left`: the name of one that they did work for."""

    def __init__(self, left: str) -> None:
        super().__init__("the address is of another organization")
        self.left = left


class NoOrganization(Exception):
    """Somebody with several organizations has sent a form whose address does not say for which one."""


def directory() -> Directory:
    """The permissions and applications of the running app."""
    return cast(Directory, current_app.extensions["hp_portal.directory"])


def current_actor() -> Actor | None:
    """Who is signed in, or None."""
    user = current_user._get_current_object()
    return user if isinstance(user, Actor) else None


def the_actor() -> Actor:
    """Who is signed in, in a view whose rule is not public."""
    actor = current_actor()
    if actor is None:
        raise RuntimeError("nobody is signed in: this view's rule is public")
    return actor


def can(permission: str) -> bool:
    """Would the gate open a view that requires this permission? For templates."""
    known = directory()
    if permission == DELEGATE:
        return decide(Rule("delegate"), current_actor(), known) is Verdict.ALLOW
    if permission == SIGNED_IN:
        return decide(Rule("signed_in"), current_actor(), known) is Verdict.ALLOW
    kind: Kind = "staff" if permission in known.staff_permissions else "requires"
    return decide(Rule(kind, permission), current_actor(), known) is Verdict.ALLOW


def limits() -> Limits:
    return cast(Limits, current_app.extensions["hp_portal.limits"])


def load_actor(token: str) -> Actor | None:
    """Flask-Login's user loader: from the cookie's token to the person."""
    session = db_session()
    with scopes.whole(session, "who is this? asked before anything else"):
        return find_actor(session, token, limits(), settings(), asked_organization())


def safe_next(target: str | None) -> str:
    """A path of this portal to return to, or the home page for anything else (no open redirect).

    It stays with the organization of this tab, and leads to none that whoever is signed in does not work for.
    """
    if not target or not target.startswith("/") or target.startswith("//"):
        return url_for("pages.home")
    # Browsers read a backslash as a slash, and read past line ends and tabs.
    if "\\" in target or any(ord(letter) < 32 for letter in target):
        return url_for("pages.home")
    wanted, own = split(target)[0], asked_organization()
    if own is not None and wanted is None:
        return below(own, target)
    actor = current_actor() if wanted is not None else None
    if wanted != (own or wanted) or (actor is not None and wanted is not None and not actor.works_for(wanted)):
        return url_for("pages.home")
    return target


def page_asked_for() -> str:
    """Where to return after signing in: the page, not the fragment of it that htmx asked for."""
    if wants_fragment():
        try:
            shown = urlsplit(request.headers.get("HX-Current-URL", ""))
        except ValueError:
            return url_for("pages.home")
        return safe_next(f"{shown.path}?{shown.query}" if shown.query else shown.path)
    if request.method != "GET":
        return safe_next(page_before())
    return here()


def _sign_in_first(rule: Rule) -> ResponseReturnValue:
    by_htmx = request.headers.get("HX-Request") == "true"
    unsent = None if by_htmx else keep_unsent(db_session(), rule)
    asked_for = url_for("account.unsent", token=unsent) if unsent else page_asked_for()
    target = url_for("account.sign_in", next=asked_for)
    if by_htmx:
        # A redirect would be followed by fetch and the sign-in page swapped into the middle of this one.
        response = current_app.make_response(("", 401))
        response.headers["HX-Redirect"] = target
        return response
    return redirect_to(target)


def _ended_meanwhile(_error: SignInEnded) -> ResponseReturnValue:
    """The gate has let a session in that ended before its view did what it was to do: as if it had ended before."""
    db_session().rollback()
    rule = rule_of(current_app.view_functions[str(request.endpoint)])
    if rule is None:
        raise RuntimeError(f"{request.endpoint} has no access rule")
    return _sign_in_first(rule)


HOME = "pages.home"
CHOOSE = "organizations.choose"
# About the session alone, whatever organization the page was for.
_OF_NONE = frozenset({CHOOSE, "account.sign_out", "account.keepalive"})


def organization_first(rule: Rule, actor: Actor | None) -> ResponseReturnValue | None:
    """The organization that stands before the address is one of the actor's, and stands there for whoever has several.

    Raises OtherOrganization, or NoOrganization for a form, of which nothing has been done.
    """
    asked, reading = asked_organization(), request.method in ("GET", "HEAD", "OPTIONS")
    if asked is not None:
        if actor is not None and asked == actor.organization_id:
            return None
        if actor is None and rule.kind != "public":
            return None
        plain = split(here())[1]
        leave()
        if rule.kind == "public" and reading:
            return redirect_to(plain)
        if actor is None or request.endpoint in _OF_NONE:
            return None
        g.other_organization = True
        raise OtherOrganization(actor.left)
    if actor is None or not actor.organizations or actor.organization_id is None or request.endpoint in _OF_NONE:
        return None
    if rule.kind == "public" and (not reading or "token" in (request.view_args or {})):
        return None  # a link out of a message is about itself, and stays out of addresses
    if not reading:
        raise NoOrganization
    # For htmx the whole page: nobody knows for which organization the rest of it was.
    wanted = page_asked_for()
    return redirect_to(url_for(CHOOSE, next=wanted) if actor.undecided else below(actor.organization_id, wanted))


AFTER_FACTOR = "after_factor"


def to_factors(following: str) -> ResponseReturnValue:
    """Lead somebody to the page where a second factor is set up, and remember where they wanted to go."""
    kept[AFTER_FACTOR] = following
    return redirect_to(url_for("factors.index"))


def set_scope_for(session: PortalSession, rule: Rule, actor: Actor | None) -> None:
    """Whose rows the view may see: nobody's in public, an organization's, or all behind a staff permission."""
    if rule.kind == "public" or actor is None:
        return
    if rule.kind == "staff":
        scopes.set_scope(session, scopes.WholeScope(f"staff with {rule.permission}"))
    elif actor.organization_id is not None:
        scopes.set_scope(session, scopes.OrganizationScope(actor.organization_id))


def enforce() -> ResponseReturnValue | None:
    """`before_request`: refuse, redirect or let through, and set the scope and the who of the audit."""
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None:
        return None  # no such URL: 404, or 405
    rule = rule_of(view)
    if rule is None:
        raise RuntimeError(f"{request.endpoint} has no access rule")
    if request.endpoint in ANONYMOUS:
        return None  # whoever looks after the process is answered without the database, too
    session = db_session()
    who = Who(request_id=g.request_id, address=client_address())
    set_who(session, who)
    actor = current_actor()
    if (answer := organization_first(rule, actor)) is not None:
        return answer
    verdict = decide(rule, actor, directory())
    if verdict is not Verdict.ALLOW:
        return _refuse(verdict, rule)
    if actor is not None:
        signed_in = Who(
            actor.person_id, actor.organization_id, actor.sign_in_id, who.request_id, who.address, actor.reason
        )
        set_who(session, signed_in)
        chosen = bool(actor.organizations) and request.endpoint == HOME and note_chosen(session, actor)
        if (not rule.passive and touch(session, actor, limits().idle)) or chosen:
            session.commit()
        _remember_uploads(actor)
    set_scope_for(session, rule, actor)
    return None


def _remember_uploads(actor: Actor) -> None:
    """Keep in the cookie which views would take files from this person: see `hp_portal/core/web/bodies.py`."""
    rules = current_app.extensions.get("hp_portal.rules_for_files")
    if rules is None:
        rules = [(endpoint, rule_of(view)) for endpoint, view in views_for_files(current_app).items()]
        current_app.extensions["hp_portal.rules_for_files"] = rules
    may = [endpoint for endpoint, rule in rules if decide(rule, actor, directory()) is Verdict.ALLOW]
    if actor.organizations:  # another tab may be open for another one
        may = sorted({*may, *kept.get(MAY_SEND, [])})
    if may != kept.get(MAY_SEND, []):
        kept[MAY_SEND] = may


# Asked by machines, many times a minute: not worth a look at who it is.
ANONYMOUS = frozenset({"pages.healthz", "pages.readyz"})


def _refuse(verdict: Verdict, rule: Rule) -> ResponseReturnValue:
    if verdict is Verdict.SIGN_IN:
        return _sign_in_first(rule)
    if verdict is Verdict.TERMS:
        return redirect_to(url_for("account.terms", next=page_asked_for()))
    if verdict is Verdict.FACTOR:
        return to_factors(page_asked_for())
    if verdict is Verdict.NOT_FOUND:
        abort(404)
    if verdict is Verdict.NOT_GIVEN:
        raise NotGiven
    if verdict is Verdict.NOT_VALIDATED:
        raise NotValidated
    return abort(403)


def install(app: Flask) -> None:
    """Register the gate. Call before anything else registers a before_request."""
    manager = LoginManager()
    # The sign-in is a row that can be ended; Flask-Login's own fingerprint of browser and address adds nothing to that.
    manager.session_protection = None
    manager.init_app(app)
    manager.user_loader(load_actor)
    prefixes.install(app)
    app.before_request(enforce)
    app.register_error_handler(SignInEnded, _ended_meanwhile)
    app.jinja_env.globals["can"] = can
