"""What an operator owes besides; of a linear one, that it is linear, its adjoint and inverse."""

from __future__ import annotations

import torch

from invprob import seeds, tree
from invprob.operator import LinearOperator, Operator
from invprob.testing import compare
from invprob.testing.callables import KEYS, images
from invprob.testing.check import check, require
from invprob.testing.compare import SAME
from invprob.testing.target import Case

SOLVED = 2e-3
"""Relative residual allowed of a pseudo-inverse, which may be iterative."""


def _made(case: Case) -> tuple[Operator, torch.Tensor]:
    """The operator, and images that it takes, in double precision."""
    A = case.make().double()
    return A, images(A.in_shape).double()


def _linear(case: Case) -> tuple[LinearOperator, torch.Tensor]:
    A, x = _made(case)
    assert isinstance(A, LinearOperator)
    return A, x


@check("operator")
def shapes_match(case: Case) -> None:
    """`in_shape` must be the shape of an image as given to the constructor, `out_shape` that of a
    measurement: A maps (B, *in_shape) to (B, *out_shape)."""
    thing, (_, given, _) = case.made()
    require(tuple(thing.in_shape) == given, f"in_shape is {thing.in_shape} for images {given}")
    A, x = _made(case)
    expected, found = (len(x), *A.out_shape), tuple(A(x).shape)
    require(found == expected, f"A(x) is {found}, and (B, *out_shape) {expected}")


@check("operator")
def measures_row_by_row(case: Case) -> None:
    """`measure` must be a draw of the operator's noise around A(x), row by row, each from its own
    generator: leave it to the base class."""
    A, x = _made(case)
    y, again = (A.measure(x, [seeds.stream(k) for k in KEYS]) for _ in range(2))
    require(compare.equal(y, again), "the same generators give another measurement")
    alone = A.measure(x[1:2], [seeds.stream(1)])
    gap = compare.difference(y[1:2], alone)
    require(gap < SAME, f"row 1 differs by {gap:.2g} from the row measured alone")
    gap = compare.difference(y, _drawn(A, x))
    require(gap < SAME, f"y differs by {gap:.2g} from what the noise draws around A(x)")


@check("operator")
def likelihood_matches_noise(case: Case) -> None:
    """`log_likelihood(y, x)`, up to a constant, and `chi2(y, x)` must be those of the noise around
    A(x), (B,): leave them to the base class."""
    A, x = _made(case)
    y, other = _drawn(A, x), 0.9 * x + 0.1
    there, here = A.log_likelihood(y, x), A.log_likelihood(y, other)
    require(there.shape == (len(x),), f"log_likelihood is {tuple(there.shape)} for {len(x)} rows")
    expected = A.noise.log_prob(y, A(x)) - A.noise.log_prob(y, A(other))
    gap = compare.difference(there - here, expected)
    require(
        gap < SAME, f"log p(y | x) changes with x otherwise than that of the noise, by {gap:.2g}"
    )
    gap = compare.difference(A.chi2(y, x), A.noise.chi2(y, A(x)))
    require(gap < SAME, f"chi2 differs by {gap:.2g} from the noise's at A(x)")


def _drawn(A: Operator, x: torch.Tensor) -> torch.Tensor:
    """Measurements, drawn by the noise itself."""
    draws = [A.noise.sample(c, seeds.stream(k)) for c, k in zip(A(x), KEYS, strict=True)]
    return torch.stack(draws)


@check("operator")
def observed_is_image(case: Case) -> None:
    """`observed(y)` must be a picture of the measurement for people to look at, (B, 1 or 3, h, w):
    override it where the measurement is not a picture."""
    A, x = _made(case)
    picture = A.observed(A(x))
    shape = tuple(picture.shape)
    fits = len(shape) == 4 and shape[0] == len(x) and shape[1] in (1, 3)
    require(fits, f"observed(y) is {shape}")


@check("operator", offers="linear")
def map_is_linear(case: Case) -> None:
    """A must be linear: A(a u + b v) = a A(u) + b A(v) and A(0) = 0; derive from `Operator` if it
    is not."""
    A, u = _linear(case)
    v = compare.noise_like(u, "linear")
    require(bool((A(torch.zeros_like(u)) == 0).all()), "A(0) is not 0")
    gap = compare.difference(A(2 * u - 3 * v), 2 * A(u) - 3 * A(v))
    require(gap < SAME, f"A(2u − 3v) differs by {gap:.2g} from 2A(u) − 3A(v)")


@check("operator", offers="linear")
def adjoint_matches(case: Case) -> None:
    """`adjoint` must be that of A: ⟨A x, y⟩ = ⟨x, Aᵀ y⟩; leave it out, and the base class derives
    it from `forward`."""
    A, x = _linear(case)
    y = compare.noise_like(A(x), "adjoint")
    left, right = tree.dot(A(x), y), tree.dot(x, A.adjoint(y))
    gap = compare.difference(left, right)
    require(gap < SAME, f"the two differ by {gap:.2g}")


@check("operator", offers="linear")
def pinv_is_least_squares(case: Case) -> None:
    """`pinv(y)` must be the least-squares solution of least norm, row by row: A A⁺ A x = A x,
    and A⁺ A x no longer than x; leave it out, and the base class solves by conjugate gradients."""
    A, x = _linear(case)
    y = A(x)
    again = A.pinv(y)
    gap = float((A(again) - y).norm() / y.norm())
    require(gap < SOLVED, f"A A⁺ A x differs by {gap:.2g} from A x")
    gap = compare.difference(A.pinv(y[1:2]), again[1:2])
    require(gap < SOLVED, f"row 1 of A⁺ y differs by {gap:.2g} from the row alone")
    longer = float((again.flatten(1).norm(dim=1) / x.flatten(1).norm(dim=1)).max())
    require(longer <= 1 + SAME, f"A⁺ A x is {longer:.3g} times as long as x")


@check("operator", offers="linear")
def prox_is_stationary(case: Case) -> None:
    """`prox(z, y, γ)` must be where the gradient of ½‖x − z‖² + ½ Σ γ (A x − y)² vanishes, row by
    row, for one weight a row and for a weight of each entry; leave it out, and the base class
    solves by conjugate gradients."""
    A, z = _linear(case)
    y = A(compare.noise_like(z, "prox"))
    rows = torch.linspace(0.5, 40.0, len(z), dtype=z.dtype).reshape(-1, *[1] * (y.dim() - 1))
    for gamma in (rows, rows * (1 + compare.noise_like(y, "weights").square())):
        x = A.prox(z, y, gamma)
        slope = x - z + A.adjoint(gamma * (A(x) - y))
        gap = float(slope.norm() / (A.adjoint(gamma * y) + z).norm())
        require(gap < SOLVED, f"the gradient at prox(z, y, γ) is {gap:.2g} of what it is made of")
