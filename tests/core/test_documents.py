"""Documents: tagged, PDF/UA-1, with their own fonts; whatever text comes in."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hp_portal.core.documents import rendering
from hp_portal.core.documents.limited import DocumentError, DocumentLimits, DocumentTooLarge
from hp_portal.core.documents.looks import ACCENTS, look_of
from hp_portal.core.documents.rendering import render_pdf
from hp_portal.settings import Payer
from tests.support.databases import SECRET_KEY
from tests.support.pdf import TaggedPdf, decode, letters_of

SAMPLE = """
= #data.heading
#facts((("Number", data.number), ("Amount", "$1.00")))
== Rows
#sheet(("Name", "Amount"), data.rows, strong-last: true)
"""

BUSY = "#let all = range(3000).map(a => range(30000).map(b => calc.sin(b)).sum())"


@pytest.fixture
def template(tmp_path: Path) -> Path:
    folder = tmp_path / "templates"
    folder.mkdir()
    path = folder / "sample.typ"
    path.write_text(SAMPLE, encoding="utf-8")
    return path


def render(template: Path, name: str = "Ann", **options: Any) -> TaggedPdf:
    data = {"heading": "A sample", "number": "12", "rows": [[name, "$1.00"], ["Total", "$1.00"]]}
    return TaggedPdf(render_pdf(template, data, title="Sample 12", **options))


def test_tagged_with_title_and_language(template: Path) -> None:
    pdf = render(template, author="Sample Health Plan", lang="es")
    root = pdf.file.Root
    assert root.MarkInfo.Marked
    assert str(root.Lang) == "es"
    assert root.ViewerPreferences.DisplayDocTitle
    with pdf.file.open_metadata() as metadata:
        assert metadata["pdfuaid:part"] == "1"
        assert metadata["dc:title"] == "Sample 12"
        assert metadata["dc:creator"] == ["Sample Health Plan"]


def test_headings_lists_and_table_headers_are_what_they_look_like(template: Path) -> None:
    tree = render(template).tree
    assert [found.whole_text for found in tree.all("H1")] == ["A sample"]
    assert [found.whole_text for found in tree.all("H2")] == ["Rows"]
    assert len(tree.all("LI")) == 2
    assert [found.whole_text for found in tree.all("TH")] == ["Name", "Amount"]
    assert [found.whole_text for found in tree.all("TD")] == ["Ann", "$1.00", "Total", "$1.00"]


def test_footers_are_not_read_out(template: Path) -> None:
    assert "Page 1 of 1" not in render(template).text


def test_every_font_is_in_the_file(template: Path) -> None:
    for page in render(template).file.pages:
        for font in page.resources.Font.values():
            descriptor = font.DescendantFonts[0].FontDescriptor
            assert "/FontFile3" in descriptor or "/FontFile2" in descriptor


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Łucja Đặng-Müller", "Łucja Đặng-Müller"),
        ("Жанна", "Жанна"),
        ("张 Wei 😀", "� Wei �"),
        ("bell\x07 null\x00", "bell null"),
        ("turned \u202eback", "turned back"),
        ('#panic("x") *a* _b_ $c$ @d <e> // f', '#panic("x") *a* _b_ $c$ @d <e> // f'),
    ],
)
def test_text_from_outside_is_shown_as_far_as_it_can_be(template: Path, name: str, shown: str) -> None:
    assert shown in render(template, name).text


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=40))
def test_any_text_can_be_typeset(template: Path, name: str) -> None:
    assert render(template, name).tree.all("TD")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("#panic(data.heading)", "panicked with, line 2"),
        ("#int(data.heading)", "line 2"),
        ("#data.at(data.heading)", "line 2"),
        ("#sheet(data.heading, 1)", "of the prelude"),
    ],
)
def test_errors_name_template_and_line_and_none_of_the_data(template: Path, source: str, says: str) -> None:
    template.write_text("= Bad\n" + source, encoding="utf-8")
    with pytest.raises(DocumentError, match=r"sample\.typ") as raised:
        render_pdf(template, {"heading": "TESTPATIENT"}, title="x")
    assert says in str(raised.value)
    assert "TESTPATIENT" not in str(raised.value)


def test_a_template_reads_only_its_own_folder(template: Path) -> None:
    (template.parent.parent / "secret.txt").write_text("secret", encoding="utf-8")
    template.write_text('= Bad\n#read("../secret.txt")', encoding="utf-8")
    with pytest.raises(DocumentError):
        render_pdf(template, {}, title="x")


@pytest.mark.parametrize(
    ("source", "limits", "says"),
    [
        ("#sheet(data.heading", DocumentLimits(seconds=0), "longer than 0 s"),
        (BUSY, DocumentLimits(processor=1), "longer than 1 s"),
        ("#let all = (1,) * 100000000", DocumentLimits(memory=500), "more than 500 MiB"),
    ],
)
def test_a_document_that_takes_too_much_is_given_up(
    template: Path, source: str, limits: DocumentLimits, says: str
) -> None:
    template.write_text(source, encoding="utf-8")
    with pytest.raises(DocumentTooLarge, match=says):
        render_pdf(template, {"heading": "x"}, title="x", limits=limits)


def test_a_part_of_a_document_that_takes_too_much_is_given_up(template: Path) -> None:
    template.write_text("#if data.n == 1 [" + BUSY + "]\n= Good", encoding="utf-8")
    with pytest.raises(DocumentTooLarge, match="longer than 1 s"):
        render_pdf(template, {"n": 0}, more=[{"n": 1}], title="x", limits=DocumentLimits(processor=1))


def test_a_long_document_is_joined_from_parts_and_read_as_one(template: Path) -> None:
    template.write_text(
        '#if data.first != "" [= #data.first]\n== Chapter #data.name\n#sheet(("Name", "Amount"), data.rows)\n'
        '#link("https://plan.example")[Plan]\n=== End of #data.name',
        encoding="utf-8",
    )
    parts = [{"first": "", "name": name, "rows": [[f"{name}{n}", "$1.00"] for n in range(60)]} for name in "ABЖ"]
    parts[0]["first"] = "All"
    done: list[tuple[int, int]] = []
    made = render_pdf(template, parts[0], more=parts[1:], title="Long", progress=lambda *told: done.append(told))
    pdf = TaggedPdf(made)
    assert done == [(0, 4), (1, 4), (2, 4), (3, 4)]
    assert [found.whole_text for found in pdf.tree.all("H1")] == ["All"]
    assert [found.whole_text for found in pdf.tree.all("H2")] == ["Chapter A", "Chapter B", "Chapter Ж"]
    assert [row.parts[0].whole_text for row in pdf.tree.all("TR") if row.all("TD")] == [
        f"{name}{n}" for name in "ABЖ" for n in range(60)
    ]
    pages = [text_of_footer(page) for page in pdf.file.pages]
    assert pages == [f"Long Page {number} of {len(pages)}" for number in range(1, len(pages) + 1)]
    assert len(pages) >= 3
    assert "Page 1" not in pdf.text, "footers are artifacts"
    with pdf.file.open_outline() as outline:
        chapters = outline.root[0].children
        assert [(item.title, [end.title for end in item.children]) for item in chapters] == [
            (f"Chapter {name}", [f"End of {name}"]) for name in "ABЖ"
        ]
        targets = [pdf.file.pages.index(pikepdf.Page(item.obj.Dest[0])) for item in chapters if item.obj]
        assert targets == sorted(set(targets))
    with pdf.file.open_metadata() as metadata:
        assert metadata["pdfuaid:part"] == "1"


def test_every_page_of_a_joined_document_leads_to_its_own_elements(template: Path) -> None:
    template.write_text('= #data.name\n#link("https://plan.example")[Plan #data.name]', encoding="utf-8")
    pdf = TaggedPdf(render_pdf(template, {"name": "A"}, more=[{"name": "B"}, {"name": "C"}], title="x")).file
    numbers = list(pdf.Root.StructTreeRoot.ParentTree.Nums)
    tree = {int(key): value for key, value in zip(numbers[::2], numbers[1::2], strict=True)}
    keys = []
    for page in pdf.pages:
        keys.append(int(page.obj.StructParents))
        assert all(element.Pg.objgen == page.obj.objgen for element in tree[keys[-1]])
        for note in page.obj.Annots:
            keys.append(int(note.StructParent))
            assert "/S" in tree[keys[-1]]
    assert len(keys) == len(set(keys)) == 6
    assert int(pdf.Root.StructTreeRoot.ParentTreeNextKey) > max(keys)


def text_of_footer(page: pikepdf.Page) -> str:
    """What the form that is laid over the page says."""
    (form,) = (form for name, form in page.resources.XObject.items() if name.startswith("/Footer"))
    letters = {name: letters_of(font) for name, font in form.Resources.Font.items()}
    words, font = [], {}
    for instruction in pikepdf.parse_content_stream(form):
        if str(instruction.operator) == "Tf":
            font = letters[str(instruction.operands[0])]
        elif str(instruction.operator) in ("Tj", "TJ"):
            shown = instruction.operands[0]
            words.append(
                "".join(decode(part, font) for part in (shown if str(instruction.operator) == "TJ" else [shown]))
            )
    return " ".join(words)


def test_the_typesetter_is_told_no_settings(template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HP_PORTAL_SECRET_KEY", SECRET_KEY)
    given_environments = []
    start = subprocess.Popen

    def spy(*arguments: Any, **options: Any) -> Any:
        given_environments.append(options["env"])
        return start(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", spy)
    render(template)
    assert given_environments
    assert not any(name.startswith("HP_PORTAL_") for name in given_environments[0])


def test_the_payer_stands_at_the_head_of_every_page_in_its_accent(template: Path) -> None:
    payer = Payer(name="Sample Health Plan", phone="555-0100", email="help@plan.example", accent="plum")
    assert look_of(payer) == {
        "payer": "Sample Health Plan",
        "contact": "555-0100 · help@plan.example",
        "hue": "345",
        "chroma": "0.13",
    }
    plain, headed = render(template), render(template, payer=payer)
    assert headed.text == plain.text, "the head is furniture: not read out on every page"
    assert len(headed.file.pages[0].Contents.read_bytes()) > len(plain.file.pages[0].Contents.read_bytes())


def test_accents_on_paper_are_those_of_the_screen() -> None:
    css = (Path(rendering.__file__).parents[2] / "static" / "portal.css").read_text(encoding="utf-8")
    found = re.findall(r'\[data-accent="(\w+)"\] { --hue: (\d+); --chroma: ([\d.]+); }', css)
    assert {name: (int(hue), float(chroma)) for name, hue, chroma in found} == ACCENTS
