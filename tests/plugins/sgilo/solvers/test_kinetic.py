"""Kinetic Langevin dynamics in SGILO, on posteriors that are known."""

from dataclasses import replace

import pytest
import torch

from invprob import tree
from invprob.io import checkpoint
from invprob.solver import Problem
from invprob.validation.calibration import check_calibration, last_samples
from invprob.validation.reference_tasks import TASKS
from invprob_sgilo.solvers import kinetic
from invprob_sgilo.solvers.sgilo import SGILO
from tests.plugins.closed_form import last, placed, posterior, problem
from tests.plugins.sgilo.solvers.test_sgilo import EXACT, best_measured, draws, within
from tests.plugins.sgilo.solvers.worlds import Mapped, noisy, stiff

SIGMA = 0.3


@pytest.mark.parametrize(
    ("dim", "metropolis"),
    [
        (8, "line"),
        (64, "none"),
        pytest.param(8, "none", marks=pytest.mark.slow),
        pytest.param(64, "line", marks=pytest.mark.slow),
    ],
)
def test_the_gaussian_posterior_is_exact_at_the_adapted_step_size(dim, metropolis):
    p, _ = problem(dim=dim, sigma=SIGMA, chains=512)
    mean, covariance = posterior(p, SIGMA)
    x, state = draws(p, steps=(300,), anneal=0.2, fisher_probes=64, metropolis=metropolis)
    per_chain = x.mean(0)
    error = (per_chain.mean(0) - mean) / (per_chain.std(0) / len(per_chain) ** 0.5)
    assert float(error.abs().max()) < 4
    assert within(x, covariance, best_measured(p), 0.05)
    assert float(state.eta.min()) > 0.1


