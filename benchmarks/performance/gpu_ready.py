"""Is this GPU ready: the conformance kit's functions on it, and the times that matter.

    python benchmarks/performance/gpu_ready.py --out gpu.json
    python benchmarks/performance/gpu_ready.py --smoke          everything tiny, on the CPU

Parity: each function of each component that the conformance kit tries (on its toys), in float32 on
the GPU and on the CPU, as relative differences. Times: StyleGAN-2 at 1024×1024 of random weights,
forward and backward, against the straightforward implementation; SGILO there with 8 chains; a step
of DPS. A table is printed, and all of it written as JSON. The exit status is 1 without parity.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bench_1024
import torch
from torch import Tensor

from invprob import tree
from invprob.config.experiment import Experiment
from invprob.config.registry import registry
from invprob.problem import Problem
from invprob.runs.inputs import prepare
from invprob.runs.loop import StopAfter, drive
from invprob.solver import Solver
from invprob.testing import trials
from invprob.testing.callables import callables
from invprob.testing.check import Inapplicable
from invprob_basics.inpaint import Inpaint
from invprob_basics.noise import GaussianNoise
from invprob_sgilo.score.checkpoint import Size
from invprob_sgilo.score.prior import LatentScore
from invprob_sgilo.solvers.sgilo import SGILO
from invprob_sgilo.stylegan2.generator import StyleGAN2
from invprob_sgilo.stylegan2.network import Architecture

PLUGINS = ("basics", "csgm", "dps", "ilo", "sgilo")
CLOSE = 1e-3
"""The largest difference, relative to the norm, of float32 on two devices."""

STAGE = 4
TINY = Architecture(resolution=32, channel_base=256, channel_max=16, mapping_layers=2)


def parity(names: tuple[str, ...], device: str) -> dict[str, Any]:
    """The kit on the device: every function against itself on the CPU, without TF32."""
    torch.backends.cudnn.allow_tf32, before = False, torch.backends.cudnn.allow_tf32
    found = [
        (f"{trial.target}, {what}", gap)
        for name in names
        for trial in trials(name)
        if trial.check.name == "device-kept"
        for case in trial.on
        for what, gap in gaps(case, device)
    ]
    torch.backends.cudnn.allow_tf32 = before
    failed = [f"{what}: {gap:.1e}" for what, gap in found if not gap < CLOSE]
    return {"functions": len(found), "largest": max(gap for _, gap in found), "failed": failed}


def gaps(case: Any, device: str) -> Iterator[tuple[str, float]]:
    """The relative difference of each function of a component on two devices."""
    try:
        known, found = (callables(case, torch.float32, where) for where in ("cpu", device))
    except Inapplicable:
        return
    for here, there in zip(known, found, strict=True):
        expected = tree.leaves(here.f(here.x))
        try:
            made = tree.leaves(there.f(there.x))
        except RuntimeError as error:
            yield f"{here.name} ({str(error).partition(chr(10))[0]})", math.inf
            continue
        each = zip(expected, made, strict=True)
        yield here.name, max(difference(a, b.cpu()) for a, b in each)


def difference(a: Tensor, b: Tensor) -> float:
    return float((b - a).norm() / a.norm().clamp_min(1e-6))


def seconds(f: Callable[[], object], device: str, rounds: int) -> float:
    """The median time of a call, after one that is not counted."""
    taken = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        f()
        if device == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken[1:])


def generator(arch: Architecture, device: str, rounds: int) -> dict[str, float]:
    """Forward and backward in each way, in seconds, and the difference of the images."""
    G = StyleGAN2(arch, seed=0).eval().requires_grad_(False).to(device)
    x = G(G.sample(1, torch.Generator().manual_seed(0)), stop=STAGE)
    ways = bench_1024.images(G, STAGE)
    first = bench_1024.step(ways["per sample"], x)
    found = {
        f"{way} s": seconds(lambda f=f: bench_1024.step(f, x), device, rounds)
        for way, f in ways.items()
    }
    return {**found, "difference": difference(first, bench_1024.step(ways["ours"], x))}


def steps(solver: Solver, problem: Problem, device: str, rounds: int) -> dict[str, float]:
    """Steps a second of a solver, and the memory they take."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    state = drive(solver, problem, (StopAfter(2),))
    with torch.no_grad():
        each = seconds(lambda: solver.step(problem, state), device, rounds)
    memory = {"peak GiB": torch.cuda.max_memory_allocated() / 2**30} if device == "cuda" else {}
    return {"steps/s": 1 / each, "rows": len(problem.y), **memory}


def sgilo(arch: Architecture, device: str, chains: int, rounds: int) -> dict[str, float]:
    """SGILO at one stage, with generator and score of random weights."""
    G = StyleGAN2(arch, seed=0).eval().requires_grad_(False)
    A = Inpaint(keep=0.1, image_shape=G.image_shape, noise=GaussianNoise(sigma=0.02))
    rng = torch.Generator().manual_seed(0)
    x = G(G.sample(1, rng), stop=3)
    score = LatentScore(x, Size(width=64, depth=2, heads=2)).eval().requires_grad_(False)
    y = A.measure(G(x, start=3).clamp(0, 1), [rng])
    problem = Problem.create(y, A, G, {3: score}, num_samples=chains, device=device)
    return steps(SGILO(stages=(3,), steps=(rounds + 100,)), problem, device, rounds)


def dps(device: str, samples: int, rounds: int) -> dict[str, float]:
    """DPS with the bundled network of faces."""
    table = {"solver": "dps", "operator": "inpaint:keep=0.1", "limit": 1, "samples": samples}
    experiment = Experiment.parse({**table, "device": device}).resolve(registry())
    parts, data = prepare(experiment, registry())
    return steps(parts.solver, parts.problem(data.y, samples, 0), device, rounds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="a JSON file for all figures")
    parser.add_argument("--smoke", action="store_true", help="everything tiny, on the CPU")
    args = parser.parse_args()
    if not args.smoke and not torch.cuda.is_available():
        parser.error("torch sees no CUDA device; --smoke tries everything on the CPU")
    device = "cpu" if args.smoke else "cuda"
    arch = TINY if args.smoke else bench_1024.FULL
    names = ("noise.gaussian", "operator.inpaint") if args.smoke else PLUGINS
    rounds, chains = (1, 2) if args.smoke else (10, 8)
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "parity": lambda: parity(names, device),
        "generator": lambda: generator(arch, device, rounds),
        "sgilo": lambda: sgilo(arch, device, chains, rounds),
        "dps": lambda: dps(device, 1 if args.smoke else 16, rounds),
    }
    name = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    found: dict[str, Any] = {"device": name, "torch": torch.__version__}
    print(f"| {name} | | |\n|---|---|---|")
    for part, measure in parts.items():
        found[part] = measure()
        for what, value in found[part].items():
            shown = f"{value:.4g}" if isinstance(value, float) else value
            print(f"| {part} | {what} | {shown} |", flush=True)
    if args.out:
        args.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return int(bool(found["parity"]["failed"]))


if __name__ == "__main__":
    sys.exit(main())
