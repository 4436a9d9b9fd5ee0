"""A training set: all images of a folder or zip, decoded once, uint8 in memory."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import torch
from torch import Tensor

from invprob.errors import BadInput
from invprob.io import collection
from invprob.io.framing import Framing
from invprob.params.pictures import PictureSet
from invprob.paths import expand


@dataclass(frozen=True)
class TrainingSet:
    """Pictures to learn from.

    Attributes:
        images: All of them, (N, C, R, R) uint8.
        train: Indices of those that are shown.
        held_out: Indices of the others.
        digest: What names the content of all.
    """

    images: Tensor
    train: Tensor
    held_out: list[int]
    digest: str

    def draw(self, count: int, flip: bool, rng: torch.Generator) -> Tensor:
        """Draw images for a step of training, with replacement.

        Args:
            count: How many.
            flip: Mirror each of them left to right with a probability of one half.
            rng: The generator of the random numbers.

        Returns:
            Images (count, C, R, R) in [−1, 1].
        """
        picks = self.train[torch.randint(len(self.train), (count,), generator=rng)]
        flips = torch.rand(count, generator=rng) < (0.5 if flip else 0.0)
        return batch(self.images, picks, flips)


def load(source: Path, channels: int, params: PictureSet) -> TrainingSet:
    """Read the training set that parameters describe.

    Args:
        source: A folder or a zip file.
        channels: 1 or 3.
        params: Size, framing and the part that is held out.

    Returns:
        The training set.

    Raises:
        BadInput: If it cannot be read, or has too few groups.
    """
    images, names = read(source, channels, params)
    names = below_common_folder(names)
    if params.group == "name":
        names = [f"{name.rpartition('_')[0] or name}/{name}" for name in names]
    shown, held_out = split(names, params.held_out)
    if not shown:
        raise BadInput(
            f"{source} holds too few groups to hold one out and learn from the others",
            "give more, or learn from all of them with --set held_out=0",
        )
    content = hashlib.sha256(images.numpy().data).hexdigest()
    return TrainingSet(images, torch.tensor(shown), held_out, content)


def read(source: Path, channels: int, params: PictureSet | None = None) -> tuple[Tensor, list[str]]:
    """Read all pictures of a folder and the folders in it, or of a zip file.

    Args:
        source: The folder or the zip file.
        channels: 1 or 3.
        params: How pictures are made squares of one size; None: they must be so.

    Returns:
        Images (N, C, R, R) uint8, and their names, ``folder/picture.png``; sorted by name.

    Raises:
        BadInput: If one cannot be read or has another size.
    """
    asked = params or PictureSet()
    framing = Framing.of(asked)
    source = expand(source)
    files = collection.gather([source])
    pictures: list[Tensor] = []
    for file in files:
        image = file.read(channels)
        side = asked.size or (pictures[0].shape[1] if pictures else min(image.shape[1:]))
        if asked.resize or asked.crop:
            image = framing.picture(image, (side, side), f"image {file.label}")
        if image.shape[1:] != (side, side):
            raise BadInput(
                f"image {file.label} is {image.shape[2]}×{image.shape[1]} pixels; training needs"
                f" squares of one size, here {side}×{side}",
                "add --resize and --crop, and --size 64, say",
            )
        pictures.append((image * 255).round().to(torch.uint8))
    return torch.stack(pictures), [_within(source, file) for file in files]


def _within(source: Path, file: collection.ImageFile) -> str:
    if file.member is not None:
        return file.member
    top = expand(source)
    return file.path.name if file.path == top else file.path.relative_to(top).as_posix()


def below_common_folder(names: list[str]) -> list[str]:
    """Take away the folders that all names share, which separate no groups.

    Args:
        names: Names like ``folder/picture.png``.

    Returns:
        The rest of each.
    """
    paths = [name.split("/") for name in names]
    levels = zip(*(path[:-1] for path in paths), strict=False)
    shared = sum(1 for _ in takewhile(lambda level: len(set(level)) == 1, levels))
    return ["/".join(path[shared:]) for path in paths]


def split(names: list[str], held_out: float) -> tuple[list[int], list[int]]:
    """Hold out whole groups, so that no view of a thing is on both sides.

    The group of ``folder/picture.png`` is its folder; a picture without a folder is its own group.

    Args:
        names: The names of the pictures.
        held_out: The part that is held out, in [0, 1).

    Returns:
        Indices of the pictures to train on, and of those held out.
    """
    groups: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        groups.setdefault(name.rsplit("/", 1)[0], []).append(index)
    order = sorted(groups)
    random.Random(0).shuffle(order)
    wanted = round(held_out * len(names))
    validation: list[int] = []
    for group in order:
        if len(validation) >= wanted:
            break
        validation += groups[group]
    chosen = set(validation)
    return [i for i in range(len(names)) if i not in chosen], sorted(validation)


def batch(data: Tensor, indices: Tensor, flips: Tensor) -> Tensor:
    """Select images for a step of training.

    Args:
        data: All images, (N, C, R, R) uint8.
        indices: Those of the batch, (B,).
        flips: Which of them are mirrored left to right, (B,).

    Returns:
        Images (B, C, R, R) in [−1, 1].
    """
    picked = data[indices].float() / 127.5 - 1
    return torch.where(flips[:, None, None, None], picked.flip(3), picked)
