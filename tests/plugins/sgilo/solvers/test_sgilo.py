from dataclasses import replace

import pytest
import torch

from invprob import seeds, tree
from invprob.analysis import diagnostics
from invprob.diffusion import schedules
from invprob.errors import BadParams, InvprobError
from invprob.io import checkpoint
from invprob.prior import Score
from invprob_sgilo.solvers import annealing, langevin
from invprob_sgilo.solvers.params import SGILOParams
from invprob_sgilo.solvers.sgilo import SGILO
from tests.plugins.closed_form import last, posterior, problem

SIGMA = 0.3
EXACT = {"t_end": 1e-4, "stages": (1,)}
PAPER = {"dynamics": "overdamped"}
SLOW = pytest.mark.slow


def draws(p, **params):
    """All draws of the latent, (draws, chains, dim), and the last state."""
    solver = SGILO(**(EXACT | params))
    kept, state = [], None
    for progress in solver.run(p):
        state = progress.state
        if progress.info.draw:
            kept.append(progress.info.latent)
    return torch.stack(kept), state


def relative(found, covariance):
    """Eigenvalues of found relative to covariance: all 1 if they agree."""
    return torch.linalg.eigvalsh(torch.linalg.solve(covariance, found))


def best_measured(p):
    """The direction of the latent that is measured best, where a step size is coarse first."""
    return torch.linalg.svd(p.generator.matrix[: p.operator.out_shape[0]]).Vh[0]


def within(x, covariance, direction, tolerance):
    """Whether the total variance, and that along one direction, are those of `covariance`."""
    total = float(x.var((0, 1)).sum() / covariance.trace())
    along = float((x @ direction).var() / (direction @ covariance @ direction))
    return abs(total - 1) < tolerance and abs(along - 1) < tolerance


@pytest.mark.parametrize(
    ("stage", "dim"),
    # each stage and each size once in a quick run
    [(0, 8), (1, 64), pytest.param(0, 64, marks=SLOW), pytest.param(1, 8, marks=SLOW)],
)
@pytest.mark.parametrize("dynamics", ["overdamped", "kinetic"])
def test_with_metropolis_the_gaussian_posterior_is_exact(stage, dim, dynamics):
    p, _ = problem(dim=dim, sigma=SIGMA, chains=512)
    mean, covariance = posterior(p, SIGMA)
    sizes = {"steps": (650,), "anneal": 0.1, "fisher_probes": 16}
    x, _ = draws(p, **sizes, stages=(stage,), metropolis="density", dynamics=dynamics)
    # chains are independent: the Monte Carlo error is that of their means
    per_chain = x.mean(0)
    error = (per_chain.mean(0) - mean) / (per_chain.std(0) / len(per_chain) ** 0.5)
    assert float(error.abs().max()) < 3.5
    assert within(x, covariance, best_measured(p), 0.05)
    if dim == 8:
        ratios = relative(torch.cov(x.flatten(0, 1).T), covariance)
        assert 0.95 < float(ratios.min()) <= float(ratios.max()) < 1.05


def test_what_a_later_round_lacks_is_told_before_the_first_step():
    """A density, a prior of its stage, or noise as little as at t_end."""
    p, _ = problem(dim=8, sigma=SIGMA, chains=2)
    score = p.priors[1]
    for priors, params, said in (
        ({0: score}, {}, "sgilo needs a prior with a score at stage 1, there is none"),
        ({0: score, 1: Blind(score)}, {"metropolis": "density"}, "a log_density at stage 1"),
        ({0: score, 1: Blind(score)}, {"t_end": 0.01}, "t_end 0.01 is below 0.02, the least time"),
    ):
        solver = SGILO(stages=(0, 1), steps=(40, 40), **params)
        with pytest.raises(InvprobError, match=said):
            solver.init(replace(p, priors=priors))


class Blind(Score):
    """A score alone, of noise as at t = 0.02 and more."""

    t_min = 0.02

    def __init__(self, of):
        super().__init__()
        self.of = of

    def schedule(self, t):
        return self.of.schedule(t)

    def score(self, u, t):
        return self.of.score(u, t)


def test_long_chains_are_judged_converged_and_right():
    """R-hat below 1.01, and every mean within 3 Monte Carlo standard errors of the posterior's."""
    p, _ = problem(dim=8, sigma=SIGMA, chains=4)
    mean, covariance = posterior(p, SIGMA)
    sizes = {"steps": (9000,), "anneal": 0.01, "thin": 4}
    x, _ = draws(p, **PAPER, **sizes, metropolis=True, target_accept=0.6)
    names = [f"x{i}" for i in range(8)]
    found = diagnostics.diagnose(x.transpose(0, 1), names)
    assert found.verdict == "converged", found
    assert found.r_hat < 1.01
    error = (x.mean((0, 1)) - mean).abs() / covariance.diagonal().sqrt()
    assert float(error.max()) < 3 * found.mcse


