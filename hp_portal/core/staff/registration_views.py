"""Registrations that wait for the payer's staff, what is on record about each, and what staff decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flask import Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectChoice

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.applications.menu import plugins
from hp_portal.core.payees.by_hand import PayeeExists, add_payee
from hp_portal.core.payees.finding import payee_by_id
from hp_portal.core.people.accounts import NameTaken
from hp_portal.core.people.ended import OrganizationEnded
from hp_portal.core.registration import clusters, deciding, disputes, transfers
from hp_portal.core.registration.deciding import HeldBy
from hp_portal.core.registration.facts import AccountClosed, DecidedAlready
from hp_portal.core.registration.forms import PATHS
from hp_portal.core.registration.models import (
    AFTER_TRIAL,
    ASKED,
    CHALLENGED,
    DISPUTED,
    LEFT,
    LETTERS,
    NEW_BILLING,
    NO_DELEGATE,
    OBJECTED,
    OPEN,
    PIN,
    STAFF,
    UNTOLD,
    Registration,
)
from hp_portal.core.registration.pins import NoAddress
from hp_portal.core.registration.telling import LEFT_REASONS
from hp_portal.core.staff import registrations as reading
from hp_portal.core.staff.blueprint import blueprint
from hp_portal.core.staff.organizations import find_organization
from hp_portal.core.staff.record_forms import PayeeForm
from hp_portal.core.staff.registration_forms import DecideForm, FindPayeeForm, RegistrationsForm
from hp_portal.core.staff.registrations import Case, Holder
from hp_portal.core.web.render import db_session, form_status, page, redirect_to, settings

READ, DECIDE = "staff:registrations:read", "staff:registrations:decide"
ID = "<id:registration_id>"
ALREADY = "Nothing was changed: somebody else, or time, has decided meanwhile. See below how it stands now."
HELD = "An organization has been linked to this payee meanwhile. Let the person into that organization, or decline."
CLOSED = "Nothing was changed: the account is deactivated. Reactivate it first, or choose what ends the registration."
ENDED = "Nothing was changed: {organization} has ended, and nobody is let into it any more."
TAKEN = (
    "There is an account with the address {email} already. Decline this registration, and tell the person to sign in with that "
    "account or to ask for a new link."
)
NO_LETTER = (
    "Nothing was changed: the address on record fits no envelope. It needs a street or box, and a last line with city, state and "
    "ZIP code. Correct the payee first."
)


@blueprint.get("/registrations")
@access.staff(READ)
def registrations() -> ResponseReturnValue:
    db, form = db_session(), RegistrationsForm(request.args)
    if not form.validate():
        return page("staff/registrations.html", "results", form=form, listing=None, clusters=[], status=422)
    show, name = form.show.data or reading.FOR_STAFF, form.name.data or ""
    listing = reading.list_registrations(db, show, name, reading.REGISTRATIONS.read(request.args))
    found = clusters.open_clusters(db)
    db.commit()
    return page(
        "staff/registrations.html",
        "results",
        form=form,
        listing=listing.at("staff.registrations", show=show, name=name),
        clusters=found,
        paths=PATHS,
    )


@blueprint.get(f"/registrations/{ID}")
@access.staff(READ)
def registrations_one(registration_id: int) -> ResponseReturnValue:
    return _case_page(registration_id, DecideForm(formdata=None), FindPayeeForm(formdata=None), 200)


@blueprint.post(f"/registrations/{ID}/find")
@access.staff(READ)
def registrations_find(registration_id: int) -> ResponseReturnValue:
    """The same with another payee of the record, to which it can be linked."""
    form = FindPayeeForm()
    return _case_page(registration_id, DecideForm(formdata=None), form, 200 if form.validate_on_submit() else 422)


def _find(registration_id: int) -> Registration:
    return reading.find_registration(db_session(), registration_id) or abort(404)


def _case_page(registration_id: int, form: DecideForm, find: FindPayeeForm, status: int) -> Response:
    db = db_session()
    if find.vendor_number.data and not find.errors:
        form.looked_for.data = find.vendor_number.data
    number = form.looked_for.data or ""
    case = reading.view_case(db, _find(registration_id), number)
    form.decision.choices = list(choices(case))
    answer = page(
        "staff/registration.html",
        case=case,
        form=form,
        find=find,
        nothing_found=bool(number) and all(one.vendor_number.upper() != number.upper() for one in case.payees),
        may_link=_is_unlisted(case.registration),
        paths=PATHS,
        reasons=LEFT_REASONS,
        status=status,
    )
    db.commit()
    return answer


def _is_unlisted(registration: Registration) -> bool:
    """Do staff have to say to what it belongs?"""
    return (registration.state, registration.person_id, registration.organization_id) == (STAFF, None, None)


def choices(case: Case) -> Iterator[SelectChoice]:
    """What staff can decide on a registration as it stands: for a closed account, and where an organization has ended, nothing
    that opens them."""
    row = case.registration
    closed = case.person is not None and case.person.deactivated_at is not None
    target = case.target if case.target and not case.target.ended else None
    if row.state in (STAFF, ASKED) and row.person_id is None and target:
        yield from _into(target)
    elif _is_unlisted(row):
        yield from _linked(case)
    if (row.state, row.why) == (STAFF, DISPUTED) and target:
        yield SelectChoice(
            "replace",
            f"{target.name} is theirs: close the accounts of those who are registered, and make {row.name} its delegate",
        )
    if (row.state, row.why) == (OPEN, NEW_BILLING) and target:
        yield SelectChoice("confirm", f"{target.name} is what it says")
        yield SelectChoice("end", f"{target.name} is not theirs: close its accounts, and free the Tax ID")
    trial = row.state == STAFF and row.why in AFTER_TRIAL
    if not closed:
        yield from _opened(case, trial=trial)
    if row.state in (OBJECTED, CHALLENGED) or trial:
        yield SelectChoice("uphold", f"{row.name} does not belong there: end the access and close the account")
    if row.state in (STAFF, ASKED, PIN) and not trial:
        yield SelectChoice("decline", "Decline")


def _opened(case: Case, *, trial: bool) -> Iterator[SelectChoice]:
    """What opens something for an account, or sends it a letter."""
    row = case.registration
    # In place of somebody of an organization that is not known yet.
    nobody = row.route == LEFT and row.organization_id is None
    if case.movable and not trial:
        yield from _moved(case)
    told = row.state == STAFF and row.why in (UNTOLD, NO_DELEGATE)
    if told and case.target and case.target.delegates:
        yield SelectChoice(
            "again", f"Tell the delegates of {case.target.name} anew: the days to object begin once more"
        )
    if (
        row.state in (STAFF, PIN)
        and row.person_id is not None
        and row.payee_id is not None
        and not trial
        and not nobody
    ):
        name = next((payee.name for payee in case.payees if payee.id == row.payee_id), "")
        yield SelectChoice("open", f"Give access to the payments to {name} without a PIN")
    if row.state == PIN and row.why == LETTERS:
        yield SelectChoice("letter", "Write another letter with a PIN all the same: it is no abuse")
    elif row.state == PIN:
        yield SelectChoice("letter", "Write another letter with a new PIN: the address on record is right now")
    if case.target and case.target.ended and row.own_id is not None and row.state in (STAFF, OBJECTED):
        yield SelectChoice(
            "dismiss", f"{case.target.name} has ended: {row.name} goes on in an organization of their own"
        )
    elif row.state == OBJECTED:
        yield SelectChoice("dismiss", f"The objection does not hold: {row.name} becomes a delegate at once")
    elif row.state == STAFF and row.own_id is not None and case.target:
        yield SelectChoice("dismiss", f"{row.name} belongs there: a delegate of {case.target.name} at once")


def _moved(case: Case) -> Iterator[SelectChoice]:
    """The organizations that hold the payee: the account can be moved into each."""
    payee = next((one for one in case.payees if one.id == case.registration.payee_id), None)
    for one in payee.holders if payee else ():
        if one.joinable:
            yield SelectChoice(f"move:{one.id}", f"Move the account into {one.name}, which holds the payee")
            yield SelectChoice(f"move-delegate:{one.id}", f"Move the account into {one.name}, as a delegate")


def _into(target: Holder) -> Iterator[SelectChoice]:
    yield SelectChoice(f"member:{target.id}", f"Let the person into {target.name}")
    yield SelectChoice(f"delegate:{target.id}", f"Let the person into {target.name}, as a delegate")


def _linked(case: Case) -> Iterator[SelectChoice]:
    offered: set[int] = set()
    for payee in case.payees:
        own = [one for one in payee.holders if one.joinable]
        for one in own:
            if one.id not in offered:
                yield from _into(one)
            offered.add(one.id)
        if not own:
            npi = f"NPI {payee.npi}" if payee.npi else "no NPI"
            yield SelectChoice(
                f"new:{payee.id}",
                f"New organization {payee.name}, linked to vendor number {payee.vendor_number} ({npi}), the person its delegate",
            )


@blueprint.post(f"/registrations/{ID}/decide")
@access.staff(DECIDE)
def registrations_decide(registration_id: int) -> ResponseReturnValue:
    db, form, find = db_session(), DecideForm(), FindPayeeForm(formdata=None)
    registration = _find(registration_id)
    case = reading.view_case(db, registration, form.looked_for.data or "")
    form.decision.choices = list(choices(case))
    if not form.decision.choices:
        return _already(registration_id)
    if not form.validate_on_submit():
        return _case_page(registration_id, form, find, form_status(form))
    kind, _, about = form.decision.data.partition(":")
    try:
        told = _DECIDE[kind](registration, int(about or 0), form)
    except DecidedAlready:
        return _already(registration_id)
    except (AccountClosed, HeldBy, NameTaken, NoAddress, OrganizationEnded) as error:
        db.rollback()
        form.form_errors = [_problem(error, registration.email)]
        return _case_page(registration_id, form, find, 422)
    db.commit()
    flash(told, "good")
    return redirect_to(url_for("staff.registrations_one", registration_id=registration_id))


def _already(registration_id: int) -> Response:
    db_session().rollback()
    flash(ALREADY, "warn")
    return redirect_to(url_for("staff.registrations_one", registration_id=registration_id))


def _problem(error: Exception, email: str) -> str:
    if isinstance(error, AccountClosed):
        return CLOSED
    if isinstance(error, HeldBy):
        return HELD
    if isinstance(error, OrganizationEnded):
        return ENDED.format(organization=error.organization)
    return NO_LETTER if isinstance(error, NoAddress) else TAKEN.format(email=email)


def _words(form: DecideForm) -> dict[str, str]:
    return {"answer": form.answer.data, "reason": form.reason.data}


def _let_in(registration: Registration, organization_id: int, form: DecideForm, *, delegate: bool = False) -> str:
    db = db_session()
    if registration.organization_id is None:
        deciding.add_to(db, registration, find_organization(db, organization_id) or abort(404))
    person = deciding.add_member(
        db, settings(), plugins(), the_actor(), registration, delegate=delegate, **_words(form)
    )
    return f"{person.name} has an account now and gets a message with a link to set a password."


def _delegate(registration: Registration, organization_id: int, form: DecideForm) -> str:
    return _let_in(registration, organization_id, form, delegate=True)


def _move(registration: Registration, organization_id: int, form: DecideForm, *, delegate: bool = False) -> str:
    db = db_session()
    organization = find_organization(db, organization_id) or abort(404)
    person = transfers.transfer(db, the_actor(), registration, organization, delegate=delegate, **_words(form))
    return f"{person.name} belongs to {organization.name} now. Its delegates are told."


def _move_delegate(registration: Registration, organization_id: int, form: DecideForm) -> str:
    return _move(registration, organization_id, form, delegate=True)


def _new(registration: Registration, payee_id: int, form: DecideForm) -> str:
    db = db_session()
    payee = payee_by_id(db, payee_id) or abort(404)
    person = deciding.add_unlisted(db, settings(), plugins(), the_actor(), registration, payee, **_words(form))
    return f"{payee.name} is an organization now. {person.name} gets a message with a link to set a password."


def _decline(registration: Registration, _about: int, form: DecideForm) -> str:
    deciding.decline(db_session(), the_actor(), registration, **_words(form))
    return f"The registration is declined. {registration.name} is told so."


def _uphold(registration: Registration, _about: int, form: DecideForm) -> str:
    deciding.uphold(db_session(), the_actor(), registration, **_words(form))
    return f"The access of {registration.name} has ended, and the account is closed."


def _dismiss(registration: Registration, _about: int, form: DecideForm) -> str:
    deciding.dismiss(db_session(), the_actor(), registration, **_words(form))
    return f"{registration.name} is a delegate now."


def _again(registration: Registration, _about: int, form: DecideForm) -> str:
    deciding.tell_again(db_session(), settings(), the_actor(), registration, **_words(form))
    return "The delegates are told anew, and can object."


def _replace(registration: Registration, _about: int, form: DecideForm) -> str:
    person = disputes.replace_people(db_session(), settings(), plugins(), the_actor(), registration, **_words(form))
    return f"The other accounts are closed. {person.name} gets a message with a link to set a password."


def _confirm(registration: Registration, _about: int, form: DecideForm) -> str:
    disputes.confirm_new(db_session(), the_actor(), registration, **_words(form))
    return "The billing organization is confirmed."


def _end(registration: Registration, _about: int, form: DecideForm) -> str:
    disputes.end_new(db_session(), the_actor(), registration, **_words(form))
    return "Its accounts are closed, and its Tax ID can be registered again."


def _open(registration: Registration, _about: int, form: DecideForm) -> str:
    deciding.open_without_pin(db_session(), settings(), the_actor(), registration, **_words(form))
    if registration.state == CHALLENGED:
        return f"{registration.name} has access now. The delegates are told, and can object."
    return f"{registration.name} has access now."


def _letter(registration: Registration, _about: int, form: DecideForm) -> str:
    deciding.write_again(db_session(), settings(), the_actor(), registration, **_words(form))
    return "Another letter with a new PIN waits to be printed. An earlier PIN no longer works."


_DECIDE: dict[str, Callable[[Registration, int, DecideForm], str]] = {
    "member": _let_in,
    "delegate": _delegate,
    "move": _move,
    "move-delegate": _move_delegate,
    "new": _new,
    "decline": _decline,
    "uphold": _uphold,
    "dismiss": _dismiss,
    "again": _again,
    "replace": _replace,
    "confirm": _confirm,
    "end": _end,
    "open": _open,
    "letter": _letter,
}


@blueprint.route(f"/registrations/{ID}/payee", methods=["GET", "POST"])
@access.staff("staff:payees:manage")
def registrations_payee(registration_id: int) -> ResponseReturnValue:
    """Put a payee on record with the Tax ID and NPI that were given: nobody has to see or type them."""
    db, registration = db_session(), _find(registration_id)
    case = reading.view_case(db, registration)
    if not (_is_unlisted(registration) and case.facts.tin):
        return _already(registration_id)
    facts = case.facts
    form = PayeeForm(name=facts.organization, provider_type=facts.audience, address=facts.address)
    if not form.validate_on_submit():
        db.commit()
        return page("staff/registration_payee.html", case=case, form=form, status=form_status(form))
    try:
        payee = add_payee(db, facts.tin, facts.npi or None, form.facts())
    except PayeeExists:
        db.rollback()
        flash("A payee with this Tax ID and NPI is on record already: see below.", "info")
    else:
        db.commit()
        flash(f"{payee.name} is on record now. Decide below.", "good")
    return redirect_to(url_for("staff.registrations_one", registration_id=registration_id))
