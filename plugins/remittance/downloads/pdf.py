"""The remittance advice as PDF: a whole payment, or one claim of it for a secondary payer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hp_portal.api import BY_THE_WORKER, DocumentLimits, Payer, Progress, no_progress, render_pdf, show_date, show_money

from ..codes.glossary import Meanings
from ..codes.plain_words import method_word, show_phone
from ..models import Adjustment, Claim, Line, Payment
from .collect import ClaimParts, Remittance, dates, patient_name
from .parts import in_parts

_ONE_CLAIM = "One claim out of this payment. The payment's amount also covers what this document leaves out."
_TEMPLATE = Path(__file__).with_name("payment.typ")


def payment_pdf(
    remittance: Remittance,
    meanings: Meanings,
    payer: Payer,
    limits: DocumentLimits = BY_THE_WORKER,
    progress: Progress = no_progress,
) -> bytes:
    """The payment: header, balance, claims with lines and reasons, provider adjustments, the codes used.

    Raises DocumentError.
    """
    payment = remittance.payment
    beginning = {
        "heading": f"Remittance advice {payment.trace_number}",
        "note": remittance.standing.words,
        "blocks": [_about(payment), _payer(remittance, payer), _payee(remittance), _balance(payment)],
    }
    parts = in_parts(
        beginning,
        overview=_overview(remittance, meanings),
        provider_adjustments=_provider_adjustments(remittance, meanings),
        claims=[_claim(found, meanings) for found in remittance.claims],
        claims_heading="Claim details",
        glossary=_glossary(meanings),
    )
    return _render(parts, remittance, payer, limits, progress)


def claim_pdf(
    remittance: Remittance, meanings: Meanings, payer: Payer, limits: DocumentLimits = BY_THE_WORKER
) -> bytes:
    """One claim: what `find_claim` gives. Nothing in it tells of the payment's other patients. Raises DocumentError."""
    claim = remittance.claims[0].claim
    heading = f"Remittance advice for claim {claim.payer_control_number or claim.patient_control_number or claim.claim}"
    beginning = {
        "heading": heading,
        "note": " ".join(filter(None, (remittance.standing.words_alone, _ONE_CLAIM))),
        "blocks": [_about(remittance.payment), _payer(remittance, payer), _payee(remittance)],
    }
    parts = in_parts(
        beginning,
        overview=[],
        provider_adjustments=[],
        claims=[_claim(found, meanings) for found in remittance.claims],
        claims_heading="The claim",
        glossary=_glossary(meanings),
    )
    return _render(parts, remittance, payer, limits)


def _render(
    parts: Sequence[Mapping[str, Any]],
    remittance: Remittance,
    payer: Payer,
    limits: DocumentLimits,
    progress: Progress = no_progress,
) -> bytes:
    return render_pdf(
        _TEMPLATE,
        parts[0],
        more=parts[1:],
        title=parts[0]["heading"],
        author=remittance.payment.payer_name or payer.name,
        payer=payer,
        limits=limits,
        progress=progress,
    )


def _pairs(*pairs: tuple[str, str | None]) -> list[tuple[str, str]]:
    """The pairs that have a value."""
    return [(label, value) for label, value in pairs if value]


def _about(payment: Payment) -> dict[str, Any]:
    """What every remittance advice starts with."""
    return {
        "heading": "Payment",
        "facts": _pairs(
            ("Number", payment.trace_number),
            ("Method", method_word(payment.method)),
            ("Date", show_date(payment.effective_on)),
            ("Amount", show_money(payment.amount)),
            ("Claims", f"{payment.claim_count:,}"),
            ("Remittance produced", show_date(payment.produced_on)),
        ),
    }


def _payer(remittance: Remittance, payer: Payer) -> dict[str, Any]:
    payment = remittance.payment
    ways = [
        part
        for contact in remittance.contacts
        for part in (show_phone(contact.get("phone")), contact.get("email"), contact.get("url"))
        if part
    ]
    return {
        "heading": "Payer",
        "facts": _pairs(
            ("Name", payment.payer_name or payer.name),
            (
                "Address",
                _address(payment.payer_street, payment.payer_city, payment.payer_state, payment.payer_postal_code),
            ),
            ("Payer ID", payment.payer_id),
            ("Contact", ", ".join(dict.fromkeys(ways)) or ", ".join(filter(None, (payer.phone, payer.email)))),
        ),
    }


def _payee(remittance: Remittance) -> dict[str, Any]:
    payment = remittance.payment
    return {
        "heading": "Payee",
        "facts": _pairs(
            ("Name", payment.payee_name),
            (
                "Address",
                _address(payment.payee_street, payment.payee_city, payment.payee_state, payment.payee_postal_code),
            ),
            ("NPI", payment.payee_npi),
            ("Tax ID", remittance.payee_tin),
            ("Payer's number for the payee", payment.payee_number),
        ),
    }


def _address(street: str | None, city: str | None, state: str | None, postal_code: str | None) -> str:
    place = " ".join(filter(None, (state, postal_code)))
    return ", ".join(filter(None, (*(street or "").splitlines(), city, place)))


def _balance(payment: Payment) -> dict[str, Any]:
    """Claims less provider adjustments is the payment: the third balance of the 835 (005010X221A1, 1.10.2.1)."""
    paid, adjusted = payment.claims_paid, payment.provider_adjusted
    facts = [
        ("Paid on claims", show_money(paid)),
        ("Less provider-level adjustments", show_money(adjusted)),
        ("Payment", show_money(payment.amount)),
    ]
    if paid is not None and adjusted is not None and paid - adjusted != payment.amount:
        facts.append(("Difference", show_money(payment.amount - (paid - adjusted))))
    facts.append(("Result", "The payment balances" if payment.balanced else "The payment does not balance"))
    return {"heading": "Balance", "facts": facts}


