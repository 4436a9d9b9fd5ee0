"""Noises that do not score what they draw."""

import torch

from tests.testing.broken import breaks
from tests.testing.sound import Noise


@breaks("noise-drawn-from-rng", "the same stream gives another draw", "noise")
class OwnDraws(Noise):
    def sample(self, clean, rng):
        return clean + 0.1 * torch.randn_like(clean)


@breaks("noise-drawn-from-rng", "is torch.float32", "noise")
class Single(Noise):
    def sample(self, clean, rng):
        return super().sample(clean, rng).float()


@breaks("noise-drawn-from-rng", "a draw around (3, 4, 5) is (60,)", "noise")
class Flattened(Noise):
    def sample(self, clean, rng):
        return super().sample(clean, rng).flatten()


@breaks("one-value-per-row", "log_prob of y (2, 3, 4, 5) is ()", "noise")
class Summed(Noise):
    def log_prob(self, y, clean):
        return super().log_prob(y, clean).sum()


@breaks("one-value-per-row", "scale of y (2, 3, 4, 5) is ()", "noise")
class OneScale(Noise):
    def scale(self, y):
        return torch.tensor(self.sigma)


@breaks("draws-match-log-prob", "times the mean curvature", "noise")
class TwoLevels(Noise):
    """Draws with twice the deviation by which it scores."""

    def sample(self, clean, rng):
        return clean + 2 * (super().sample(clean, rng) - clean)


@breaks("draws-match-log-prob", "standard errors from 0", "noise")
class Biased(Noise):
    def sample(self, clean, rng):
        return super().sample(clean, rng) + 0.05


@breaks("draws-match-log-prob", "around 0.1 the variance is 0.2", "noise")
@breaks("chi2-averages-one", "around 0.1 it is 0.2", "noise")
@breaks("scale-matches-draws", "around 0.1 it is 2.2", "noise")
class Poisson(Noise):
    """Draws Poisson noise, and scores white noise of its deviation at ½."""

    def sample(self, clean, rng):
        return 0.02 * torch.poisson(clean / 0.02, generator=rng)


@breaks("chi2-averages-one", "around 0.1 it is 2e+04", "noise")
class Unaveraged(Noise):
    def chi2(self, y, clean):
        return super().chi2(y, clean) * y[0].numel()


@breaks("scale-matches-draws", "around 0.1 it is 0.1 times the deviation", "noise")
class Squared(Noise):
    """Gives the variance for the deviation."""

    def scale(self, y):
        return super().scale(y) ** 2
