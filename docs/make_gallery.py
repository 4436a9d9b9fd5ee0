"""Write docs/reference/gallery.md: every operator and every solver of ours on a bundled face.

    python docs/make_gallery.py
    python docs/make_gallery.py --solvers

The second one makes the pictures of the solvers anew, which takes minutes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import invprob
from invprob import seeds
from invprob.config.registry import Registry, registry
from invprob.params import Spec

sys.path.insert(0, str(Path(__file__).parent))
import gallery_of_solvers

DOCS = Path(__file__).parent
FOLDER = DOCS / "images" / "gallery"
SOLVERS = DOCS / "images" / "solvers"
OURS = "basics"
SIDE = 128
"""Pixels a side of a tile; measurements of other sizes are enlarged or reduced to it."""

EXAMPLES = {
    "inpaint": "inpaint:keep=0.3",
    "crop": "crop:size=40x40",
    "pad": "pad:margin=16x16",
    "blur": "blur:sigma=2",
    "superres": "superres:factor=4",
    "compressed": "compressed:ratio=0.3",
    "fourier": "fourier:mask=radial",
    "hadamard": "hadamard:ratio=0.25",
    "clip": "clip:gain=2",
    "quantize": "quantize:bits=2",
    "jpeg": "jpeg:quality=10",
}
"""What the gallery shows of an operator; of others, their defaults."""

NOISE = 0.02


def groups(found: Registry) -> dict[str, list[str]]:
    """The operators of ours, as texts, by groups in the order of `invprob list operator`."""
    return {
        group: [
            EXAMPLES.get(e.component.name, e.component.name) for e in entries if e.plugin == OURS
        ]
        for group, entries in found.by_group("operator").items()
        if any(e.plugin == OURS for e in entries)
    }


def observed(text: str, face: Tensor) -> Tensor:
    """What a measurement of a face looks like, (3, h, w)."""
    spec = Spec.model_validate(text)
    entry = registry().find("operator", spec.name)
    A = entry.load()(entry.params()(**spec.params), tuple(face.shape), 0)
    noise = registry().find("noise", "gaussian")
    A = A.with_noise(noise.load()(noise.params()(sigma=NOISE)))
    y = A.measure(face[None], [seeds.stream("gallery", text)])
    picture: Tensor = A.observed(y)[0]
    return picture.expand(3, -1, -1).clamp(0, 1)


def tile(picture: Tensor) -> Image.Image:
    """The picture at the side of a tile, its pixels as squares."""
    pixels = (255 * picture.clamp(0, 1)).round().byte().permute(1, 2, 0).numpy()
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return image.resize((SIDE, SIDE), Image.Resampling.NEAREST)


def sheets() -> dict[str, Image.Image]:
    """A strip of tiles for each group, by its name: the face, and each of the operators."""
    face = invprob.datasets.faces(1)[0]
    made = {}
    for group, texts in groups(registry()).items():
        made[group] = strip([face, *(observed(text, face) for text in texts)])
    return made


def strip(pictures: Sequence[Tensor]) -> Image.Image:
    """Tiles of pictures (3, h, w), side by side."""
    made = Image.new("RGB", (SIDE * len(pictures) + 8 * (len(pictures) - 1), SIDE), "white")
    for k, picture in enumerate(pictures):
        made.paste(tile(picture), (k * (SIDE + 8), 0))
    return made


def page() -> str:
    """The text of the page."""
    lines = [
        "<!-- made by docs/make_gallery.py -->\n",
        "# Gallery\n",
        "## Operators\n",
        "A bundled face at the left, and beside it what is measured of it, with Gaussian noise of",
        f"{NOISE}. Where a measurement is not a picture, `Operator.observed` makes one: the",
        "least-squares solution, the decoded picture, sums along rays, or magnitudes.",
        "[Components](components.md#operators) has all parameters.\n",
    ]
    for group, texts in groups(registry()).items():
        shown = ", ".join(f"`{text}`" for text in texts)
        lines += [f"### {group.capitalize()}\n", f"From the left: the face, {shown}.\n"]
        lines += [f"![The face, {', '.join(texts)}](../images/gallery/{group}.webp)\n"]
        for text in texts:
            name = Spec.model_validate(text).name
            summary = registry().find("operator", name).component.summary
            lines.append(f"- [`{text}`](components.md#{name}) – {summary}")
        lines.append("")
    return "\n".join([*lines, *gallery_of_solvers.lines()])


def save(picture: Image.Image, file: Path) -> None:
    """Write a strip as it is committed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    picture.save(file, quality=80, method=6)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the page and its pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--solvers", nargs="*", help="Make those of these rows anew; none: all.")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    for group, picture in sheets().items():
        save(picture, FOLDER / f"{group}.webp")
    if given.solvers is not None:
        for row in given.solvers or gallery_of_solvers.ROWS:
            save(strip(gallery_of_solvers.pictures(row)), SOLVERS / f"{row}.webp")
    (DOCS / "reference" / "gallery.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
