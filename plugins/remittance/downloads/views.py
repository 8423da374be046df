"""Downloads of Remittance Inquiry. Each is recorded with its reason before anything leaves."""

from __future__ import annotations

from flask import Response, abort, request
from flask.typing import ResponseReturnValue

from hp_portal.api import CSV_TYPE, XLSX_TYPE, access, attachment, db_session, file_name_part, settings, the_actor

from ..blueprint import DOWNLOAD, blueprint
from ..codes.glossary import Meanings, codes_of, look_up
from ..intake.kept_text import kept_interchange
from ..models import Payment
from .collect import Remittance, find_claim, find_payment, find_remittance, record_download
from .csv import payment_csv as make_csv
from .pdf import claim_pdf as make_claim_pdf
from .pdf import payment_pdf as make_payment_pdf
from .reasons import REASONS, USUAL
from .xlsx import payment_xlsx as make_xlsx

_CONTENT_TYPES = {
    "pdf": "application/pdf",
    "xlsx": XLSX_TYPE,
    "csv": CSV_TYPE,
    "835": "application/edi-x12",
}


@blueprint.get("/payments/<id:payment_id>/pdf")
@access.requires(DOWNLOAD, member_data=True)
def payment_pdf(payment_id: int) -> ResponseReturnValue:
    remittance = _remittance(payment_id)
    return _hand_over(
        remittance.payment, "pdf", make_payment_pdf(remittance, _meanings(remittance.payment), settings().payer)
    )


@blueprint.get("/payments/<id:payment_id>/xlsx")
@access.requires(DOWNLOAD, member_data=True)
def payment_xlsx(payment_id: int) -> ResponseReturnValue:
    remittance = _remittance(payment_id)
    return _hand_over(remittance.payment, "xlsx", make_xlsx(remittance, _meanings(remittance.payment)))


@blueprint.get("/payments/<id:payment_id>/csv")
@access.requires(DOWNLOAD, member_data=True)
def payment_csv(payment_id: int) -> ResponseReturnValue:
    remittance = _remittance(payment_id)
    return _hand_over(remittance.payment, "csv", make_csv(remittance))


@blueprint.get("/payments/<id:payment_id>/835")
@access.requires(DOWNLOAD, member_data=True)
def payment_835(payment_id: int) -> ResponseReturnValue:
    _reason()
    payment = find_payment(db_session(), payment_id) or abort(404)
    text = kept_interchange(db_session(), payment_id) or abort(404)
    return _hand_over(payment, "835", text)


@blueprint.get("/payments/<id:payment_id>/claims/<id(32):claim>/pdf")
@access.requires(DOWNLOAD, member_data=True)
def claim_pdf(payment_id: int, claim: int) -> ResponseReturnValue:
    _reason()
    remittance = find_claim(db_session(), payment_id, claim) or abort(404)
    document = make_claim_pdf(remittance, _meanings(remittance.payment, claim), settings().payer)
    return _hand_over(remittance.payment, "pdf", document, claim=claim)


def _remittance(payment_id: int) -> Remittance:
    """The payment, or 404: also when it is another organization's."""
    _reason()
    return find_remittance(db_session(), payment_id) or abort(404)


def _meanings(payment: Payment, claim: int | None = None) -> Meanings:
    """What the codes of a payment, or of one claim of it, meant on the payment's day."""
    return look_up(db_session(), codes_of(db_session(), payment.id, claim), payment.effective_on)


def _reason() -> str:
    """Why, as the record of activity shows it: from the query's `reason` (400 for one that is not in the list), else the
    session's."""
    named = request.args.get("reason", "")
    if not named and (given := the_actor().reason):
        return given
    return REASONS.get(named or USUAL) or abort(400)


def _hand_over(payment: Payment, kind: str, body: bytes, *, claim: int | None = None) -> Response:
    """The file as an attachment, once the download stands in the record."""
    session = db_session()
    record_download(session, payment, kind, _reason(), claim)
    session.commit()
    number = file_name_part(payment.trace_number) or str(payment.id)
    of_claim = "" if claim is None else f"-claim-{claim}"
    return attachment(body, f"remittance-{number}{of_claim}.{kind}", _CONTENT_TYPES[kind])
