"""What every solver owes: the same bits after a resume, independent rows, no side effects."""

import pytest
import torch

from invprob import tree
from invprob.io import checkpoint
from invprob.solver import Problem
from invprob_csgm.solver import CSGM
from invprob_dps.dmilo import DMILO
from invprob_dps.dmplug import DMPlug
from invprob_dps.solver import DPS
from invprob_ilo.solver import ILO
from invprob_mcmc.hmc import HMC
from invprob_mcmc.mala import MALA
from invprob_mcmc.pcn import PCN
from invprob_sgilo.solvers.released import Released
from invprob_sgilo.solvers.sgilo import SGILO
from tests.plugins.closed_form import last, placed, problem, with_balls, without_generator

SOLVERS = {
    "csgm": lambda: CSGM(steps=12, restarts=2),
    "dmilo": lambda: DMILO(rounds=2, steps=3),
    "dmplug": lambda: DMPlug(steps=12),
    "dps": lambda: DPS(steps=12),
    "ilo": lambda: ILO(stages=(0, 1), steps=(6, 6)),
    "hmc": lambda: HMC(steps=12, leapfrog=3),
    "mala": lambda: MALA(steps=12),
    "pcn": lambda: PCN(steps=12),
    "sgilo": lambda: SGILO(stages=(0, 1), steps=(4, 14), anneal=0.25, fisher_probes=2),
    "sgilo-overdamped": lambda: SGILO(
        stages=(0, 1), steps=(4, 8), anneal=0.4, fisher_probes=2, dynamics="overdamped"
    ),
    "sgilo-released": lambda: Released(stages=(0, 1), steps=(6, 6)),
}

TOLERANCE = 1e-4


@pytest.fixture
def case(device, dtype):
    """A solver of that name, and a problem for it."""

    def make(name, **sizes):
        p, _ = problem(**sizes)
        if name == "dps":
            p = without_generator(p)
        return SOLVERS[name](), placed(with_balls(p, 1.0) if name == "ilo" else p, device, dtype)

    return make


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("stop", [1, 4, 6, 9, 11])
def test_a_resumed_run_gives_the_same_bits(case, name, stop, tmp_path, device):
    solver, p = case(name, rows=2, chains=2)
    whole, _ = last(solver, p)
    part, _ = last(solver, p, stop=stop)
    checkpoint.save(tmp_path / "c.pt", part)
    again = checkpoint.load(tmp_path / "c.pt", solver.states, device)
    assert again.step == stop
    resumed, _ = last(solver, p, state=again)
    for a, b in zip(solver.result(p, whole), solver.result(p, resumed), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("name", SOLVERS)
def test_a_batch_gives_what_its_rows_give_alone(case, name):
    solver, p = case(name, rows=4, chains=2)
    together = solver.result(p, last(solver, p)[0])
    for row in range(8):
        one = Problem(p.y[row : row + 1], p.operator, p.generator, p.keys[row : row + 1], p.priors)
        alone = solver.result(one, last(solver, one)[0])
        for a, b in zip(together, alone, strict=True):
            assert torch.allclose(a[row : row + 1], b, atol=TOLERANCE)


@pytest.mark.parametrize("name", SOLVERS)
def test_the_total_is_what_is_run(case, name):
    solver, p = case(name)
    steps = [progress.state.step for progress in solver.run(p)]
    assert steps == list(range(1, solver.total(p) + 1))
    assert solver.done(p, last(solver, p)[0])


@pytest.mark.parametrize("name", SOLVERS)
def test_nothing_around_a_solver_changes(case, name):
    solver, p = case(name, rows=2)
    before = torch.get_rng_state()
    buffers, y = [b.clone() for b in p.generator.buffers()], p.y.clone()
    _, info = last(solver, p)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(map(torch.equal, p.generator.buffers(), buffers))
    assert torch.equal(p.y, y)
    assert torch.is_grad_enabled()
    assert not info.image.requires_grad
    assert all(v.shape == (2,) for v in info.metrics.values())


@pytest.mark.parametrize("name", SOLVERS)
def test_another_key_gives_another_answer(case, name):
    solver, p = case(name)
    other = Problem(p.y, p.operator, p.generator, (p.keys[0] + 1,), p.priors)
    a = solver.result(p, last(solver, p)[0]).image
    b = solver.result(other, last(solver, other)[0]).image
    assert not torch.equal(a, b)
    assert tree.batch(a) == 1
