"""Pages of pictures as an image, drawn with Pillow."""

from __future__ import annotations

from PIL import Image, ImageDraw

from invprob.plots.layout import PAPER, Colour, Page, font, lay_out


class Raster:
    """A canvas of pixels.

    Args:
        size: (width, height).
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.image = Image.new("RGB", size, PAPER)
        self._pen = ImageDraw.Draw(self.image)

    def text(self, at: tuple[int, int], text: str, size: int, ink: Colour) -> None:
        """Write one line."""
        self._pen.text(at, text, ink, font(size))

    def line(self, at: tuple[int, int], length: int, ink: Colour) -> None:
        """Draw a horizontal line."""
        self._pen.line((*at, at[0] + length - 1, at[1]), ink)

    def picture(self, at: tuple[int, int], picture: Image.Image) -> None:
        """Show a picture, pixel by pixel."""
        self.image.paste(picture, at)


def draw(page: Page) -> Image.Image:
    """Draw a page.

    Args:
        page: What stands on it.

    Returns:
        An RGB picture on white.
    """
    return lay_out(page, Raster).image
