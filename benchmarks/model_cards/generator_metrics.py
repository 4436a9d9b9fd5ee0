"""The figures of a generator's model card, on pictures it was not trained on.

    python benchmarks/model_cards/generator_metrics.py faces64 HELD_OUT.zip

Sliced Wasserstein distance of samples to held-out pictures, and the PSNR of inverting fully
observed pictures, evenly spread over the file, through each stage's latent: stage 0 is the input
code, stage 1 the style codes of every layer, the later ones features, image so far and remaining
codes; noise maps are part of each. Nothing is penalised: it is the generator's range that is asked.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from invprob.io import image_dataset
from invprob.latents.inversion import invert
from invprob_sgilo.stylegan2.generator import StyleGAN2
from invprob_sgilo.stylegan2.training.held_out import held_out_distance


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights")
    parser.add_argument("images")
    parser.add_argument("--limit", type=int, default=16)
    parser.add_argument("--steps", type=int, default=150)
    args = parser.parse_args()
    generator = StyleGAN2.pretrained(args.weights)
    pictures, _ = image_dataset.read(Path(args.images), generator.arch.channels)
    distance = held_out_distance(generator, pictures)
    print(f"sliced Wasserstein distance (×10³), {min(len(pictures), 512)} pictures: {distance:.2f}")
    print(f"PSNR of inversion, {args.limit} pictures, {args.steps} steps of Adam:")
    chosen = torch.arange(args.limit) * len(pictures) // args.limit
    some = pictures[chosen].float() / 255
    for stage in range(generator.depth):
        *_, last = invert(generator, some, stage, args.steps, weight=0.0)
        print(f"  stage {stage}: {float(last.psnr.mean()):.2f} dB", flush=True)


if __name__ == "__main__":
    main()
