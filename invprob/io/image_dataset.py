"""A training set: all images of a folder or zip, decoded once, uint8 in memory."""

from __future__ import annotations

import io
import os
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import torch
from torch import Tensor

from invprob.errors import BadInput
from invprob.io.decode import SUFFIXES, decode
from invprob.io.images import MAX_MEMBER


def read(source: Path, channels: int) -> tuple[Tensor, list[str]]:
    """(images (N, C, R, R) uint8, names like ``folder/picture.png``), sorted by name.

    All images of the folder and the folders in it, or of the zip file; squares of one size.
    """
    pictures: list[Tensor] = []
    names: list[str] = []
    for name, stream in _streams(source):
        picture = (decode(stream, f"{source}/{name}", channels) * 255).round().to(torch.uint8)
        size = pictures[0].shape if pictures else picture.shape
        if picture.shape != size or size[1] != size[2]:
            raise BadInput(
                f"image {source}/{name} is {picture.shape[2]}×{picture.shape[1]} pixels;"
                " training needs squares of one size",
                f"crop and resize all images, e.g. to {size[1]}×{size[1]}",
            )
        pictures.append(picture)
        names.append(name)
    if not pictures:
        raise BadInput(f"{source} holds no images", "give a folder or a zip file of images")
    return torch.stack(pictures), names


def _streams(source: Path) -> Iterator[tuple[str, IO[bytes]]]:
    if source.is_dir():
        for path in sorted(p for p in source.rglob("*") if p.suffix.lower() in SUFFIXES):
            with path.open("rb") as stream:
                yield path.relative_to(source).as_posix(), stream
    elif source.is_file() and zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            for name in sorted(archive.namelist()):
                if Path(name).suffix.lower() in SUFFIXES:
                    with archive.open(name) as member:
                        yield name, io.BytesIO(member.read(MAX_MEMBER))
    else:
        raise BadInput(f"{source} is neither a folder nor a zip file", "give one that holds images")


def below_common_folder(names: list[str]) -> list[str]:
    """The names without the folders that all of them share, which tell no groups apart."""
    shared = os.path.commonpath([name.rpartition("/")[0] for name in names])
    return [name[len(shared) + 1 :] for name in names] if shared else names


def split(names: list[str], held_out: float) -> tuple[list[int], list[int]]:
    """Indices (train, validation): whole groups are held out, so that no view of a thing leaks.

    The group of ``folder/picture.png`` is its folder; a picture without a folder is its own group.
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
    """Images in [−1, 1], (B, C, R, R); those with `flips` are mirrored left to right."""
    picked = data[indices].float() / 127.5 - 1
    return torch.where(flips[:, None, None, None], picked.flip(3), picked)
