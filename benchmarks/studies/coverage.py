"""How often intervals hold the truth, on pictures that come from the solver's own prior.

    python benchmarks/studies/coverage.py --pictures 64 --out coverage.csv
    python benchmarks/studies/coverage.py --pictures 4 --solver sgilo:steps=600 --samples 8
    python benchmarks/studies/coverage.py --prior 1=latent-score:weights=a --truths generator

Of such pictures the prior is right, so that intervals of 50, 80 and 90 % of a right sampler hold
50, 80 and 90 % of the pixels, and a functional of the truth has every rank among independent
samples equally often (simulation-based calibration: Talts et al., 2018, arXiv:1804.06788).

`--truths prior` draws a latent of the solver's last stage from the score prior, at the noise level
at which the solver reads it, and what pictures have beyond its image, if the solver adds it.
`--truths generator` takes the generator's own input, which is another
distribution than that of an imperfect prior. A row of the file is a picture. The same command goes
on where it stopped; other weights get other rows. Two processes need two files.
"""

from __future__ import annotations

import argparse
import csv
import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from scipy import stats
from torch import Tensor

from invprob import fingerprint, seeds, tree
from invprob.analysis import metrics
from invprob.analysis.diagnostics import examine
from invprob.analysis.draws import Draws
from invprob.bench import bootstrap
from invprob.cli.options import priors
from invprob.config.experiment import Experiment
from invprob.config.registry import registry
from invprob.diffusion import samplers, sde
from invprob.io import files
from invprob.latents import roles, stages
from invprob.prior import Score
from invprob.runs import build
from invprob.runs.build import Parts
from invprob.runs.loop import drive
from invprob.solver import Problem

TASKS = ("inpaint:keep=0.1", "inpaint:keep=0.01", "superres:factor=16", "inpaint:box=24x24")
SOLVERS = ("sgilo", "sgilo:steps=150,fisher_probes=3", "sgilo:dynamics=overdamped")
LEVELS = (0.5, 0.8, 0.9)
REVERSE = 200
"""Ancestral steps from noise to a truth."""
BINS, REJECTED = 5, 0.01
SUMMED = ("spread/error", "psnr", "crps", "decided", "stuck", "worst chi2", "r_hat")
"""Columns of which the table has the mean."""

Row = dict[str, Any]
KEY = ("task", "solver", "samples", "truths", "models", "picture")


def covered(draws: Tensor, truth: Tensor, level: float) -> float:
    """The part of the pixels in the central interval, by ranks.

    Args:
        draws: n draws, (n, C, H, W).
        truth: (C, H, W).
        level: Of the interval, in (0, 1).

    Returns:
        A part in [0, 1]; `level` on average if the truth is one more draw, whatever n is.
    """
    n = len(draws)
    rank = (draws < truth).sum(0)
    low, high = (n + 1) * (1 - level) / 2, (n + 1) * (1 + level) / 2
    # a rank is an interval of length 1, of which a part may lie inside
    inside = (rank + 1).clamp(max=high) - rank.clamp(min=low)
    return float(inside.clamp(0, 1).mean())


