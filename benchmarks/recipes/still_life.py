"""Render docs/images/still-life.webp, a picture like a photograph that belongs to this repository.

    python benchmarks/recipes/still_life.py
    invprob solve docs/images/still-life.webp --operator inpaint:scratches=40 --noise none \
        --keep-measured --out scratched
    python benchmarks/recipes/still_life.py --beside scratched

Four fruits on a table before a wall with a print, in the light of a window, by ray tracing. The
last line writes docs/images/restored.webp, the damaged picture beside the restored one.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SIZE = 384, 256
FINER = 2
"""Rays for a pixel, along each axis."""
WALL = -2.2
"""z of the wall; the table is at y = 0."""
EYE, AIM = np.array([0.0, 1.75, 6.5]), np.array([0.0, 0.78, 0.0])
WINDOW = np.array([-4.5, 5.0, 3.5])
PANES = 6
"""Points of light along each side of the window."""

Array = np.ndarray[Any, Any]


class Fruit(NamedTuple):
    """A sphere with a skin."""

    centre: tuple[float, float, float]
    radius: float
    dark: tuple[float, float, float]
    light: tuple[float, float, float]
    grain: tuple[float, float, float]
    bumps: float
    gloss: float


FRUITS = (
    Fruit((-1.25, 0.66, 0.1), 0.66, (0.78, 0.30, 0.03), (0.95, 0.50, 0.08), (2, 2, 2), 0.05, 0.25),
    Fruit((0.35, 0.74, -0.4), 0.74, (0.45, 0.03, 0.03), (0.85, 0.55, 0.15), (6, 1, 6), 0.0, 0.6),
    Fruit((1.55, 0.46, 0.6), 0.46, (0.20, 0.38, 0.05), (0.50, 0.62, 0.12), (5, 5, 5), 0.04, 0.3),
    Fruit((-0.2, 0.38, 1.2), 0.38, (0.07, 0.02, 0.10), (0.28, 0.17, 0.33), (3, 3, 3), 0.0, 0.8),
)
LATTICE = np.random.default_rng(20).random((64, 64, 64))


def noise(p: Array, octaves: int = 4) -> Array:
    """Smooth noise in [0, 1] at points (…, 3), each octave of half the size and the weight."""
    total, weight = np.zeros(p.shape[:-1]), 0.0
    for k in range(octaves):
        q = p * 2**k + 17.3 * k
        low = np.floor(q).astype(int)
        f = q - low
        f = f * f * (3 - 2 * f)
        for corner in np.ndindex(2, 2, 2):
            part = np.where(corner, f, 1 - f).prod(-1)
            i, j, m = np.moveaxis((low + corner) % 64, -1, 0)
            total += 0.5**k * part * LATTICE[i, j, m]
        weight += 0.5**k
    return total / weight


def mix(a: Sequence[float], b: Sequence[float], share: Array) -> Array:
    """Colours (…, 3) between two."""
    return np.asarray(a) + share[..., None] * (np.asarray(b) - np.asarray(a))


def unit(v: Array) -> Array:
    """Vectors of length 1."""
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def reach(start: Array, way: Array, fruit: Fruit) -> Array:
    """How far rays go to a fruit; infinitely far where they miss it."""
    from_centre = start - np.array(fruit.centre)
    b = (from_centre * way).sum(-1)
    under = b**2 - (from_centre**2).sum(-1) + fruit.radius**2
    far = -b - np.sqrt(np.maximum(under, 0))
    return np.where((under > 0) & (far > 1e-3), far, np.inf)


def print_on_wall() -> Array:
    """The print, (rows, columns, 3) in [0, 1]."""
    sheet = Image.new("RGB", (560, 400), (38, 28, 22))
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((24, 24, 535, 375), fill=(226, 216, 196))
    for text, size, top in (("STILL LIFE", 76, 70), ("with four fruits", 48, 185)):
        draw.text((280, top), text, (60, 44, 40), ImageFont.load_default(size), anchor="ma")
    for k in range(9):
        draw.line((90, 275 + 9 * k, 470 - 37 * (k % 4), 275 + 9 * k), (128, 104, 92), 2)
    return np.asarray(sheet) / 255


def table(p: Array) -> Array:
    """Boards of wood."""
    board = np.floor(p[..., 2] / 0.85)
    along = np.stack([p[..., 0] * 0.6, board * 7.1, p[..., 2] * 9], -1)
    rings = 0.5 + 0.5 * np.sin(14 * noise(along * [1, 1, 0.4]) + 5 * p[..., 2])
    grain = 0.6 * rings + 0.4 * noise(along * [4, 1, 5], 3)
    gap = np.abs(p[..., 2] / 0.85 - board - 0.5) > 0.487
    return mix((0.20, 0.10, 0.05), (0.52, 0.33, 0.18), grain) * np.where(gap, 0.35, 1)[..., None]


def wall(p: Array) -> Array:
    """Plaster with a print."""
    rough = noise(p * [9, 9, 1], 5)
    colour = mix((0.28, 0.34, 0.36), (0.40, 0.45, 0.45), rough)
    sheet = print_on_wall() ** 2.2
    row = np.floor((2.85 - p[..., 1]) * 270).astype(int)
    column = np.floor((p[..., 0] + 0.25) * 270).astype(int)
    inside = (row >= 0) & (row < len(sheet)) & (column >= 0) & (column < sheet.shape[1])
    colour[inside] = sheet[row[inside], column[inside]]
    return colour


def skin(p: Array, fruit: Fruit) -> tuple[Array, Array]:
    """Colours and normals of a fruit at points."""
    at = (p - np.array(fruit.centre)) / fruit.radius
    share = np.clip(2.2 * noise(at * fruit.grain + 5, 5) - 0.6, 0, 1)
    pores = [noise(at * 16 + 40 * axis, 2) - 0.5 for axis in range(3)]
    return mix(fruit.dark, fruit.light, share), unit(at + 6 * fruit.bumps * np.stack(pores, -1))


def render(size: tuple[int, int] = SIZE) -> Image.Image:
    """Render the scene.

    Args:
        size: Width and height in pixels.

    Returns:
        The picture.
    """
    width, height = size[0] * FINER, size[1] * FINER
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    ahead = unit(AIM - EYE)
    right = unit(np.cross(ahead, [0, 1, 0]))
    up = np.cross(right, ahead)
    span = 5.2 / 6.8 / width
    way = ahead + span * ((x - width / 2)[..., None] * right + (height / 2 - y)[..., None] * up)
    way = unit(way).reshape(-1, 3)
    below = np.where(way[:, 1] < 0, -EYE[1] / np.minimum(way[:, 1], -1e-9), np.inf)
    far = np.stack([below, (WALL - EYE[2]) / way[:, 2], *(reach(EYE, way, f) for f in FRUITS)])
    what = far.argmin(0)
    p = EYE + far.min(0)[:, None] * way
    colour, normal, gloss = np.zeros_like(p), np.zeros_like(p), np.zeros(len(p))
    for k, surface in enumerate((table, wall)):
        colour[what == k] = surface(p[what == k])
        normal[what == k] = np.eye(3)[k + 1]
    for k, fruit in enumerate(FRUITS, 2):
        colour[what == k], normal[what == k] = skin(p[what == k], fruit)
        gloss[what == k] = fruit.gloss
    bright, shine = _lit(p, normal, way)
    seen = colour * bright + (gloss * shine)[:, None]
    fine = (1 - np.exp(-1.15 * seen)).reshape(height, width, 3)
    whole = fine.reshape(size[1], FINER, size[0], FINER, 3).mean((1, 3)) ** (1 / 2.2)
    return Image.fromarray((255 * whole.clip(0, 1)).round().astype(np.uint8))


def _lit(p: Array, normal: Array, way: Array) -> tuple[Array, Array]:
    """Light that arrives, (…, 3), and what a glossy surface mirrors of the window."""
    open_sky = np.ones(len(p))
    for fruit in FRUITS:
        gap = np.array(fruit.centre) - p
        square = (gap**2).sum(-1)
        facing = (gap * normal).sum(-1) / np.sqrt(square)
        near = np.minimum(fruit.radius**2 / square, 1)
        open_sky *= 1 - np.where(square > 1.02 * fruit.radius**2, near * facing.clip(0), 0)
    direct, shine = np.zeros(len(p)), np.zeros(len(p))
    panes = (np.arange(PANES) + 0.5) / PANES - 0.5
    for across in panes:
        for down in panes:
            to_light = unit(WINDOW + 1.6 * np.array([0.6 * across, down, -0.8 * across]) - p)
            slope = (normal * to_light).sum(-1).clip(0)
            free = np.all([np.isinf(reach(p + 2e-3 * normal, to_light, f)) for f in FRUITS], 0)
            direct += free * slope
            shine += free * ((normal * unit(to_light - way)).sum(-1).clip(0)) ** 90
    direct, shine = direct / PANES**2, shine / PANES**2
    sun, sky = np.array([1.55, 1.4, 1.15]), np.array([0.26, 0.30, 0.38])
    return direct[:, None] * sun + open_sky[:, None] * sky, shine


def beside(run: Path) -> Image.Image:
    """The damaged picture of a run folder beside the restored one."""
    names = ("measurement/still-life.png", "restored.png")
    pair = [Image.open(run / name).convert("RGB") for name in names]
    page = Image.new("RGB", (2 * SIZE[0] + 8, SIZE[1]), "white")
    for k, picture in enumerate(pair):
        page.paste(picture, (k * (SIZE[0] + 8), 0))
    return page


def main(arguments: Sequence[str] | None = None) -> None:
    """Write one of the two pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--beside", type=Path, metavar="RUN", help="a run that restored it")
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder of the pictures")
    given = parser.parse_args(arguments)
    if given.beside is None:
        render().save(given.out / "still-life.webp", quality=95, method=6)
    else:
        beside(given.beside).save(given.out / "restored.webp", quality=90, method=6)


if __name__ == "__main__":
    main()
