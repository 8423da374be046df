"""Downloads of Remittance Inquiry. Each is recorded with its reason before anything leaves."""

from __future__ import annotations

from flask import abort, request
from flask.typing import ResponseReturnValue

from hp_portal.api import access, db_session, hand_over, the_actor

from ..blueprint import DOWNLOAD, blueprint
from ..codes.plain_words import payment_word
from ..intake.kept_text import kept_size
from ..models import Payment
from .collect import claim_rows, find_payment
from .documents import CLAIM_PDF, CSV, EDI, MOST_AT_ONCE, PDF, XLSX, is_small, is_small_835
from .reasons import read_reason


@blueprint.get("/payments/<id:payment_id>/pdf")
@access.requires(DOWNLOAD, member_data=True)
def payment_pdf(payment_id: int) -> ResponseReturnValue:
    return _payment(payment_id, PDF, "as PDF")


@blueprint.get("/payments/<id:payment_id>/xlsx")
@access.requires(DOWNLOAD, member_data=True)
def payment_xlsx(payment_id: int) -> ResponseReturnValue:
    return _payment(payment_id, XLSX, "as Excel workbook")


@blueprint.get("/payments/<id:payment_id>/csv")
@access.requires(DOWNLOAD, member_data=True)
def payment_csv(payment_id: int) -> ResponseReturnValue:
    return _payment(payment_id, CSV, "as CSV file")


@blueprint.get("/payments/<id:payment_id>/835")
@access.requires(DOWNLOAD, member_data=True)
def payment_835(payment_id: int) -> ResponseReturnValue:
    reason, payment = _reason(), _find(payment_id)
    size = kept_size(db_session(), payment_id) or abort(404)
    wanted = {"payment": payment_id, "reason": reason}
    return hand_over(EDI, wanted, title=f"{_name(payment)} as 835 file", small=is_small_835(size))


@blueprint.get("/payments/<id:payment_id>/claims/<id(32):claim>/pdf")
@access.requires(DOWNLOAD, member_data=True)
def claim_pdf(payment_id: int, claim: int) -> ResponseReturnValue:
    reason, payment = _reason(), _find(payment_id)
    rows = claim_rows(db_session(), payment_id, claim)
    if rows is None:
        abort(404)
    wanted = {"payment": payment_id, "claim": claim, "reason": reason}
    title = f"Claim {claim} of {_name(payment)} as PDF"
    return hand_over(CLAIM_PDF, wanted, title=title, small=rows <= MOST_AT_ONCE[PDF])


def _payment(payment_id: int, kind: str, how: str) -> ResponseReturnValue:
    reason, payment = _reason(), _find(payment_id)
    wanted = {"payment": payment_id, "reason": reason}
    return hand_over(kind, wanted, title=f"{_name(payment)} {how}", small=is_small(kind, payment))


def _find(payment_id: int) -> Payment:
    """The payment, or 404: also when it is another organization's."""
    return find_payment(db_session(), payment_id) or abort(404)


def _name(payment: Payment) -> str:
    return f"{payment_word(payment.method)} {payment.trace_number}"


def _reason() -> str:
    return read_reason(request.args, the_actor().reason)
