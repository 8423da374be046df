"""The page of payments that were chosen to be downloaded together, and the downloads."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.api import (
    KeptGone,
    access,
    db_session,
    hand_over,
    page,
    page_number,
    redirect_to,
    settings,
    show_count,
    the_actor,
)

from ..blueprint import DOWNLOAD, blueprint
from ..codes.plain_words import payment_word
from .chosen import MOST_ROWS, MOST_TOGETHER, Chosen, find_chosen, view_chosen
from .documents import is_small_835
from .gathering import LARGEST
from .reasons import choices, read_reason
from .together import CSV, EDI, XLSX, ZIP, is_small

_LARGEST_TEXT = LARGEST // 4  # kept text has about a quarter of its size


@dataclass(frozen=True)
class Offer:
    """A way to download what was chosen: its button's label, what it is, where it is, whether it comes at once, and why it
    cannot be had (empty: it can)."""

    label: str
    what: str
    url: str
    at_once: bool
    unless: str = ""


@blueprint.get("/payments/together")
@access.requires(DOWNLOAD, member_data=True)
def together() -> ResponseReturnValue:
    """What was chosen, what is to be known of it, and the ways to download it."""
    word, db = request.args.get("chosen", ""), db_session()
    if not word:
        return redirect_to(url_for("remittance.index"))
    try:
        chosen = view_chosen(db, the_actor(), word, page_number(request.args, "part"))
    except KeptGone:
        return page("remittance/together_gone.html", status=404)
    db.commit()
    reasons, usual = choices(the_actor().reason)
    return page(
        "remittance/together.html",
        chosen=chosen,
        word=word,
        offers=_offers(chosen),
        reasons=reasons,
        usual_reason=usual,
        most=MOST_TOGETHER,
        most_rows=MOST_ROWS,
        megabytes=LARGEST >> 20,
        days=settings().documents_kept_days,
        payment_word=payment_word,
    )


@blueprint.get("/payments/together/zip")
@access.requires(DOWNLOAD, member_data=True)
def together_zip() -> ResponseReturnValue:
    return _download(ZIP, "as PDF files in a ZIP")


@blueprint.get("/payments/together/xlsx")
@access.requires(DOWNLOAD, member_data=True)
def together_xlsx() -> ResponseReturnValue:
    return _download(XLSX, "as one Excel workbook")


@blueprint.get("/payments/together/csv")
@access.requires(DOWNLOAD, member_data=True)
def together_csv() -> ResponseReturnValue:
    return _download(CSV, "as one CSV file")


@blueprint.get("/payments/together/835")
@access.requires(DOWNLOAD, member_data=True)
def together_835() -> ResponseReturnValue:
    return _download(EDI, "as one 835 file")


def _download(kind: str, how: str) -> ResponseReturnValue:
    word, reason = request.args.get("chosen", ""), read_reason(request.args, the_actor().reason)
    if not word:
        return redirect_to(url_for("remittance.index"))
    try:
        chosen = find_chosen(db_session(), the_actor(), word, page_number(request.args, "part"))
    except KeptGone:
        return page("remittance/together_gone.html", status=404)
    offer = next(one for one in _offers(chosen) if one.url == url_for(request.endpoint or ""))
    if offer.unless:
        return redirect_to(url_for("remittance.together", chosen=word, part=chosen.number))
    wanted = {"payments": [list(one) for one in chosen.named], "reason": reason}
    # An 835 has only those that are to be posted.
    count = chosen.in_835 if kind == EDI else len(wanted["payments"])
    title = f"{show_count(count, 'payment')} {how}"
    return hand_over(kind, wanted, title=title, small=offer.at_once)


def _offers(chosen: Chosen) -> list[Offer]:
    """The ways to download, in the order of the page."""
    nothing = "" if chosen.payments else "None of these payments can be seen any more."
    no_835 = nothing or ("" if chosen.in_835 else "None of these payments counts and has an 835 text.")
    if not no_835 and chosen.kept > _LARGEST_TEXT:
        no_835 = f"Their 835 texts have more than {LARGEST >> 20} MB together. Choose fewer payments."
    joined = f"For your posting system: the text of {show_count(chosen.in_835, 'payment')} as it was sent, one after another."
    small_835 = is_small(EDI, chosen) and is_small_835(chosen.kept)
    return [
        Offer("ZIP of PDFs", "A PDF for each payment, and a list of them.", *_at("zip", ZIP, chosen), nothing),
        Offer(
            "Excel",
            "One workbook: payments, claims, lines, adjustments, codes.",
            *_at("xlsx", XLSX, chosen),
            nothing,
        ),
        Offer("CSV", "A row for each line of every payment.", *_at("csv", CSV, chosen), nothing),
        Offer("835", joined, url_for("remittance.together_835"), small_835, no_835),
    ]


def _at(name: str, kind: str, chosen: Chosen) -> tuple[str, bool]:
    return url_for(f"remittance.together_{name}"), is_small(kind, chosen)