# the default damping slows the softest directions, which have the longest way to go, fourfold
@pytest.mark.parametrize(
    ("steps", "damping"), [(1000, 0.1), pytest.param(4000, 0.5, marks=pytest.mark.slow)]
)
def test_curvatures_of_1_to_5000_in_turned_axes_are_within_5_percent(steps, damping):
    p, variances = stiff(chains=200)
    sizes = {"steps": (steps,), "anneal": 0.1, "burn_in": 0.4, "thin": steps // 250}
    x, _ = draws(p, **sizes, damping=damping)
    found = (x @ p.generator.turn.T).var((0, 1))
    ratio = (found / variances).sqrt()
    assert 0.95 < float(ratio.min()) <= float(ratio.max()) < 1.05


def adapted(solver, p, u):
    """The step size at the end of the burn-in of chains that begin at u."""
    whole = sum(solver.params.steps)
    first = whole - int(solver.params.steps[-1] * (1 - solver.params.anneal) + 0.5)
    state, _ = last(solver, p, stop=first)
    drawn, moved = [], None
    for progress in solver.run(p, replace(state, u=u)):
        drawn.append(progress.info.draw)
        if progress.info.draw:
            return moved
        moved = progress.state.eta
    raise AssertionError("no draw")


def measured_well(chains):
    """A linear problem with its posterior's mean and a root of its covariance."""
    p, _ = problem(dim=64, sigma=0.05, chains=chains)
    mean, covariance = posterior(p, 0.05)
    return p, mean, torch.linalg.cholesky(covariance).T


def stiff_world(chains):
    p, variances = stiff(chains)
    turn, curvatures = p.generator.turn, p.generator.curvatures
    return (
        p,
        (variances * curvatures.sqrt() * p.y[0].flatten()) @ turn,
        variances.sqrt().diag() @ turn,
    )


@pytest.mark.parametrize("world", [measured_well, stiff_world])
def test_a_start_in_the_minimum_gives_the_step_size_of_a_start_in_equilibrium(world):
    chains = 4
    p, mean, root = world(chains)
    p = replace(p, num_samples=chains)
    noise = torch.randn(chains, len(mean), generator=torch.Generator().manual_seed(0))
    solver = SGILO(**EXACT, steps=(120,), anneal=0.2)
    minimum = adapted(solver, p, mean.expand(chains, -1).clone())
    ratio = minimum / adapted(solver, p, mean + noise @ root)
    assert 1 / 1.5 < float(ratio.min()) <= float(ratio.max()) < 1.5


def test_the_step_size_is_that_of_all_chains_and_frozen_before_the_draws():
    p, _ = problem(dim=8, sigma=0.05, chains=6)
    p = replace(p, num_samples=3)
    sizes, drawn = [], []
    for progress in SGILO(**EXACT, steps=(100,), anneal=0.1, burn_in=0.5).run(p):
        if "step_size" in progress.info.metrics:
            sizes.append(progress.info.metrics["step_size"])
            drawn.append(progress.info.draw)
    first = drawn.index(True)
    assert torch.equal(sizes[0], sizes[first // 2 - 1])
    assert not torch.equal(sizes[0], sizes[first])
    assert all(torch.equal(size, sizes[first]) for size in sizes[first:])
    for measurement in sizes[-1].reshape(2, 3):
        assert bool((measurement == measurement[0]).all())
    assert torch.equal(progress.state.P[0], progress.state.P[2])
    assert bool((sizes[-1] <= kinetic.STABLE / progress.state.curvature.sqrt()).all())


@pytest.mark.parametrize("steps", [17, 24, 200])
def test_no_step_size_drives_a_chain_away(steps):
    p, _ = problem(dim=64, sigma=0.01, chains=50)
    values = []
    solver = SGILO(**EXACT, steps=(steps,), anneal=0.2, fisher_probes=2, energy_error=1.0)
    for progress in solver.run(p):
        values.append(progress.info.metrics["chi2"])
    assert float(values[-1].max()) < 2 * float(values[0].max())


@pytest.mark.parametrize("strength", [0.02, 1.0])
def test_noise_maps_keep_their_distribution_and_do_not_hold_up_the_rest(strength):
    """Where the image hardly shows them, and where it shows them as much as the code."""
    p = noisy(strength, sigma=0.2, chains=400)
    solver = SGILO(**EXACT, steps=(200,), anneal=0.2, burn_in=0.5)
    kept = []
    for progress in solver.run(p):
        if progress.info.draw:
            kept.append(tree.map(torch.clone, progress.info.latent))
    precision = torch.tensor([[1.0, strength], [strength, strength**2]]) / 0.2**2 + torch.eye(2)
    covariance = torch.linalg.inv(precision)
    mean = covariance @ torch.tensor([1.0, strength]) * (0.7 - 0.0) / 0.2**2
    code = torch.stack([x.code for x in kept]).flatten()
    maps = torch.stack([x.maps[0] for x in kept]).flatten()
    found = torch.cov(torch.stack([code, maps]))
    assert torch.allclose(torch.stack([code.mean(), maps.mean()]), mean, atol=0.02)
    assert torch.allclose(found, covariance, atol=0.03)
    assert isinstance(kept[0], Mapped)


def test_noise_maps_move_by_a_large_angle_where_the_data_leave_them_free():
    p = noisy(0.02, sigma=0.2, chains=4)
    state, _ = last(SGILO(**EXACT, steps=(60,), anneal=0.2), p)
    angle = state.eta[:, None, None, None] * state.P.maps[0].sqrt()
    assert float(angle.min()) > 0.4
    assert float(angle.max()) < 1.58


def test_a_batch_gives_what_its_measurements_give_alone():
    p, _ = problem(dim=6, rows=3, chains=4)
    p = placed(replace(p, num_samples=4), torch.device("cpu"), torch.float64)
    solver = SGILO(stages=(0, 1), steps=(6, 40), anneal=0.3, fisher_probes=2)
    together = solver.result(p, last(solver, p)[0])
    for b in range(3):
        rows = slice(4 * b, 4 * b + 4)
        one = Problem(p.y[rows], p.operator, p.generator, p.keys[rows], p.priors, 4)
        alone = solver.result(one, last(solver, one)[0])
        for whole, part in zip(together, alone, strict=True):
            assert torch.allclose(whole[rows], part, atol=1e-6)


@pytest.mark.parametrize("metropolis", ["none", "line"])
@pytest.mark.parametrize("stop", [12, 17, 21, 25, 33])
def test_a_resumed_run_gives_the_same_bits(stop, metropolis, tmp_path):
    p = noisy(0.1, sigma=0.2, chains=3)
    solver = SGILO(**EXACT, steps=(40,), anneal=0.3, fisher_probes=4, metropolis=metropolis)
    part, _ = last(solver, p, stop=stop)
    checkpoint.save(tmp_path / "c.pt", part)
    again = checkpoint.load(tmp_path / "c.pt", (*solver.states, Mapped))
    whole, resumed = last(solver, p)[0], last(solver, p, state=again)[0]
    for a, b in zip(solver.result(p, whole), solver.result(p, resumed), strict=True):
        assert torch.equal(a, b)
    assert all(map(torch.equal, tree.leaves(whole.velocity), tree.leaves(resumed.velocity)))


@pytest.mark.parametrize(("metropolis", "scores"), [("none", 1), ("line", 2)])
def test_a_move_costs_one_pass_through_the_generator(metropolis, scores, monkeypatch):
    p, _ = problem(dim=6, chains=2)
    counted = {"generator": 0, "score": 0, "backward": 0}

    def count(name, f):
        def called(*args, **values):
            counted[name] += 1
            return f(*args, **values)

        return called

    monkeypatch.setattr(type(p.generator), "forward", count("generator", type(p.generator).forward))
    monkeypatch.setattr(p.priors[1], "score", count("score", p.priors[1].score))
    monkeypatch.setattr(torch.autograd, "grad", count("backward", torch.autograd.grad))
    solver = SGILO(**EXACT, steps=(40,), anneal=0.1, fisher_probes=2, metropolis=metropolis)
    before = None
    for progress in solver.run(p):
        if "acceptance" in progress.info.metrics and before is not None:
            step = {name: counted[name] - before[name] for name in counted}
            assert step == {"generator": 1, "backward": 1, "score": scores}
        before = dict(counted)


@pytest.mark.parametrize(("dynamics", "left"), [("kinetic", 0.05), ("overdamped", 0.4)])
def test_coupled_chains_come_together_where_the_posterior_has_one_mode(dynamics, left):
    p, _ = problem(dim=6, sigma=SIGMA, rows=2, chains=3)
    p = replace(p, num_samples=3)
    solver = SGILO(**EXACT, steps=(150,), anneal=0.05, dynamics=dynamics, coupled=True)
    gaps = [s.info.metrics["coupling"] for s in solver.run(p) if "coupling" in s.info.metrics]
    assert torch.equal(gaps[0][::3], torch.zeros(2))
    assert float(gaps[0][[1, 2, 4, 5]].min()) > 0.01
    assert float((gaps[-1] / gaps[0])[[1, 2, 4, 5]].max()) < left


def test_samples_of_another_weight_or_temperature_are_called_tempered():
    assert SGILO().tempered == ""
    assert SGILO(weight=0.5).tempered == "the weight λ of the prior is 0.5"
    assert SGILO(inverse_temperature=2.0).tempered == "the inverse temperature β is 2"


@pytest.mark.slow
@pytest.mark.parametrize("metropolis", ["none", "line"])
@pytest.mark.parametrize("task", TASKS[:3], ids=[task.description for task in TASKS[:3]])
def test_the_defaults_sample_the_reference_tasks_within_the_declared_bias(task, metropolis):
    solver = SGILO(metropolis=metropolis)
    assert solver.bias == 0.05
    assert check_calibration(last_samples(solver), task, 100, 19, solver.bias).failures == ()


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS[:3], ids=[task.description for task in TASKS[:3]])
def test_long_chains_at_a_low_level_begin_in_the_right_atoms_if_annealing_has_many_levels(task):
    levels = {"t_end": 0.001, "num_levels": 10, "ode_steps": 10}
    solver = SGILO(stages=(3,), steps=(500,), anneal=0.2, **levels)
    assert check_calibration(last_samples(solver), task, 100, 19, solver.bias).failures == ()
