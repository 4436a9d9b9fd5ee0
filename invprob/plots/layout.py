"""A table of pictures with text, drawn with Pillow alone but for a colour map and a fallback font.

Small images are enlarged by whole factors without smoothing, so that a pixel stays a pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import matplotlib
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

PAPER, INK, GREY, RED = (255, 255, 255), (28, 28, 30), (118, 118, 124), (176, 32, 24)
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


def draw(page: Page) -> Image.Image:
    """Draw a page.

    Args:
        page: What stands on it.

    Returns:
        An RGB picture on white.
    """
    width, height = page.size
    texts = max((bool(c.caption) + bool(c.ramp) for r in page.rows for c in r.cells), default=0)
    caption = texts * (SMALL + 6) + 4 if texts else 0
    inner = len(page.columns) * (width + GAP) - GAP
    head = MARGIN + (TITLE + 8 if page.title else 0) + (TEXT + 24 if page.subtitle else 0)
    line = TEXT + 8 + height + caption + 18
    lines = [part for note in page.notes for part in _wrapped(note, SMALL, inner)]
    total = head + TEXT + 12 + line * len(page.rows) + (SMALL + 6) * len(lines) + MARGIN
    canvas = Image.new("RGB", (inner + 2 * MARGIN, total), PAPER)
    pen = ImageDraw.Draw(canvas)
    if page.title:
        _write(pen, (MARGIN, MARGIN - 6), page.title, TITLE, INK, inner)
    if page.subtitle:
        _write(pen, (MARGIN, head - TEXT - 28), page.subtitle, TEXT, GREY, inner)
    y = head
    for k, name in enumerate(page.columns):
        _write(pen, (MARGIN + k * (width + GAP), y), name, TEXT, INK, width)
    y += TEXT + 6
    pen.line((MARGIN, y, MARGIN + inner - 1, y), (214, 214, 218))
    y += 8
    for row in page.rows:
        end = _write(pen, (MARGIN, y), row.name, SMALL, GREY, inner // 2)
        _write(pen, (end + GAP, y), row.warn, SMALL, RED, MARGIN + inner - end - GAP)
        for k, cell in enumerate(row.cells):
            left, under = MARGIN + k * (width + GAP), y + TEXT + 8 + height + 6
            canvas.paste(scaled(cell.picture, page.size), (left, y + TEXT + 8))
            if cell.ramp is not None:
                _ramp(canvas, pen, (left, under), width, cell.ramp)
                under += SMALL + 6
            _write(pen, (left, under), cell.caption, SMALL, RED if cell.warn else GREY, width)
        y += line
    for text in lines:
        _write(pen, (MARGIN, y), text, SMALL, GREY, inner)
        y += SMALL + 6
    return canvas


def _ramp(
    canvas: Image.Image, pen: ImageDraw.ImageDraw, at: tuple[int, int], width: int, end: float
) -> None:
    """A colour scale from 0 to `end` on one line of text."""
    last = f"{end:.2g}"
    before = round(_font(SMALL).getlength("0")) + 6
    after = round(_font(SMALL).getlength(last)) + 6
    bar = colour(torch.linspace(0, 1, 256).expand(10, 256))
    length = max(width - before - after, 8)
    canvas.paste(bar.resize((length, 10)), (at[0] + before, at[1] + 4))
    _write(pen, at, "0", SMALL, GREY, width)
    _write(pen, (at[0] + before + length + 6, at[1]), last, SMALL, GREY, width)


@cache
def _font(size: int, wide: bool = False) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font, or, for scripts it lacks, matplotlib's."""
    if wide:
        folder = matplotlib.get_data_path()
        return ImageFont.truetype(f"{folder}/fonts/ttf/DejaVuSans.ttf", size - 1)
    return ImageFont.load_default(size)


def _wrapped(text: str, size: int, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if _font(size, not text.isascii()).getlength(longer) > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _write(
    pen: ImageDraw.ImageDraw,
    at: tuple[int, int],
    text: str,
    size: int,
    ink: tuple[int, int, int],
    width: int,
) -> int:
    """Write one line, shortened to `width` pixels; where it ends."""
    font = _font(size, not text.isascii())
    whole = text
    while text and font.getlength(text) > width:
        text = whole[: len(text.removesuffix("...")) - 1].rstrip() + "..."
        if text == "...":
            break
    pen.text(at, text, ink, font)
    return at[0] + round(font.getlength(text))
