"""The remittance advice as PDF: a whole payment, or one claim of it for a secondary payer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from hp_portal.api import BY_THE_WORKER, DocumentLimits, Payer, Progress, no_progress, render_pdf, show_date

from ..codes import labeled_segments
from ..codes.glossary import Meanings
from ..codes.labeled_segments import Further
from ..codes.plain_words import method_word, show_phone
from ..models import Adjustment, Claim, Line
from ..verdict import charges_of_lines, claim_marks
from .collect import ClaimParts, Remittance, dates, patient_name
from .pdf_parts import in_parts

_ONE_CLAIM = "One claim out of this payment. The payment's amount also covers what this document leaves out."
Money = Callable[[int | None], str]
"""Writes an amount in the payment's currency."""
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
        "note": " ".join(filter(None, (remittance.standing.words, *remittance.verdict.also))),
        "blocks": [_about(remittance), _payer(remittance, payer), _payee(remittance), _balance(remittance)],
    }
    parts = in_parts(
        beginning,
        overview=_overview(remittance, meanings),
        provider_adjustments=_provider_adjustments(remittance, meanings),
        claims=[_claim(remittance.money, found, meanings) for found in remittance.claims],
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
        "blocks": [_about(remittance), _payer(remittance, payer), _payee(remittance)],
    }
    parts = in_parts(
        beginning,
        overview=[],
        provider_adjustments=[],
        claims=[_claim(remittance.money, found, meanings) for found in remittance.claims],
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


def _about(remittance: Remittance) -> dict[str, Any]:
    """What every remittance advice starts with."""
    payment, verdict = remittance.payment, remittance.verdict
    return {
        "heading": "Payment",
        "facts": _pairs(
            ("Number", payment.trace_number),
            ("Method", method_word(payment.method)),
            ("Date", show_date(payment.effective_on)),
            ("Debit, taken back" if verdict.is_debit else "Amount", remittance.money(payment.amount)),
            ("Currency", payment.currency),
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


def _balance(remittance: Remittance) -> dict[str, Any]:
    """Claims less provider adjustments is the payment: the third balance of the 835 (005010X221A1, 1.10.2.1)."""
    verdict, money = remittance.verdict, remittance.money
    facts = [
        ("Paid for claims", money(verdict.claims_paid)),
        ("Less provider-level adjustments", money(verdict.adjusted)),
        *([("Plus its other parts", money(verdict.parts.others_come_to))] if verdict.parts else []),
        ("Payment", money(verdict.amount)),
    ]
    if verdict.difference:
        facts.append(("Difference", money(verdict.difference)))
    facts.append(("Result", verdict.result))
    if verdict.why:
        facts.append(("Why", " ".join(verdict.why)))
    return {"heading": "Balance", "facts": facts}


def _day(value: dt.date | None) -> str:
    return f"{value:%m/%d}/{value.year:04}" if value else ""


def _span(first: dt.date | None, last: dt.date | None) -> str:
    return " – ".join(_day(date) for date in dates(first, last))


def _overview(remittance: Remittance, meanings: Meanings) -> list[list[str]]:
    """A row a claim, and their sums."""
    money = remittance.money
    off = remittance.verdict.marks.charges_in
    rows = [_overview_row(money, parts.claim, meanings, off) for parts in remittance.claims]
    if not rows:
        return rows
    claims = [parts.claim for parts in remittance.claims]
    sums = [
        _total(money, [claim.charged for claim in claims]),
        _total(money, [claim.adjusted for claim in claims]),
        _total(money, [claim.patient_responsibility or 0 for claim in claims]),
        _total(money, [claim.paid for claim in claims]),
    ]
    return [*rows, ["", "All claims", "", "", "", *sums, ""]]


def _total(money: Money, amounts: Sequence[int | None]) -> str:
    """A sum, only if every amount could be read."""
    known = [amount for amount in amounts if amount is not None]
    return money(sum(known) if len(known) == len(amounts) else None)


def _overview_row(money: Money, claim: Claim, meanings: Meanings, charges_in: Collection[int]) -> list[str]:
    return [
        str(claim.claim),
        patient_name(claim),
        claim.patient_control_number or "",
        claim.payer_control_number or "",
        _span(claim.service_from, claim.service_to),
        money(claim.charged),
        money(claim.adjusted),
        money(claim.patient_responsibility or 0),
        money(claim.paid),
        "\n".join((meanings("STATUS", claim.status).text or claim.status or "", *claim_marks(claim, charges_in))),
    ]


def _provider_adjustments(remittance: Remittance, meanings: Meanings) -> list[list[str]]:
    found, money = remittance.provider_adjustments, remittance.money
    rows = [
        [
            adjustment.reason or "",
            meanings("PLB", adjustment.reason).shown,
            adjustment.reference or "",
            adjustment.provider_id or "",
            _day(adjustment.fiscal_period_ends_on),
            money(adjustment.amount),
        ]
        for adjustment in found
    ]
    return (
        [*rows, ["", "All provider-level adjustments", "", "", "", _total(money, [each.amount for each in found])]]
        if rows
        else []
    )


def _claim(money: Money, parts: ClaimParts, meanings: Meanings) -> dict[str, Any]:
    claim = parts.claim
    rows = [_line(money, line, parts.adjustments_at(line.line), meanings) for line in parts.lines]
    whole = parts.adjustments_at(None)
    if whole:
        amount = _total(money, [adjustment.amount for adjustment in whole])
        rows.append(["", "", "Whole claim", "", "", "", amount, "", _why(money, whole, claim.remarks, meanings)])
    why = "" if whole else _why(money, [], claim.remarks, meanings)
    amounts = [money(claim.charged), "", money(claim.adjusted), money(claim.paid)]
    rows.append(["", "", "Claim total", "", *amounts, why])
    return {
        "heading": " · ".join(filter(None, (f"Claim {claim.claim}", patient_name(claim), claim.payer_control_number))),
        "facts": _claim_facts(money, claim, meanings, charges_of_lines(claim, parts.lines)),
        "rows": rows,
    }


def _claim_facts(money: Money, claim: Claim, meanings: Meanings, charges: int | None) -> list[tuple[str, str]]:
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
        ("Patient owes", _owed(money, claim)),
        ("Balance", None if claim.balanced else "The claim's amounts do not add up"),
        (
            "Charges",
            None if charges is None else f"Its services charge {money(charges)}, the claim {money(claim.charged)}",
        ),
        *((fact.label, _shown(money, fact)) for fact in labeled_segments.of_claim(claim)),
    )


def _owed(money: Money, claim: Claim) -> str:
    stated = money(claim.patient_responsibility or 0)
    if claim.patient_adjusted is None:
        return stated
    return f"Unclear: {stated} is stated, but the adjustments to the patient come to {money(claim.patient_adjusted)}"


def _shown(money: Money, fact: Further) -> str:
    return money(fact.cents) if fact.cents is not None else fact.text


def _line(money: Money, line: Line, adjustments: list[Adjustment], meanings: Meanings) -> list[str]:
    procedure = " ".join(filter(None, (line.procedure, line.modifiers)))
    revenue = f"Rev. {line.revenue_code}" if line.revenue_code and line.revenue_code != line.procedure else ""
    return [
        str(line.line),
        _span(line.service_from, line.service_to),
        "\n".join(filter(None, (procedure, revenue))),
        line.units or "",
        money(line.charged),
        money(line.allowed) if line.allowed is not None else "",
        money(line.adjusted),
        money(line.paid),
        "\n".join(filter(None, (_why(money, adjustments, line.remarks, meanings), _besides(money, line)))),
    ]


def _besides(money: Money, line: Line) -> str:
    """What else the remittance says of a line, in one line of text."""
    off = [] if line.balanced else ["The line does not add up"]
    return "; ".join([*off, *(f"{fact.label} {_shown(money, fact)}" for fact in labeled_segments.of_line(line))])


def _why(money: Money, adjustments: list[Adjustment], remarks: str | None, meanings: Meanings) -> str:
    """A line for each adjustment and remark: code, amount and plain words."""
    texts = []
    for adjustment in adjustments:
        code = "-".join(filter(None, (adjustment.group, adjustment.reason)))
        meaning = meanings("CARC", adjustment.reason).shown
        texts.append(" ".join(filter(None, (code, money(adjustment.amount), meaning))))
    texts += [f"{code} {meanings('RARC', code).shown}" for code in (remarks or "").split()]
    return "\n".join(texts)


def _glossary(meanings: Meanings) -> list[list[str]]:
    """The codes that stand in this document and no others, whose words explain them, and what one can do now."""
    return [[found.list_name, found.code, found.shown, found.source, found.advice] for found in meanings.all()]
