"""Read a data set of inverted images: `invprob.latents.inversion_dataset` makes it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from invprob import fingerprint, paths, tree
from invprob.errors import BadInput
from invprob.generator import Generator
from invprob.io import images, tensor_files
from invprob.io.collection import ImageFile
from invprob.io.framing import Framing
from invprob.latents.params import InversionParams
from invprob.tree import X

MANIFEST = "inversions.json"


def batch_of(out: Path) -> int | None:
    """Read how many images a shard of a data set has.

    Args:
        out: Its folder.

    Returns:
        The number; None where nothing was begun.

    Raises:
        BadInput: If the list of the data set is damaged.
    """
    if not (out / MANIFEST).is_file():
        return None
    return int(manifest(out)["params"]["batch"])


def stage_of(folder: Path) -> int:
    """Read the stage whose latents a data set holds.

    Args:
        folder: Its folder.

    Returns:
        The stage, from 0.

    Raises:
        BadInput: If there is none, or its list is damaged.
    """
    return int(begun(folder)["params"]["stage"])


def begun(folder: Path) -> dict[str, Any]:
    """Read what a data set was made of.

    Args:
        folder: Its folder.

    Returns:
        The generator, the parameters, the names of the images and their groups.

    Raises:
        BadInput: If there is none, or its list is damaged.
    """
    if not (folder / MANIFEST).is_file():
        raise BadInput(f"{folder} holds no inversions", "make them: invprob invert IMAGES --out …")
    return manifest(folder)


def manifest(folder: Path) -> dict[str, Any]:
    """Read the list of a data set.

    Args:
        folder: Its folder.

    Returns:
        What `begun` returns.

    Raises:
        BadInput: If it is damaged.
    """
    try:
        about = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if not about.keys() >= {"generator", "params", "images", "groups"}:
            raise ValueError("it is not whole")
    except (OSError, ValueError, AttributeError) as error:
        raise BadInput(
            f"{folder / MANIFEST} is damaged: {paths.reason(error)}", "invert into another folder"
        ) from None
    return dict(about)


def made_by(generator: Generator) -> dict[str, Any]:
    """Name what decides which image a latent makes; older folders do not know options.

    Args:
        generator: The generator.

    Returns:
        What the list of a data set holds of it.
    """
    found: dict[str, Any] = {"generator": fingerprint.of_module(generator)}
    return found | ({"options": dict(generator.options)} if generator.options else {})


def group(file: ImageFile) -> str:
    """Name what must be held out together.

    Args:
        file: A picture.

    Returns:
        Its folder, in the zip file or on disk.
    """
    return (file.member or str(file.path)).rpartition("/")[0]


def read(folder: Path, generator: Generator, stage: int, like: X) -> tuple[X, list[str]]:
    """Read a finished data set.

    Args:
        folder: The folder of the data set.
        generator: The generator that the images were inverted with.
        stage: The stage that is wanted.
        like: A latent of the stage, a tree.

    Returns:
        The latents, a tree like `like` in float32, and the group of each.

    Raises:
        BadInput: If there is none, it is of another generator or stage, or it is not finished.
    """
    about = begun(folder)
    if {k: about[k] for k in ("generator", "options") if k in about} != made_by(generator):
        raise BadInput(
            f"{folder} holds inversions by other weights or options {about.get('options', '')}",
            "invert the images with this generator",
        )
    if about["params"]["stage"] != stage:
        raise BadInput(
            f"{folder} holds latents of stage {about['params']['stage']}, not {stage}",
            f"invert the images with --stage {stage}",
        )
    shards = [tensor_files.read(path)[0] for path in sorted(folder.glob("latents-*.safetensors"))]
    if (found := sum(len(next(iter(shard.values()))) for shard in shards)) != len(about["images"]):
        raise BadInput(
            f"{folder} holds {found} of {len(about['images'])} inversions",
            "finish it: repeat the command that began it",
        )
    parts = ([shard[name] for shard in shards] for name, _ in tree.items(like))
    leaves = [torch.cat(part).float() for part in parts]
    return tree.unflatten(like, leaves), about["groups"]


def pictures(
    folder: Path, source: Path, generator: Generator, rows: Sequence[int]
) -> Iterator[Tensor]:
    """Read the pictures that were inverted.

    Args:
        folder: The folder of the data set.
        source: The pictures, a folder or a zip file.
        generator: The generator.
        rows: The numbers of the latents whose pictures are wanted.

    Yields:
        The picture of each, (C, H, W) in [0, 1], as it was inverted.

    Raises:
        BadInput: If the names of the pictures are others.
    """
    about = begun(folder)
    asked = {k: v for k, v in about["params"].items() if k != "encoder"}
    framing, shape = Framing.of(InversionParams(**asked)), generator.image_shape
    files = images.gather([source])[: len(about["images"])]
    for name, file in zip_longest(about["images"], (file.name for file in files)):
        if name != file:
            raise BadInput(
                f"{source} holds {file or 'nothing'} where {folder} holds the latent of {name}",
                "give the folder or zip file that was inverted",
            )
    for row in rows:
        file = files[row]
        yield framing.picture(file.read(shape[0]), shape[1:], file.name)
