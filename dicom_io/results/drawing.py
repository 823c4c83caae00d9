"""Pictures of findings for people: the same for the secondary capture, the pages and the demo."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from math import ceil, floor

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

#: Longest side of the drawn image in pixels, bars not counted: enough to point with.
LONGEST_SIDE = 768
#: Amber for everything that says "AI", cyan for what it points at: neither occurs in a grey image.
_AMBER = (255, 193, 7)
_CYAN = (64, 224, 255)
_BAR = (16, 20, 24)
_WHITE = (245, 245, 245)
_GREY = (176, 184, 192)
#: Outlines are drawn at twice the size and reduced, since Pillow's lines have no soft edges.
_FINE = 2
#: Room around a mark for its line and rim, in pixels of the picture.
_MARGIN = 8
#: Rows that are halved at once.
_ROWS_AT_ONCE = 32
#: How much of the image the dark rim hides.
_RIM_STRENGTH = 0.6


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One finding as drawn."""

    #: What stands beside it, e.g. ``Opacity 87 %``.
    label: str
    #: Closed polygon of (column, row) pairs in pixels of the picture's source; empty when *mask* is given.
    polygon: tuple[tuple[float, float], ...] = ()
    #: bool (y, x) on the grid of the picture's source; its outline is drawn. None when *polygon* is given.
    mask: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True, kw_only=True)
class Caption:
    """What the bars above and below the picture say. Holds nothing about the patient."""

    #: The warning, e.g. ``NOT FOR DIAGNOSIS``.
    warning: str
    #: Model, version and time of analysis.
    provenance: str
    #: The answer in words, with its findings.
    outcome: str
    #: ``DEMONSTRATION`` where the release is one; empty otherwise.
    demonstration: str = ""


@dataclass(frozen=True, kw_only=True)
class Ground:
    """An image as people see it, before anything is drawn on it: the dearest part, and the same whatever is found."""

    #: In RGB; its longest side is LONGEST_SIDE.
    picture: Image.Image
    #: Pixels of the picture for one of the image.
    scale: float


def ground_of(pixels: npt.NDArray[np.floating], window: tuple[float, float]) -> Ground:
    """The image *pixels* (y, x), bright where the body is dense; the values of *window* become black and white."""
    scale = LONGEST_SIDE / max(pixels.shape)
    return Ground(picture=_grey_picture(pixels, window, scale), scale=scale)


def draw_findings(ground: Ground, marks: Sequence[Mark], caption: Caption) -> Image.Image:
    """The image with its *marks* and a bar above and below it, in RGB.

    Args:
        ground: the image.
        marks: what to point at.
        caption: what the bars say; both say what the picture is and who made it, so that cropping one leaves the other.
    """
    picture = ground.picture.copy()
    for mark in marks:
        _draw_outline(picture, mark, ground.scale)
    for mark in marks:
        _draw_label(picture, mark, ground.scale)
    return _with_bars(picture, caption)


def to_jpeg(picture: Image.Image) -> bytes:
    """The *picture* as a JPEG file, one colour for two pixels side by side, as DICOM wants it (PS3.5 8.2.1)."""
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=90, subsampling="4:2:2")
    return buffer.getvalue()


def _grey_picture(pixels: npt.NDArray[np.floating], window: tuple[float, float], scale: float) -> Image.Image:
    low, high = window
    rows, columns = pixels.shape
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    # Halved first, then windowed, then resized as bytes: 8 ms instead of 27 for a radiograph of four megapixels.
    grey = _halved(pixels, scale)
    grey *= np.float32(255.0 / max(high - low, 1e-6))
    grey -= np.float32(low * 255.0 / max(high - low, 1e-6))
    np.clip(grey, 0, 255, out=grey)
    return Image.fromarray(grey.astype(np.uint8)).resize(size, Image.Resampling.BILINEAR).convert("RGB")


