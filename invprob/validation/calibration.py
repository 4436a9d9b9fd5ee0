"""What a sampler gets wrong, in sentences: means, spreads, modes, calibration.

Each of R simulated measurements has S independent samples. If they are draws of the posterior,
then the truth is one more of them: its rank is uniform (simulation-based calibration, SBC; Talts,
Betancourt, Simpson, Vehtari, Gelman, 2018, arXiv:1804.06788), intervals hold it as often as they
say, and its distance from a point that does not depend on it is one of theirs (TARP; Lemos,
Coogan, Hezaveh, Perreault-Levasseur, 2023, arXiv:2302.03026). Means
and variances are compared with the exact ones, within four Monte Carlo standard errors and what
the solver declares besides (`Solver.bias`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from invprob import seeds
from invprob.solver import Problem, Solver
from invprob.validation.reference_tasks import Posterior, ReferenceTask, posterior

ERRORS = 4.0
"""Monte Carlo standard errors that are not evidence."""

UNLIKELY = 1e-4
"""Of calibrated samples, p-values below it are not an accident."""

BINS = 5
NOMINAL = (0.5, 0.8, 0.9)

Draw = Callable[[Problem], Tensor]


@dataclass(frozen=True)
class CalibrationReport:
    """How the samples of a solver differ from draws of the posterior of one task.

    Attributes:
        task: The reference task.
        failures: A message for each test that failed; none if the samples are calibrated.
        metrics: The statistics by name: relative errors, coverages in [0, 1] and p-values.
    """

    task: ReferenceTask
    failures: tuple[str, ...]
    metrics: dict[str, float]


@dataclass(frozen=True)
class Evidence:
    """Truths and samples, in directions ordered from well to badly measured.

    Attributes:
        truths: The codes that were measured, (R, dim).
        samples: The codes of the samples, (R, S, dim).
        exact: The posterior of each measurement.
        prior_mean: The mean of the prior, (dim,).
        seen: How many of the directions the measurement sees.
    """

    truths: Tensor
    samples: Tensor
    exact: Posterior
    prior_mean: Tensor
    seen: int


def check_calibration(
    draw: Draw, task: ReferenceTask, problems: int = 100, chains: int = 19, bias: float = 0.0
) -> CalibrationReport:
    """Compare samples with the exact posterior of a task: means, spreads, modes, ranks and TARP.

    Args:
        draw: Makes one image for each row of a problem, (R × S, C, H, W).
        task: The reference task.
        problems: How many measurements R are simulated, ≥ 2.
        chains: How many samples S each measurement gets, ≥ 2.
        bias: A relative error that is allowed besides Monte Carlo error, ≥ 0 (`Solver.bias`).

    Returns:
        The failures and the metrics; samples that are not finite are the only failure.
    """
    truths = task.truths(problems)
    p = task.problem(truths, chains)
    codes = task.codes(draw(p))
    M = task.operator().matrix.double() @ task.map()
    _, strength, rotation = torch.linalg.svd(M)
    exact = posterior(task, p.y[::chains], rotation)
    # a direction is seen where the measurement at least halves its variance
    seen = int((strength * task.distribution.std > task.sigma).sum())
    evidence = Evidence(
        truths @ rotation.T,
        (codes @ rotation.T).reshape(problems, chains, -1),
        exact,
        (task.distribution.weights @ task.distribution.means) @ rotation.T,
        seen,
    )
    if not bool(codes.isfinite().all()):
        return CalibrationReport(task, ("some samples are not finite",), {})
    failures: list[str] = []
    metrics: dict[str, float] = {}
    for test in (_means, _spreads, _modes, _calibration):
        sentences, found = test(evidence, bias)
        failures += sentences
        metrics |= found
    return CalibrationReport(task, tuple(failures), metrics)


def last_samples(solver: Solver) -> Draw:
    """Make a function that runs a solver to its end.

    Args:
        solver: A solver.

    Returns:
        A function from a problem of N rows to the last sample of each, (N, C, H, W).
    """

    def draw(p: Problem) -> Tensor:
        state = None
        for progress in solver.run(p):
            state = progress.state
        with torch.no_grad():
            return solver.result(p, state).image

    return draw


Found = tuple[list[str], dict[str, float]]


def _means(e: Evidence, bias: float) -> Found:
    """Are the means shifted, pulled to the prior, or otherwise off?"""
    std, count = e.exact.variance.sqrt(), e.samples.shape[1]
    errors = (e.samples - e.exact.mean[:, None]) / std[:, None]
    away = (e.prior_mean - e.exact.mean) / std
    along = (errors * away[:, None]).sum(2)
    pull = float(along.mean(1).sum() / (away**2).sum())
    doubt = ERRORS * float((along.var(1) / count).sum().sqrt() / (away**2).sum())
    # coordinates may depend on each other, problems do not
    squares = (errors.mean(1) ** 2 - errors.var(1) / count).mean(1)
    excess = float(squares.mean().clamp_min(0).sqrt())
    least = math.sqrt(ERRORS * float(squares.std()) / math.sqrt(len(squares)))
    metrics = {"pull": pull, "error of means": excess}
    if abs(pull) > doubt + bias:
        where = "towards the prior's" if pull > 0 else "away from the prior's"
        return [f"means lie {abs(pull):.0%} of the way {where}"], metrics
    if excess > least + bias:
        return [f"means are off by {excess:.2f} posterior standard deviations"], metrics
    return [], metrics


def _spreads(e: Evidence, bias: float) -> Found:
    """Are the samples too wide or too narrow, where the measurement sees and where it does not?"""
    failures: list[str] = []
    metrics: dict[str, float] = {}
    ratios = (e.samples.var(1).mean(0) / e.exact.variance.mean(0)).sqrt()
    count = e.samples.shape[0] * (e.samples.shape[1] - 1)
    for what, part in (("sees", ratios[: e.seen]), ("does not see", ratios[e.seen :])):
        if not len(part):
            continue
        ratio = float((part**2).mean().sqrt())
        metrics[f"spread where it {what}"] = ratio
        # tails heavier than normal, and problems that differ: twice the error of normal samples
        if abs(math.log(max(ratio, 1e-9))) > ERRORS * math.sqrt(2 / count) + math.log1p(bias):
            word = "wide" if ratio > 1 else "narrow"
            times = ratio if ratio > 1 else 1 / max(ratio, 1e-9)
            text = f"samples are {times:.2f} times too {word} in what the measurement {what}"
            failures.append(text)
    return failures, metrics


def _modes(e: Evidence, bias: float) -> Found:
    """Does every mode get its weight?"""
    if e.exact.shares.shape[1] == 1:
        return [], {}
    inverse = torch.linalg.inv(e.exact.covariance)
    gaps = e.samples[:, :, None] - e.exact.centres[:, None]
    distance = torch.einsum("rski,ij,rskj->rsk", gaps, inverse, gaps)
    logits = e.exact.shares.clamp_min(1e-300).log()[:, None] - distance / 2
    found = logits.softmax(2).mean(1)
    noise = (e.exact.shares * (1 - e.exact.shares) / e.samples.shape[1]).sum(1)
    # half the sum of absolute differences is the total variation; squares know their noise
    square = (found - e.exact.shares).square().sum(1)
    excess = float((square - noise).mean().clamp_min(0).sqrt())
    least = math.sqrt(ERRORS * float((square - noise).std()) / math.sqrt(len(square)))
    sentence = f"weights of modes are off by {100 * excess:.0f} points"
    failures = [sentence] if excess > max(least, 0.05) + bias else []
    return failures, {"error of weights": excess}


def _calibration(e: Evidence, bias: float) -> Found:
    """Ranks, coverage and TARP; not tested where a bias is declared."""
    place = _places((e.samples < e.truths[:, None]).sum(1), e.samples.shape[1])
    p = min(1.0, place.shape[1] * min(map(_uniform, place.unbind(1))))
    covered = {q: float(((place - 0.5).abs() < q / 2).double().mean()) for q in NOMINAL}
    point = e.truths.roll(1, 0)  # of another problem
    nearer = (e.samples - point[:, None]).norm(dim=2) < (e.truths - point).norm(dim=1)[:, None]
    tarp = _uniform(_places(nearer.sum(1), e.samples.shape[1]))
    metrics = {"SBC p": p, "TARP p": tarp, **{f"coverage {q:.0%}": c for q, c in covered.items()}}
    if bias > 0 or min(p, tarp) > UNLIKELY:
        return [], metrics
    which = "ranks of the truth are" if p <= tarp else "distances of the truth are"
    text = f"{which} not those of a sample (p = {min(p, tarp):.0e}); its 80 % intervals hold"
    return [f"{text} the truth in {covered[0.8]:.0%}"], metrics


def _places(rank: Tensor, count: int) -> Tensor:
    """Ranks 0 … count as places in [0, 1), each at random in its interval of 1/(count + 1): for
    ranks of equal frequency they are uniform, whatever the count."""
    within = torch.rand(rank.shape, generator=seeds.stream("within a rank"), dtype=torch.float64)
    return (rank + within) / (count + 1)


def _uniform(place: Tensor) -> float:
    """The p-value of places in [0, 1) being uniform, by a χ² test in `BINS` bins."""
    found = torch.bincount((place * BINS).long(), minlength=BINS).double()
    expected = len(place) / BINS
    statistic = ((found - expected) ** 2 / expected).sum()
    half = torch.tensor((BINS - 1) / 2, dtype=torch.float64)
    return float(torch.special.gammaincc(half, statistic / 2))
