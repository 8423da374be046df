"""PDF from a typst template: tagged, PDF/UA-1, with the fonts typst brings along, without network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from hp_portal import clock
from hp_portal.core.documents.looks import look_of
from hp_portal.settings import Payer

_PRELUDE = Path(__file__).with_name("prelude.typ")
_SECONDS = 120
# A document of 2,000 claims takes 2 GB for ten seconds.
_at_once = threading.BoundedSemaphore(2)


class DocumentError(Exception):
    """A document could not be typeset; the text names the template and holds none of its data."""


def render_pdf(
    template: Path,
    data: Mapping[str, object],
    *,
    title: str,
    author: str = "",
    lang: str = "en",
    payer: Payer | None = None,
) -> bytes:
    """Typeset a template with data of JSON's types, its `data` there.

    The document's title, author and language are metadata; the title also stands in every page's footer, with the page's
    number and their count. `payer` stands at the head of every page, and gives the document its accent. The template may
    read files of its own folder and use the functions of prelude.typ.
    Typesetting runs in a process of its own: typst keeps what it has typeset in memory for a while, and a large document
    would hold up this process's other requests. That process gets none of the portal's settings.
    Raises DocumentError when the template fails or takes longer than two minutes.
    """
    prelude = _PRELUDE.read_text(encoding="utf-8")
    job = {
        "source": prelude + template.read_text(encoding="utf-8"),
        "before": prelude.count("\n"),
        "root": str(template.parent),
        "moment": int(clock.now().timestamp()),
        "data": data,
        "inputs": {"title": title, "author": author, "lang": lang, **look_of(payer)},
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HP_PORTAL_")}
    with _at_once:
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-m", "hp_portal.core.documents.typesetter"],
                input=json.dumps(job).encode(),
                capture_output=True,
                timeout=_SECONDS,
                env=environment,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise DocumentError(f"{template.name} took longer than {_SECONDS} s to typeset") from None
    if done.returncode != 0:
        raise DocumentError(f"{template.name}: {_last_line(done.stderr)}")
    return done.stdout


def _last_line(stderr: bytes) -> str:
    lines = stderr.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "the typesetter ended without a word"
