"""Electronic signatures: `signing.SignedForm` asks for one on a page, and `signing.sign` keeps it with what was signed."""

from __future__ import annotations

from hp_portal.core.signing.forms import SignedForm
from hp_portal.core.signing.models import Signature
from hp_portal.core.signing.signing import (
    NotAsSigned,
    NotTheirName,
    Stranger,
    is_unchanged,
    show_signature,
    sign,
    signatures_about,
    signed_form,
)

__all__ = [
    "NotAsSigned",
    "NotTheirName",
    "Signature",
    "SignedForm",
    "Stranger",
    "is_unchanged",
    "show_signature",
    "sign",
    "signatures_about",
    "signed_form",
]
