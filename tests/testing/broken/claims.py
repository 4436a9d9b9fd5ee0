"""Components that say of themselves what is not true."""

from typing import ClassVar

import torch

from invprob import tree
from invprob.errors import BadInput
from invprob.noise import WhiteNoise
from tests.testing.broken import breaks
from tests.testing.sound import Generator, Noise, Operator, Prior, Steps, Walk


def broken(check, seen, **changes):
    return breaks(check, seen, "solver", Steps, **changes)


class Pictured(Operator):
    """Measures the image itself."""

    def __init__(self, params, in_shape, seed):
        super().__init__(params, in_shape, seed)
        self.out_shape = self.in_shape

    def forward(self, x):
        return x


@breaks("symmetric-means-alike", "turned by 180° it measures", "operator")
class Turned(Pictured):
    symmetric = True


@breaks("symmetric-means-alike", "of a shifted image it measures", "operator")
class Shifted(Pictured):
    """Sees no difference in a turn, and one in a shift."""

    symmetric = True

    def forward(self, x):
        return x + x.flip(2, 3)


@breaks("symmetric-means-alike", "and takes (288,)", "operator")
class FlatSymmetric(Operator):
    symmetric = True

    def __init__(self, params, in_shape, seed):
        super().__init__(params, in_shape, seed)
        self.in_shape = (288,)


@breaks("sensor-records-noise", "records a noise as it is", "operator")
class Idle(Operator):
    is_sensor = True


@breaks("sensor-records-noise", "does not say is_sensor", "operator")
class Silent(Operator):
    def recorded(self, noise):
        return WhiteNoise(2 * noise.sigma)


class Cut(WhiteNoise):
    """What is above ½ is recorded as ½, and scored as if it were measured so."""

    def sample(self, clean, rng):
        return super().sample(clean, rng).clamp_max(0.5)


@breaks("sensor-records-noise", "standard errors from 0", "operator")
class Clipping(Pictured):
    is_sensor = True

    def recorded(self, noise):
        return Cut(noise.sigma)


@breaks("row-norm2-is-right", "differs by", "operator")
class Lengthy(Pictured):
    row_norm2 = 2.0


@breaks("pictures-are-taken", "and it takes a picture", "operator")
class Greedy(Operator):
    picture_shape = None

    def from_picture(self, picture):
        return picture.flatten(1)[:, :8]


@breaks("pictures-are-taken", "of a picture it makes (3, 288)", "operator")
class Flattening(Pictured):
    def from_picture(self, picture):
        return picture.flatten(1)


@breaks("found-names-parameters", "it found 'mask'", "operator")
class Finder(Operator):
    found: ClassVar = {"mask": torch.ones(8, 8)}


@breaks("exact-adds-nothing", "a draw is not what was given", "noise")
class Inexact(Noise):
    exact = True


@breaks("exact-adds-nothing", "it does not say exact", "noise")
class Modest(Noise):
    def sample(self, clean, rng):
        return clean


@breaks("edge-within-scale", "more than scale(y)", "noise")
class WideEdge(Noise):
    def edge_scale(self, y):
        return 2 * self.scale(y)


@breaks("edge-within-scale", "not positive everywhere", "noise")
class NoEdge(Noise):
    def edge_scale(self, y):
        return torch.zeros_like(y)


@breaks("own-draws-are-valid", "it refuses its own draw: below 0", "noise")
class Strict(Noise):
    def validate(self, y):
        if bool((y < 0).any()):
            raise BadInput("below 0")


@breaks("smoothed-and-noised-follow", "smoothed differs by", "prior")
class Unscaled(Prior):
    def smoothed(self, u, t):
        return self.score(u, t)


@breaks("smoothed-and-noised-follow", "noised differs by", "prior")
class Additive(Prior):
    def noised(self, u, t, noise):
        return tree.map(torch.add, u, noise)


@breaks("assumed-is-words", "assumed is 'The width.'", "prior")
class Sentence(Prior):
    assumed = "The width."


@breaks("assumed-is-words", "assumed is None", "generator")
class Wordless(Generator):
    assumed = None


@breaks("chosen-names-parameters", "it has chosen 'precision'", "generator")
class Choosy(Generator):
    chosen: ClassVar = {"precision": "float32"}


@breaks("chosen-names-parameters", "steps=few that it has chosen is refused", "generator", Steps)
class Vague(Generator):
    chosen: ClassVar = {"steps": "few"}


@broken("bias-and-tempered-are-said", "bias is -0.1")
class Negative(Walk):
    bias = -0.1


@broken("bias-and-tempered-are-said", "an estimate has the bias 0.1")
class BiasedEstimate(Walk):
    returns = "estimate"
    bias = 0.1


@broken("bias-and-tempered-are-said", "tempered is 'Hot.'")
class Tempered(Walk):
    tempered = "Hot."


@broken("one-sample-draws-nothing", "the image differs by", defaults=(("samples", "1"),))
class OneOfMany(Walk):
    """Draws, and says that one sample will do."""


@broken("draws-are-of-their-latents", "the generator makes another image of it")
class Swapped(Walk):
    def step(self, problem, state):
        made = super().step(problem, state)
        latent = tree.map(lambda leaf: leaf + 1, made.info.latent)
        return made._replace(info=made.info._replace(latent=latent, draw=True))
