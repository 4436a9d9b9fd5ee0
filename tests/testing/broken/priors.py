"""Priors whose abilities contradict each other."""

import torch

from invprob import tree
from invprob.testing import toys
from tests.testing.broken import breaks
from tests.testing.sound import Prior


@breaks("treed", "it raised TypeError: unsupported operand", "prior")
class TensorsOnly(Prior):
    def prox(self, x, tau=1.0):
        return 0.1 + (x - 0.1) * 0.64 / (0.64 + tau)


@breaks("treed", "prox of a Carry is a tuple", "prior")
class Unwrapping(Prior):
    def prox(self, x, tau=1.0):
        return tuple(tree.leaves(super().prox(x, tau)))


@breaks("density", "it is () for 3 rows", "prior")
class Total(Prior):
    def log_density(self, x):
        return super().log_density(x).sum()


@breaks("schedule", "α grows with t", "prior")
class Backwards(Prior):
    def schedule(self, t):
        return super().schedule(1.01 - t)


@breaks("schedule", "σ of 50 times is (1,)", "prior")
class OneSigma(Prior):
    def schedule(self, t):
        alpha, sigma = super().schedule(t)
        return alpha, sigma[:1]


@breaks("schedule", "σ does not depend on t for autograd", "prior")
class Tabled(Prior):
    def schedule(self, t):
        return super().schedule(t.detach())


@breaks("score", "the score has leaves", "prior")
class Partial(Prior):
    def score(self, u, t):
        return super().score(u, t)[:, :2]


@breaks("score", "differs by", "prior")
class Uphill(Prior):
    """Gives −∇ log p."""

    def score(self, u, t):
        return tree.map(torch.neg, super().score(u, t))


@breaks("tweedie", "at t = 0.2 the two differ by", "prior")
class OwnDenoiser(Prior):
    def denoise(self, u, t):
        return tree.map(lambda leaf: 0.9 * leaf, super().denoise(u, t))

    def score(self, u, t):
        return toys.Diffused.score(self, u, t)


@breaks("units", "restore(normalise(x)) differs", "prior")
class OneWay(Prior):
    def normalise(self, x):
        return tree.map(lambda leaf: 2 * leaf, x)


@breaks("units", "normalise of a mean differs", "prior")
class Bent(Prior):
    def normalise(self, x):
        return tree.map(torch.sinh, x)

    def restore(self, u):
        return tree.map(torch.asinh, u)


@breaks("proximal", "projected twice, it differs", "prior")
class Halved(Prior):
    """τ is idle, and what it gives is no projection."""

    def prox(self, x, tau=1.0):
        return tree.map(lambda leaf: 0.5 * leaf, x)


@breaks("proximal", "for τ = 1e-9", "prior")
class Jumping(Prior):
    def prox(self, x, tau=1.0):
        return super().prox(x, tau + 1)


@breaks("proximal", "from τ ∇h(u)", "prior")
class Overdone(Prior):
    def prox(self, x, tau=1.0):
        return super().prox(x, 3 * tau)
