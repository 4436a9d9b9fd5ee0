"""Solvers: what they reach, and what they refuse."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from invprob_deepinv.diffusion import DPS, PiGDM
from invprob_deepinv.regularised import RED, TV, Wavelet
from invprob_deepinv.solver_params import DiffusionParams

from invprob.errors import BadParams, Incompatible
from invprob.operator import Operator
from invprob.solver import Problem, Solver
from invprob.testing import toys


class Squares(Operator):
    """A(x) = x²."""

    def __init__(self) -> None:
        super().__init__(toys.Dense().noise)
        self.in_shape = self.out_shape = toys.SHAPE

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.square()


def last(solver: Solver, problem: Problem) -> torch.Tensor:
    for progress in solver.run(problem):
        state = progress.state
    return solver.result(problem, state).image


def test_red_finds_the_mode_of_the_smoothed_posterior():
    p = toys.problem(generator=False, abilities=["denoiser"], chains=1)
    sigma = 0.05
    found = last(RED(steps=200, sigma=sigma), p)
    # of a Gaussian prior N(½, 0.2²), smoothed by sigma, and white noise
    A = p.operator.matrix
    precision = A.T @ A / toys.SIGMA**2 + torch.eye(16, dtype=A.dtype) / (0.2**2 + sigma**2)
    pull = p.y @ A / toys.SIGMA**2 + 0.5 / (0.2**2 + sigma**2)
    mode = torch.linalg.solve(precision, pull.T).T.reshape(-1, *toys.SHAPE)
    assert torch.allclose(found, mode, atol=1e-2)


def test_pigdm_is_close_to_a_gaussian_posterior():
    p = toys.problem(generator=False, abilities=["denoiser"], rows=1, chains=200)
    drawn = last(PiGDM(steps=40, inner=10), p).flatten(1)
    A = p.operator.matrix
    precision = A.T @ A / toys.SIGMA**2 + torch.eye(16, dtype=A.dtype) / 0.2**2
    mean = torch.linalg.solve(precision, p.y[0] @ A / toys.SIGMA**2 + 0.5 / 0.2**2)
    scale = torch.linalg.inv(precision).diagonal().sqrt()
    assert ((drawn.mean(0) - mean).abs() < scale).all()


def test_only_a_norm_guides_where_a_variance_is_unknown():
    p = toys.problem(generator=False, abilities=["denoiser"])
    A = Squares()
    squares = replace(p, operator=A, y=A(torch.full((len(p.keys), *toys.SHAPE), 0.5).double()))
    assert last(DPS(steps=4, guidance="norm", weight=10), squares).isfinite().all()
    for solver in (DPS(steps=4), PiGDM(steps=4), TV(steps=2)):
        with pytest.raises(Incompatible) as refused:
            last(solver, squares)
        assert "linear operator with Gaussian noise" in refused.value.message


def test_an_unknown_wavelet_is_one_sentence():
    p = toys.problem(generator=False, abilities=[])
    with pytest.raises(BadParams, match="there is no wavelet 'nosuch'"):
        last(Wavelet(steps=1, wavelet="nosuch"), p)


def test_the_first_level_is_that_asked_for():
    solver = PiGDM(**DiffusionParams(steps=5, start=0.3).model_dump())
    sde = solver.sde()
    times = solver.times(sde)
    assert len(times) == 6
    assert float(sde.sigma_t(times[0])) == pytest.approx(0.6, rel=1e-6)
