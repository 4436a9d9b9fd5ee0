import pytest
import torch

from invprob_theory import landscape
from invprob_theory.solver import SignDescent, objective, signed
from tests.plugins.theory.worlds import at, inputs, network, problem

TRUTH = inputs(1, name="truth")[0]


def test_a_step_follows_the_gradient_by_hand():
    """∇f = Jᵀ Aᵀ (A G(z) − y), J the product of the weights with the rows that are lit."""
    G, z = network(width=20, depth=2), inputs(4)
    p = problem(G, TRUTH, 4)
    solver = SignDescent(flip=False, step_size=0.3)
    moved = solver.step(p, at(solver, p, z)).state.z
    for row, (before, after) in enumerate(zip(z, moved, strict=True)):
        x, jacobian = before, torch.eye(6, dtype=torch.float64)
        for i in (1, 2):
            lit = G.get_buffer(f"weight{i}") * (G.get_buffer(f"weight{i}") @ x > 0)[:, None]
            x, jacobian = lit @ x, lit @ jacobian
        residual = p.operator.matrix @ x - p.y[row]
        slope = jacobian.T @ p.operator.matrix.T @ residual
        assert torch.allclose(after, before - 0.3 * slope, atol=1e-12)


def test_the_sign_check_never_increases_the_objective():
    G, z = network(width=40, depth=2), 3 * inputs(200)
    p = problem(G, TRUTH, 200)
    chosen, flipped = signed(p, z)
    before, after = objective(p, z), objective(p, chosen)
    assert bool((after <= before).all())
    assert bool((after[flipped] < before[flipped]).all())
    assert torch.equal(after[~flipped], before[~flipped])
    assert 0 < int(flipped.sum()) < 200


def test_on_a_linear_map_every_step_shrinks_the_error_by_1_minus_step_times_eigenvalue():
    """Along an eigenvector of the curvature, where no unit switches on or off."""
    G = network(width=30, depth=1, latent=1)
    truth = torch.ones(1, dtype=torch.float64)
    p = problem(G, truth, 1)
    image = p.operator(G(truth[None]))
    curvature = float(image.square().sum())
    solver = SignDescent(steps=6, step_size=0.4)
    state, error = at(solver, p, 2 * truth[None]), 1.0
    for progress in solver.run(p, state):
        error *= 1 - 0.4 * curvature
        assert float(progress.state.z - truth) == pytest.approx(error, abs=1e-12)


def test_it_finds_the_truth_from_its_mirror():
    G = network(width=200, depth=2)
    p = problem(G, TRUTH, 10)
    start = -landscape.mirror(2) * TRUTH + 0.01 * inputs(10)
    solver = SignDescent(steps=600)
    *_, last = solver.run(p, at(solver, p, start))
    assert float((last.state.z - TRUTH).norm(dim=1).max()) < 1e-6
    assert float(last.info.metrics["chi2"].max()) < 1e-6


def test_the_check_is_what_is_asked_for():
    G = network(width=200, depth=2)
    p = problem(G, TRUTH, 4)
    for flip in (True, False):
        solver = SignDescent(flip=flip)
        info = solver.step(p, at(solver, p, -TRUTH.expand(4, -1))).info
        assert info.metrics["flipped"].tolist() == [float(flip)] * 4
