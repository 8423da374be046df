"""The pages of one payment and of its claims."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Response, abort, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.api import (
    KeptGone,
    PortalSession,
    access,
    can,
    db_session,
    masked_tin,
    page,
    redirect_to,
    settings,
    show_amounts_in,
    the_actor,
    wants_fragment,
)

from ..blueprint import DOWNLOAD, READ, blueprint
from ..codes import glossary
from ..codes.plain_words import method_word, payment_word, status_word
from ..downloads.reasons import choices
from ..intake.standing import standing_of
from ..models import PAYEE_TIN, Claim, Payment
from ..office.notes import notes_of
from ..office.posting import marks_of
from ..verdict import claim_marks, judge
from ..x12.marks import read_marks
from . import claims, history, kept_searches
from .claim_news import News
from .forms import ClaimFilterForm, NoteForms
from .payment import contacts, find_payment, view_claims
from .posted import Kept, claims_posted, payment_posted

WORDS: dict[str, Any] = {
    "method_word": method_word,
    "payment_word": payment_word,
    "status_word": status_word,
    "words": {"payment_word": payment_word, "status_word": status_word, "claim_marks": claim_marks},
}


def _words(found: Payment) -> dict[str, Any]:
    """The words of a page about a payment; of its claims, which have lines that do not charge what the claim does."""
    marks = partial(claim_marks, charges_in=read_marks(found.marks).charges_in)
    return {**WORDS, "words": {**WORDS["words"], "claim_marks": marks}}


@blueprint.get("/payments/<id:payment_id>")
@access.requires(READ, member_data=True)
def payment(payment_id: int) -> ResponseReturnValue:
    db = db_session()
    found = payment_or_404(db, payment_id)
    token, gone, text = request.args.get("filter", ""), False, ""
    if token:
        try:
            text = kept_searches.find_filter(db, the_actor(), payment_id, token)
        except KeptGone:
            token, gone = "", True
    return payment_page(db, found, text, token, gone=gone)


@blueprint.post("/payments/<id:payment_id>/filter")
@access.requires(READ, member_data=True)
def filter_claims(payment_id: int) -> ResponseReturnValue:
    """A name or number to filter by comes by POST; the answer's address has a word for it."""
    db, form = db_session(), ClaimFilterForm()
    found = payment_or_404(db, payment_id)
    if not form.validate_on_submit():
        return payment_page(db, found, "", "", form=form, status=422)
    values: dict[str, Any] = {name: request.form[name] for name in ("status", "sort", "open") if request.form.get(name)}
    if text := form.text.data:
        values["filter"] = kept_searches.keep_filter(db, the_actor(), payment_id, text)
    db.commit()
    return redirect_to(url_for("remittance.payment", payment_id=payment_id, **values) + "#claims-of-payment")


@blueprint.get("/payments/<id:payment_id>/claims/<id(32):number>")
@access.requires(READ, member_data=True)
def claim(payment_id: int, number: int) -> ResponseReturnValue:
    """A claim: for htmx its row opened in place (closed again with ?closed=1), else a page of its own."""
    db = db_session()
    if request.args.get("closed") and wants_fragment():
        found = payment_or_404(db, payment_id)
        row, news = claims.view_row(db, payment_id, number) or abort(404)
        shown: dict[str, Any] = {"news": news, "meaning": glossary.look_up(db, news.codes(), found.effective_on)}
        kept = _kept(db, found, row, news)
        db.commit()
        return page("remittance/claim_row.html", "closed", row=row, kept=kept, **shown, **_words(found))
    return claim_page(db, payment_or_404(db, payment_id), number)


def claim_page(
    db: PortalSession, found: Payment, number: int, *, note_forms: NoteForms | None = None, status: int = 200
) -> Response:
    """A claim's page, or for htmx its opened row; 404 when there is none. `note_forms`: see `payment_page`."""
    viewed = claims.view_claim(db, found.id, number) or abort(404)
    context = _claim_context(db, found, viewed)
    db.commit()
    if wants_fragment():
        return page("remittance/claim_row.html", "opened", row=viewed.opened.claim, **context)
    return page("remittance/claim.html", status=status, note_forms=note_forms or NoteForms(), **context)


def _kept(db: PortalSession, found: Payment, claim: Any, news: News) -> Kept:
    """What the office keeps of one claim."""
    return Kept(claims_posted(db, [claim], news), notes_of(db, the_actor(), found.id), choose=found.claim_count > 1)


def _claim_context(db: PortalSession, found: Payment, viewed: claims.ClaimView) -> dict[str, Any]:
    claim = viewed.opened.claim
    used = glossary.codes_of(db, found.id, claim.claim)
    return {
        "payment": found,
        "claim": claim,
        "opened": viewed.opened,
        "history": viewed.history,
        "standing": standing_of(db, found),
        "news": viewed.news,
        "kept": _kept(db, found, claim, viewed.news),
        "meaning": glossary.look_up(db, used, found.effective_on),
        **_downloads(found.id, claim),
        **_words(found),
    }


