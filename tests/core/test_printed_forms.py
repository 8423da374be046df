"""Forms on paper: what the declaration says, in its order, whatever people have typed; filled, blank and signed."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import re
from collections.abc import Callable
from typing import Any

import pikepdf
import pypdfium2
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from hp_portal.core.documents.limited import AT_ONCE
from hp_portal.core.printing.forms import PrintedSignature, blank_form_pdf, form_pdf
from hp_portal.printed import (
    PrintedAnswer,
    PrintedAnswers,
    PrintedChoices,
    PrintedForm,
    PrintedNote,
    PrintedSection,
    PrintedTable,
    PrintedText,
    before_and_after,
    read_signed_bytes,
)
from hp_portal.settings import Payer
from tests.support.paper import FAX_ACROSS, codes_on, faxed, page_picture
from tests.support.pdf import TaggedPdf, spots
from tests.support.pdf_ua import problems_of

PAYER = Payer(
    name="Sample Health Plan",
    phone="952-555-0100",
    email="forms@plan.example",
    address=("P.O. Box 555", "Sampleton, MN"),
)
SITES = tuple(f"Site {number}" for number in range(1, 9))
FORM = PrintedForm(
    "Change of a practitioner",
    "PC-2",
    "2026-11",
    (
        PrintedSection(
            "Practitioner",
            (
                PrintedAnswers(
                    (
                        PrintedAnswer("Name", "Dr. Sample"),
                        PrintedAnswer("Former name"),
                        PrintedAnswer("Languages", "English\nSpanish", lines=2, hint="One a line"),
                    )
                ),
                PrintedChoices("Accepting patients", (("New", True), ("Existing only", False))),
            ),
        ),
        PrintedSection(
            "What changes",
            (before_and_after((("Telephone", "952-555-0101", "952-555-0102"), ("Hours", "8–5", "8–5"))),),
        ),
        PrintedSection(
            "Locations",
            (PrintedTable(("Practitioner", *SITES), (("Dr. Sample", *(one == "Site 8" for one in SITES)),)),),
        ),
        PrintedSection("More", (PrintedText("Why", "Moved."), PrintedNote("Name no patients."))),
    ),
    ("license.pdf",),
)
SIGNED = PrintedSignature(
    "Jane Sample",
    "jane sample",
    dt.datetime(2026, 11, 29, 19, 0, 5, tzinfo=dt.UTC),
    "192.0.2.7",
    "I intend to sign.",
    "1a2b3c4d",
    FORM.digest(),
)


DOTS = 40
"""To the inch: enough to see ink where none may be."""


def with_text(text: str) -> PrintedForm:
    """A form with the same text wherever people can have typed one."""
    parts = (
        PrintedAnswers((PrintedAnswer(text, text),)),
        PrintedChoices(text, ((text, True),)),
        PrintedTable((text, "B", "C", "D", "E"), ((text, "b", True, "d", "e"),), text),
        PrintedText(text, text),
        PrintedNote(text),
    )
    return PrintedForm(text, "T-1", "1", (PrintedSection(text, parts),), (text,))


def everywhere(pdf: bytes, words: str) -> list[bool]:
    """Do the words stand on each page, as it is seen?"""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [words in document[number].get_textpage().get_text_bounded() for number in range(len(document))]
    finally:
        document.close()


def test_a_form_says_what_was_declared_in_its_order_and_is_tagged() -> None:
    standing = (PrintedSection("Where it stands", (PrintedAnswers((PrintedAnswer("State", "Received"),)),)),)
    body = form_pdf(FORM, PAYER, case_number="4831-9076", standing=standing, signatures=[SIGNED], sign_on_paper=True)
    pdf = TaggedPdf(body)
    assert pdf.file.Root.MarkInfo.Marked
    assert str(pdf.file.Root.Lang) == "en"
    with pdf.file.open_metadata() as metadata:
        assert metadata["pdfuaid:part"] == "1"
        assert metadata["dc:title"] == "Change of a practitioner, case 4831-9076"
    assert [one.whole_text for one in pdf.tree.all("H1")] == ["Change of a practitioner"]
    headings = [one.whole_text for one in pdf.tree.all("H2")]
    assert headings == [
        "Where it stands",
        *(one.title for one in FORM.sections),
        "Attached files",
        "Signed electronically",
        "Signature",
    ]
    labels = [one.whole_text for one in pdf.tree.all("Lbl")]
    assert labels[:4] == ["State", "Name", "Former name", "Languages"]
    assert [one.whole_text for one in pdf.tree.all("LBody")][:4] == ["Received", "Dr. Sample", "—", "English Spanish"]
    assert [one.whole_text for one in pdf.tree.all("TH")][:3] == ["Field", "Before", "After"]
    for said in (
        "☒ New",
        "☐ Existing only",
        "Hours 8–5 No change",
        "license.pdf",
        "Sample Health Plan",
        "952-555-0100",
    ):
        assert said in pdf.text, said
    for said in ("jane sample", "Signed by Jane Sample", "2026-11-29 19:00:05 UTC", "192.0.2.7", "I intend to sign."):
        assert said in pdf.text, said
    assert SIGNED.digest in pdf.text.replace(" ", "").replace("\u200b", "")
    assert "has been changed since" not in pdf.text
    pages = len(pdf.file.pages)
    assert pages > 1
    assert all(everywhere(body, "4831-9076"))
    assert all(everywhere(body, f"of {pages}"))


def test_a_form_whose_contents_have_changed_says_so_with_the_signature() -> None:
    body = form_pdf(FORM, PAYER, signatures=[dataclasses.replace(SIGNED, changed=True)])
    assert "What stands above has been changed since." in TaggedPdf(body).text


def test_the_code_survives_a_fax_and_says_only_which_case_it_is() -> None:
    body = form_pdf(FORM, PAYER, case_number="4831-9076")
    picture = page_picture(body)
    assert codes_on(picture) == ["CASE 4831-9076"]
    [found] = zxingcpp.read_barcodes(picture)
    across = (found.position.top_right.x - found.position.top_left.x) / FAX_ACROSS * 25.4
    assert across == pytest.approx(30, abs=1), "millimeters"
    assert codes_on(faxed(picture, skew=2.0, noise=0.005)) == ["CASE 4831-9076"]
    assert "CASE 4831-9076" in TaggedPdf(body).text


def test_the_blank_form_has_room_to_write_and_none_of_the_answers() -> None:
    body = blank_form_pdf(FORM, PAYER)
    pdf = TaggedPdf(body)
    for said in (
        "Name",
        "Former name",
        "One a line",
        "☐ New",
        "Telephone",
        "Name no patients.",
        "Signature",
        "P.O. Box 555",
    ):
        assert said in pdf.text, said
    for answer in (
        "Dr. Sample",
        "English",
        "952-555-0101",
        "Moved.",
        "license.pdf",
        "☒",
        "Attached files",
        "Printed on",
    ):
        assert answer not in pdf.text, answer
    assert codes_on(page_picture(body)) == ["FORM PC-2 2026-11"]
    places = {text.strip(): down for page in pdf.file.pages[:1] for text, _, down in spots(page)}
    assert places["Former name"] - places["Name"] >= 0.3 * 72, (
        "a box to write in is at least three tenths of an inch high"
    )


def test_a_wide_table_goes_on_below_with_its_first_column() -> None:
    tree = TaggedPdf(form_pdf(FORM, PAYER)).tree
    tables = [[one.whole_text for one in table.all("TH")] for table in tree.all("Table")]
    assert [headers for headers in tables if headers[0] == "Practitioner"] == [
        ["Practitioner", *SITES[:5]],
        ["Practitioner", *SITES[5:]],
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('#panic("x") *a* _b_ $c$ @d <e> // f ` \\', '#panic("x") *a* _b_ $c$ @d <e> // f ` \\'),
        ("bell\x07 null\x00 turned \u202eback", "bell null turned back"),
        ("x" * 10_000, "x" * 10_000),
        ("All of it. " * 900, "All of it. All of it."),
        ("Жанна Đặng Müller Ώρα", "Жанна Đặng Müller Ώρα"),
        ("张 Wei 😀", "� Wei �"),
        ("\ud800 half a letter", "half a letter"),
    ],
    ids=["markup", "control", "long-word", "long-text", "letters", "no-font", "half"],
)
def test_whatever_was_typed_is_printed(text: str, shown: str) -> None:
    body = form_pdf(with_text(text), PAYER, limits=AT_ONCE)
    pdf = TaggedPdf(body)
    found = re.sub(r"[\s\u200b]+", "", pdf.text)
    assert found.count(re.sub(r"\s+", "", shown)) >= 5
    assert ("has no font for" in pdf.text) == ("�" in shown)
    assert len(pdf.file.pages) < 60, "no head of a table fills every page"
    for number in range(len(pdf.file.pages)):
        picture = page_picture(body, number, DOTS)
        beyond = picture.crop((picture.width - DOTS // 2, 0, picture.width, picture.height))
        assert beyond.getextrema() == (255, 255), "nothing is written into the margin, or beyond it"


@settings(max_examples=15, deadline=None)
@given(st.text(max_size=60))
def test_no_form_fails_because_of_a_text(text: str) -> None:
    assert TaggedPdf(form_pdf(with_text(text), PAYER)).tree.all("H1")
    assert read_signed_bytes(with_text(text).signed_bytes()).signed_bytes() == with_text(text).signed_bytes()


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Another"},
        {"version": "2026-12"},
        {"files": ()},
        {"sections": FORM.sections[:-1]},
        {"sections": tuple(reversed(FORM.sections))},
    ],
)
def test_what_is_signed_is_all_that_the_form_says(change: dict[str, Any]) -> None:
    assert read_signed_bytes(FORM.signed_bytes()) == FORM
    assert read_signed_bytes(FORM.signed_bytes()).digest() == FORM.digest()
    assert dataclasses.replace(FORM, **change).digest() != FORM.digest()


def test_a_table_has_a_cell_for_every_header() -> None:
    with pytest.raises(ValueError, match="as many cells"):
        PrintedTable(("A", "B"), (("a",),))


def test_what_pdf_ua_wants_is_there_and_its_lack_would_be_noticed() -> None:
    """Filled and signed, blank, and with odd texts; then each thing is taken away in turn."""
    made = form_pdf(FORM, PAYER, case_number="4831-9076", signatures=[SIGNED])
    for body in (made, blank_form_pdf(FORM, PAYER), form_pdf(with_text("<b> & “ü”"), PAYER)):
        assert problems_of(pikepdf.open(io.BytesIO(body))) == []

    def no_title(file: pikepdf.Pdf) -> None:
        with file.open_metadata() as said:
            del said["dc:title"], said["pdfuaid:part"]

    def no_words_for_pictures(file: pikepdf.Pdf) -> None:
        for one in file.objects:
            if isinstance(one, pikepdf.Dictionary) and "/Alt" in one:
                del one.Alt

    def no_scopes(file: pikepdf.Pdf) -> None:
        for one in file.objects:
            if isinstance(one, pikepdf.Dictionary) and one.get("/S") == pikepdf.Name.TH:
                del one.A

    def nothing_tagged(file: pikepdf.Pdf) -> None:
        kept = [
            one for one in pikepdf.parse_content_stream(file.pages[0]) if str(one.operator) not in ("BDC", "BMC", "EMC")
        ]
        file.pages[0].Contents = file.make_stream(pikepdf.unparse_content_stream(kept))

    def no_fonts(file: pikepdf.Pdf) -> None:
        for font in file.pages[0].resources.Font.values():
            del font.ToUnicode

    taken: list[tuple[Callable[[pikepdf.Pdf], object], str]] = [
        (lambda file: file.Root.__delitem__("/Lang"), "no language"),
        (lambda file: file.Root.__delitem__("/MarkInfo"), "not marked"),
        (lambda file: file.Root.__delitem__("/ViewerPreferences"), "title is not shown"),
        (lambda file: file.Root.__delitem__("/StructTreeRoot"), "no structure"),
        (no_title, "XMP has no title"),
        (no_title, "does not say PDF/UA-1"),
        (no_words_for_pictures, "no text in its place"),
        (no_scopes, "a TH does not say"),
        (nothing_tagged, "neither content nor an artifact"),
        (no_fonts, "its letters cannot be read"),
    ]
    for take, words in taken:
        file = pikepdf.open(io.BytesIO(made))
        take(file)
        assert any(words in one for one in problems_of(file)), words