def _day(value: dt.date | None) -> str:
    return f"{value:%m/%d}/{value.year:04}" if value else ""


def _span(first: dt.date | None, last: dt.date | None) -> str:
    return " – ".join(_day(date) for date in dates(first, last))


def _overview(remittance: Remittance, meanings: Meanings) -> list[list[str]]:
    """A row a claim, and their sums."""
    rows = [_overview_row(parts.claim, meanings) for parts in remittance.claims]
    if not rows:
        return rows
    claims = [parts.claim for parts in remittance.claims]
    sums = [
        _total([claim.charged for claim in claims]),
        _total([claim.adjusted for claim in claims]),
        _total([claim.patient_responsibility or 0 for claim in claims]),
        _total([claim.paid for claim in claims]),
    ]
    return [*rows, ["", "All claims", "", "", "", *sums, ""]]


def _total(amounts: Sequence[int | None]) -> str:
    """A sum, only if every amount could be read."""
    known = [amount for amount in amounts if amount is not None]
    return show_money(sum(known) if len(known) == len(amounts) else None)


def _overview_row(claim: Claim, meanings: Meanings) -> list[str]:
    return [
        str(claim.claim),
        patient_name(claim),
        claim.patient_control_number or "",
        claim.payer_control_number or "",
        _span(claim.service_from, claim.service_to),
        show_money(claim.charged),
        show_money(claim.adjusted),
        show_money(claim.patient_responsibility or 0),
        show_money(claim.paid),
        meanings("STATUS", claim.status).text or claim.status or "",
    ]


def _provider_adjustments(remittance: Remittance, meanings: Meanings) -> list[list[str]]:
    found = remittance.provider_adjustments
    rows = [
        [
            adjustment.reason or "",
            meanings("PLB", adjustment.reason).shown,
            adjustment.reference or "",
            adjustment.provider_id or "",
            _day(adjustment.fiscal_period_ends_on),
            show_money(adjustment.amount),
        ]
        for adjustment in found
    ]
    return (
        [*rows, ["", "All provider-level adjustments", "", "", "", _total([each.amount for each in found])]]
        if rows
        else []
    )


def _claim(parts: ClaimParts, meanings: Meanings) -> dict[str, Any]:
    claim = parts.claim
    rows = [_line(line, parts.adjustments_at(line.line), meanings) for line in parts.lines]
    whole = parts.adjustments_at(None)
    if whole:
        amount = _total([adjustment.amount for adjustment in whole])
        rows.append(["", "", "Whole claim", "", "", "", amount, "", _why(whole, claim.remarks, meanings)])
    why = "" if whole else _why([], claim.remarks, meanings)
    amounts = [show_money(claim.charged), "", show_money(claim.adjusted), show_money(claim.paid)]
    rows.append(["", "", "Claim total", "", *amounts, why])
    return {
        "heading": " · ".join(filter(None, (f"Claim {claim.claim}", patient_name(claim), claim.payer_control_number))),
        "facts": _claim_facts(claim, meanings),
        "rows": rows,
    }


def _claim_facts(claim: Claim, meanings: Meanings) -> list[tuple[str, str]]:
    rendering = " ".join(filter(None, (claim.rendering_name, claim.rendering_npi)))
    return _pairs(
        ("Patient account", claim.patient_control_number),
        ("Member ID", claim.member_id),
        ("Subscriber", claim.subscriber_name),
        ("Name on the plan's record", claim.corrected_name),
        ("Member ID on the plan's record", claim.corrected_id),
        ("Status", meanings("STATUS", claim.status).text or claim.status or ""),
        ("Dates of service", _span(claim.service_from, claim.service_to)),
        ("Received", _day(claim.received_on)),
        ("Rendering provider", rendering),
        ("DRG", claim.drg_code),
        ("Coverage ended", _day(claim.coverage_ended_on)),
        ("Patient owes", show_money(claim.patient_responsibility or 0)),
        ("Balance", None if claim.balanced else "The claim's amounts do not add up"),
    )


def _line(line: Line, adjustments: list[Adjustment], meanings: Meanings) -> list[str]:
    procedure = " ".join(filter(None, (line.procedure, line.modifiers)))
    revenue = f"Rev. {line.revenue_code}" if line.revenue_code and line.revenue_code != line.procedure else ""
    return [
        str(line.line),
        _span(line.service_from, line.service_to),
        "\n".join(filter(None, (procedure, revenue))),
        line.units or "",
        show_money(line.charged),
        show_money(line.allowed) if line.allowed is not None else "",
        show_money(line.adjusted),
        show_money(line.paid),
        _why(adjustments, line.remarks, meanings),
    ]


def _why(adjustments: list[Adjustment], remarks: str | None, meanings: Meanings) -> str:
    """A line for each adjustment and remark: code, amount and plain words."""
    texts = []
    for adjustment in adjustments:
        code = "-".join(filter(None, (adjustment.group, adjustment.reason)))
        meaning = meanings("CARC", adjustment.reason).shown
        texts.append(" ".join(filter(None, (code, show_money(adjustment.amount), meaning))))
    texts += [f"{code} {meanings('RARC', code).shown}" for code in (remarks or "").split()]
    return "\n".join(texts)


def _glossary(meanings: Meanings) -> list[list[str]]:
    """The codes that stand in this document and no others, whose words explain them, and what one can do now."""
    return [[found.list_name, found.code, found.shown, found.source, found.advice] for found in meanings.all()]
