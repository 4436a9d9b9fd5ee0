"""The proximal map of blurs, against the solution of a dense system."""

import pytest
import torch

from invprob.numerics import linalg
from invprob_basics import Blur, Radon, blur
from tests.plugins.basics.test_operators import noise


def dense(A):
    eye = torch.eye(A.in_shape[1] * A.in_shape[2], dtype=torch.float64)
    return A(eye.reshape(-1, *A.in_shape)).flatten(1).T


@pytest.mark.parametrize("boundary", ["reflect", "circular"])
@pytest.mark.parametrize(
    ("kernel", "exact"),
    [
        ({"sigma": 1.3}, True),
        ({"motion": 5, "angle": 90}, True),
        ({"motion": 5, "angle": 30}, False),
    ],
)
def test_the_proximal_map_solves_its_system(kernel, exact, boundary, monkeypatch):
    A = Blur(image_shape=(1, 14, 17), boundary=boundary, **kernel)
    z, y = noise((2, 1, 14, 17), 1), noise((2, 1, 14, 17), 2)
    gamma = torch.tensor([3.0, 2000.0], dtype=torch.float64).reshape(2, 1, 1, 1)
    M = dense(A)
    expected = [
        torch.linalg.solve(
            torch.eye(len(M)) + g * M.T @ M, z[i].flatten() + g * M.T @ y[i].flatten()
        )
        for i, g in enumerate((3.0, 2000.0))
    ]
    if exact or boundary == "circular":
        monkeypatch.setattr(linalg, "conjugate_gradients", None)
    monkeypatch.setattr(blur, "RTOL", 1e-10)
    found = A.prox(z, y, gamma).flatten(1)
    size = float(torch.stack(expected).abs().max())
    assert torch.allclose(found, torch.stack(expected), atol=1e-6 * size)


@pytest.mark.parametrize("kernel", [{"sigma": 1.6}, {"sigma": 9}, {"motion": 7, "angle": 90}])
def test_the_precision_of_a_run_keeps_the_exact_map(kernel, monkeypatch):
    """Rounded to float32, as runs do, a kernel is a product still."""
    A = Blur(image_shape=(1, 48, 56), **kernel)
    z, y, gamma = noise((1, 1, 48, 56), 1), noise((1, 1, 48, 56), 2), torch.full((1, 1, 1, 1), 30.0)
    expected = A.prox(z, y, gamma.double())
    monkeypatch.setattr(linalg, "conjugate_gradients", None)
    rounded = Blur(image_shape=(1, 48, 56), **kernel).float()
    found = rounded.prox(z.float(), y.float(), gamma)
    assert torch.allclose(found.double(), expected, atol=1e-4)


def test_few_iterations_solve_an_oblique_motion(monkeypatch):
    A = Blur(image_shape=(1, 40, 56), motion=9, angle=30)
    count = []
    forward = Blur.forward
    monkeypatch.setattr(Blur, "forward", lambda A, x: count.append(1) or forward(A, x))
    z, y = noise((1, 1, 40, 56), 1), noise((1, 1, 40, 56), 2)
    A.prox(z, y, torch.full((1, 1, 1, 1), 30.0, dtype=torch.float64))
    assert len(count) < 40


@pytest.mark.parametrize(
    "A",
    [Blur(image_shape=(1, 16, 16), motion=7, angle=30), Radon(24, image_shape=(1, 16, 16))],
    ids=lambda A: type(A).__name__,
)
@pytest.mark.parametrize("gamma", [30.0, 1e4])
def test_the_error_does_not_grow_with_the_precision_of_the_measurement(A, gamma):
    z, y = noise((1, 1, 16, 16), 1), A(noise((1, 1, 16, 16), 2))
    M = A(torch.eye(256, dtype=torch.float64).reshape(-1, *A.in_shape)).flatten(1).T
    expected = torch.linalg.solve(
        torch.eye(256) + gamma * M.T @ M, (z + gamma * A.adjoint(y)).flatten()
    )
    weight = torch.full((1, *[1] * len(A.out_shape)), gamma, dtype=torch.float64)
    error = A.prox(z, y, weight).flatten() - expected
    assert float(error.square().mean().sqrt()) < 4e-3
