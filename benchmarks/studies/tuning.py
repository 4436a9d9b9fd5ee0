"""As many settings of every solver of the claim, on pictures held out of a training set.

    python benchmarks/studies/tuning.py faces64 faces64-train.zip
    python benchmarks/studies/tuning.py fruits64 fruits64-train.zip

The suites are tuning-faces64.toml and tuning-fruits64.toml. The pictures belong to identities or
varieties that training holds out. What counts is the PSNR of the mean of the samples, averaged over
a group of tasks. The same command again computes only what is missing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from PIL import Image

from invprob.bench import session, suite_file
from invprob.bench.suite import Suite
from invprob.bench.tables import Line
from invprob.config.registry import registry
from invprob.io import image_dataset

HERE = Path(__file__).parent
HELD_OUT = 0.08
"""The part of a training set that `invprob train` holds out."""


def held_out(source: Path, count: int, folder: Path) -> None:
    """Write pictures that no training saw, evenly over the groups held out."""
    pictures, names = image_dataset.read(source, 3)
    names = image_dataset.below_common_folder(names)
    _, validation = image_dataset.split(names, HELD_OUT)
    validation.sort(key=lambda i: names[i])
    folder.mkdir(parents=True, exist_ok=True)
    for j in range(count):
        i = validation[j * len(validation) // count]
        path = folder / Path(names[i].replace("/", "_")).with_suffix(".png").name
        Image.fromarray(pictures[i].permute(1, 2, 0).numpy()).save(path)


def by_group(found: Sequence[Line], suite: Suite, group: str) -> str:
    """A table of one group of tasks: PSNR of the mean; the best setting of each solver is bold."""
    psnr = {(x.task, x.method): x.values["psnr_mean"].mean for x in found}
    tasks = suite.tasks_by_group()[group]
    rows: dict[str, dict[str, list[float]]] = {}
    for method in suite.method:
        if all((task, method.label) in psnr for task in tasks):
            values = [psnr[task, method.label] for task in tasks]
            solver = method.solver.partition(":")[0] + ("w" if "space=w" in method.solver else "")
            rows.setdefault(solver, {})[method.label] = values
    lines = [
        f"| {group} | " + " | ".join(f"`{task}`" for task in tasks) + " | all |",
        "|" + "---|" * (len(tasks) + 2),
    ]
    for settings in rows.values():
        top = max(settings, key=lambda label: mean(settings[label]))
        for label, values in settings.items():
            name = f"**{label}**" if label == top else label
            cells = " | ".join(f"{value:.2f}" for value in [*values, mean(values)])
            lines.append(f"| {name} | {cells} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", help="of the generator and its priors, such as faces64")
    parser.add_argument("source", type=Path, help="the training set, a folder or zip file")
    parser.add_argument("--images", type=int, default=6)
    parser.add_argument("--suite", type=Path, help="by default tuning-WEIGHTS.toml")
    parser.add_argument("--out", type=Path, default=Path("runs"))
    args = parser.parse_args()
    place = args.out / f"tuning-{args.weights}"
    pictures = place / f"pictures-{args.images}"  # those of another number are not among them
    held_out(args.source, args.images, pictures)
    path = args.suite or HERE / f"tuning-{args.weights}.toml"
    suite = suite_file.read(path, registry(), {"images": (str(pictures.absolute()),)})
    bench = session.prepare(suite, place, place / "bench", registry())
    watch = session.Watch(done=lambda cell, reason: print(cell.label, reason or "", flush=True))
    command = " ".join(["python", *sys.argv])
    done = session.run(bench, registry(), session.Place(), suite.timeout, command, watch)
    for group in suite.groups:
        print(f"\n{by_group(done.lines, suite, group)}")
    print(f"Every table: {bench.out / 'table.md'}")


if __name__ == "__main__":
    main()
