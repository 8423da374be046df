"""What is opened and cleaned of attached files, kind by kind, and what is refused, in words."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping

import openpyxl
import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name
from PIL import Image

from hp_portal.core.attachments import office, pdfs
from hp_portal.core.attachments.cleaner import NO_TEXT, clean
from hp_portal.core.attachments.cleaning import clean_apart
from hp_portal.core.attachments.kinds import KINDS, OFFICE, NotAccepted, kind_of, name_as
from hp_portal.core.attachments.refused import DAMAGED, TOO_COSTLY, Refused
from hp_portal.core.documents.limited import DocumentLimits
from tests.core.test_attached_pictures import picture

WORDS_MAIN = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"


WITH_MACROS = "application/vnd.ms-word.document.macroEnabled.main+xml"


ELSEWHERE = (
    '<Relationships><Relationship Id="1" TargetMode="External" Target="https://elsewhere.example/a.dotm" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{}"/></Relationships>'
)


INSIDE = ELSEWHERE.replace('TargetMode="External" Target="https://elsewhere.example/a.dotm"', 'Target="{1}"').replace(
    "{}", "{0}"
)


def saved(pdf: pikepdf.Pdf, **options: object) -> bytes:
    out = io.BytesIO()
    pdf.save(out, **options)  # type: ignore[arg-type] # options of several types
    return out.getvalue()


def plain_pdf() -> pikepdf.Pdf:
    pdf = pikepdf.new()
    pdf.add_blank_page()
    return pdf


def armed_pdf() -> bytes:
    """A PDF with what must not be in one, in usual places and in odd ones."""
    pdf = plain_pdf()
    script = Dictionary(S=Name.JavaScript, JS="app.alert('script')")
    pdf.Root.OpenAction = pdf.make_indirect(script)
    pdf.Root.Names = Dictionary(JavaScript=Dictionary(Names=Array(["a", script])))
    pdf.attachments["hidden.exe"] = b"MZ hidden program"
    page = pdf.pages[0].obj
    launch = Dictionary(S=Name.Launch, F="calc.exe")
    button = Dictionary(Type=Name.Annot, Subtype=Name.Widget, Rect=[0, 0, 9, 9], FT=Name.Btn, AA=Dictionary(E=script))
    field = pdf.make_indirect(button)
    page.Annots = Array([Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=[0, 0, 9, 9], A=launch), field])
    page.Odder = Array([Dictionary(S=deed, P=1, F="other.pdf") for deed in (Name.Launch, Name.Thread)])
    related = Dictionary(Type=Name.Filespec, F="a", RF=Dictionary(F=Array(["a", pdf.make_stream(b"related hidden")])))
    page.Related = Array([related, Dictionary(Type=Name.Annot, Subtype=Name.Link, PA=Dictionary(URI="hidden address"))])
    page.Elsewhere = Dictionary(
        Ref=Dictionary(F="hidden page of another.pdf", Page=0)
    )  # no stream: the library leaves it
    page.Resources = Dictionary(Font=Dictionary(RF=Dictionary(Type=Name.Font, BaseFont=Name.Times)))
    page.Structure = Dictionary(Type=Name.StructElem, S=Name.URI, P=1)
    page.Streams = Array(
        [
            pdf.make_stream(b"MZ hidden program", Type=Name.EmbeddedFile),
            pdf.make_stream(b"hidden postscript", Type=Name.XObject, Subtype=Name.PS),
            pdf.make_stream(b"hidden too", Type=Name.XObject, Subtype=Name.Form, Subtype2=Name.PS),
            pdf.make_stream(b"", F="hidden.bin", FFilter=Name.FlateDecode),
            pdf.make_stream(b"q Q", Subtype=Name.Form, Ref=Dictionary(F="hidden.pdf", Page=0)),
        ]
    )
    page.Odd = Dictionary(Deeper=Array([Dictionary(S=Name.Launch, F="odd.exe"), Dictionary(JS="odd script")]))
    pdf.Root.AcroForm = Dictionary(
        Fields=Array([field]), XFA=Array(["template", pdf.make_stream(b"<xfa>script</xfa>")])
    )
    return saved(pdf)


def test_a_pdf_keeps_its_pages_and_loses_what_does_something() -> None:
    kind, body = clean("pdf", armed_pdf())
    assert (kind, body is None) == ("pdf", False)
    with pikepdf.open(io.BytesIO(body or b"")) as pdf:
        assert len(pdf.pages) == 1
        everything = b"".join(found.unparse(resolved=True) for found in pdf.objects)
        streams = [found for found in pdf.objects if isinstance(found, pikepdf.Stream)]
        everything += b"".join(found.read_bytes() for found in streams)
        assert pdf.pages[0].obj.Resources.Font.RF.BaseFont == Name.Times, "a font may be called like that"
        assert pdf.pages[0].obj.Structure.S == Name.URI, "so may an element of the structure"
    usual = (b"script", b"hidden", b"Launch", b"/JS", b"/JavaScript", b"XFA", b"/EF")
    for word in (*usual, b"/Thread", b"/RF << /F", b"/PA", b"/PS", b"/FFilter", b"/Ref"):
        assert word not in everything, word
    assert clean("pdf", body or b"")[0] == "pdf", "what was cleaned can be cleaned"


def for_adobe() -> bytes:
    pdf = plain_pdf()
    pdf.Root.NeedsRendering = True
    return saved(pdf)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (lambda: saved(plain_pdf(), encryption=pikepdf.Encryption(user="a", owner="b")), pdfs.PASSWORD),
        (for_adobe, pdfs.FOR_ONE_PROGRAM),
        (lambda: saved(pikepdf.new()), DAMAGED),
        (lambda: b"%PDF-1.7\nand nothing else", DAMAGED),
        (lambda: armed_pdf()[:150], DAMAGED),
    ],
    ids=["password", "Adobe's alone", "no pages", "no PDF", "cut off"],
)
def test_a_pdf_that_is_not_accepted_says_what_to_do(body: Callable[[], bytes], said: str) -> None:
    with pytest.raises(Refused, match="attach that") as refused:
        clean("pdf", body())
    assert str(refused.value) == said


def test_a_pdf_that_only_asks_for_a_password_to_print_is_opened() -> None:
    _, body = clean("pdf", saved(plain_pdf(), encryption=pikepdf.Encryption(user="", owner="b")))
    with pikepdf.open(io.BytesIO(body or b"")) as pdf:
        assert not pdf.is_encrypted


def types(*contents: str) -> str:
    overrides = "".join(f'<Override PartName="/{number}" ContentType="{one}"/>' for number, one in enumerate(contents))
    return f'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">{overrides}</Types>'


def zipped(parts: Mapping[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return out.getvalue()


def document(**more: str | bytes) -> bytes:
    """A Word document with further parts."""
    return zipped({"[Content_Types].xml": types(WORDS_MAIN), "word/document.xml": "<w/>", **more})


def field(*pieces: str) -> str:
    """A part of Word with a field, its code in pieces; a piece in braces is a field within it."""
    mark = '<w:fldChar w:fldCharType="{}"/>'
    code = ""
    for piece in pieces:
        inner = mark.format("begin"), mark.format("end")
        text = f"<w:r><w:instrText>{piece.strip('{}')}</w:instrText></w:r>"
        code += text.join(inner) if piece.startswith("{") else text
    return f'<w:p xmlns:w="w">{mark.format("begin")}{code}{mark.format("end")}</w:p>'


def related(kind: str, target: str = "") -> bytes:
    """A document that says what belongs to it: what is outside, or `target`."""
    links = INSIDE.format(kind, target) if target else ELSEWHERE.format(kind)
    return document(**{"word/_rels/a.xml.rels": links})


def workbook() -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["NPI", "1234567893"])  # type: ignore[union-attr] # a new book has a sheet
    book.save(out)
    return out.getvalue()


def empty_rows() -> bytes:
    """A workbook of a million rows with nothing in them."""
    rows = b"<sheetData>" + b"".join(b'<row r="%d"/>' % number for number in range(1, 1_000_001)) + b"</sheetData>"
    out, sent = io.BytesIO(), zipfile.ZipFile(io.BytesIO(workbook()))
    with sent, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sent.namelist():
            body = sent.read(name)
            archive.writestr(name, body.replace(b"<sheetData>", rows[:-12]) if "sheet1.xml" in name else body)
    return out.getvalue()


def altered() -> bytes:
    body = document(**{"word/styles.xml": "".join(map(str, range(500)))})
    where = body.index(b"word/styles.xml") + 200
    return body[:where] + bytes([body[where] ^ 1]) + body[where + 1 :]


def with_password() -> bytes:
    body = bytearray(document())
    first = body.index(b"PK\x01\x02")
    body[first + 8] |= 1
    return bytes(body)


@pytest.mark.parametrize(
    ("body", "kind"),
    [(workbook, "xlsx"), (empty_rows, "xlsx"), (document, "docx")],
    ids=["small", "empty rows", "Word"],
)
def test_an_office_file_stays_as_it_is(body: Callable[[], bytes], kind: str) -> None:
    sent = body()
    assert kind_of(sent[:4096]) == OFFICE
    assert clean(OFFICE, sent) == (kind, None)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (lambda: document(**{"word/vbaProject.bin": b"program"}), office.PROGRAMS),
        (lambda: document(**{"xl/macrosheets/sheet1.xml": "<m/>"}), office.PROGRAMS),
        (lambda: zipped({"[Content_Types].xml": types(WORDS_MAIN, WITH_MACROS)}), office.PROGRAMS),
        (lambda: document(**{"word/_rels/settings.xml.rels": ELSEWHERE.format("attachedTemplate")}), office.ELSEWHERE),
        (lambda: related("image"), office.ELSEWHERE),
        (lambda: related("externalLinkPath"), office.ELSEWHERE),
        (lambda: related("image", "https://elsewhere.example/a.png"), office.ELSEWHERE),
        (lambda: related("connections", "connections.xml"), office.ELSEWHERE),
        (lambda: related("externalLink", "dde.xml"), office.ELSEWHERE),
        (lambda: related("oleObject", "media/a.bin"), office.EMBEDDED),
        (lambda: related("package", "media/a.xlsx"), office.EMBEDDED),
        (lambda: related("aFChunk", "a.rtf"), office.EMBEDDED),
        (lambda: document(**{"word/embeddings/a.bin": b"MZ"}), office.EMBEDDED),
        (lambda: related("control", "a.xml"), office.PROGRAMS),
        (lambda: document(a='<w:p xmlns:w="w"><w:fldSimple w:instr=" ddeauto c:\\a"/></w:p>'), office.ELSEWHERE),
        (lambda: document(a=field("DD", "E", " cmd")), office.ELSEWHERE),
        (lambda: document(a=field("{QUOTE 68 68 69}", " cmd")), office.ELSEWHERE),
        (lambda: document(a=field("DD", "{QUOTE 69}", " cmd")), office.ELSEWHERE),
        (
            lambda: document(a=field('INCLUDEPICTURE "https://elsewhere.example/a.png"').encode("utf-16")),
            office.ELSEWHERE,
        ),
        (lambda: zipped({"mimetype": "application/vnd.oasis.opendocument.text"}), office.NO_OFFICE_FILE),
        (lambda: zipped({"[Content_Types].xml": types("image/png")}), office.NO_OFFICE_FILE),
        (lambda: zipped({"[Content_Types].xml": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}), DAMAGED),
        (with_password, office.PASSWORD),
        (altered, DAMAGED),
        (lambda: workbook()[:2000], DAMAGED),
    ],
)
def test_an_office_file_that_is_not_accepted_says_what_to_do(body: Callable[[], bytes], said: str) -> None:
    with pytest.raises(Refused, match="attach that") as refused:
        clean(OFFICE, body())
    assert said in str(refused.value)


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office, "MOST_UNPACKED", 2 << 20)
    monkeypatch.setattr(office, "MOST_PARTS", 20)
    assert clean(OFFICE, document(large=bytes(1 << 20)))[0] == "docx"
    parts = {f"part{number}": "" for number in range(20)}
    for sent in (document(bomb=bytes(2 << 20)), document(**parts)):
        assert len(sent) < 8000
        with pytest.raises(Refused, match="It unpacks to more than 2 MB, or into more than 20 parts"):
            clean(OFFICE, sent)


def test_a_link_in_a_document_is_no_part_of_it() -> None:
    assert clean(OFFICE, document(**{"word/_rels/document.xml.rels": ELSEWHERE.format("hyperlink")}))[0] == "docx"
    codes = (('HYPERLINK "https://a.example/DDE"',), ("=", "{PAGE}"), ("IF ", "{PAGE}", " = 1 DDE"))
    fields = {f"word/{number}.xml": field(*code) for number, code in enumerate(codes)}
    assert clean(OFFICE, document(**fields))[0] == "docx"


def test_text_is_text_to_its_end() -> None:
    assert clean("text", "Grüße, 1\r\n\tÄ".encode("cp1252")) == ("text", None)
    with pytest.raises(Refused) as refused:
        clean("text", b"Dear Sirs" * 1000 + b"\x00\x01")
    assert str(refused.value) == NO_TEXT


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"", "it is empty"),
        (b"MZ\x90\x00\x03", "no kind that can be attached"),
        (zipped({"letter.pdf": "x"}), "it is an archive (ZIP)"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 old", "of an old kind (.doc, .xls)"),
        (b"GIF89a\x01\x00", "no kind that can be attached"),
    ],
)
def test_first_bytes_that_are_not_accepted_say_what_to_do(head: bytes, said: str) -> None:
    with pytest.raises(NotAccepted) as refused:
        kind_of(head)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("name", "kind", "given"),
    [
        ("letter.pdf", "pdf", "letter.pdf"),
        ("letter.exe", "pdf", "letter.exe.pdf"),
        ("roster.CSV", "text", "roster.CSV"),
        ("run.bat", "text", "run.bat.txt"),
        ("photo", "jpeg", "photo.jpg"),
        ("book.xlsm", "xlsx", "book.xlsm.xlsx"),
    ],
)
def test_a_name_says_what_the_file_is(name: str, kind: str, given: str) -> None:
    assert name_as(name, kind) == given
    assert set(KINDS) == {"pdf", "jpeg", "png", "tiff", "docx", "xlsx", "text"}


def test_a_file_is_opened_in_a_process_within_limits() -> None:
    sent = saved(plain_pdf())
    kind, body = clean_apart("pdf", sent)
    assert (kind, (body or b"")[:5]) == ("pdf", b"%PDF-")
    assert clean_apart("text", b"as it is") == ("text", None)
    with pytest.raises(Refused, match="protected by a password"):
        clean_apart("pdf", saved(plain_pdf(), encryption=pikepdf.Encryption(user="a", owner="b")))
    large = picture("PNG", Image.new("L", (9_000, 9_000)))
    with pytest.raises(Refused) as refused:
        clean_apart("png", large, DocumentLimits(memory=200, processor=60, seconds=120))
    assert str(refused.value) == TOO_COSTLY