@pytest.mark.parametrize(("dim", "eta"), [(8, 0.1), pytest.param(64, 0.04, marks=SLOW)])
def test_without_it_the_bias_is_of_the_order_of_the_step(dim, eta):
    """The variances, extrapolated to η = 0 from two step sizes, are those of the posterior."""
    p, _ = problem(dim=dim, sigma=SIGMA, chains=512)
    _, covariance = posterior(p, SIGMA)
    direction = best_measured(p)
    total, along = [], []
    for step in (eta, eta / 2):
        sizes = {"steps": (700,), "anneal": 0.1, "fisher_probes": 64}
        x, state = draws(p, **PAPER, **sizes, step_size=step)
        assert float(state.eta.min()) == float(state.eta.max()) == pytest.approx(step)
        total.append(float(x.var((0, 1)).sum() / covariance.trace()))
        along.append(float((x @ direction).var() / (direction @ covariance @ direction)))
    assert 2 * total[1] - total[0] == pytest.approx(1, abs=0.05)
    assert 2 * along[1] - along[0] == pytest.approx(1, abs=0.05)
    assert along[0] > 1.05


@pytest.mark.parametrize("rows", [350, pytest.param(1000, marks=SLOW)])
@pytest.mark.parametrize("dynamics", ["overdamped", "kinetic"])
def test_intervals_cover_as_often_as_they_say(dynamics, rows):
    """Many simulated problems, 8 coordinates each: the truth's rank among the draws is uniform."""
    chains = 4
    p, _ = problem(dim=8, sigma=SIGMA, rows=rows, chains=chains)
    truth = torch.cat([p.generator.sample(1, seeds.stream("truth", r)) for r in range(rows)])
    x, _ = draws(p, steps=(260,), anneal=0.1, metropolis=True, thin=4, dynamics=dynamics)
    pooled = x.reshape(len(x), rows, chains, 8).permute(0, 2, 1, 3).flatten(0, 1)
    rank = (pooled < truth).double().mean(0)
    for nominal in (0.5, 0.8, 0.95):
        covered = ((rank - 0.5).abs() < nominal / 2).double().mean()
        assert float(covered) == pytest.approx(nominal, abs=0.02)


class Mixture(Score):
    """Two normal laws of unequal weight on the first coordinate; the others are standard normal."""

    weights, means, std = torch.tensor([0.3, 0.7]), torch.tensor([-1.5, 1.5]), 0.5

    def schedule(self, t):
        return schedules.vp(t)

    def score(self, u, t):
        alpha, sigma = self.schedule(t)
        with torch.enable_grad():
            u = u.detach().requires_grad_()
            variance = (alpha * self.std) ** 2 + sigma**2
            gap = u[:, :1] - alpha[:, None] * self.means
            parts = self.weights.log() - gap**2 / (2 * variance[:, None])
            energy = torch.logsumexp(parts, 1).sum() - (u[:, 1:] ** 2).sum() / 2
            return torch.autograd.grad(energy, u)[0]


@pytest.mark.parametrize("dynamics", ["overdamped", "kinetic"])
def test_both_modes_of_a_mixture_get_their_weight(dynamics):
    p, _ = problem(dim=4, sigma=2.0, chains=500)
    p = type(p)(p.y, p.operator, p.generator, p.keys, {1: Mixture()})
    grid = torch.linspace(-4, 4, 801)
    # the posterior of the first coordinate: the others are integrated out in closed form
    J = p.generator.matrix[: p.operator.out_shape[0]]
    rest = torch.eye(len(J)) * 2.0**2 + J[:, 1:] @ J[:, 1:].T
    gap = (p.y[0] - 0.5)[None] - grid[:, None] * J[:, 0]
    log = -0.5 * (gap * torch.linalg.solve(rest, gap.T).T).sum(1)
    log += torch.logsumexp(Mixture.weights.log() - (grid[:, None] - Mixture.means) ** 2 / 0.5, 1)
    right = float(log.softmax(0)[grid > 0].sum())
    x, _ = draws(p, steps=(1000,), anneal=0.1, step_size=0.2, dynamics=dynamics)
    assert float((x[..., 0] > 0).double().mean()) == pytest.approx(right, abs=0.05)
    assert 0.1 < right < 0.9


