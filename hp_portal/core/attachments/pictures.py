"""Makes pictures anew from their points, so that nothing else of the file is left: no metadata, no place where it was taken."""

from __future__ import annotations

import io
import struct
import zlib

import pikepdf
from PIL import Image, ImageOps
from PIL.TiffImagePlugin import TiffImageFile

from hp_portal.core.attachments.refused import DAMAGED, Refused

MOST_POINTS = 100_000_000
MOST_PAGES = 500
_QUALITY = 92
_FORMATS = {"jpeg": ("JPEG", "MPO"), "png": ("PNG",), "tiff": ("TIFF",)}
_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error, zlib.error)
_DPI = 200.0
_GRAY_16 = ("I;16", "I;16L", "I;16B", "I;16N")
_SHOWN = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB"}
_WHITE_IS_ZERO = (262, 0)
"""A tag of TIFF, which the library heeds where a point has eight bits at most."""
MEASURED = (
    "It is no picture to look at: its points are measured values, of 32 bits each. Save it as PNG or TIFF with 8 or 16 bits, "
    "and attach that."
)


def clean_picture(body: bytes, kind: str) -> tuple[str, bytes]:
    """The kind of the new file, and the file. A TIFF, which may have several pages, becomes a PDF. Raises Refused."""
    Image.MAX_IMAGE_PIXELS = None  # the limit is ours, and said in words
    try:
        with Image.open(io.BytesIO(body), formats=_FORMATS[kind]) as image:
            return ("pdf", _pages(image)) if kind == "tiff" else (kind, _anew(image, kind))
    except _UNREADABLE:
        raise Refused(DAMAGED) from None


def _check_size(image: Image.Image) -> None:
    if image.width * image.height > MOST_POINTS:
        raise Refused(
            f"The picture has {image.width:,} × {image.height:,} points, and {MOST_POINTS // 1_000_000} million are the "
            "most that are opened. Save it smaller, and attach that."
        )


def _upright(image: Image.Image) -> Image.Image:
    """The picture as it is meant to be seen, decoded, with nothing kept of the file's own words."""
    _check_size(image)
    image.load()
    seen = ImageOps.exif_transpose(image)
    transparent = image.info.get("transparency")
    seen.info = {} if transparent is None else {"transparency": transparent}
    if seen.mode in _GRAY_16 or (seen.mode == "I" and image.format == "PNG"):
        return _in_8_bits(seen, turned=_white_is_zero(image))
    if seen.mode not in _SHOWN:
        raise Refused(MEASURED)
    return seen


def _white_is_zero(image: Image.Image) -> bool:
    tag, value = _WHITE_IS_ZERO
    return isinstance(image, TiffImageFile) and image.tag_v2.get(tag) == value


def _in_8_bits(gray: Image.Image, *, turned: bool) -> Image.Image:
    """Sixteen bits of gray as eight; the library would cut off what is above them."""
    gray.info = {}
    scaled = gray.convert("I").point(lambda value: value * (1 / 257) + 0.5).convert("L")
    return ImageOps.invert(scaled) if turned else scaled


def _on_white(image: Image.Image) -> Image.Image:
    """As it is seen on paper, in a mode that PDF and JPEG have."""
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        over = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert("RGB")
    return image if image.mode in ("1", "L", "RGB") else image.convert("RGB")


def _resolution(image: Image.Image) -> tuple[float, float]:
    """Points an inch, as the file says, where that can be true."""
    try:
        across, down = (float(value) for value in image.info.get("dpi", ()))
    except (TypeError, ValueError, ZeroDivisionError):
        return _DPI, _DPI
    return (across, down) if 36 <= across <= 4800 and 36 <= down <= 4800 else (_DPI, _DPI)


def _anew(image: Image.Image, kind: str) -> bytes:
    dpi = _resolution(image)
    seen = _upright(image)
    out = io.BytesIO()
    if kind == "jpeg":
        plain = _on_white(seen)
        plain.save(out, "JPEG", quality=_QUALITY, dpi=dpi)
    else:
        seen.save(out, "PNG", dpi=dpi)
    return out.getvalue()


def _pages(image: Image.Image) -> bytes:
    with pikepdf.new() as pdf:
        number = 0
        while True:
            try:
                image.seek(number)
            except EOFError:
                break
            number += 1
            if number > MOST_PAGES:
                raise Refused(f"The picture has more than {MOST_PAGES} pages. Split it, and attach the parts.")
            page = io.BytesIO(_page(image))
            with pikepdf.open(page) as one:
                pdf.pages.extend(one.pages)
        out = io.BytesIO()
        pdf.save(out)
    return out.getvalue()


def _page(image: Image.Image) -> bytes:
    dpi = _resolution(image)
    seen = _upright(image)
    plain = _on_white(seen)
    out = io.BytesIO()
    if plain.mode == "1":  # kept point by point, as faxes are
        plain.save(out, "PDF", dpi=dpi)
    else:
        plain.save(out, "PDF", dpi=dpi, quality=_QUALITY)
    return out.getvalue()
