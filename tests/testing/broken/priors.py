"""Priors whose abilities contradict each other."""

import torch

from invprob import tree
from invprob.testing import toys
from tests.testing.broken import breaks
from tests.testing.sound import Prior


@breaks("takes-latent-trees", "it raised TypeError: unsupported operand", "prior")
class TensorsOnly(Prior):
    def prox(self, x, tau=1.0):
        return 0.1 + (x - 0.1) * 0.64 / (0.64 + tau)


@breaks("takes-latent-trees", "prox of a Carry is a tuple", "prior")
class Unwrapping(Prior):
    def prox(self, x, tau=1.0):
        return tuple(tree.leaves(super().prox(x, tau)))


@breaks("log-density-per-row", "it is () for 3 rows", "prior")
class Total(Prior):
    def log_density(self, x):
        return super().log_density(x).sum()


@breaks("density-reads-every-leaf", "it does not read leaf 'w'", "prior")
class FirstLeaf(Prior):
    def log_density(self, x):
        return super().log_density(tree.leaves(x)[0])


@breaks("schedule-monotone", "α grows with t", "prior")
class Backwards(Prior):
    def schedule(self, t):
        return super().schedule(1.01 - t)


@breaks("schedule-monotone", "σ of 50 times is (1,)", "prior")
class OneSigma(Prior):
    def schedule(self, t):
        alpha, sigma = super().schedule(t)
        return alpha, sigma[:1]


@breaks("schedule-monotone", "σ does not depend on t for autograd", "prior")
class Tabled(Prior):
    def schedule(self, t):
        return super().schedule(t.detach())


@breaks("score-matches-density", "the score has leaves", "prior")
class Partial(Prior):
    def score(self, u, t):
        return super().score(u, t)[:, :2]


@breaks("score-matches-density", "differs by", "prior")
class Uphill(Prior):
    """Gives −∇ log p."""

    def score(self, u, t):
        return tree.map(torch.neg, super().score(u, t))


@breaks("score-matches-denoiser", "at t = 0.2 the two differ by", "prior")
class OwnDenoiser(Prior):
    def denoise(self, u, t):
        return tree.map(lambda leaf: 0.9 * leaf, super().denoise(u, t))

    def score(self, u, t):
        return toys.Diffused.score(self, u, t)


@breaks("normalise-invertible", "restore(normalise(x)) differs", "prior")
class OneWay(Prior):
    def normalise(self, x):
        return tree.map(lambda leaf: 2 * leaf, x)


@breaks("normalise-invertible", "normalise of a mean differs", "prior")
class Bent(Prior):
    def normalise(self, x):
        return tree.map(torch.sinh, x)

    def restore(self, u):
        return tree.map(torch.asinh, u)


@breaks("prox-minimises", "projected twice, it differs", "prior")
class Halved(Prior):
    """τ is idle, and what it gives is not a projection."""

    def prox(self, x, tau=1.0):
        return tree.map(lambda leaf: 0.5 * leaf, x)


@breaks("prox-minimises", "for τ = 1e-9", "prior")
class Jumping(Prior):
    def prox(self, x, tau=1.0):
        return super().prox(x, tau + 1)


@breaks("prox-minimises", "from τ ∇h(u)", "prior")
class Overdone(Prior):
    def prox(self, x, tau=1.0):
        return super().prox(x, 3 * tau)
