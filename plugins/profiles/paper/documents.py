"""A change form as PDF, CSV and JSON. Columns and keys are documented in docs/documents.md; add new ones at the end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from hp_portal.api import (
    AT_ONCE,
    BY_THE_WORKER,
    CSV_TYPE,
    DocumentKind,
    DocumentLimits,
    MadeFile,
    Making,
    PortalSession,
    csv_file_apart,
    printing,
    record,
    settings,
)

from ..blueprint import SEND
from .making import Paper, find_form, signatures_of

KINDS = {
    "pdf": "profiles.paper-pdf",
    "csv": "profiles.paper-csv",
    "json": "profiles.paper-json",
}
MOST_AT_ONCE = 40
"""Sites on a form that is made while somebody waits."""
PDF_TYPE, JSON_TYPE = "application/pdf", "application/json"
Wanted = Mapping[str, Any]

COLUMNS = (
    "as_of", "reason", "words", "effective_on", "last_name", "first_name", "middle_name", "suffix", "degree",
    "former_name", "npi", "birth_date", "dea_number", "dea_expires", "licenses", "specialties", "languages", "hospitals",
    "site", "site_name", "street", "street_2", "city", "state", "zip", "phone", "fax", "group", "group_npi", "primary",
    "site_specialty", "accepting", "since", "until", "organization", "submitter", "submitter_phone",
)  # fmt: skip
_PERSON = ("last_name", "first_name", "middle_name", "suffix", "degree", "former_name", "npi", "birth_date")
_DEA = ("dea_number", "dea_expires")
_SITE = ("name", "street", "street_2", "city", "state", "zip", "phone", "fax", "group", "group_npi")
_WORK = ("specialty", "accepting", "since", "until")


def paper_pdf(session: PortalSession, paper: Paper, limits: DocumentLimits) -> bytes:
    """The form as PDF: with who has signed it, or a line to sign on."""
    signatures = signatures_of(session, paper)
    return printing.form_pdf(
        paper.form, settings().payer, signatures=signatures, sign_on_paper=not signatures, limits=limits
    )


def _rows(said: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    who, by = said["practitioner"], said["submitter"]
    licenses = "; ".join(
        " ".join(filter(None, (one["state"], one["number"], one["expires"]))) for one in who["licenses"]
    )
    specialties = "; ".join(one["code"] or one["name"] for one in who["specialties"])
    start = (
        *(said[key] for key in ("as_of", "reason", "words", "effective_on")),
        *(who[key] for key in (*_PERSON, *_DEA)),
        licenses,
        specialties,
        "; ".join(who["languages"]),
        "; ".join(who["hospitals"]),
    )
    end = (by["organization"], by["name"], by["phone"])
    if not said["sites"]:
        yield (*start, None, *("" for _ in (*_SITE, "primary", *_WORK)), *end)
    for number, site in enumerate(said["sites"], 1):
        primary = "yes" if site["primary"] else "no"
        yield (*start, number, *(site[key] for key in _SITE), primary, *(site[key] for key in _WORK), *end)


def _make(kind: str) -> Any:
    def make(session: PortalSession, wanted: Wanted, making: Making) -> MadeFile | None:
        paper, limits = find_form(session, int(wanted["form"])), AT_ONCE if making.at_once else BY_THE_WORKER
        if paper is None:
            return None
        name = f"change-form-{paper.id}.{kind}"
        if kind == "pdf":
            return MadeFile(paper_pdf(session, paper, limits), name, PDF_TYPE)
        if kind == "csv":
            return MadeFile(csv_file_apart(COLUMNS, _rows(paper.said), limits=limits), name, CSV_TYPE)
        return MadeFile(json.dumps(paper.said, ensure_ascii=False, indent=1).encode(), name, JSON_TYPE)

    return make


def _hand_over(kind: str) -> Any:
    def record_it(session: PortalSession, wanted: Wanted) -> bool:
        """Record what leaves; nothing does when something in it may no longer be seen."""
        if find_form(session, int(wanted["form"])) is None:
            return False
        record(session, "profiles.paper.downloaded", form=int(wanted["form"]), format=kind)
        return True

    return record_it


_WORDS = {"pdf": "Change form as PDF", "csv": "Change form as CSV file", "json": "Change form as JSON file"}
DOCUMENTS = tuple(DocumentKind(key, _WORDS[kind], SEND, _make(kind), _hand_over(kind)) for kind, key in KINDS.items())
