import pytest
import torch

from invprob.numerics import adam, lbfgs
from invprob.tree import where


def descended(objective, x, steps, first=0.1, longest=10.0, memory=16):
    now = lbfgs.start(x)
    for _ in range(steps):
        now = lbfgs.step(now, *objective(now.trial), first, longest, memory)
    return now


def quadratic(rows=3, dim=30, condition=1e4):
    """½ (x − c)ᵀ H (x − c) with eigenvalues from 1 to `condition`, another H and c in every row."""
    rng = torch.Generator().manual_seed(0)
    basis = torch.linalg.qr(torch.randn(rows, dim, dim, generator=rng, dtype=torch.float64))[0]
    H = basis @ torch.diag(torch.logspace(0, torch.tensor(condition).log10(), dim).double())
    H = H @ basis.transpose(1, 2)
    c = torch.randn(rows, dim, generator=rng, dtype=torch.float64)

    def objective(x):
        g = torch.einsum("nij,nj->ni", H, x - c)
        return 0.5 * ((x - c) * g).sum(1), g

    return objective, c


def test_a_badly_scaled_quadratic_is_solved_in_a_few_times_its_dimension():
    objective, c = quadratic(condition=1e2)
    now = descended(objective, torch.zeros_like(c), 90)
    assert float((now.x - c).abs().max()) < 1e-3


def test_it_gets_further_than_adam():
    objective, c = quadratic()
    ours = descended(objective, torch.zeros_like(c), 60)
    x, moments = torch.zeros_like(c), adam.start(torch.zeros_like(c))
    for _ in range(60):
        x, moments = adam.adam(x, objective(x)[1], moments, 0.1)
    assert float(ours.f.max()) < 0.1 * float(objective(x)[0].min())


def test_rows_are_independent_and_trees_are_as_vectors():
    objective, c = quadratic()
    whole = descended(objective, torch.zeros_like(c), 20)

    def as_tree(pair):
        f, g = objective(torch.cat(pair, 1))
        return f, (g[:, :10], g[:, 10:])

    def first_row(x):
        f, g = objective(torch.cat([x, c[1:]]))
        return f[:1], g[:1]

    split = descended(as_tree, (torch.zeros(3, 10).double(), torch.zeros(3, 20).double()), 20)
    alone = descended(first_row, torch.zeros_like(c[:1]), 20)
    assert torch.allclose(torch.cat(split.x, 1), whole.x, rtol=1e-8)
    assert torch.allclose(alone.x, whole.x[:1], rtol=1e-8)


def test_what_it_holds_is_no_worse_than_where_it_began():
    """Rosenbrock's valley, whose curvature is negative in places."""

    def objective(x):
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            f = (1 - x[:, 0]) ** 2 + 100 * (x[:, 1] - x[:, 0] ** 2) ** 2
            return f.detach(), torch.autograd.grad(f.sum(), x)[0]

    x = torch.tensor([[-1.2, 1.0], [2.0, -1.0]], dtype=torch.float64)
    now = lbfgs.start(x)
    for _ in range(200):
        before = now
        now = lbfgs.step(now, *objective(now.trial), 0.1, 0.5, 8)
        assert bool((now.f <= before.f * (1 + lbfgs.TOLERANCE)).all())
        assert len(now.pairs) <= 8
        assert torch.allclose(now.f, objective(now.x)[0])
    assert float((now.x - 1).abs().max()) < 1e-3


def test_the_first_step_and_the_longest_are_bounded():
    x = torch.zeros(2, 4)
    g = torch.tensor([[4.0, 0, 0, 0], [1e-3, -1e-3, 0, 0]])
    now = lbfgs.step(lbfgs.start(x), torch.ones(2), g, first=0.1, longest=1.0, memory=4)
    assert now.trial.abs().amax(1).tolist() == pytest.approx([0.1, 0.1])
    short = lbfgs.step(lbfgs.start(x), torch.ones(2), g, first=0.1, longest=0.01, memory=4)
    assert short.trial.square().mean(1).sqrt().tolist() == pytest.approx([0.01, 0.01])


def test_an_objective_that_is_no_number_is_gone_back_from():
    x = torch.full((2, 3), 0.5)
    now = lbfgs.step(lbfgs.start(x), torch.ones(2), x, 0.1, 1.0, 4)
    bad = torch.tensor([torch.nan, 0.5])
    after = lbfgs.step(now, bad, where(bad > 0, x, torch.full_like(x, torch.nan)), 0.1, 1.0, 4)
    assert torch.equal(after.x[0], x[0])
    assert torch.equal(after.x[1], now.trial[1])
    assert after.f.tolist() == [1.0, 0.5]
    assert bool(after.trial.isfinite().all())
    assert float((after.trial[0] - x[0]).abs().max()) < float((now.trial[0] - x[0]).abs().max())
