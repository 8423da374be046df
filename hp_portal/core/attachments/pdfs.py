"""Cleans PDFs: no scripts, no embedded files, nothing that opens or sends anything."""

from __future__ import annotations

import io
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream

from hp_portal.core.attachments.refused import DAMAGED, Refused

PASSWORD = "It is protected by a password. Save it without one, or print it to a new PDF, and attach that."
FOR_ONE_PROGRAM = "It is a form that only Adobe’s own programs show. Print it to a new PDF, and attach that."
_CLEANER = (
    pikepdf.sanitize.Sanitizer()
    .remove_javascript()
    .remove_external_access()
    .remove_multimedia()
    .remove_attachments()
    .remove_collection()
    .remove_private_app_data()
    .remove_search_index()
    .remove_web_capture()
)
_DEEDS = {Name.JavaScript, Name.Launch, Name.SubmitForm, Name.ImportData, Name.GoToE, Name.GoToR, Name.URI, Name.Thread}
_NEVER = (Name.JS, Name.EF, Name.XFA, Name.RichMediaContent)
_OUTSIDE = (Name.RF, Name.PA, Name.Ref)
"""Related files, the address a link once had, and a page of another file; fonts and the like can be named so as well."""
_RESOURCES = {Name.Font, Name.ExtGState, Name.XObject, Name.Pattern}
_DEEPEST = 100


def clean_pdf(body: bytes) -> bytes:
    """The same pages without what is not for reading. Signatures in it hold no longer. Raises Refused."""
    try:
        with pikepdf.open(io.BytesIO(body)) as pdf:
            return _cleaned(pdf)
    except pikepdf.PasswordError:
        raise Refused(PASSWORD) from None
    except (pikepdf.PdfError, ValueError, KeyError, TypeError, AttributeError, RuntimeError):
        # Whatever a file that is no proper PDF makes the library say.
        raise Refused(DAMAGED) from None


def _cleaned(pdf: pikepdf.Pdf) -> bytes:
    if bool(pdf.Root.get(Name.NeedsRendering)):
        raise Refused(FOR_ONE_PROGRAM)
    if not len(pdf.pages):
        raise Refused(DAMAGED)
    _CLEANER.apply(pdf)
    for found in pdf.objects:
        _strip(found, 0)
    out = io.BytesIO()
    pdf.save(out, encryption=False)
    return out.getvalue()


def _is_resource(value: Any) -> bool:
    return isinstance(value, Dictionary | Stream) and value.get(Name.Type) in _RESOURCES


def _empty(found: Any) -> None:
    """Nothing is left of a stream that stands in another file, is a file itself, or is a program for a printer."""
    outside = [name for name in (Name.F, Name.FFilter, Name.FDecodeParms) if name in found]
    program = Name.PS in (found.get(Name.Subtype), found.get(Name.Subtype2))
    if not outside and not program and found.get(Name.Type) != Name.EmbeddedFile:
        return
    for name in (*outside, Name.Subtype2, Name.Level1):
        if name in found:
            del found[name]
    found.write(b"")
    if program:
        found[Name.Subtype], found[Name.BBox] = Name.Form, Array([0, 0, 0, 0])


def _strip(found: Any, depth: int) -> None:
    """Take out what does something wherever it stands: the library looks where such things are supposed to be."""
    if isinstance(found, Array):
        parts = list(found)
    elif isinstance(found, Dictionary | Stream):
        for name in _NEVER:
            if name in found:
                del found[name]
        for name in _OUTSIDE:
            if name in found and not _is_resource(found[name]):
                del found[name]
        if found.get(Name.S) in _DEEDS and found.get(Name.Type) != Name.StructElem:
            del found[Name.S]
        if isinstance(found, Stream):
            _empty(found)
        parts = [found[name] for name in list(found.keys())]
    else:
        return
    if depth >= _DEEPEST:
        raise Refused(DAMAGED)
    for part in parts:
        # What stands by itself is looked at by itself.
        if isinstance(part, Array | Dictionary) and not part.is_indirect:
            _strip(part, depth + 1)
