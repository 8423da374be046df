"""PDF from a typst template: tagged, PDF/UA-1, with the fonts typst brings along, without network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from hp_portal import clock
from hp_portal.core.documents.limited import BY_THE_WORKER, DocumentLimits, Progress, make_apart, no_progress
from hp_portal.core.documents.limited import DocumentError as DocumentError
from hp_portal.core.documents.looks import look_of
from hp_portal.settings import Payer

_PRELUDE = Path(__file__).with_name("prelude.typ")
_FOOTERS = Path(__file__).with_name("footers.typ")


def render_pdf(
    template: Path,
    data: Mapping[str, object],
    *,
    title: str,
    author: str = "",
    lang: str = "en",
    payer: Payer | None = None,
    more: Sequence[Mapping[str, object]] = (),
    limits: DocumentLimits = BY_THE_WORKER,
    progress: Progress = no_progress,
) -> bytes:
    """Typeset a template with data of JSON's types, its `data` there.

    The document's title, author and language are metadata; the title also stands in every page's footer, with the page's
    number and their count. `payer` stands at the head of every page, and gives the document its accent. The template may
    read files of its own folder and use the functions of prelude.typ.
    A long document comes in parts: the template is typeset with `data`, and then with each of `more`, on new pages, and all are
    joined, because typst's memory grows with every page. `progress` is told how many parts are done.
    Typesetting runs in a process of its own within `limits`, which gets none of the portal's settings. Raises DocumentTooLarge,
    or DocumentError when the template fails.
    """
    prelude = _PRELUDE.read_text(encoding="utf-8")
    job = {
        "source": prelude + template.read_text(encoding="utf-8"),
        "footers": prelude + _FOOTERS.read_text(encoding="utf-8"),
        "before": prelude.count("\n"),
        "root": str(template.parent),
        "moment": int(clock.now().timestamp()),
        "parts": [data, *more],
        "inputs": {"title": title, "author": author, "lang": lang, **look_of(payer)},
    }
    module = "hp_portal.core.documents.typesetter"
    return make_apart(module, json.dumps(job).encode(), limits, template.name, progress)
