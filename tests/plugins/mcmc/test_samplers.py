"""Chains against posteriors in closed form, and moves against formulas."""

from dataclasses import replace

import pytest
import torch

from invprob import seeds, tree
from invprob.errors import BadParams, Incompatible
from invprob.generator import Identity
from invprob.prior import Prior
from invprob_basics.priors import Gaussian
from invprob_mcmc.hmc import HMC
from invprob_mcmc.mala import MALA
from invprob_mcmc.pcn import PCN
from tests.plugins.closed_form import last, placed, posterior, problem

CPU = torch.device("cpu")
CHAINS = 60
ERRORS = 4.5
"""Standard errors between chains that are not evidence."""

SOLVERS = {
    "mala": MALA(steps=400),
    "hmc": HMC(steps=120, leapfrog=5),
    "pcn": PCN(steps=1500, burn_in=0.3),
}


def latents(solver, p):
    """The latents of all draws, (draws, chains, numbers)."""
    return torch.stack([i.latent.flatten(1) for _, i in solver.run(p) if i.draw])


def check(draws, mean, covariance):
    """Means and squares of standardised draws are 0 and 1, by the means of independent chains."""
    factor = torch.linalg.cholesky(covariance)
    unit = torch.linalg.solve_triangular(factor, (draws - mean).mT, upper=False).mT
    for values in (unit, unit**2 - 1):
        of_chains = values.mean(0)
        errors = of_chains.std(0) / len(of_chains) ** 0.5
        assert bool((of_chains.mean(0).abs() < ERRORS * errors).all())
        assert float(errors.max()) < 0.2


@pytest.mark.parametrize("name", SOLVERS)
def test_draws_have_the_exact_mean_and_covariance(name):
    p = placed(problem(sigma=0.1, chains=CHAINS)[0], CPU, torch.float64)
    check(latents(SOLVERS[name], p), *posterior(p, 0.1))


@pytest.mark.parametrize("name", ["mala", "hmc"])
def test_without_a_generator_images_are_drawn(name):
    p, _ = problem(sigma=0.1, chains=CHAINS)
    prior = Gaussian(mean=0.5, std=0.2)
    p = replace(p, generator=Identity((1, 3, 4)), priors={0: prior})
    p = placed(p, CPU, torch.float64)
    gain = torch.zeros(12, dtype=torch.float64)
    gain[:6] = 1 / 0.1**2
    variance = 1 / (1 / 0.2**2 + gain)
    data = torch.cat([p.y[0], torch.zeros(6, dtype=torch.float64)])
    check(latents(SOLVERS[name], p), variance * (0.5 / 0.2**2 + gain * data), variance.diag())


@pytest.mark.parametrize(("name", "target"), [("mala", 0.574), ("hmc", 0.8), ("pcn", 0.25)])
def test_the_step_size_is_adapted_to_an_acceptance_and_frozen(name, target):
    solver, p = SOLVERS[name], problem(chains=20)[0]
    made = [(i.draw, i.metrics["step_size"], i.metrics["acceptance"]) for _, i in solver.run(p)]
    sizes = torch.stack([size for draw, size, _ in made if draw])
    assert torch.equal(sizes, sizes[:1].expand_as(sizes))
    assert float(sizes.std(1).min()) > 0  # every chain has its own
    found = torch.stack([chance for draw, _, chance in made if draw])
    assert float(found.mean()) == pytest.approx(target, abs=0.08)


@pytest.mark.parametrize("make", [MALA, HMC, PCN])
def test_a_step_size_that_is_given_stays(make):
    p, _ = problem()
    sizes = [i.metrics["step_size"] for _, i in make(steps=5, burn_in=0, step_size=0.01).run(p)]
    assert torch.stack(sizes).tolist() == [[pytest.approx(0.01)]] * 5


@pytest.mark.parametrize("make", [MALA, HMC, PCN])
def test_no_step_to_adapt_in_is_refused(make):
    with pytest.raises(BadParams, match="leaves none in which the step size is adapted"):
        make(steps=3, burn_in=0.1)


@pytest.mark.parametrize("make", [MALA, HMC, PCN])
def test_thinned_draws_make_the_mean(make):
    p, _ = problem(rows=2)
    solver = make(steps=20, burn_in=0.4, thin=3)
    made = list(solver.run(p))
    assert [m.state.step for m in made if m.info.draw] == [11, 14, 17, 20]
    images = torch.stack([m.info.image for m in made if m.info.draw])
    result = solver.result(p, made[-1].state)
    assert torch.equal(result.image, images[-1])
    assert torch.allclose(result.mean, images.mean(0), atol=1e-6)
    assert torch.allclose(result.var, images.var(0, correction=0), atol=1e-6)


def test_pcn_moves_by_its_formula_and_never_rejects_where_nothing_is_measured():
    p = placed(problem(sigma=1e6, chains=3)[0], CPU, torch.float64)
    solver = PCN(steps=4, burn_in=0, step_size=0.6)
    state = solver.init(p)
    for progress in solver.run(p, state):
        rngs = [seeds.stream(key, "move", state.step) for key in p.keys]
        expected = 0.8 * state.at.u + 0.6 * seeds.normal_from(state.at.u, rngs)
        assert torch.allclose(progress.state.at.u, expected)
        state = progress.state


@pytest.mark.parametrize("values", [{"mean": 0.2}, {"std": 1.1}, {"mean": -1.0, "std": 0.5}])
def test_pcn_refuses_a_prior_that_is_not_standard_normal(values):
    p, _ = problem()
    with pytest.raises(Incompatible, match=r"N\(0, 1\) in every coordinate, and Gaussian"):
        last(PCN(steps=4), replace(p, priors={0: Gaussian(**values)}))


@pytest.mark.parametrize("name", SOLVERS)
def test_a_prior_without_a_density_is_refused(name):
    p, _ = problem()
    with pytest.raises(Incompatible, match=f"{name} needs a prior with a log_density at stage 0"):
        last(SOLVERS[name], replace(p, priors={0: Prior()}))


def test_the_energy_error_of_a_trajectory_is_of_second_order():
    p = placed(problem(sigma=0.5, chains=32)[0], CPU, torch.float64)
    start = HMC(steps=1, burn_in=0, step_size=1.0).init(p)

    def error(leapfrog, h):
        solver = HMC(steps=1, burn_in=0, step_size=h, leapfrog=leapfrog, jitter=0)
        state = replace(start, step_size=torch.full_like(start.step_size, h))
        _, info = solver.step(p, state)
        return -info.metrics["acceptance"].log()

    coarse, fine = error(10, 0.05), error(20, 0.025)
    seen = coarse > 0  # the others gain energy, and are accepted
    assert 0 < int(seen.sum()) < 32
    assert torch.allclose(coarse[seen] / fine[seen], torch.tensor(4.0).double(), rtol=0.1)


def test_an_unstable_trajectory_is_rejected_and_everything_stays_finite():
    p, _ = problem(sigma=1e-3, chains=4)
    solver = HMC(steps=3, burn_in=0, step_size=10.0, leapfrog=50)
    start = solver.init(p)
    state, info = last(solver, p)
    assert torch.equal(state.at.u, start.at.u)
    assert info.metrics["acceptance"].tolist() == [0.0] * 4
    assert all(bool(leaf.isfinite().all()) for leaf in tree.leaves(state.at))


def test_chains_come_from_far_away_in_single_precision():
    p, _ = problem(sigma=0.01, rows=2, chains=2)
    for solver in (MALA(steps=600), HMC(steps=100, leapfrog=5)):
        _, info = last(solver, p)
        assert float(info.metrics["chi2"].max()) < 3