def payment_or_404(db: PortalSession, payment_id: int) -> Payment:
    """The payment; its amounts show in its currency. 404 when there is none that one may see."""
    found = find_payment(db, payment_id)
    if found is None:
        abort(404)
    show_amounts_in(found.currency)
    return found


KEPT_IN_ADDRESS = ("sort", "page", "status", "filter", "open")
"""What an address says of how a payment's claims are shown."""


def payment_page(
    db: PortalSession,
    found: Payment,
    text: str,
    token: str,
    *,
    gone: bool = False,
    form: ClaimFilterForm | None = None,
    nothing_chosen: bool = False,
    note_forms: NoteForms | None = None,
    status: int = 200,
) -> Response:
    """The payment's page, or for htmx its claims. `text` filters the claims, `token` is the word for it.

    `nothing_chosen`: claims were to be marked, and none was chosen. `note_forms` make the forms of notes where one was refused.
    """
    arguments = request.args
    wanted = claims.Wanted(
        claims.CLAIMS.read(arguments), text, claims.read_status(arguments), claims.read_opened(arguments)
    )
    adjustments = [] if wants_fragment() else history.provider_adjustments(db, found)
    shown = view_claims(db, found, wanted, adjustments)
    values = {"payment_id": found.id, "status": wanted.status, "filter": token, "_anchor": "claims-of-payment"}
    other = shown.listing.at("remittance.payment", **values, open="" if wanted.opened else "all")
    kept = Kept(
        claims_posted(db, shown.listing.rows, shown.news),
        notes_of(db, the_actor(), found.id),
        choose=found.claim_count > 1,
    )
    context: dict[str, Any] = {
        "payment": found,
        "rows": shown.listing.at("remittance.payment", **values, open="all" if wanted.opened else ""),
        "open_or_close": other.url_for_page(shown.listing.number),
        "totals": shown.totals,
        "news": shown.news,
        "opened": shown.opened,
        "wanted": wanted,
        "gone": gone,
        "kept": kept,
        "post_url": _post_url(found.id),
        "everything": url_for("remittance.payment", payment_id=found.id),
        **_words(found),
    }
    if wants_fragment():
        used = glossary.codes_of(db, found.id) if wanted.opened else shown.news.codes()
        context["meaning"] = glossary.look_up(db, used, found.effective_on)
    else:
        context |= _whole_payment(db, found) | {"adjustments": adjustments, "nothing_chosen": nothing_chosen}
        marks = kept.posted.of_payments if shown.listing.rows else marks_of(db, [found.id])
        context["payment_posted"] = payment_posted(db, found, marks)
        context["note_forms"] = note_forms or NoteForms()
        context["form"] = form or ClaimFilterForm(formdata=None, text=text)
    db.commit()
    return page("remittance/payment.html", "claims", status=status, **context)


def _post_url(payment_id: int) -> str:
    """Where claims are marked as posted: it leads back to the same part of the list."""
    values: dict[str, Any] = {name: request.args[name] for name in KEPT_IN_ADDRESS if request.args.get(name)}
    return url_for("remittance.post_claims", payment_id=payment_id, **values)


def _whole_payment(db: PortalSession, found: Payment) -> dict[str, Any]:
    """What stands around the claims."""
    return {
        "tin": masked_tin(db, found.payee_tin_sealed, PAYEE_TIN(found.id)),
        "standing": standing_of(db, found),
        "proof": judge(db, found),
        "contacts": contacts(found, settings().payer),
        "statuses": claims.statuses(db, found.id),
        "meaning": glossary.look_up(db, glossary.codes_of(db, found.id), found.effective_on),
        **_downloads(found.id),
    }


_FORMATS = (("PDF", "pdf"), ("Excel", "xlsx"), ("CSV", "csv"), ("835", "835"))


def _downloads(payment_id: int, of_claim: Claim | None = None) -> dict[str, Any]:
    """What can be downloaded, a label and an address each, and the reasons to choose from."""
    reasons, usual = choices(the_actor().reason)
    offered: list[tuple[str, str]] = []
    if can(DOWNLOAD) and of_claim is not None:
        address = url_for("remittance.claim_pdf", payment_id=payment_id, claim=of_claim.claim)
        offered = [("PDF of this claim", address)]
    elif can(DOWNLOAD):
        offered = [(label, url_for(f"remittance.payment_{kind}", payment_id=payment_id)) for label, kind in _FORMATS]
    return {"downloads": offered, "reasons": reasons, "usual_reason": usual}
