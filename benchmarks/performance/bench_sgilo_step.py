"""What a Langevin step of SGILO costs, and what more chains cost; memory over a long run.

    python benchmarks/performance/bench_sgilo_step.py

The step at stage 3 of faces64 with 8 chains, side by side with its floor: the rest of the generator
forward and backward, and the score network forward, once each on the same latents.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable

import torch

from invprob import tree
from invprob.config.experiment import Experiment
from invprob.config.registry import registry
from invprob.latents import stages
from invprob.runs.inputs import prepare
from invprob.runs.loop import StopAfter, drive

REPEATS = 30


def problem(chains: int, steps: int):  # noqa: ANN201
    """Solver and problem of one bundled sample, at stage 3 alone."""
    table = {
        "solver": f"sgilo:stages=3,steps={steps},anneal=0.1,t_start=0.15",
        "operator": "inpaint:keep=0.1",
        "limit": 1,
        "samples": chains,
    }
    experiment = Experiment.parse(table).resolve(registry())
    parts, data = prepare(experiment, registry())
    return parts.solver, parts.problem(data.y, chains, experiment.seed)


def seconds(f: Callable[[], object]) -> float:
    started = time.perf_counter()
    f()
    return time.perf_counter() - started


def step_against_floor() -> None:
    solver, p = problem(8, 400)
    state = drive(solver, p, (StopAfter(60),))
    prior, G, A = p.priors[3], p.generator, p.operator
    t = torch.full((8,), solver.params.level)

    def floor() -> None:
        leaf = tree.map(lambda v: v.detach().requires_grad_(), state.u)
        loss = (A(G(prior.restore(leaf), start=3)) - p.y).square().flatten(1).sum(1)
        stages.gradient(loss, leaf)
        with torch.no_grad():
            prior.smoothed(state.u, t)

    def step() -> None:
        with torch.no_grad():
            solver.step(p, state)

    for f in (floor, step):
        f()
    pairs = [(seconds(step), seconds(floor)) for _ in range(REPEATS)]
    ratios = [a / b for a, b in pairs]
    print(
        f"step / (generator forward and backward + score forward), 8 chains at stage 3:"
        f" {statistics.median(ratios):.2f} (median of {REPEATS} pairs;"
        f" {1000 * statistics.median(a for a, _ in pairs):.0f} ms a step)"
    )


def chains_against_one() -> None:
    many, one = problem(8, 100), problem(1, 100)
    for solver, p in (many, one):
        drive(solver, p, (StopAfter(3),))
    pairs = [(seconds(lambda: drive(*many)), seconds(lambda: drive(*one))) for _ in range(3)]
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"8 chains / 1 chain, 100 steps: {ratio:.2f} (8 would be no gain)")


def memory() -> None:
    """Peak memory after 100 and after 300 steps of a run."""
    solver, p = problem(8, 300)
    peaks = []

    def watch(progress: object) -> None:
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)

    drive(solver, p, (watch,))
    print(f"peak memory after 100 steps {peaks[100]:.0f} MB, after 300 {peaks[-1]:.0f} MB")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    step_against_floor()
    chains_against_one()
    memory()
