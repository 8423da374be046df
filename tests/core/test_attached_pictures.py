"""What becomes of attached pictures: the same points, and nothing else."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Mapping

import pikepdf
import pytest
from pikepdf import Name
from PIL import Image, PngImagePlugin

from hp_portal.core.attachments import pictures
from hp_portal.core.attachments.cleaner import clean
from hp_portal.core.attachments.kinds import kind_of, name_as
from hp_portal.core.attachments.refused import DAMAGED, Refused


def picture(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    out = io.BytesIO()
    (image or Image.new("RGB", (40, 20), "red")).save(out, kind, **options)
    return out.getvalue()


def with_place(kind: str) -> bytes:
    """A picture lying on its side, with where and by whom it was taken, and a ZIP behind its end."""
    image = Image.new("RGB", (40, 20), "red")
    exif = image.getexif()
    exif[0x0112], exif[0x010E] = 6, "SECRET PLACE"
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", "SECRET PLACE")
    more: Mapping[str, object] = {"pnginfo": texts} if kind == "PNG" else {"comment": b"SECRET PLACE"}
    return picture(kind, image, exif=exif, **more) + b"PK\x03\x04 SECRET PLACE"


@pytest.mark.parametrize("kind", ["jpeg", "png"])
def test_a_picture_is_made_anew_without_words(kind: str) -> None:
    sent = with_place(kind.upper())
    assert kind_of(sent) == kind
    given_as, body = clean(kind, sent)
    assert given_as == kind
    assert body is not None
    assert b"SECRET" in sent
    assert b"SECRET" not in body
    with Image.open(io.BytesIO(body)) as image:
        assert image.size == (20, 40), "upright, as it is meant to be seen"
        assert not image.getexif()


def test_a_tiff_of_several_pages_becomes_a_pdf() -> None:
    pages = [Image.new("1", (204, 98), 1), Image.new("RGBA", (40, 20), "red"), Image.new("I;16", (9, 9))]
    sent = picture("TIFF", pages[0], save_all=True, append_images=pages[1:], dpi=(204, 98))
    assert kind_of(sent) == "tiff"
    kind, body = clean("tiff", sent)
    assert (kind, name_as("fax.TIF", kind)) == ("pdf", "fax.pdf")
    with pikepdf.open(io.BytesIO(body or b"")) as pdf:
        assert len(pdf.pages) == 3
        assert [float(edge) for edge in pdf.pages[0].mediabox] == [0, 0, 72, 72], "an inch by an inch"


def points_of(pdf: bytes) -> list[list[tuple[int, ...]]]:
    """The points of each page's picture, in three colors."""
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        found = [
            item for item in opened.objects if isinstance(item, pikepdf.Stream) and item.get(Name.Subtype) == Name.Image
        ]
        pictures = [pikepdf.PdfImage(item).as_pil_image() for item in found]
        return [[one.convert("RGB").getpixel((x, 0)) for x in range(one.width)] for one in pictures]  # type: ignore[misc] # one value or three, as the mode has it


def stripes(mode: str, *values: object) -> Image.Image:
    """Broad stripes, so that what JPEG loses is no matter."""
    image = Image.new(mode, (16 * len(values), 16))
    for number, value in enumerate(values):
        image.paste(value, (16 * number, 0, 16 * number + 16, 16))  # type: ignore[arg-type] # whatever the mode takes
    return image


def test_a_picture_is_seen_as_it_was() -> None:
    """Sixteen bits of grey are scaled to eight, what is transparent is on white, and colors stay."""
    row = b"".join(value.to_bytes(2, "little") * 16 for value in (0, 0x8000, 0xFFFF))
    grey = Image.frombytes("I;16", (48, 16), row * 16)
    clear = stripes("RGBA", (200, 0, 0, 255), (0, 0, 0, 0), (0, 0, 0, 128))
    pages = points_of(clean("tiff", picture("TIFF", grey, save_all=True, append_images=[clear]))[1] or b"")
    for points, wanted in zip(
        pages, ([(0,) * 3, (128,) * 3, (255,) * 3], [(200, 0, 0), (255,) * 3, (127,) * 3]), strict=True
    ):
        for number, color in enumerate(wanted):
            assert points[16 * number + 8] == pytest.approx(color, abs=6)
    with Image.open(io.BytesIO(clean("png", picture("PNG", grey))[1] or b"")) as image:
        assert [image.convert("L").getpixel((x, 0)) for x in (8, 24, 40)] == [0, 128, 255]
    with Image.open(io.BytesIO(clean("png", picture("PNG", clear))[1] or b"")) as image:
        assert image.getpixel((24, 0)) == (0, 0, 0, 0), "a PNG may stay transparent"
    turned = picture("TIFF", grey, tiffinfo={262: 0})
    assert [point[0] for point in points_of(clean("tiff", turned)[1] or b"")[0]][8::16] == pytest.approx(
        [255, 127, 0], abs=6
    )


def bomb() -> bytes:
    """A PNG of two hundred million points in some kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    size = (20_000).to_bytes(4) + (10_001).to_bytes(4)
    rows = zlib.compress(bytes(2501) * 100)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", size + bytes([1, 0, 0, 0, 0]))
        + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("png", bomb, "20,000 × 10,001 points, and 100 million are the most"),
        ("jpeg", lambda: with_place("JPEG")[:300], DAMAGED),
        ("png", lambda: with_place("PNG")[:150], DAMAGED),
        ("jpeg", lambda: b"\xff\xd8\xff and nothing else", DAMAGED),
        ("tiff", lambda: b"II*\x00 and nothing else", DAMAGED),
        ("tiff", lambda: picture("TIFF", Image.new("F", (9, 9), 0.5)), pictures.MEASURED),
        ("tiff", lambda: picture("TIFF", Image.new("I", (9, 9), 1 << 20)), pictures.MEASURED),
    ],
    ids=["bomb", "cut off JPEG", "cut off PNG", "no JPEG", "no TIFF", "32 bits", "32 whole bits"],
)
def test_a_picture_that_is_not_accepted_says_what_to_do(kind: str, body: Callable[[], bytes], said: str) -> None:
    with pytest.raises(Refused) as refused:
        clean(kind, body())
    assert said in str(refused.value)
