"""A folder of pictures before and after they were moved towards what a prior knows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from invprob import fingerprint, seeds
from invprob.analysis import metrics
from invprob.diffusion.params import SamplerParams
from invprob.errors import BadInput
from invprob.generator import Generator
from invprob.io import chunked, files, images, survey
from invprob.io.chunked import Cut
from invprob.io.framing import Framing
from invprob.io.images import ImageFile
from invprob.latents.naturalize import naturalise
from invprob.plots import layout, raster
from invprob.prior import Score

FOLDER = "chunks"
SHEET = 64
"""The most pictures that the sheet shows."""


@dataclass(frozen=True)
class Naturalisation:
    """Pictures that are naturalised into a folder, some at a time.

    Attributes:
        out: The folder.
        generator: The generator, whose device is that of the pictures.
        prior: The score prior of the stage.
        stage: The stage, from 0 to the depth.
        given: The pictures.
        framing: What is done with those of another size.
        strength: The diffusion time of the hot start, in (0, 1].
        sampler: The sampler and its steps.
        steps: Steps of the inversion, ≥ 1.
        sigma: Its tolerance in units of [0, 1].
        seed: The seed of every draw.
        device: Where it is computed.
        size: How many pictures are computed at a time.
    """

    out: Path
    generator: Generator
    prior: Score
    stage: int
    given: tuple[ImageFile, ...]
    framing: Framing
    strength: float
    sampler: SamplerParams
    steps: int
    sigma: float
    seed: int
    device: torch.device
    size: int = 1

    @property
    def cut(self) -> Cut:
        """How the pictures are cut into chunks."""
        return Cut(len(self.given), self.size)

    def begin(self) -> None:
        """Begin the folder, or go on with one that was begun for the same.

        Raises:
            BadInput: If it holds something else.
            BadParams: If the strength is below the least time that the prior knows.
        """
        self.prior.check_time(self.strength, "strength")
        self._framed(survey.of_each_size(self.given))
        names = ("stage", "strength", "steps", "sigma", "seed")
        about = {name: getattr(self, name) for name in names}
        about["sampler"] = self.sampler.model_dump(mode="json")
        about["framing"] = [self.framing.resize, self.framing.crop, list(self.framing.at)]
        about["images"] = [file.name for file in self.given]
        if self.generator.options:
            about["options"] = dict(self.generator.options)
        about["weights"] = fingerprint.of_modules(self.generator, self.prior)
        chunked.begin(self.out, about, self.size)

    def is_finished(self, k: int) -> bool:
        """Whether the table of a chunk, which is written last, is there."""
        return self._table(k).is_file()

    def trial(self) -> None:
        """Take as much memory as one picture does, and write nothing."""
        quick = replace(self, steps=2, sampler=self.sampler.model_copy(update={"steps": 1}))
        quick._naturalised(self._pictures(range(1)), lambda step: None)

    def solve(self, k: int, watch: Callable[[int, int], None]) -> None:
        """Naturalise the pictures of a chunk.

        Args:
            k: Its number, from 0.
            watch: Called with the number of every step of the inversion and of all of them.
        """
        numbers = self.cut.numbers(k)
        given = self._pictures(numbers)
        inverted, natural, before, after = self._naturalised(
            given, lambda step: watch(step, self.steps)
        )
        rows = []
        for j, i in enumerate(numbers):
            one = slice(j, j + 1)
            images.write_png(self._path("inverted", i), inverted[j])
            images.write_png(self._path("", i), natural[j])
            rows.append(
                {
                    "image": self.given[i].name,
                    "psnr_inverted": float(metrics.psnr(inverted[one], given[one])),
                    "psnr_natural": float(metrics.psnr(natural[one], given[one])),
                    "likelihood_inverted": float(before[j]),
                    "likelihood_natural": float(after[j]),
                }
            )
        self._table(k).parent.mkdir(exist_ok=True)
        files.write_json(self._table(k), rows)

    def finish(self) -> dict[str, Any]:
        """Write the table of all pictures and the sheet of the first, when all are finished.

        Returns:
            The table.

        Raises:
            BadInput: If the table of a chunk is damaged.
        """
        rows: list[dict[str, Any]] = []
        for k in range(len(self.cut)):
            try:
                rows += json.loads(self._table(k).read_text(encoding="utf-8"))
            except (OSError, ValueError, TypeError):
                raise BadInput(
                    f"{self._table(k)} is damaged", "remove it, and repeat the command"
                ) from None
        table = {"strength": self.strength, "stage": self.stage, "images": rows}
        self._write_sheet(range(min(SHEET, len(self.given))))
        files.write_json(self.out / "figures.json", table)
        shutil.rmtree(self.out / FOLDER)
        chunked.end(self.out)
        return table

    def _naturalised(
        self, given: Tensor, watch: Callable[[int], None]
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        keys = [seeds.key(self.seed, "naturalize", fingerprint.digest(row)) for row in given]
        found = naturalise(
            self.generator, self.prior, self.stage, given.to(self.device), keys, self.strength,
            self.sampler, self.steps, self.sigma, watch,
        )  # fmt: skip
        inverted, natural = (part.clamp(0, 1).cpu() for part in (found.inverted, found.natural))
        return inverted, natural, found.likelihood_inverted, found.likelihood_natural

    def _pictures(self, numbers: Sequence[int]) -> Tensor:
        return torch.stack(self._framed([self.given[i] for i in numbers]))

    def _framed(self, chosen: Sequence[ImageFile]) -> list[Tensor]:
        shape = self.generator.image_shape
        return [self.framing.picture(f.read(shape[0]), shape[1:], f.name) for f in chosen]

    def _path(self, place: str, i: int) -> Path:
        return self.out / place / f"{self.given[i].name}.png"

    def _table(self, k: int) -> Path:
        return self.out / FOLDER / f"{k:05d}.json"

    def _write_sheet(self, numbers: Sequence[int]) -> None:
        rows = []
        for i in numbers:
            states = [
                self._pictures([i])[0],
                *(images.read(self._path(place, i), None) for place in ("inverted", "")),
            ]
            cells = [layout.Cell(images.to_pil(state)) for state in states]
            rows.append(layout.Row(self.given[i].name, cells))
        size = layout.cell_size(*self.generator.image_shape[-2:])
        page = raster.draw(layout.Page(("given", "inverted", "naturalised"), rows, size))
        with files.replacing(self.out / "sheet.png") as part:
            page.save(part, "PNG")
