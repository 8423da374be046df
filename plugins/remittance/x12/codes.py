"""Code values that the reader knows by name. An unknown value is noted and kept, never refused.

The values are those of the implementation guide 005010X221A1; the wording is our own.
"""

PAYMENT_SET = "835"
GUIDE_VERSION = "005010"

TRANSACTION_SETS = {
    "270": "eligibility inquiry",
    "271": "eligibility response",
    "275": "patient information",
    "276": "claim status request",
    "277": "claim status response",
    "278": "service review",
    "820": "premium payment",
    "824": "application advice",
    "834": "benefit enrollment",
    "835": "claim payment and remittance advice",
    "837": "health care claim",
    "997": "functional acknowledgment",
    "999": "implementation acknowledgment",
}

PAYMENT_METHODS = frozenset({"ACH", "BOP", "CHK", "FWT", "NON"})
ADJUSTMENT_GROUPS = frozenset({"CO", "CR", "OA", "PI", "PR"})
PATIENT = "PR"
"""The group of what the patient owes."""
CLAIM_STATUSES = frozenset(
    {"1", "2", "3", "4", "5", "10", "13", "15", "16", "17", "19", "20", "21", "22", "23", "25", "27"}
)
REVERSAL = "22"
ENVELOPE_SEGMENTS = frozenset({"ISA", "GS", "ST", "GE", "IEA", "TA1"})

PAYMENT_SEGMENTS = frozenset(
    {"AMT", "BPR", "CAS", "CLP", "CUR", "DTM", "LQ", "LX", "MIA", "MOA", "N1", "N2", "N3", "N4", "NM1", "NTE"}
    | {"PER", "PLB", "QTY", "RDM", "REF", "SE", "SVC", "TRN", "TS2", "TS3"}
)
"""Segments of an 835 after its ST."""


HEAD_SEGMENTS = frozenset(
    {"BPR", "CUR", "DTM", "LX", "N1", "N2", "N3", "N4", "NTE", "PER", "PLB", "RDM", "REF", "SE", "TRN", "TS2", "TS3"}
)
"""What may stand before the first claim."""
BETWEEN_CLAIMS = frozenset({"LX", "PLB", "SE", "TS2", "TS3"})
CLAIM_SEGMENTS = BETWEEN_CLAIMS | {"AMT", "CAS", "DTM", "MIA", "MOA", "NM1", "PER", "QTY", "REF"}
"""What may stand after CLP: what belongs to the claim, and what may follow it."""
LINE_SEGMENTS = BETWEEN_CLAIMS | {"AMT", "CAS", "DTM", "LQ", "QTY", "REF"}
"""What may stand after SVC."""


def ends_check(tag: str) -> bool:
    """Whether a segment of this name cannot stand inside a check: the check broke off before."""
    return tag in ENVELOPE_SEGMENTS or tag.startswith("ISA")
