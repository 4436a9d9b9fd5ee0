"""The example of the design, with fewer steps, and a researcher's script of 25 lines."""

from __future__ import annotations

import runpy
from pathlib import Path

import torch

import invprob
from invprob import Problem, seeds

SCRIPT = Path(__file__).parent / "scripts" / "own_operator_and_solver.py"


def test_everything_the_command_line_does_is_a_few_plain_calls():
    from invprob_basics import GaussianNoise, Inpaint
    from invprob_sgilo import SGILO, LatentScore, StyleGAN2

    truth = invprob.datasets.faces(1)
    mask = torch.ones(64, 64)
    mask[20:44, 20:44] = 0

    G = StyleGAN2.pretrained("faces64")
    priors = {1: LatentScore.pretrained("faces64", stage=1, generator=G)}
    A = Inpaint(mask, noise=GaussianNoise(0.02))
    y = A.measure(truth, [seeds.stream("noise")])
    problem = Problem.create(y, A, G, priors, num_samples=2, seed=0)
    solver = SGILO(steps=(20,), fisher_probes=2)
    for state, info in solver.run(problem):
        assert info.image.shape == (2, 3, 64, 64)
        last = solver.result(problem, state)
    solution = invprob.solve(problem, solver)
    assert torch.equal(solution.samples[0], last.image)
    assert solution.out is None


def test_an_operator_and_a_solver_of_ones_own_need_no_package():
    docstring, *lines = [line for line in SCRIPT.read_text().splitlines() if line.strip()]
    assert docstring.endswith('"""')
    assert len(lines) <= 25
    solution = runpy.run_path(str(SCRIPT))["solution"]
    assert solution.metrics[0]["chi2_mean"] < 0.1  # the equations are solved, noise and all
    assert solution.metrics[0]["psnr_mean"] > 20
