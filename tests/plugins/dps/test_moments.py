"""mmps and pigdm on Gaussian worlds with their exact denoiser, where the posterior is known."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from invprob import seeds
from invprob.diffusion.schedules import vp
from invprob.generator import Identity
from invprob.operator import LinearOperator
from invprob.prior import Denoiser
from invprob.solver import Problem
from invprob_basics import GaussianNoise
from invprob_dps import multistep
from invprob_dps.moments import MMPS, PiGDM
from invprob_dps.solver import reverse
from tests.plugins.closed_form import last

SHAPE = (1, 6, 6)
SEEN, SIGMA = 20, 0.05


class Correlated(Denoiser):
    """u_0 = 2x − 1 is N(0.1, S), with standard deviations of pixels near `spread`."""

    t_min = 1e-3
    image_shape = SHAPE

    def __init__(self, spread: float, mixing: float) -> None:
        super().__init__()
        mix = torch.randn(36, 36, generator=seeds.stream("mix"), dtype=torch.float64) / 6
        factor = spread * ((1 - mixing) * torch.eye(36) + mixing * mix)
        self.covariance = factor @ factor.T
        values, self.basis = torch.linalg.eigh(self.covariance)
        self.values = values.clamp_min(0)

    def normalise(self, x: Tensor) -> Tensor:
        return 2 * x - 1

    def restore(self, u: Tensor) -> Tensor:
        return (u + 1) / 2

    def schedule(self, t: Tensor) -> tuple[Tensor, Tensor]:
        return vp(t)

    def denoise(self, u: Tensor, t: Tensor) -> Tensor:
        alpha, sigma = (v[:, None] for v in self.schedule(t))
        Q = self.basis.to(u)
        gain = alpha * self.values / (alpha**2 * self.values + sigma**2)
        found = 0.1 + ((u.flatten(1) - 0.1 * alpha) @ Q * gain.to(u)) @ Q.T
        return found.reshape(u.shape)


class Sums(LinearOperator):
    """Twenty sums of pixels with weights of their own."""

    in_shape, out_shape = SHAPE, (SEEN,)

    def __init__(self) -> None:
        super().__init__(GaussianNoise(SIGMA))
        rng = seeds.stream("sums")
        self.register_buffer("matrix", torch.randn(SEEN, 36, generator=rng) / 3)

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.matrix.to(x).T


def judged(solver, prior, chains=1200):
    """The rms error of the mean in posterior standard deviations; the spreads over the exact ones,
    root mean squares over the directions that are measured and over the others."""
    A = Sums()
    truth = prior.restore(0.1 + prior.covariance.diagonal().sqrt().float().reshape(1, *SHAPE))
    y = A.measure(truth, [seeds.stream("noise")])
    p = Problem.create(y, A, Identity(SHAPE), {0: prior}, num_samples=chains)
    found = solver.result(p, last(solver, p)[0]).image.flatten(1).double()
    M, S = A.matrix.double(), prior.covariance / 4
    inner = torch.linalg.inv(M @ S @ M.T + SIGMA**2 * torch.eye(SEEN))
    mean = 0.55 + S @ M.T @ inner @ (y[0].double() - M.sum(1) * 0.55)
    exact = S - S @ M.T @ inner @ M @ S
    whitened = torch.linalg.cholesky(exact)
    z = torch.linalg.solve_triangular(whitened, (found - mean).T, upper=False)
    error = float(z.mean(1).square().mean().sqrt())
    seen = torch.linalg.svd(M, full_matrices=True)[2]
    ratio = []
    for part in (seen[:SEEN], seen[SEEN:]):
        ours = (found - found.mean(0)) @ part.T
        ratio.append(float((ours.var(0) / (part @ exact @ part.T).diagonal()).mean().sqrt()))
    return error, *ratio


@pytest.mark.parametrize(
    ("solver", "prior"),
    [
        (MMPS(), Correlated(0.5, mixing=0.5)),
        (MMPS(eta=0.0), Correlated(0.3, mixing=0.0)),
        # its covariance is that of independent pixels of standard deviation 1
        (PiGDM(inner=10), Correlated(1.0, mixing=0.0)),
    ],
)
def test_on_gaussian_worlds_means_and_spreads_are_exact(solver, prior):
    chains = 200
    error, seen, unseen = judged(solver, prior, chains)
    # of the mean of as many exact samples it would be chains^-1/2
    assert error < chains**-0.5 + 0.05
    assert seen == pytest.approx(1, abs=0.05)
    assert unseen == pytest.approx(1, abs=0.05)


def test_levels_fall_by_equal_factors_to_the_least():
    prior, like = Correlated(1.0, 0.0), torch.zeros(1)
    times = multistep.times(prior, 20, like)
    levels = [multistep.level(prior, t, like) for t in times]
    assert levels[0] == pytest.approx(multistep.MOST, rel=1e-3)
    assert times[-1] == prior.t_min
    factors = [b / a for a, b in pairwise(levels)]
    assert max(factors) - min(factors) < 1e-3
    assert multistep.times(prior, 1, like) == times[:1]


def test_a_first_step_of_eta_1_is_the_ancestral_step():
    prior = Correlated(1.0, 0.0)
    u, clean, xi = (torch.randn(1, *SHAPE, generator=seeds.stream(k)) for k in range(3))
    found = multistep.advance(prior, u, (clean, clean), (None, 0.6, 0.5), 1.0, xi)
    t, to = torch.tensor([0.6]), torch.tensor([0.5])
    assert torch.allclose(found, reverse(prior, u, clean, t, to, 1.0, xi), atol=1e-5)
    end = multistep.advance(prior, u, (clean, clean), (None, 0.6, 0.0), 1.0, xi)
    assert torch.equal(end, clean)
