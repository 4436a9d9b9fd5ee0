"""The settings of sgilo_claim.py: as many tried for every solver, on pictures held out of training.

    python benchmarks/sgilo_tune.py run faces64 TRAINING_SET.zip
    python benchmarks/sgilo_tune.py run fruits64 TRAINING_SET.zip
    python benchmarks/sgilo_tune.py table

Six settings of every solver (seven of ilo, which is tried at the deepest stage of sgilo too), with
the same 150 generator passes, on 6 pictures of the identities or varieties that `image_set.split`
holds out of the training sets. What counts is the figure that the claim reports: PSNR of the mean
of `sgilo`, of the best of the others' four samples, averaged over the tasks with few measurements
for the setting of these, over those with more for that of those. Rows are appended as they are
finished; a second call computes only what is missing.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import mean

from PIL import Image
from sgilo_claim import DEEP, FEW, GROUPS, MORE, RESULTS, TUNED, append, read, solved

from invprob.config import allocator
from invprob.io import image_dataset

PICTURES = 6
HELD_OUT = 0.08
GRIDS = {
    "sgilo": [
        "sgilo:steps=50,100",
        "sgilo:steps=50,100,num_levels=6,final_fraction=0.1667",
        *(
            f"{DEEP}{rest}"
            for rest in (
                "lbfgs,weight=0.3",
                "adam,lbfgs",
                "adam,lbfgs,weight=0.3",
                "adam,lbfgs,num_levels=6,final_fraction=0.1667,weight=0.5",
            )
        ),
    ],
    "sgilo-official": [
        "sgilo-released:steps=75,75",
        "sgilo-released:steps=75,75,lr=0.1",
        "sgilo-released:steps=75,75,lr=0.025",
        "sgilo-released:steps=75,75,strength=0.3",
        "sgilo-released:steps=75,75,noise=0.01",
        "sgilo-released:steps=50,100",
    ],
    "ilo": [
        "ilo:steps=50,50,50",
        "ilo:steps=50,50,50,lr=0.05",
        "ilo:steps=50,50,50,lr=0.2",
        "ilo:steps=50,50,50 l1-ball:radii=1,0.25,0.1",
        "ilo:steps=50,50,50 l1-ball:radii=4,1,0.4",
        "ilo:stages=1,3,steps=75,75",
        "ilo:stages=1,3,4,steps=50,50,50,lr=0.05",
    ],
    "csgm": [
        "csgm:steps=150,restarts=1",
        "csgm:steps=150,restarts=1,lr=0.05",
        "csgm:steps=150,restarts=1,lr=0.2",
        "csgm:steps=50,restarts=3",
        "csgm:steps=150,restarts=1,weight=0.1",
        "csgm:steps=150,restarts=1,weight=0",
    ],
}
"""The settings tried; the second word, where there is one, is the prior."""


def held_out(source: Path, scratch: Path) -> list[str]:
    """Files of pictures that no training saw, evenly over the groups held out."""
    pictures, names = image_dataset.read(source, 3)
    names = image_dataset.below_common_folder(names)
    _, validation = image_dataset.split(names, HELD_OUT)
    validation.sort(key=lambda i: names[i])
    paths = []
    for j in range(PICTURES):
        i = validation[j * len(validation) // PICTURES]
        paths.append(str(scratch / f"{names[i].replace('/', '_')}.png"))
        Image.fromarray(pictures[i].permute(1, 2, 0).numpy()).save(paths[-1])
    return paths


def run(domain: str, source: Path, scratch: Path) -> None:
    """Append what is missing to results/sgilo_tune-DOMAIN.csv."""
    out = RESULTS / f"sgilo_tune-{domain}.csv"
    done = {(r["task"], r["settings"]) for r in read(out)}
    paths = held_out(source, scratch)
    for solver, grid in GRIDS.items():
        for settings in grid:
            for task, noise in (FEW | MORE).items():
                if (task, settings) not in done:
                    append(
                        out, task, solver, settings, solved(domain, paths, task, noise, settings)
                    )
                    print(task, settings, flush=True)


def table(domain: str, group: str) -> None:
    """PSNR of every setting, as Markdown; the best of each solver is bold."""
    figures: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in read(RESULTS / f"sgilo_tune-{domain}.csv"):
        name = "mean" if row["solver"] == "sgilo" else "best"
        figures[row["settings"], row["task"]].append(float(row[name]))
    tasks = GROUPS[group]
    print(f"\n| {domain}, {group} | {' | '.join(f'`{task}`' for task in tasks)} | all |")
    print("|" + "---|" * (len(tasks) + 2))
    for grid in GRIDS.values():
        rows = {s: [mean(figures[s, task]) for task in tasks] for s in grid}
        top = max(rows, key=lambda s: mean(rows[s]))
        for settings, cells in rows.items():
            name = f"**`{settings}`**" if settings == top else f"`{settings}`"
            print(f"| {name} | " + " | ".join(f"{c:.2f}" for c in [*cells, mean(cells)]) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("run")
    runs.add_argument("domain", choices=list(TUNED))
    runs.add_argument("source", type=Path)
    commands.add_parser("table")
    args = parser.parse_args()
    if args.command == "table":
        for domain in TUNED:
            for group in GROUPS:
                table(domain, group)
        return
    allocator.keep_freed()
    with tempfile.TemporaryDirectory() as scratch:
        run(args.domain, args.source, Path(scratch))


if __name__ == "__main__":
    main()