def functionals(problem: Problem, images: Tensor) -> dict[str, Tensor]:
    """Ten numbers of each image (N, C, H, W) of the first measurement, (N,) by name."""
    height, width = images.shape[2:]
    grey = images.mean(1)
    mean = grey.flatten(1).mean(1)
    middle = grey[:, height // 4 : -(height // 4) or None, width // 4 : -(width // 4) or None]
    rng = seeds.stream("coverage", "projections")
    directions = torch.randn(3, images[0].numel(), generator=rng).to(images)
    shares = images.flatten(1) @ directions.T
    y = problem.y[:1].expand(len(images), *problem.y.shape[1:])
    return {
        "brightness": mean,
        "contrast": grey.flatten(1).std(1),
        "left − right": grey[..., : width // 2].mean((1, 2)) - grey[..., width // 2 :].mean((1, 2)),
        "top − bottom": grey[:, : height // 2].mean((1, 2)) - grey[:, height // 2 :].mean((1, 2)),
        "middle": middle.flatten(1).mean(1) - mean,
        "roughness": images.diff(dim=3).abs().mean((1, 2, 3))
        + images.diff(dim=2).abs().mean((1, 2, 3)),
        **{f"projection {i + 1}": share for i, share in enumerate(shares.unbind(1))},
        "log-likelihood": problem.operator.log_likelihood(y, images),
    }


def from_prior(parts: Parts, picture: int) -> Tensor:
    """A picture (1, C, H, W) of the prior of the solver's last stage, as the solver reads it."""
    G, solver, keys = parts.generator, parts.solver, [seeds.key("coverage", picture)]
    stage = solver.stages(G)[-1]
    prior = parts.priors.get(stage)
    if not isinstance(prior, Score):
        raise SystemExit(f"the prior of stage {stage} has no score; use --truths generator")
    u = samplers.cold(prior, prior.normalise(stages.draws(G, stage, keys, "like")), keys)
    end = getattr(solver.params, "t_end", prior.t_min)
    for i, (now, then) in enumerate(itertools.pairwise(samplers.grid(1.0, end, REVERSE))):
        t, to = samplers.rows(now, u), samplers.rows(then, u)
        u = sde.ancestral(prior, u, t, to, seeds.normal_like(u, keys, "ancestral", i))
    alpha, _ = prior.schedule(samplers.rows(end, u))
    # the solver reads u/α of all but noise maps, which are N(0, 1) to it at any level
    scale = {"noise": torch.ones_like(alpha)}
    u = roles.map(lambda role, v: v / tree.per_element(scale.get(role, alpha), v), u)
    image: Tensor = G(prior.restore(u), start=stage)
    error = prior.representation_error
    if error is not None and getattr(solver.params, "representation_error", False):
        image = image + error.draw(seeds.stream("coverage error", picture))
    return image


def from_generator(parts: Parts, picture: int) -> Tensor:
    """A picture (1, C, H, W) of the generator's own input."""
    G = parts.generator
    image: Tensor = G(G.sample(1, seeds.stream("coverage", picture)))
    return image


TRUTHS = {"prior": from_prior, "generator": from_generator}


@torch.no_grad()
def judged(parts: Parts, truths: str, samples: int, picture: int) -> Row:
    """Solve the measurement of one picture and judge draws and last samples.

    Args:
        parts: Generator, priors, operator and solver.
        truths: Where the picture comes from, a name of `TRUTHS`.
        samples: The chains S.
        picture: Its number.

    Returns:
        Coverage and errors of all draws of all chains, diagnostics, and the rank, from 0 to S, of
        each functional of the truth among the last samples of the chains, which are independent.
    """
    truth = TRUTHS[truths](parts, picture)
    y = parts.operator.measure(truth, [seeds.stream("coverage noise", picture)])
    problem = parts.problem(y, samples, picture)
    kept = Draws(problem, samples)
    ends = parts.solver.result(problem, drive(parts.solver, problem, [kept])).image.float()
    drawn = kept.drawn()
    images, found = ends, None
    if drawn is not None:
        images = drawn.images[0].flatten(0, 1).float()
        found = examine(drawn, y[0].numel(), [()])[0]
    error = float((images.mean(0) - truth[0]).square().mean())
    row: Row = {f"coverage {q:.0%}": covered(images, truth[0], q) for q in LEVELS}
    row["spread/error"] = math.sqrt(float(images.var(0).mean()) / error)
    row |= {"psnr": -10 * math.log10(error), "crps": metrics.crps(images, truth[0])}
    row["decided"] = math.nan if found is None else 1 - found.undecided
    row["stuck"] = math.nan if found is None else len(found.stuck)
    row["worst chi2"] = float(problem.operator.chi2(problem.y, ends).max())
    row["r_hat"] = math.nan if found is None else found.r_hat
    true = functionals(problem, truth)
    for name, values in functionals(problem, ends).items():
        row[f"rank {name}"] = int((values < true[name]).sum())
    return row


def uniform(ranks: Sequence[int], samples: int, name: str) -> float:
    """The p value of ranks 0 … S being equally frequent, by a χ² test in `BINS` bins."""
    rng = seeds.stream("coverage", "within a rank", name)
    # a rank is an interval of length 1 too: a place in it makes bins of equal size
    places = (torch.tensor(ranks) + torch.rand(len(ranks), generator=rng)) / (samples + 1)
    counts = torch.bincount((places * BINS).long().clamp_max(BINS - 1), minlength=BINS)
    return float(stats.chisquare(counts.numpy()).pvalue)


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Lines of Markdown, one for each task and setting: means over pictures with intervals."""
    levels = [f"{q:.0%} intervals hold" for q in LEVELS]
    p_values = [name for name in rows[0] if name.startswith("rank ")]
    titles = ["task", "solver", "chains", "truths", "models", "pictures", *levels, *SUMMED]
    titles += ["SBC p", "calibrated"]
    yield "| " + " | ".join(titles) + " |"
    yield "|" + "---|" * len(titles)
    for setting in dict.fromkeys(tuple(row[k] for k in KEY[:-1]) for row in rows):
        mine = [row for row in rows if tuple(row[k] for k in KEY[:-1]) == setting]
        task, solver, samples, *rest = setting
        cells = [f"`{task}`", f"`{solver}`", str(samples), *rest, str(len(mine))]
        for q in LEVELS:
            e = bootstrap.estimate([float(row[f"coverage {q:.0%}"]) for row in mine])
            cells.append(f"{e.mean:.1%}" + f" [{e.low:.1%}, {e.high:.1%}]" * (e.n > 1))
        cells += [f"{sum(float(row[k]) for row in mine) / len(mine):.3g}" for k in SUMMED]
        p = {k[5:]: uniform([int(row[k]) for row in mine], int(samples), k) for k in p_values}
        least = min(p, key=lambda name: p[name])
        # Bonferroni: ten tests share one per cent, however they depend on each other
        joint = min(1.0, p[least] * len(p))
        verdict = "not rejected" if joint > REJECTED else f"rejected by {least}"
        yield "| " + " | ".join([*cells, f"{joint:.2g}", verdict]) + " |"


def kept_rows(path: Path) -> list[Row]:
    """What a file holds, every value a text."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def keep(path: Path, rows: Sequence[Row]) -> None:
    """Replace the file by one with all rows."""
    with files.replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


@functools.cache
def parts_of(solver: str, task: str, models: tuple[tuple[str, str], ...]) -> tuple[Parts, str]:
    """Objects by their specs, and a name for all weights."""
    experiment = {"solver": solver, "operator": task, "device": "cpu"}
    chosen = dict(models)
    if "generator" in chosen:
        experiment["generator"] = chosen.pop("generator")
    whole = Experiment.parse(experiment | ({"prior": chosen} if chosen else {}))
    parts = build.parts(whole.resolve(registry()), registry())
    return parts, fingerprint.of_modules(parts.generator, *parts.priors.values())[:8]


def main(arguments: Sequence[str] | None = None) -> None:
    """Compute what is missing and print the table of all that the file has."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=4)
    parser.add_argument("--task", action="append", help="repeatable; default: all four")
    parser.add_argument("--solver", action="append", help="repeatable; default: three of sgilo")
    parser.add_argument("--samples", type=int, default=8, help="chains of each measurement")
    parser.add_argument("--truths", choices=list(TRUTHS), default="prior")
    parser.add_argument("--generator", help="default: that of the solver")
    parser.add_argument("--prior", action="append", default=[], help="NAME:… or STAGE=NAME:…")
    parser.add_argument("--out", type=Path, default=Path("coverage.csv"))
    given = parser.parse_args(arguments)
    models = priors(given.prior) | ({"generator": given.generator} if given.generator else {})
    rows = kept_rows(given.out)
    done = {tuple(row[k] for k in KEY) for row in rows}
    tasks, solvers = given.task or TASKS, given.solver or SOLVERS
    for picture, task, solver in itertools.product(range(given.pictures), tasks, solvers):
        parts, name = parts_of(solver, task, tuple(models.items()))
        values = (task, solver, str(given.samples), given.truths, name, str(picture))
        if values not in done:
            found = judged(parts, given.truths, given.samples, picture)
            rows.append(dict(zip(KEY, values, strict=True)) | found)
            keep(given.out, rows)
    print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
