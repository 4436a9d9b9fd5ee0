"""What a step of DPS costs against its floor, one forward and backward pass of the network.

    python benchmarks/performance/bench_dps_step.py

Four samples of one bundled image, side by side in pairs, in float32 and in bfloat16; and what
bfloat16 and torch.compile make of the step.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from invprob.config.experiment import Experiment
from invprob.config.registry import registry
from invprob.diffusion.samplers import rows
from invprob.runs.inputs import prepare
from invprob.runs.loop import StopAfter, drive

SAMPLES = 4
REPEATS = 20


def seconds(f: Callable[[], object]) -> float:
    started = time.perf_counter()
    f()
    return time.perf_counter() - started


def measured(prior: str) -> tuple[list[float], list[float]]:
    """Seconds of steps and of their floors, in turn."""
    table = {
        "solver": "dps",
        "prior": {"default": prior},
        "operator": "inpaint:keep=0.1",
        "limit": 1,
        "samples": SAMPLES,
    }
    experiment = Experiment.parse(table).resolve(registry())
    parts, data = prepare(experiment, registry())
    solver, p = parts.solver, parts.problem(data.y, SAMPLES, experiment.seed)
    state = drive(solver, p, (StopAfter(50),))
    t = rows(0.5, state.u)

    def floor() -> None:
        u = state.u.detach().requires_grad_()
        out = p.priors[0].predict(u, t * 999)
        torch.autograd.grad(out.square().sum(), u)

    def step() -> None:
        with torch.no_grad():
            solver.step(p, state)

    for f in (floor, step, floor, step):
        f()
    pairs = [(seconds(step), seconds(floor)) for _ in range(REPEATS)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="faces64-ddpm")
    parser.add_argument("--compile", action="store_true", help="time the compiled network as well")
    args = parser.parse_args()
    settings = ["precision=float32", "precision=bfloat16"]
    settings += [f"{s},compile=true" for s in settings] if args.compile else []
    plain = None
    for setting in settings:
        steps, floors = measured(f"pixel-diffusion:weights={args.weights},{setting}")
        ratio = statistics.median(a / b for a, b in zip(steps, floors, strict=True))
        mine = statistics.median(steps)
        plain = plain or mine
        print(
            f"{setting}: step / (network forward and backward) {ratio:.2f}"
            f" (median of {REPEATS} pairs); {1000 * mine:.0f} ms a step of {SAMPLES} samples,"
            f" {mine / plain:.2f} of the plain step"
        )


if __name__ == "__main__":
    main()