def _halved(pixels: npt.NDArray[np.floating], scale: float) -> npt.NDArray[np.float32]:
    """A copy, of means of 2 x 2 pixels, again and again while that is no smaller than the picture will be."""
    smaller = pixels.astype(np.float32, copy=scale > 0.5)
    while scale <= 0.5:
        half = np.empty((smaller.shape[0] // 2, smaller.shape[1] // 2), dtype=np.float32)
        for first in range(0, len(half), _ROWS_AT_ONCE):
            part = half[first : first + _ROWS_AT_ONCE]
            # What two rows add up to stays in the processor's cache.
            rows = smaller[2 * first : 2 * (first + len(part)), : 2 * half.shape[1]]
            pairs = rows[0::2] + rows[1::2]
            np.add(pairs[:, 0::2], pairs[:, 1::2], out=part)
        half *= np.float32(0.25)
        smaller = half
        scale *= 2
    return smaller


def _draw_outline(picture: Image.Image, mark: Mark, scale: float) -> None:
    """A cyan line with a dark rim, legible on bright and on dark ground."""
    left, top, right, bottom = _extent(mark, scale)
    # Only around the mark: whole canvases would take most of the time of the picture.
    box = (floor(left) - _MARGIN, floor(top) - _MARGIN, ceil(right) + _MARGIN, ceil(bottom) + _MARGIN)
    line, rim = _mask_lines(mark.mask, box, scale) if mark.mask is not None else _polygon_lines(mark, box, scale)
    region = np.array(picture.crop(box))
    _blend(region, rim, (0, 0, 0), _RIM_STRENGTH)
    _blend(region, line, _CYAN, 1.0)
    picture.paste(Image.fromarray(region), box[:2])


def _blend(region: npt.NDArray[np.uint8], cover: Image.Image, colour: tuple[int, int, int], strength: float) -> None:
    """Mix *colour* into RGB (y, x, 3) where *cover* is not 0: a line covers few of a box's pixels."""
    weights = np.asarray(cover).reshape(-1)
    touched = np.flatnonzero(weights)
    weight = weights[touched, np.newaxis] * np.float32(strength / 255)
    flat = region.reshape(-1, 3)
    flat[touched] = (flat[touched] * (1 - weight) + np.asarray(colour, dtype=np.float32) * weight).astype(np.uint8)


def _polygon_lines(mark: Mark, box: tuple[int, int, int, int], scale: float) -> tuple[Image.Image, Image.Image]:
    """Line and rim within *box* of the picture, each as coverage 0 to 255."""
    left, top, right, bottom = box
    corners = [((column * scale - left) * _FINE, (row * scale - top) * _FINE) for column, row in mark.polygon]
    lines = []
    for width in (2.5, 6.0):
        canvas = Image.new("L", ((right - left) * _FINE, (bottom - top) * _FINE))
        ImageDraw.Draw(canvas).line(corners, fill=255, width=round(width * _FINE), joint="curve")
        lines.append(canvas.reduce(_FINE))
    return lines[0], lines[1]


def _mask_lines(
    mask: npt.NDArray[np.bool_], box: tuple[int, int, int, int], scale: float
) -> tuple[Image.Image, Image.Image]:
    """Line and rim within *box*, just outside the mask, so that what they point at stays visible."""
    left, top, right, bottom = box
    # Padded so that the box, which may reach beyond the image, lies inside what is resized.
    pad = ceil(_MARGIN / scale) + 1
    source = Image.fromarray(np.pad(mask, pad).astype(np.uint8) * 255)
    part = (left / scale + pad, top / scale + pad, right / scale + pad, bottom / scale + pad)
    smooth = source.resize((right - left, bottom - top), Image.Resampling.BICUBIC, box=part)
    inside = np.asarray(smooth) > 127
    distance = ndimage.distance_transform_edt(~inside)
    return _ring(inside, distance, (1.0, 3.5)), _ring(inside, distance, (0.0, 5.5))


def _ring(
    inside: npt.NDArray[np.bool_], distance: npt.NDArray[np.float64], between: tuple[float, float]
) -> Image.Image:
    """How much of each pixel lies *between* two distances outside the mask, 0 to 255."""
    low, high = between
    cover = np.clip(np.minimum(distance - low, high - distance) + 0.5, 0, 1)
    return Image.fromarray(np.where(inside, 0, cover * 255).astype(np.uint8))


def _draw_label(picture: Image.Image, mark: Mark, scale: float) -> None:
    """The label in a dark box above the mark, or below it where there is no room above."""
    left, top, right, bottom = _extent(mark, scale)
    font = _font(max(17, picture.height // 46), bold=True)
    draw = ImageDraw.Draw(picture, "RGBA")
    width, height = draw.textlength(mark.label, font=font) + 16, font.size + 12
    x = min(max((left + right - width) / 2, 4), max(picture.width - width - 4, 4))
    y = top - height - 10 if top - height - 10 >= 4 else min(bottom + 10, picture.height - height - 4)
    draw.rounded_rectangle((x, y, x + width, y + height), radius=5, fill=(*_BAR, 225), outline=(*_CYAN, 255))
    draw.text((x + 8, y + height / 2), mark.label, font=font, fill=_CYAN, anchor="lm")


def _extent(mark: Mark, scale: float) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the mark in the picture."""
    if mark.mask is None:
        columns, rows = zip(*mark.polygon, strict=True)
        return min(columns) * scale, min(rows) * scale, max(columns) * scale, max(rows) * scale
    rows_hit, columns_hit = np.flatnonzero(mark.mask.any(axis=1)), np.flatnonzero(mark.mask.any(axis=0))
    return columns_hit[0] * scale, rows_hit[0] * scale, (columns_hit[-1] + 1) * scale, (rows_hit[-1] + 1) * scale


def _with_bars(picture: Image.Image, caption: Caption) -> Image.Image:
    unit = max(18, LONGEST_SIDE // 46)
    bar = _warning_bar(caption.warning, caption.demonstration, unit, picture.width)
    canvas = Image.new("RGB", (picture.width, picture.height + 2 * bar.height), _BAR)
    canvas.paste(picture, (0, bar.height))
    draw = ImageDraw.Draw(canvas)
    below = canvas.height - bar.height
    for top, second in ((0, caption.provenance), (below, f"{caption.outcome}  ·  {caption.provenance}")):
        canvas.paste(bar, (0, top))
        font = _fitting(draw, second, unit - 2, canvas.width - 24)
        draw.text((12, top + round(unit * 2.55)), second, font=font, fill=_GREY, anchor="lm")
    return canvas


@lru_cache(maxsize=8)
def _warning_bar(warning: str, demonstration: str, unit: int, width: int) -> Image.Image:
    """A bar with the amber AI plate, the warning, and the demonstration mark at the right edge.

    Kept: a site's pictures differ only in what stands below these words.
    """
    bar = Image.new("RGB", (width, round(unit * 3.5)), _BAR)
    draw = ImageDraw.Draw(bar)
    middle = round(unit * 1.05)
    plate = (12, middle - unit * 0.72, 12 + unit * 2.1, middle + unit * 0.72)
    draw.rounded_rectangle(plate, radius=5, fill=_AMBER)
    draw.text((12 + unit * 1.05, middle), "AI", font=_font(unit, bold=True), fill=_BAR, anchor="mm")
    start = 12 + unit * 2.7
    font = _fitting(draw, f"{warning}   {demonstration}", unit, width - start - 12, bold=True)
    draw.text((start, middle), warning, font=font, fill=_WHITE, anchor="lm")
    draw.text((width - 12, middle), demonstration, font=font, fill=_AMBER, anchor="rm")
    return bar


def _fitting(
    draw: ImageDraw.ImageDraw, text: str, size: int, width: float, *, bold: bool = False
) -> ImageFont.FreeTypeFont:
    """The font in *size*, or the largest below it in which *text* is no wider than *width*."""
    length = draw.textlength(text, font=_font(size, bold=bold))
    return _font(size if length <= width else max(8, int(size * width / length)), bold=bold)


@lru_cache(maxsize=32)
def _font(size: int, *, bold: bool) -> ImageFont.FreeTypeFont:
    """Noto Sans from its package: Pillow's own font has no Danish letters and a server may have no fonts at all."""
    font = ImageFont.truetype(io.BytesIO(_font_file()), size)
    # Axes in the file's order: weight, width in per cent.
    font.set_variation_by_axes([700 if bold else 400, 100])
    return font


@cache
def _font_file() -> bytes:
    return (files("fontpkg_noto_sans") / "files" / "NotoSans[wdth,wght].ttf").read_bytes()


def shown(values: Iterable[str]) -> str:
    """The *values* that are not empty, separated by middle dots."""
    return "  ·  ".join(value for value in values if value)
