"""A data set of inverted images: one safetensors shard per batch of latents, and what made them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from invprob import paths, tree
from invprob.errors import BadInput
from invprob.generator import Generator
from invprob.io import checksums, survey, tensor_files
from invprob.io import files as io_files
from invprob.io.chunked import Cut
from invprob.io.collection import ImageFile
from invprob.io.framing import Framing
from invprob.latents import inverted
from invprob.latents.inversion import invert
from invprob.latents.params import InversionParams
from invprob.tree import X


@dataclass(frozen=True)
class Inversions:
    """A data set that is made shard after shard.

    Attributes:
        out: The folder of the data set.
        generator: The generator.
        files: The pictures.
        params: Stage, steps, batch and framing.
        device: Where it is computed.
    """

    out: Path
    generator: Generator
    files: tuple[ImageFile, ...]
    params: InversionParams
    device: torch.device

    @property
    def cut(self) -> Cut:
        """How the pictures are cut into shards."""
        return Cut(len(self.files), self.params.batch)

    def in_shards_of(self, size: int) -> Inversions:
        """The same data set, cut otherwise.

        Args:
            size: How many pictures a shard has.

        Returns:
            The data set, which has not begun.
        """
        return replace(self, params=self.params.model_copy(update={"batch": size}))

    def trial(self) -> None:
        """Take as much memory as one picture does, and write nothing."""
        one = self.params.model_copy(update={"steps": 2})
        _batch(self.generator, self.files[:1], one, self.device, lambda step, total: None)

    def begin(self) -> None:
        """Begin the folder, or go on with one that was begun for the same.

        Raises:
            BadInput: If it holds something else, or inversions of other images, parameters or
                weights.
        """
        _framed(self.generator, survey.of_each_size(self.files), self.params)
        about = {
            **inverted.made_by(self.generator),
            "params": self._params(),
            "images": [file.name for file in self.files],
            "groups": [inverted.group(file) for file in self.files],
        }
        out = paths.made(self.out)
        if (out / inverted.MANIFEST).is_file():
            if inverted.manifest(out) != about:
                raise BadInput(
                    f"{out} holds inversions of other images, parameters or weights",
                    "give another --out, or repeat the command that began it",
                )
        elif any(out.iterdir()):
            raise BadInput(f"folder {out} is not empty", "give another --out")
        else:
            io_files.write_json(out / inverted.MANIFEST, about)

    def _params(self) -> dict[str, Any]:
        """The parameters; those that older folders do not know only where they are set."""
        about = self.params.model_dump(mode="json")
        if self.params.crop_at == "middle":
            del about["crop_at"]
        if self.params.encoder is None:
            del about["encoder"]
        else:
            about["encoder"] = checksums.sha256(paths.existing(self.params.encoder))
        return about

    def is_finished(self, k: int) -> bool:
        """Say whether a shard is there.

        Args:
            k: Its number, from 0.

        Returns:
            True if it is.
        """
        return self._shard(k).is_file()

    def solve(self, k: int, watch: Callable[[int, int], None] = lambda step, total: None) -> None:
        """Make a shard.

        Args:
            k: Its number, from 0.
            watch: Called with the number of every step and of all steps.
        """
        batch = [self.files[i] for i in self.cut.numbers(k)]
        x, found = _batch(self.generator, batch, self.params, self.device, watch)
        leaves = {name: leaf.to(torch.float16) for name, leaf in tree.items(x)}
        psnrs = [round(float(p), 3) for p in found]
        tensor_files.write(self._shard(k), leaves, {"psnr": psnrs})

    def psnrs(self, k: int) -> list[float]:
        """Read how near the images of a shard came.

        Args:
            k: Its number, from 0.

        Returns:
            The PSNR of each image, in dB.
        """
        return list(json.loads(tensor_files.read(self._shard(k))[1]["psnr"]))

    def _shard(self, k: int) -> Path:
        return self.out / f"latents-{k:05d}.safetensors"


def _batch(
    generator: Generator[X],
    files: Sequence[ImageFile],
    params: InversionParams,
    device: torch.device,
    watch: Callable[[int, int], None],
) -> tuple[X, Tensor]:
    stacked = torch.stack(_framed(generator, files, params)).to(device)
    record, p = None, params
    encoder = None if p.encoder is None else Path(p.encoder)
    descent = invert(generator, stacked, p.stage, p.steps, p.lr, p.sigma, p.weight, encoder)
    for record in descent:
        watch(record.step, p.steps)
    assert record is not None
    return record.x, record.psnr


def _framed(
    generator: Generator, files: Sequence[ImageFile], params: InversionParams
) -> list[Tensor]:
    shape, framing = generator.image_shape, Framing.of(params)
    return [framing.picture(f.read(shape[0]), shape[1:], f.name) for f in files]
