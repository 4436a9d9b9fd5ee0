"""What a latent prior learns from: latents that the generator induces, or those of images."""

from __future__ import annotations

import hashlib
from itertools import islice
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from invprob import fingerprint, seeds, tree
from invprob.errors import BadParams
from invprob.io import image_dataset
from invprob.latents import inverted
from invprob.params.pictures import PictureSet
from invprob_sgilo.score.params import PriorTraining
from invprob_sgilo.stylegan2.encoder import Encoder
from invprob_sgilo.stylegan2.generator import StyleGAN2
from invprob_sgilo.stylegan2.network import Carry
from invprob_sgilo.stylegan2.training.losses import mixed_styles

VALIDATION = 256
MOMENTS = 4096
IMAGES_AT_ONCE = 64


class Latents(Protocol):
    """A distribution of latents, some of it held out; `digest` names what is not drawn of it."""

    digest: str

    def moments(self) -> Carry:
        """Latents to take the normalisation from."""

    def batch(self, step: int) -> Carry:
        """The latents of a step."""

    def held_out(self) -> Carry:
        """Latents that no step shows, the same at every call."""


class Synthetic:
    """Latents of inputs z ~ N(0, I), drawn afresh at every step; a part of them has style codes
    crossed over between two inputs, as in the generator's own training."""

    def __init__(self, generator: StyleGAN2, params: PriorTraining) -> None:
        self.generator, self.params, self.digest = generator, params, ""

    @torch.no_grad()
    def _draw(self, count: int, purpose: int | str) -> Carry:
        rng = seeds.stream("latents", self.params.seed, purpose)
        x = mixed_styles(self.generator, count, self.params.mixing, rng)
        deep: Carry = self.generator(x, start=1, stop=self.params.stage)
        return deep

    def moments(self) -> Carry:
        return self._draw(MOMENTS, "moments")

    def batch(self, step: int) -> Carry:
        return self._draw(self.params.batch, step)

    def held_out(self) -> Carry:
        return self._draw(VALIDATION, "validation")


class Inverted:
    """The latents of real images, from a folder that `invprob invert` wrote for the stage or for an
    earlier one, from which the generator goes on."""

    def __init__(self, generator: StyleGAN2, params: PriorTraining) -> None:
        if params.data is None:
            raise BadParams(
                "latents=inverted is given without data", "say --set data=FOLDER of invprob invert"
            )
        self.generator, self.params = generator, params
        self.device = generator.w_mean.device
        self.stage = min(inverted.stage_of(Path(params.data)), params.stage)
        like = Synthetic(generator, params.model_copy(update={"stage": self.stage})).batch(0)
        self.x, groups = inverted.read(Path(params.data), generator, self.stage, like)
        self.digest = format(
            fingerprint.digest(torch.cat([leaf.flatten() for _, leaf in tree.items(self.x)])), "08x"
        )
        names = [f"{group}/{i}" if group else str(i) for i, group in enumerate(groups)]
        if len(set(groups)) < 2:
            # one folder: its images are not views of one thing
            names = [str(i) for i in range(len(groups))]
        self.train, self.validation = split(names, params)

    @torch.no_grad()
    def _pick(self, indices: Tensor) -> Carry:
        x = tree.map(lambda leaf: leaf[indices].to(self.device), self.x)
        deep: Carry = self.generator(x, start=self.stage, stop=self.params.stage)
        return deep

    def moments(self) -> Carry:
        deeper = self.stage < self.params.stage
        return self._pick(self.train[:MOMENTS] if deeper else self.train)

    def batch(self, step: int) -> Carry:
        rng = seeds.stream("latents", self.params.seed, step)
        return self._pick(
            self.train[torch.randint(len(self.train), (self.params.batch,), generator=rng)]
        )

    def held_out(self) -> Carry:
        return self._pick(self.validation)

    @torch.no_grad()
    def errors(self, source: Path) -> Tensor:
        """What pictures have beyond the images of their latents.

        Args:
            source: The pictures that were inverted.

        Returns:
            The differences (N, C, H, W) of those to learn from, as float16 on the CPU.
        """
        found = inverted.pictures(
            Path(self.params.data or ""), source, self.generator, self.train.tolist()
        )
        pieces = []
        for rows in torch.split(self.train, IMAGES_AT_ONCE):
            x = tree.map(lambda leaf, rows=rows: leaf[rows].to(self.device), self.x)
            made = self.generator(x, start=self.stage).cpu()
            pieces.append((torch.stack(list(islice(found, len(rows)))) - made).half())
        return torch.cat(pieces)


