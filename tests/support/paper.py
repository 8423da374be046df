"""A page of a PDF as a fax machine or a telephone's camera sees it, and the QR codes on it."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pypdfium2
import zxingcpp
from PIL import Image, ImageFilter

FAX_ACROSS, FAX_DOWN = 204, 98
"""Dots to the inch of a fax in standard resolution (ITU-T T.4)."""
WHITE = 255


def page_picture(pdf: bytes, page: int = 0, dots: int = FAX_ACROSS) -> Image.Image:
    """A page in gray, with so many dots to the inch."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        picture: Image.Image = document[page].render(scale=dots / 72, grayscale=True).to_pil()
        return picture
    finally:
        document.close()


def faxed(picture: Image.Image, *, skew: float = 0.0, noise: float = 0.0, seed: int = 0) -> Image.Image:
    """A page as it arrives in standard fax resolution, shown with square dots: askew by so many degrees, in black and white
    alone, with this share of its dots the wrong way round."""
    width, height = picture.size
    turned = picture.rotate(skew, fillcolor=WHITE, resample=Image.Resampling.BILINEAR)
    lines = turned.resize((width, height * FAX_DOWN // FAX_ACROSS)).point(lambda gray: WHITE * (gray > WHITE // 2))
    chance = random.Random(seed)
    for _ in range(int(noise * lines.width * lines.height)):
        spot = chance.randrange(lines.width), chance.randrange(lines.height)
        lines.putpixel(spot, WHITE - int(str(lines.getpixel(spot))))
    return lines.resize((width, height), Image.Resampling.NEAREST)


def codes_on(picture: Image.Image) -> list[str]:
    """What the QR codes on a page say, as a reader of scans tries it: the page as it is, then cleaned copies."""
    for copy in _copies(picture):
        if found := zxingcpp.read_barcodes(copy, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)):
            return [code.text for code in found]
    return []


def _copies(picture: Image.Image) -> Iterator[Image.Image]:
    yield picture
    yield picture.filter(ImageFilter.MedianFilter(3))
    yield picture.filter(ImageFilter.GaussianBlur(1))
    yield picture.resize((picture.width // 2, picture.height // 2))