def test_doubling_the_noise_widens_the_posterior():
    def width(sigma):
        p, _ = problem(dim=4, sigma=sigma, chains=100)
        x, _ = draws(p, steps=(200,), anneal=0.2)
        return float(x.var((0, 1)).sum())

    assert width(0.4) > 1.3 * width(0.2)


def test_what_is_measured_is_sure_and_what_is_not_is_wide():
    # six coordinates of the latent, of which the measured pixels see three directions at most
    p, _ = problem(dim=6, measured=3, sigma=0.01, chains=200)
    solver = SGILO(**EXACT, steps=(400,), anneal=0.2)
    state, _ = last(solver, p)
    std = solver.result(p, state).image.std(0).flatten()
    assert float(std[:3].max()) < 0.03
    assert float(std[3:].mean()) > 0.1


def test_the_step_size_is_adapted_in_the_burn_in_and_then_frozen():
    p, _ = problem(dim=8, sigma=0.05, chains=50)
    solver = SGILO(**EXACT, **PAPER, steps=(300,), anneal=0.1, target_accept=0.7, burn_in=0.5)
    sizes, chances, drawn = [], [], []
    for progress in solver.run(p):
        if "step_size" in progress.info.metrics:
            sizes.append(progress.info.metrics["step_size"])
            chances.append(progress.info.metrics["acceptance"].mean())
            drawn.append(progress.info.draw)
    first = drawn.index(True)
    assert all(drawn[first:])
    assert not torch.equal(sizes[0], sizes[first // 2])
    assert all(torch.equal(size, sizes[first]) for size in sizes[first:])
    assert float(torch.stack(chances[first:]).mean()) == pytest.approx(0.7, abs=0.1)


@pytest.mark.parametrize("target", [0.5, 0.8])
@pytest.mark.parametrize("steps", [14, 24, 200])
def test_no_step_size_drives_a_chain_away(steps, target):
    """However short the burn-in, and however large the steps that are asked for."""
    p, _ = problem(dim=64, sigma=0.01, chains=50)
    values = []
    sizes = {"steps": (steps,), "anneal": 0.2, "fisher_probes": 2}
    params = SGILOParams(**EXACT, **PAPER, **sizes, target_accept=target)
    for progress in SGILO(params).run(p):
        values.append(progress.info.metrics["chi2"])
    assert float(values[-1].max()) < 2 * float(values[0].max())


def test_one_draw_in_so_many_is_counted():
    p, _ = problem(chains=2)
    _, every = draws(p, steps=(100,), anneal=0.2)
    x, third = draws(p, steps=(100,), anneal=0.2, thin=3)
    assert third.count == len(x) == every.count // 3


def test_the_fisher_diagonal_is_that_of_the_jacobian():
    p, _ = problem(dim=4, sigma=0.1, chains=1)
    x = torch.zeros(3000, 4)
    rngs = [seeds.stream("fisher", i) for i in range(3000)]
    found, image = langevin.fisher_probe(p.operator, lambda v: p.generator(v, start=1), x, rngs)
    J = p.generator.matrix[:6]
    assert torch.allclose(found.mean(0), (J**2).sum(0) / 0.1**2, rtol=0.15)
    assert image.shape == (3000, 1, 3, 4)


def test_levels_of_an_annealing_share_its_steps():
    plan = annealing.Schedule(t_start=1.0, t_end=0.1, num_levels=4, steps=10, final_fraction=0.4)
    assert plan.begins == [0, 2, 4, 6]
    assert [plan.level(i) for i in range(10)] == [0, 0, 1, 1, 2, 2, 3, 3, 3, 3]
    assert plan.time(0) == pytest.approx(1.0)
    assert plan.time(9) == pytest.approx(0.1)
    assert plan.next_level(4) == 6
    assert plan.next_level(9) == 10
    short = annealing.Schedule(t_start=1.0, t_end=0.1, num_levels=4, steps=2, final_fraction=0.4)
    assert [short.time(i) for i in range(2)] == [1.0, pytest.approx(0.1)]
    assert annealing.Schedule(
        t_start=1.0, t_end=0.1, num_levels=1, steps=5, final_fraction=0.2
    ).begins == [0]
    assert annealing.Schedule(
        t_start=1.0, t_end=0.1, num_levels=3, steps=9, final_fraction=1.0
    ).begins == [0, 1, 2]

    carried = annealing.Schedule(t_start=0.0, t_end=0.1, num_levels=3, steps=5, final_fraction=0.2)
    assert carried.begins == [0]
    assert carried.time(0) == pytest.approx(0.1)


@pytest.mark.parametrize("start", [0.0, 0.15])
def test_a_round_that_begins_at_0_takes_its_chains_as_they_are(start):
    p, _ = problem(dim=4, chains=3)
    params = SGILOParams(
        stages=(0, 1), steps=(6, 8), anneal=1.0, t_start=(1.0, start), optimizers=("lbfgs",)
    )
    solver = SGILO(params)
    carried = None
    for progress in solver.run(p):
        if carried is not None:
            assert torch.allclose(progress.info.image, carried) == (start == 0)
            break
        if progress.state.round_index == 1:
            carried = p.generator(progress.state.u, start=1)


def test_the_probability_flow_ends_in_the_law_of_the_data():
    prior = Mixture()
    u = torch.randn(4000, 2, generator=torch.Generator().manual_seed(0))
    times = [1.0 - j / 60 for j in range(60)]
    clean = annealing.probability_flow(prior, u, times)[:, 0]
    assert float((clean > 0).double().mean()) == pytest.approx(0.7, abs=0.03)
    assert float(clean[clean > 0].mean()) == pytest.approx(1.5, abs=0.05)
    assert float(clean[clean > 0].std()) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_plateau_shortens_the_annealing(optimizer):
    p, _ = problem(sigma=0.1)
    params = SGILOParams(**EXACT, steps=(400,), anneal=0.5, patience=5, optimizers=(optimizer,))
    solver = SGILO(params)
    passes = sum(1 for _ in solver.run(p))
    assert 200 < passes < 400
    assert tree.batch(last(solver, p)[0].u) == 1


def test_lbfgs_comes_nearer_to_the_optimum_of_a_level_and_resumes_with_the_same_bits(tmp_path):
    p, _ = problem(dim=8, sigma=0.01, chains=3)

    def loss(optimizer):
        params = {"stages": (1,), "steps": (30,), "anneal": 1.0, "num_levels": 1, "t_end": 0.2}
        state, _ = last(SGILO(**params, optimizers=(optimizer,)), p)
        return -p.operator.log_likelihood(p.y, p.generator(state.u, start=1)).mean()

    assert float(loss("lbfgs")) < 0.5 * float(loss("adam"))
    solver = SGILO(**EXACT, steps=(30,), anneal=1.0, optimizers=("lbfgs",))
    halfway, _ = last(solver, p, stop=12)
    checkpoint.save(tmp_path / "state.pt", halfway)
    resumed = checkpoint.load(tmp_path / "state.pt", solver.states)
    assert torch.equal(last(solver, p, state=resumed)[0].u, last(solver, p)[0].u)


@pytest.mark.parametrize(
    "bad", [{"t_end": 0.0}, {"anneal": 1.5}, {"inverse_temperature": -1.0}, {"steps": (0,)}]
)
def test_impossible_parameters_are_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        SGILOParams(**bad)


@pytest.mark.parametrize(
    ("dynamics", "unused", "other"),
    [
        ("overdamped", {"damping": 3.0}, "kinetic"),
        ("overdamped", {"energy_error": 9.0}, "kinetic"),
        ("kinetic", {"target_accept": 0.5}, "overdamped"),
    ],
)
def test_parameters_of_other_dynamics_are_refused(dynamics, unused, other):
    with pytest.raises(ValueError, match=f"has no effect in .*; say dynamics={other}"):
        SGILOParams(dynamics=dynamics, **unused)
    # the record of a run has all values
    SGILOParams(**SGILOParams(dynamics=dynamics).model_dump())


@pytest.mark.parametrize(("dynamics", "taken"), [("overdamped", 9), ("kinetic", 13)])
def test_too_few_steps_for_langevin_are_refused(dynamics, taken):
    p, _ = problem()
    with pytest.raises(BadParams, match=f"of which the preconditioner of Langevin takes {taken}"):
        SGILO(steps=(18,), anneal=0.5, dynamics=dynamics).validate(p.generator)


def test_metropolis_may_be_true_or_false_as_before():
    assert SGILOParams(metropolis=True).metropolis == "density"
    assert SGILOParams(metropolis="false").metropolis == "none"
    with pytest.raises(ValueError, match="metropolis"):
        SGILOParams(metropolis="maybe")


def test_the_record_of_a_run_before_kinetic_dynamics_means_the_overdamped():
    new = ("dynamics", "damping", "energy_error", "coupled", "representation_error")
    whole = SGILOParams().model_dump(exclude_none=True)
    record = {name: value for name, value in whole.items() if name not in new}
    assert SGILOParams(**record).dynamics == "overdamped"
    assert SGILOParams(**whole).dynamics == "kinetic"
    assert SGILOParams(steps=(50, 60)).dynamics == "kinetic"