class Encoded:
    """The latents that an encoder finds of images of a folder or zip, mirrored or not."""

    def __init__(self, generator: StyleGAN2, params: PriorTraining) -> None:
        if params.data is None or params.encoder is None:
            raise BadParams(
                "latents=encoded needs pictures and an encoder",
                "say --set data=PICTURES --set encoder=FILE, the encoder.safetensors of invprob"
                " train encoder",
            )
        self.generator, self.params = generator, params
        self.device = generator.w_mean.device
        encoder = Encoder.of(generator.arch, Path(params.encoder), params.stage, generator.source)
        self.encoder = encoder.to(self.device)
        # a generator of square images
        pictures = PictureSet(size=generator.arch.resolution)
        found = image_dataset.read(Path(params.data), generator.arch.channels, pictures)
        images, names = found
        self.train, self.validation = split(names, params)
        self.digest = hashlib.sha256(images.numpy().data).hexdigest()
        # as they are and mirrored; every step then costs a lookup instead of an encoding
        self.found = [self._encode_all(images, mirrored) for mirrored in (False, True)]

    @torch.no_grad()
    def _encode_all(self, images: Tensor, mirrored: bool) -> dict[str, Tensor]:
        """The encoder's leaves of all images, as float16 on the CPU."""
        pieces = []
        for first in range(0, len(images), IMAGES_AT_ONCE):
            rows = torch.arange(first, min(first + IMAGES_AT_ONCE, len(images)))
            flips = torch.full((len(rows),), mirrored)
            batch = (image_dataset.batch(images, rows, flips) + 1).to(self.device) / 2
            pieces.append({name: u.half().cpu() for name, u in self.encoder(batch)[1].items()})
        return {name: torch.cat([piece[name] for piece in pieces]) for name in pieces[0]}

    @torch.no_grad()
    def _pick(self, indices: Tensor, purpose: int | str) -> Carry:
        rng = seeds.stream("encoded latents", self.params.seed, purpose)
        flips = torch.rand(len(indices), generator=rng) < 0.5
        plain, mirrored = self.found
        u = {}
        for name in plain:
            chosen = plain[name][indices]
            chosen[flips] = mirrored[name][indices[flips]]
            u[name] = chosen.float().to(self.device)
        x = self.encoder.latent(u, self.generator.draw_noise(len(indices), rng))
        deep: Carry = self.generator(x, start=self.encoder.stage, stop=self.params.stage)
        return deep

    def moments(self) -> Carry:
        rng = seeds.stream("latents", self.params.seed, "moments")
        picks = torch.randperm(len(self.train), generator=rng)[:MOMENTS]
        return self._pick(self.train[picks], "moments")

    def batch(self, step: int) -> Carry:
        rng = seeds.stream("latents", self.params.seed, step)
        picks = torch.randint(len(self.train), (self.params.batch,), generator=rng)
        return self._pick(self.train[picks], step)

    def held_out(self) -> Carry:
        return self._pick(self.validation, "validation")


def split(names: list[str], params: PriorTraining) -> tuple[Tensor, Tensor]:
    """Hold out some of the images.

    Args:
        names: The names of all images, of which those of a folder are held out together.
        params: The parameters.

    Returns:
        The numbers of those to learn from, at least two, and of those held out.

    Raises:
        BadParams: If there are too few; one latent has no spread.
    """
    train, validation = image_dataset.split(names, params.held_out)
    if len(train) < 2 or not validation:
        raise BadParams(
            f"{params.data} holds {len(names)} images, too few to learn from two and hold some out",
            "give more images, or choose another held_out",
        )
    return torch.tensor(train), torch.tensor(validation[:VALIDATION])


def latents_of(generator: StyleGAN2, params: PriorTraining) -> Latents:
    """The source that the parameters name."""
    if params.latents == "synthetic":
        return Synthetic(generator, params)
    return (Encoded if params.latents == "encoded" else Inverted)(generator, params)
