"""The figures of a generator's model card, on pictures it was not trained on.

    python benchmarks/generator_figures.py faces64 HELD_OUT.zip --limit 32

Sliced Wasserstein distance of samples to all held-out pictures, and the PSNR of inverting fully
observed pictures through each stage's latent: stage 0 is the input code, stage 1 the style codes of
every layer, the later ones features, image so far and remaining codes; noise maps are part of each.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from invprob import weights
from invprob.experiment import Experiment
from invprob.registry import registry
from invprob.session import solve
from invprob_sgilo import image_set
from invprob_sgilo.load import BUNDLED
from invprob_sgilo.stylegan2_file import load_weights
from invprob_sgilo.train_generator import held_out_distance


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights")
    parser.add_argument("images")
    parser.add_argument("--limit", type=int, default=32)
    parser.add_argument("--steps", type=int, default=300)
    args = parser.parse_args()
    generator = load_weights(weights.locate(args.weights, BUNDLED)).eval().requires_grad_(False)
    pictures, _ = image_set.read(Path(args.images), generator.arch.channels)
    distance = held_out_distance(generator, pictures)
    print(f"sliced Wasserstein distance (×10³), {min(len(pictures), 512)} pictures: {distance:.2f}")
    print(f"PSNR of inversion, {args.limit} pictures, {args.steps} steps of Adam:")
    for stage in range(generator.depth):
        print(f"  stage {stage}: {inversion(args, stage):.2f} dB", flush=True)


def inversion(args: argparse.Namespace, stage: int) -> float:
    experiment = Experiment.parse(
        {
            "images": [args.images],
            "limit": args.limit,
            "operator": "identity",
            "noise": "none",
            "solver": f"ilo:stages={stage},steps={args.steps},truncation=0",
            "generator": f"stylegan2:weights={args.weights}",
            "prior": {"default": "l1-ball:radii=1e9"},
            "samples": 1,
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        solve(experiment, registry(), Path(folder) / "run")
        rows = json.loads((Path(folder) / "run" / "metrics.json").read_text())["images"]
    return float(sum(row["psnr_mean"] for row in rows) / len(rows))


if __name__ == "__main__":
    main()
