"""A table of pictures with text: what stands where, on a canvas of pixels or of lines.

Small images are enlarged by whole factors without smoothing, so that a pixel stays a pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, TypeAlias, TypeVar

import matplotlib
import numpy as np
import torch
from PIL import Image, ImageFont
from torch import Tensor

Colour: TypeAlias = tuple[int, int, int]
PAPER, INK, GREY, RED = (255, 255, 255), (28, 28, 30), (118, 118, 124), (176, 32, 24)
RULE = (214, 214, 218)
MARGIN, GAP = 32, 12
TITLE, TEXT, SMALL = 22, 16, 14


@dataclass(frozen=True)
class Cell:
    """A picture with a caption under it.

    Attributes:
        picture: The picture, scaled to the size of the page's cells.
        caption: One line of text.
        ramp: The value at the end of a colour scale, drawn above the caption; None: no scale.
        warn: Whether the caption is red.
    """

    picture: Image.Image
    caption: str = ""
    ramp: float | None = None
    warn: bool = False


@dataclass(frozen=True)
class Row:
    """A line of pictures.

    Attributes:
        name: What stands above it.
        cells: The pictures, one for each column or fewer.
        warn: A sentence in red behind the name; may be empty.
    """

    name: str
    cells: Sequence[Cell]
    warn: str = ""


@dataclass(frozen=True)
class Page:
    """A table of pictures: what `draw` draws.

    Attributes:
        columns: The titles of the columns.
        rows: The lines of pictures.
        size: (width, height) of a picture in pixels.
        title: What stands at the top; may be empty.
        subtitle: What stands below it in grey; may be empty.
        notes: Sentences at the bottom.
    """

    columns: Sequence[str]
    rows: Sequence[Row]
    size: tuple[int, int]
    title: str = ""
    subtitle: str = ""
    notes: Sequence[str] = ()


def colour(values: Tensor) -> Image.Image:
    """Draw a map in the colours of matplotlib's magma.

    Args:
        values: (H, W) in [0, 1]; NaN is 0.

    Returns:
        An RGB picture.
    """
    index = (torch.nan_to_num(values).clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
    return Image.fromarray(_magma()[index])


@cache
def _magma() -> Any:
    return (matplotlib.colormaps["magma"](np.arange(256))[:, :3] * 255).round().astype(np.uint8)


def cell_size(height: int, width: int, target: int = 176, most: int = 384) -> tuple[int, int]:
    """Compute the size at which an image is shown.

    Args:
        height: The height of the image in pixels.
        width: Its width in pixels.
        target: The least length of the longer side, reached by a whole factor.
        most: Its length where the image itself is larger.

    Returns:
        (width, height) in pixels.
    """
    longer = max(height, width)
    scale = most / longer if longer > most else float(-(-target // longer))
    return max(1, round(width * scale)), max(1, round(height * scale))


def scaled(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Scale a picture to fit.

    Args:
        picture: The picture.
        size: (width, height) in pixels.

    Returns:
        An RGB picture of that size, on light grey where its aspect differs.
    """
    scale = min(size[0] / picture.width, size[1] / picture.height)
    inner = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    how = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.LANCZOS
    picture = picture.convert("RGB").resize(inner, how)
    if inner == size:
        return picture
    page = Image.new("RGB", size, (238, 238, 240))
    page.paste(picture, ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
    return page


class Canvas(Protocol):
    """What a page is drawn on; lengths are in pixels from the upper left corner."""

    def text(self, at: tuple[int, int], text: str, size: int, ink: Colour) -> None: ...
    def line(self, at: tuple[int, int], length: int, ink: Colour) -> None: ...
    def picture(self, at: tuple[int, int], picture: Image.Image) -> None: ...


C = TypeVar("C", bound=Canvas)


def lay_out(page: Page, blank: Callable[[tuple[int, int]], C]) -> C:
    """Put everything on a page in its place.

    Args:
        page: What stands on it.
        blank: Makes a canvas of a size, (width, height) in pixels.

    Returns:
        The canvas.
    """
    width, height = page.size
    texts = max((bool(c.caption) + bool(c.ramp) for r in page.rows for c in r.cells), default=0)
    caption = texts * (SMALL + 6) + 4 if texts else 0
    inner = len(page.columns) * (width + GAP) - GAP
    head = MARGIN + (TITLE + 8 if page.title else 0) + (TEXT + 24 if page.subtitle else 0)
    line = TEXT + 8 + height + caption + 18
    lines = [part for note in page.notes for part in _wrapped(note, SMALL, inner)]
    total = head + TEXT + 12 + line * len(page.rows) + (SMALL + 6) * len(lines) + MARGIN
    canvas = blank((inner + 2 * MARGIN, total))
    if page.title:
        _write(canvas, (MARGIN, MARGIN - 6), page.title, TITLE, INK, inner)
    if page.subtitle:
        _write(canvas, (MARGIN, head - TEXT - 28), page.subtitle, TEXT, GREY, inner)
    y = head
    for k, name in enumerate(page.columns):
        _write(canvas, (MARGIN + k * (width + GAP), y), name, TEXT, INK, width)
    y += TEXT + 6
    canvas.line((MARGIN, y), inner, RULE)
    y += 8
    for row in page.rows:
        end = _write(canvas, (MARGIN, y), row.name, SMALL, GREY, inner // 2)
        _write(canvas, (end + GAP, y), row.warn, SMALL, RED, MARGIN + inner - end - GAP)
        for k, cell in enumerate(row.cells):
            left, under = MARGIN + k * (width + GAP), y + TEXT + 8 + height + 6
            canvas.picture((left, y + TEXT + 8), scaled(cell.picture, page.size))
            if cell.ramp is not None:
                _ramp(canvas, (left, under), width, cell.ramp)
                under += SMALL + 6
            _write(canvas, (left, under), cell.caption, SMALL, RED if cell.warn else GREY, width)
        y += line
    for text in lines:
        _write(canvas, (MARGIN, y), text, SMALL, GREY, inner)
        y += SMALL + 6
    return canvas


def _ramp(canvas: Canvas, at: tuple[int, int], width: int, end: float) -> None:
    """A colour scale from 0 to `end` on one line of text."""
    last = f"{end:.2g}"
    before = round(font(SMALL).getlength("0")) + 6
    after = round(font(SMALL).getlength(last)) + 6
    bar = colour(torch.linspace(0, 1, 256).expand(10, 256))
    length = max(width - before - after, 8)
    canvas.picture((at[0] + before, at[1] + 4), bar.resize((length, 10)))
    _write(canvas, at, "0", SMALL, GREY, width)
    _write(canvas, (at[0] + before + length + 6, at[1]), last, SMALL, GREY, width)


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """The font of all plots, matplotlib's own, which has most scripts.

    Args:
        size: The height of a line in pixels.

    Returns:
        DejaVu Sans, whose letters are large for their size.
    """
    return ImageFont.truetype(f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf", size - 1)


def _wrapped(text: str, size: int, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font(size).getlength(longer) > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _write(
    canvas: Canvas, at: tuple[int, int], text: str, size: int, ink: Colour, width: int
) -> int:
    """Write one line, shortened to `width` pixels; where it ends."""
    whole = text
    while text and font(size).getlength(text) > width:
        text = whole[: len(text.removesuffix("...")) - 1].rstrip() + "..."
        if text == "...":
            break
    canvas.text(at, text, size, ink)
    return at[0] + round(font(size).getlength(text))
