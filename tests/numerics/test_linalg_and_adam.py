import pytest
import torch

from invprob import seeds
from invprob.numerics import adam, early_stopping, linalg


@pytest.mark.parametrize(("m", "n"), [(5, 9), (9, 5), (6, 6)])
def test_cgls_is_the_pseudo_inverse(m, n):
    rng = torch.Generator().manual_seed(m)
    matrix = torch.randn(m, n, generator=rng, dtype=torch.float64)
    y = torch.randn(4, m, generator=rng, dtype=torch.float64)
    x = linalg.cgls(lambda v: v @ matrix.T, lambda v: v @ matrix, y)
    assert torch.allclose(x, y @ torch.linalg.pinv(matrix).T, atol=1e-9)


def test_cgls_solves_each_row_as_if_alone():
    rng = torch.Generator().manual_seed(1)
    matrix = torch.randn(6, 8, generator=rng, dtype=torch.float64)
    y = torch.randn(3, 6, generator=rng, dtype=torch.float64)
    y[1] = 0
    together = linalg.cgls(lambda v: v @ matrix.T, lambda v: v @ matrix, y)
    alone = linalg.cgls(lambda v: v @ matrix.T, lambda v: v @ matrix, y[2:])
    assert torch.allclose(together[2:], alone, atol=1e-12)
    assert together[1].abs().max() == 0


def test_adam_is_that_of_torch():
    rng = torch.Generator().manual_seed(2)
    x = torch.randn(3, 4, generator=rng)
    reference = x.clone().requires_grad_()
    theirs = torch.optim.Adam([reference], lr=0.1)
    moments = adam.start(x)
    for _ in range(5):
        grad = torch.randn(3, 4, generator=rng)
        x, moments = adam.adam(x, grad, moments, 0.1)
        reference.grad = grad
        theirs.step()
    assert torch.allclose(x, reference, atol=1e-6)


def test_a_row_stalls_after_its_own_patience():
    track = early_stopping.start(2, torch.device("cpu"))
    for step in range(4):
        track = early_stopping.update(track, torch.tensor([1.0, 1.0 / (step + 1)]))
    assert early_stopping.stalled(track, 3).tolist() == [True, False]
    assert early_stopping.stalled(track, 0).tolist() == [False, False]


def test_conjugate_gradients_solve_each_element_of_a_batch():
    rng = seeds.stream("conjugate gradients")
    M = torch.randn(6, 6, generator=rng).double()
    P, b = M @ M.T + torch.eye(6), torch.randn(3, 6, generator=rng).double()
    found = linalg.conjugate_gradients(lambda x: x @ P, b)
    torch.testing.assert_close(found @ P, b)
    alone = linalg.conjugate_gradients(lambda x: x @ P, b[1:2])
    torch.testing.assert_close(found[1:2], alone)
    assert (
        float(linalg.conjugate_gradients(lambda x: x @ P, torch.zeros(1, 6).double()).abs().max())
        == 0
    )


def test_conjugate_gradients_of_no_elements_are_none():
    assert linalg.conjugate_gradients(lambda x: 2 * x, torch.zeros(0, 6)).shape == (0, 6)
