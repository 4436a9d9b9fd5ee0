"""The draws of a posterior: functionals of every one, and evenly thinned images, in bounded memory.

Saved with each checkpoint, and what a checkpoint has not seen is dropped on resuming, so a resumed
run holds the same bits as one that was never stopped.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from invprob.analysis.functionals import Functionals
from invprob.io import tensor_files
from invprob.solver import Problem, Progress

KEPT = 32
"""The most images kept of a chain; fewer where they are large."""
BYTES = 2**24
"""What the images kept of a chain may take, unless `LEAST` of them take more."""
LEAST = 8


@dataclass(frozen=True)
class Drawn:
    """D draws of S chains for each of B images, and R of their images.

    Attributes:
        names: The K functionals.
        steps: The steps at which draws were taken, (D,).
        values: The functionals of each draw, (B, S, D, K).
        kept: The numbers of the draws whose images were kept, (R,).
        images: Those images, (B, S, R, C, H, W), float16.
    """

    names: tuple[str, ...]
    steps: Tensor
    values: Tensor
    kept: Tensor
    images: Tensor


def capacity(shape: tuple[int, ...]) -> int:
    """Compute how many images are kept of a chain.

    Args:
        shape: (C, H, W) of an image.

    Returns:
        From `LEAST` to `KEPT`, by the memory that they take.
    """
    return max(LEAST, min(KEPT, BYTES // (2 * torch.Size(shape).numel())))


def stride(count: int, most: int) -> int:
    """Compute how draws are thinned.

    Args:
        count: The number of draws, numbered from 0.
        most: How many are kept at most.

    Returns:
        The least power of two of which at most `most` multiples lie in 0 … count − 1.
    """
    step = 1
    while -(-count // step) > most:
        step *= 2
    return step


class Draws:
    """A callback that collects what solvers mark as draws.

    Args:
        problem: The problem.
        samples: The rows that belong to one image.
        before: The draws of a run that is resumed.
        step: The step it is resumed at; later draws are dropped.
    """

    def __init__(
        self, problem: Problem, samples: int, before: Drawn | None = None, step: int = 0
    ) -> None:
        self.samples = samples
        self.most = capacity(problem.generator.image_shape)
        self._functionals = Functionals(problem)
        self._names: tuple[str, ...] = ()
        self._values: list[tuple[int, Tensor]] = []
        self._images: dict[int, Tensor] = {}
        if before is not None:
            self._names = before.names
            rows = before.values.flatten(0, 1).unbind(1)
            steps = before.steps.tolist()
            self._values = [pair for pair in zip(steps, rows, strict=True) if pair[0] <= step]
            pictures = before.images.flatten(0, 1).unbind(1)
            numbered = zip(before.kept.tolist(), pictures, strict=True)
            self._images = {i: image for i, image in numbered if i < len(self._values)}

    def __call__(self, progress: Progress) -> None:
        info = progress.info
        if not info.draw:
            return
        found = self._functionals(info)
        if self._names and self._names != tuple(found):
            raise ValueError("the draws of a run must be latents of one structure")
        self._names = tuple(found)
        number = len(self._values)
        every = stride(number + 1, self.most)
        self._images = {i: image for i, image in self._images.items() if i % every == 0}
        if number % every == 0:
            self._images[number] = info.image.half().cpu()
        self._values.append((progress.state.step, torch.stack([*found.values()], 1).float().cpu()))

    def drawn(self) -> Drawn | None:
        """Collect what was drawn so far.

        Returns:
            The draws; None where there are none.
        """
        if not self._values:
            return None
        values = torch.stack([row for _, row in self._values], 1)
        images = torch.stack([*self._images.values()], 1)
        return Drawn(
            names=self._names,
            steps=torch.tensor([step for step, _ in self._values]),
            values=values.reshape(-1, self.samples, *values.shape[1:]),
            kept=torch.tensor(list(self._images)),
            images=images.reshape(-1, self.samples, *images.shape[1:]),
        )

    def save(self, path: Path) -> None:
        """Write the draws so far, if there are any.

        Args:
            path: A file of safetensors.
        """
        if (drawn := self.drawn()) is None:
            return
        arrays = {name: getattr(drawn, name) for name in ("steps", "values", "kept", "images")}
        axes = {
            "values": ["image", "chain", "draw", "functional"],
            "images": ["image", "chain", "kept", "channel", "row", "column"],
        }
        tensor_files.write(path, arrays, {"functionals": list(drawn.names), "axes": axes})


def read(path: Path) -> Drawn | None:
    """Read what `Draws.save` wrote.

    Args:
        path: The file.

    Returns:
        The draws; None where there is no file.
    """
    if not path.is_file():
        return None
    arrays, metadata = tensor_files.read(path)
    return Drawn(tuple(json.loads(metadata["functionals"])), **arrays)
