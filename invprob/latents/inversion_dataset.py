"""A data set of inverted images: one safetensors shard per batch of latents, and what made them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from invprob import fingerprint, paths, tree
from invprob.errors import BadInput
from invprob.generator import Generator
from invprob.io import files as io_files
from invprob.io import tensor_files
from invprob.io.collection import ImageFile
from invprob.io.framing import Framing
from invprob.latents.inversion import invert
from invprob.latents.params import InversionParams
from invprob.tree import X

MANIFEST = "inversions.json"


def write(
    out: Path,
    generator: Generator,
    files: Sequence[ImageFile],
    params: InversionParams,
    device: torch.device,
    watch: Callable[[int], None] = lambda steps: None,
) -> Iterator[list[float]]:
    """Invert batch after batch into shards.

    Shards that are there already are kept, so that a run that was stopped goes on.

    Args:
        out: The folder of the data set.
        generator: The generator.
        files: The pictures.
        params: Stage, steps, batch and framing.
        device: Where it is computed.
        watch: Called with the number of every step.

    Yields:
        The PSNR (dB) of each image so far, after each batch.

    Raises:
        BadInput: If the folder holds something else, or inversions of other images, parameters or
            weights.
    """
    about = {
        "generator": fingerprint.of_module(generator),
        # folders of before know of no place
        "params": params.model_dump(
            mode="json", exclude={"crop_at"} if params.crop_at == "middle" else None
        ),
        "images": [file.name for file in files],
        "groups": [group(file) for file in files],
    }
    out = paths.made(out)
    if (out / MANIFEST).is_file():
        if _read_manifest(out) != about:
            raise BadInput(
                f"{out} holds inversions of other images, parameters or weights",
                "give another --out, or repeat the command that began it",
            )
    elif any(out.iterdir()):
        raise BadInput(f"folder {out} is not empty", "give another --out")
    else:
        io_files.write_json(out / MANIFEST, about)
    psnrs: list[float] = []
    for number, first in enumerate(range(0, len(files), params.batch)):
        shard = out / f"latents-{number:05d}.safetensors"
        if not shard.is_file():
            batch = files[first : first + params.batch]
            x, found = _batch(generator, batch, params, device, watch)
            leaves = {name: leaf.to(torch.float16) for name, leaf in tree.items(x)}
            tensor_files.write(shard, leaves, {"psnr": [round(float(p), 3) for p in found]})
        psnrs += json.loads(tensor_files.read(shard)[1]["psnr"])
        yield psnrs


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        about = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if not about.keys() >= {"generator", "params", "images", "groups"}:
            raise ValueError("it is not whole")
    except (OSError, ValueError, AttributeError) as error:
        raise BadInput(
            f"{folder / MANIFEST} is damaged: {paths.reason(error)}", "invert into another folder"
        ) from None
    return dict(about)


def group(file: ImageFile) -> str:
    """Name what must be held out together.

    Args:
        file: A picture.

    Returns:
        Its folder, in the zip file or on disk.
    """
    return (file.member or str(file.path)).rpartition("/")[0]


def _batch(
    generator: Generator[X],
    files: Sequence[ImageFile],
    params: InversionParams,
    device: torch.device,
    watch: Callable[[int], None],
) -> tuple[X, Tensor]:
    shape = generator.image_shape
    framing = Framing.of(params)
    pictures = [framing.picture(f.read(shape[0]), shape[1:], f.name) for f in files]
    stacked = torch.stack(pictures).to(device)
    record = None
    for record in invert(
        generator, stacked, params.stage, params.steps, params.lr, params.sigma, params.weight
    ):
        watch(record.step)
    assert record is not None
    return record.x, record.psnr


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
    if not (folder / MANIFEST).is_file():
        raise BadInput(f"{folder} holds no inversions", "make them: invprob invert IMAGES --out …")
    about = _read_manifest(folder)
    if about["generator"] != fingerprint.of_module(generator):
        raise BadInput(
            f"{folder} holds inversions by other weights", "invert the images with this generator"
        )
    if about["params"]["stage"] != stage:
        raise BadInput(
            f"{folder} holds latents of stage {about['params']['stage']}, not {stage}",
            f"invert the images with --stage {stage}",
        )
    shards = [tensor_files.read(path)[0] for path in sorted(folder.glob("latents-*.safetensors"))]
    found = sum(len(next(iter(shard.values()))) for shard in shards)
    if found != len(about["images"]):
        raise BadInput(
            f"{folder} holds {found} of {len(about['images'])} inversions",
            "finish it: repeat the command that began it",
        )
    names = [name for name, _ in tree.items(like)]
    leaves = [torch.cat([shard[name] for shard in shards]).float() for name in names]
    return tree.unflatten(like, leaves), about["groups"]
