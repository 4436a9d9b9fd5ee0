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

from invprob import fingerprint
from invprob.analysis.functionals import Functionals
from invprob.errors import BadWeights
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
        chi2: Reduced χ² of each draw, (B, S, D); NaN where there is no noise, or it is not known.
    """

    names: tuple[str, ...]
    steps: Tensor
    values: Tensor
    kept: Tensor
    images: Tensor
    chi2: Tensor | None = None


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
        self._problem = problem
        self._functionals = Functionals(problem)
        self._names: tuple[str, ...] = ()
        self._values: list[tuple[int, Tensor, Tensor]] = []
        self._images: dict[int, Tensor] = {}
        if before is not None:
            self._names = before.names
            rows = before.values.flatten(0, 1).unbind(1)
            unknown = torch.full(before.values.shape[:3], torch.nan)
            chi2 = (unknown if before.chi2 is None else before.chi2).flatten(0, 1).unbind(1)
            steps = before.steps.tolist()
            self._values = [one for one in zip(steps, rows, chi2, strict=True) if one[0] <= step]
            pictures = before.images.flatten(0, 1).unbind(1)
            numbered = zip(before.kept.tolist(), pictures, strict=True)
            self._images = {i: image for i, image in numbered if i < len(self._values)}

    def __call__(self, progress: Progress) -> None:
        info = progress.info
        if not info.draw:
            return
        found = self._functionals(info)
        if self._names and self._names != tuple(found):
            self._follow(tuple(found))
        self._names = tuple(found)
        number = len(self._values)
        every = stride(number + 1, self.most)
        self._images = {i: image for i, image in self._images.items() if i % every == 0}
        if number % every == 0:
            self._images[number] = info.image.half().cpu()
        with torch.no_grad():
            chi2 = self._problem.operator.chi2(self._problem.y, info.image).float().cpu()
        row = torch.stack([*found.values()], 1).float().cpu()
        self._values.append((progress.state.step, row, chi2))

    def _follow(self, names: tuple[str, ...]) -> None:
        """Leave out of earlier draws what is not followed any more since they were saved."""
        if not set(names) < set(self._names):
            raise ValueError("the draws of a run must be latents of one structure")
        columns = [self._names.index(name) for name in names]
        self._values = [(step, row[:, columns], chi2) for step, row, chi2 in self._values]

    def count(self) -> int:
        """How many draws there are of each chain."""
        return len(self._values)

    def drawn(self) -> Drawn | None:
        """Collect what was drawn so far.

        Returns:
            The draws; None where there are none.
        """
        if not self._values:
            return None
        values = torch.stack([row for _, row, _ in self._values], 1)
        chi2 = torch.stack([row for _, _, row in self._values], 1)
        images = torch.stack([*self._images.values()], 1)
        return Drawn(
            names=self._names,
            steps=torch.tensor([step for step, _, _ in self._values]),
            values=values.reshape(-1, self.samples, *values.shape[1:]),
            chi2=chi2.reshape(-1, self.samples, chi2.shape[1]),
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
        names = ("steps", "values", "chi2", "kept", "images")
        arrays = {name: getattr(drawn, name) for name in names}
        axes = {
            "values": ["image", "chain", "draw", "functional"],
            "chi2": ["image", "chain", "draw"],
            "images": ["image", "chain", "kept", "channel", "row", "column"],
        }
        about = {"functionals": list(drawn.names), "axes": axes}
        tensor_files.write(path, arrays, about | {"digest": fingerprint.of_tensors(arrays)})


def read(path: Path) -> Drawn | None:
    """Read what `Draws.save` wrote.

    Args:
        path: The file.

    Returns:
        The draws; None where there is no file.

    Raises:
        BadWeights: If the file is damaged.
    """
    if not path.is_file():
        return None
    arrays, metadata = tensor_files.read(path)
    found = fingerprint.of_tensors(arrays)
    if metadata.get("digest", found) != found:
        raise BadWeights(f"the numbers of {path} have changed", "the file is damaged")
    return Drawn(tuple(json.loads(metadata["functionals"])), **arrays)
