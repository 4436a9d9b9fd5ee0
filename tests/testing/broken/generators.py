"""Generators whose stages are not the whole, or whose latents are not all."""

from dataclasses import dataclass, replace
from typing import Any

import torch

from invprob.generator import Latent
from invprob.testing import toys
from tests.testing.broken import breaks
from tests.testing.sound import Generator


@breaks("image-shape-and-range", "image_shape (1, 5, 5)", "generator")
class Misshapen(Generator):
    image_shape = (1, 5, 5)


@breaks("image-shape-and-range", "5 %, 50 % and 95 % of values", "generator")
class Signed(Generator):
    """Images in [−1, 1]."""

    def stage(self, k, x):
        image = super().stage(k, x)
        return 4 * (image - 0.5) if k == self.depth else image


@breaks("precision-kept", "G of float32 gives torch.float64", "generator")
class DoubleBuffer(Generator):
    """Keeps a constant in double precision."""

    def __init__(self, params):
        super().__init__(params)
        self.register_buffer("grey", torch.tensor([0.01], dtype=torch.float64))

    def stage(self, k, x):
        image = super().stage(k, x)
        return image + self.grey if k == self.depth else image


@breaks("latents-drawn-from-rng", "the same stream gives other latents", "generator")
class OwnDraws(Generator):
    def sample(self, batch, rng):
        return torch.randn(batch, toys.CODE)


@breaks("latents-drawn-from-rng", "is (1, 6)", "generator")
class OneDraw(Generator):
    def sample(self, batch, rng):
        return super().sample(1, rng)


@breaks("refuses-unknown-stages", "stage(0, x) is accepted", "generator")
class Boundless(Generator):
    def stage(self, k, x):
        return super().stage(k, x) if 1 <= k <= 3 else x


@dataclass(frozen=True)
class Burdened(Latent):
    carry: toys.Carry
    extra: Any


@breaks("every-leaf-moves-image", "stage 1: leaf 'extra' has no effect", "generator")
class DeadLeaf(Generator):
    latents = (toys.Carry, Burdened)

    def stage(self, k, x):
        if k == 1:
            return Burdened(super().stage(1, x), x[:, :1])
        return super().stage(k, x.carry if k == 2 else x)


@breaks("latents-serialisable", "another solver: 'Carry'", "generator")
class Unlisted(Generator):
    latents = ()


@breaks("latents-serialisable", "leaf 'w' is (6, 4)", "generator")
class WideBatch(Generator):
    def stage(self, k, x):
        made = super().stage(k, x)
        return replace(made, w=made.w.repeat_interleave(2, 0)) if k == 1 else made


@breaks("stages-match-reference", "they differ by", "generator")
class Dropping(Generator):
    """Drops what the second stage should carry, as published code does with the image so far."""

    def stage(self, k, x):
        return super().stage(k, replace(x, h=0 * x.h) if k == 2 else x)


@breaks("functions-pure", "G changes its input", "generator")
class InPlace(Generator):
    def stage(self, k, x):
        return super().stage(k, x.mul_(0.9) if k == 1 else x)


@breaks("functions-pure", "called again", "generator")
class Counting(Generator):
    calls = 0

    def stage(self, k, x):
        self.calls += 1
        image = super().stage(k, x)
        return image + 0.1 * self.calls if k == self.depth else image


@breaks("weights-and-problem-unchanged", "first of it changes", "generator")
class Learning(Generator):
    def stage(self, k, x):
        if k == 1:
            self.first *= 0.99
        return super().stage(k, x)
