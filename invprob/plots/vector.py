"""Pages of pictures as SVG or PDF, whose text and lines keep their shape at any size."""

from __future__ import annotations

import io
from typing import Literal, TypeAlias

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from invprob.global_state import matplotlib_state
from invprob.plots.layout import Colour, Page, font, lay_out

Format: TypeAlias = Literal["png", "svg", "pdf"]
DPI = 100
SETTINGS = {"svg.hashsalt": "invprob", "pdf.fonttype": 42}
"""The same names in the same file, and letters that can be selected and edited."""
UNDATED = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


class Sheet:
    """A canvas of a figure of matplotlib.

    Args:
        size: (width, height) in pixels, a hundred of which are an inch.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        width, height = size
        self.figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
        self._axes = self.figure.add_axes((0, 0, 1, 1))
        self._axes.set_axis_off()
        self._axes.set(xlim=(0, width), ylim=(height, 0), autoscale_on=False)

    def text(self, at: tuple[int, int], text: str, size: int, ink: Colour) -> None:
        """Write one line."""
        used = font(size)
        points = used.size * 72 / DPI
        y = at[1] + used.getmetrics()[0]
        self._axes.text(at[0], y, text, fontsize=points, color=_rgb(ink), parse_math=False)

    def line(self, at: tuple[int, int], length: int, ink: Colour) -> None:
        """Draw a horizontal line."""
        self._axes.hlines(at[1], at[0], at[0] + length, color=_rgb(ink), linewidth=0.7)

    def picture(self, at: tuple[int, int], picture: Image.Image) -> None:
        """Show a picture, pixel by pixel."""
        (left, top), (width, height) = at, picture.size
        where = (left, left + width, top + height, top)
        self._axes.imshow(np.asarray(picture), extent=where, aspect="auto", interpolation="none")


def draw(page: Page, kind: Format) -> bytes:
    """Draw a page.

    Args:
        page: What stands on it.
        kind: The format.

    Returns:
        A file.
    """
    with matplotlib_state.standard():
        return save(lay_out(page, Sheet).figure, kind)


def save(figure: Figure, kind: Format) -> bytes:
    """Write a figure; the same figure gives the same bytes at any time.

    Args:
        figure: The figure.
        kind: The format.

    Returns:
        A file.
    """
    file = io.BytesIO()
    with matplotlib_state.standard(SETTINGS):
        figure.savefig(file, format=kind, metadata=UNDATED[kind])
    return file.getvalue()


def _rgb(ink: Colour) -> tuple[float, ...]:
    return tuple(part / 255 for part in ink)
