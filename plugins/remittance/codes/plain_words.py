"""What codes of a remittance mean, in our own few words.

None of this is the published text of a code list: those belong to their owners and are loaded by the plan under its license
(see the table of codes). Pages mark these words as ours and prefer a loaded text. Reasons and remarks: explanations.py.
"""

from __future__ import annotations

import re

GROUPS = {
    "CO": "The contract with the plan takes this off; the patient does not owe it.",
    "CR": "Corrects or reverses an earlier decision.",
    "OA": "Another kind of adjustment; neither contract nor patient.",
    "PI": "The plan takes this off on its own rules; the patient does not owe it.",
    "PR": "The patient owes this.",
}

# Whose loss an adjustment is, by its group, in a word or two.
BORNE_BY = {
    "CO": "Provider (contract)",
    "CR": "Correction",
    "OA": "See the reason",
    "PI": "Provider (plan’s rules)",
    "PR": "Patient",
}

# The status of a claim that takes an earlier payment back.
REVERSAL = "22"

STATUSES = {
    "1": "Processed as primary",
    "2": "Processed as secondary",
    "3": "Processed as tertiary",
    "4": "Denied",
    "5": "Waiting for a decision",
    "10": "Received, not processed yet",
    "13": "On hold",
    "15": "On hold, being looked into",
    "16": "On hold, returned for more information",
    "17": "On hold, waiting for review",
    "19": "Processed as primary and forwarded",
    "20": "Processed as secondary and forwarded",
    "21": "Processed as tertiary and forwarded",
    "22": "Reversal of an earlier payment",
    "23": "Not this plan’s claim, forwarded",
    "25": "Estimate only, no payment",
    "27": "Reviewed",
}

PROVIDER_ADJUSTMENTS = {
    "50": "Charge for filing late",
    "51": "Penalty interest",
    "72": "Refund that the provider sent back",
    "90": "Discount for paying early",
    "AH": "Fee for starting the service",
    "AM": "Applied to a loan of the provider",
    "AP": "Benefits paid ahead of time",
    "B2": "Rebate",
    "B3": "Allowance for recovering money",
    "BD": "Bad debt",
    "BN": "Bonus",
    "C5": "Provisional allowance",
    "CR": "Interest on capitation",
    "CS": "Adjustment explained separately",
    "CT": "Capitation payment",
    "CV": "Capital costs passed through",
    "CW": "Nurse anesthetist costs passed through",
    "DM": "Medical education costs passed through",
    "E3": "Withheld",
    "FB": "Balance carried forward to or from another payment",
    "FC": "Share of a fund",
    "GO": "Graduate medical education costs passed through",
    "HM": "Hemophilia clotting factor supplement",
    "IP": "Incentive payment",
    "IR": "Withheld for the Internal Revenue Service",
    "IS": "Interim settlement",
    "J1": "Not reimbursable",
    "L3": "Penalty",
    "L6": "Interest that the plan owes",
    "LE": "Levy",
    "LS": "Lump sum",
    "OA": "Organ acquisition costs passed through",
    "OB": "Offset between related providers",
    "PI": "Periodic interim payment",
    "PL": "Final payment",
    "RA": "Change that reaches back in time",
    "RE": "Return on equity",
    "SL": "Repayment of a student loan",
    "TL": "Somebody else is liable",
    "WO": "Overpayment taken back",
    "WU": "Recovery without a named reason",
}

# Provider-level adjustments that settle each other: what one means when it raises its payment, and when it lowers it.
_PUT_OFF_OR_TAKEN = ("Overpayment, put off to a later payment", "Overpayment, taken from this payment")
_RAISES_OR_LOWERS = {
    "FB": ("Balance carried to a later payment", "Balance brought from an earlier payment"),
    "WO": _PUT_OFF_OR_TAKEN,
    "WU": _PUT_OFF_OR_TAKEN,
}

# What stands where there is neither a loaded text nor one of ours.
NO_EXPLANATION = "No explanation is loaded."

# Our words for the short lists, by their names; those for reasons and remarks are in explanations.py.
OURS = {"GROUP": GROUPS, "STATUS": STATUSES, "PLB": PROVIDER_ADJUSTMENTS}
LIST_NAMES = {
    "STATUS": "Claim status",
    "GROUP": "Adjustment group",
    "CARC": "Adjustment reason",
    "RARC": "Remark",
    "PLB": "Provider-level adjustment",
}

METHODS = {
    "ACH": "Electronic funds transfer (EFT)",
    "BOP": "Transfer chosen by the bank",
    "CHK": "Check",
    "FWT": "Wire transfer",
    "NON": "Non-payment notice",
}
_NUMBERS = {"ACH": "EFT", "BOP": "EFT", "FWT": "EFT", "CHK": "Check", "NON": "Non-payment notice"}


def status_word(code: str | None) -> str:
    """A claim's status (CLP02) in words; an unknown one as its code."""
    return STATUSES.get(code or "", f"Status {code}" if code else "No status")


def adjustment_word(reason: str | None, cents: int | None) -> str:
    """What a provider-level adjustment (PLB03-1) of this amount does, where its sign tells; empty elsewhere."""
    words = _RAISES_OR_LOWERS.get(reason or "")
    return words[cents > 0] if words and cents else ""


def method_word(code: str | None) -> str:
    """How it was paid (BPR04) in words; an unknown way as its code."""
    return METHODS.get(code or "", code or "Not stated")


def payment_word(method: str | None) -> str:
    """What the number is the number of: `Check`, `EFT` …"""
    return _NUMBERS.get(method or "", "Payment")


def show_phone(text: str | None) -> str:
    """A number of ten digits as people write it in the United States; any other as it is."""
    match = re.fullmatch(r"1?(\d{3})(\d{3})(\d{4})", text or "")
    return "-".join(match.groups()) if match else text or ""
