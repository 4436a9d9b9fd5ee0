"""The paper's claim: with few measurements, SGILO's prior beats ILO's l1 ball and CSGM.

    python benchmarks/sgilo_claim.py faces64 HELD_OUT.zip --images 64
    python benchmarks/sgilo_claim.py fruits64 HELD_OUT.zip --images 64
    python benchmarks/sgilo_claim_table.py

Every solver gets the same measurements and as many gradients through the generator (150 for each of
4 samples of an image). Of the four, `best` is the one of least misfit, `single` an average one,
`mean` their average: for a sampler the posterior mean. Rows are appended as they are finished; a
second call computes only what is missing. The settings are those that sgilo_tune.py found.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from pathlib import Path

import torch

from invprob.analysis import metrics
from invprob.config import allocator
from invprob.config.experiment import Experiment
from invprob.config.registry import registry
from invprob.io import images
from invprob.runs.inputs import prepare
from invprob.runs.loop import drive

RESULTS = Path(__file__).parent / "results"
SAMPLES = 4
CHUNK = 8
NOISE = "gaussian:sigma=0.02"
FEW = {
    "inpaint:keep=0.01": NOISE,
    "inpaint:keep=0.03": NOISE,
    "compressed:matrix=circulant,ratio=0.01": NOISE,
    "compressed:matrix=circulant,ratio=0.03": NOISE,
    "superres:factor=16": NOISE,
}
MORE = {
    "inpaint:keep=0.1": NOISE,
    "compressed:matrix=circulant,ratio=0.1": NOISE,
    "superres:factor=8": NOISE,
    "colorize": NOISE,
    "identity": "gaussian:sigma=0.2",
}
GROUPS = {"few": FEW, "more": MORE}
"""Tasks by how much is measured; every solver has a setting for each group."""
DEEP = "sgilo:stages=1,3,4,steps=50,40,60,anneal=0.8,t_start=1.0,0.15,0,optimizers="
TUNED = {
    "faces64": {
        "few": {
            "sgilo": "sgilo:steps=50,100",
            "ilo": "ilo:stages=1,3,4,steps=50,50,50,lr=0.05",
            "csgm": "csgm:steps=150,restarts=1,lr=0.2",
            "sgilo-official": "sgilo-released:steps=75,75,lr=0.1",
        },
        "more": {
            "sgilo": f"{DEEP}adam,lbfgs,num_levels=6,final_fraction=0.1667,weight=0.5",
            "ilo": "ilo:steps=50,50,50 l1-ball:radii=1,0.25,0.1",
            "csgm": "csgm:steps=150,restarts=1,weight=0",
            "sgilo-official": "sgilo-released:steps=75,75",
        },
    },
    "fruits64": {
        "few": {
            "sgilo": f"{DEEP}lbfgs,weight=0.3",
            "ilo": "ilo:steps=50,50,50,lr=0.05",
            "csgm": "csgm:steps=150,restarts=1,weight=0",
            "sgilo-official": "sgilo-released:steps=75,75,noise=0.01",
        },
        "more": {
            "sgilo": f"{DEEP}lbfgs,weight=0.3",
            "ilo": "ilo:steps=50,50,50 l1-ball:radii=1,0.25,0.1",
            "csgm": "csgm:steps=150,restarts=1,weight=0",
            "sgilo-official": "sgilo-released:steps=75,75,noise=0.01",
        },
    },
}
"""The best of sgilo_tune.py, on pictures held out of the training sets of each domain."""
SOLVERS = tuple(TUNED["faces64"]["few"])
FIGURES = ("mean", "single", "best", "ssim_mean", "ssim_single", "misfit", "seconds")


def solved(
    domain: str, paths: list[str], operator: str, noise: str, settings: str
) -> list[dict[str, object]]:
    """A row of figures for each image. A second word of `settings` is the prior."""
    solver, _, prior = settings.partition(" ")
    table = {
        "images": paths,
        "operator": operator,
        "noise": noise,
        "solver": solver,
        "prior": {"default": prior} if prior else {},
        "generator": f"stylegan2:weights={domain},precision=bfloat16,compile=true",
        "samples": SAMPLES,
    }
    experiment = Experiment.parse(table).resolve(registry())
    parts, data = prepare(experiment, registry())
    problem = parts.problem(data.y, SAMPLES, experiment.seed)
    started = time.perf_counter()
    state = drive(parts.solver, problem)
    seconds = (time.perf_counter() - started) / len(data.names)
    assert data.truth is not None
    rows: list[dict[str, object]] = []
    with torch.no_grad():
        result = parts.solver.result(problem, state)
        misfit = -problem.operator.log_likelihood(problem.y, result.image)
        chi2 = problem.operator.chi2(problem.y, result.image).reshape(-1, SAMPLES)
    shape = (len(data.names), SAMPLES, *result.image.shape[1:])
    samples, means = result.image.reshape(shape), result.mean.reshape(shape)
    best = misfit.reshape(-1, SAMPLES).argmin(1)
    for i, name in enumerate(data.names):
        truth = data.truth[i : i + 1]
        mean, four = means[i].mean(0, keepdim=True), truth.expand(SAMPLES, -1, -1, -1)
        every = metrics.psnr(samples[i], four)
        rows.append(
            {
                "image": name,
                "mean": float(metrics.psnr(mean, truth)),
                "single": float(every.mean()),
                "best": float(every[best[i]]),
                "ssim_mean": float(metrics.ssim(mean, truth)),
                "ssim_single": float(metrics.ssim(samples[i], four).mean()),
                "misfit": float(chi2[i].mean()),
                "seconds": seconds,
            }
        )
    return rows


def run(args: argparse.Namespace, scratch: Path) -> None:
    """Append what is missing to the file of results."""
    files = images.gather([args.source])
    chosen = [files[i * len(files) // args.images] for i in range(args.images)]
    paths = []
    for file in chosen:
        paths.append(str(scratch / f"{file.name}.png"))
        images.write_png(paths[-1], file.read(3))
    out = results(args.domain, args.label)
    done = {(r["image"], r["task"], r["settings"]) for r in read(out)}
    order = [
        (first, task, noise, TUNED[args.domain][group])
        for group, tasks in GROUPS.items()
        for first in range(0, args.images, CHUNK)
        for task, noise in tasks.items()
        if args.task in (None, group, task)
    ]
    for first, task, noise, tuned in order:
        batch = paths[first : first + CHUNK]
        for solver, settings in tuned.items():
            if args.solver and solver not in args.solver:
                continue
            missing = [p for p in batch if (Path(p).stem, task, settings) not in done]
            if not missing:
                continue
            rows = solved(args.domain, missing, task, noise, settings)
            append(out, task, solver, settings, rows)
            print(f"{first:4d} {task} {solver}", flush=True)


def results(domain: str, label: str) -> Path:
    """Where the rows of a domain are; a label keeps those of other pictures apart."""
    return RESULTS / f"sgilo_claim-{domain}{'-' if label else ''}{label}.csv"


def append(out: Path, task: str, solver: str, settings: str, rows: list[dict[str, object]]) -> None:
    """Write finished rows at the end of the file."""
    new = not out.is_file()
    about = {"task": task, "solver": solver, "settings": settings}
    with out.open("a", newline="") as file:
        writer = csv.DictWriter(file, [*about, "image", *FIGURES])
        if new:
            writer.writeheader()
        writer.writerows(about | row for row in rows)


def read(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("domain", choices=list(TUNED))
    parser.add_argument("source", help="a folder or zip file of pictures")
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--task", choices=[*GROUPS, *FEW, *MORE], help="only these")
    parser.add_argument("--solver", choices=SOLVERS, action="append", help="only these")
    parser.add_argument("--label", default="", help="names a file of results of its own")
    args = parser.parse_args()
    allocator.keep_freed()
    with tempfile.TemporaryDirectory() as scratch:
        run(args, Path(scratch))


if __name__ == "__main__":
    main()
