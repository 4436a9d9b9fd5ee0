"""The figures of a pixel diffusion's model card, on pictures it was not trained on.

    python benchmarks/diffusion_figures.py faces64-ddpm HELD_OUT.zip

Sliced Wasserstein distance of ancestral samples to held-out pictures, as many of each, and the
PSNR of denoising held-out pictures at some noise levels.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from invprob import seeds
from invprob.analysis import metrics
from invprob.analysis.sliced_wasserstein import sliced_wasserstein
from invprob.diffusion import samplers
from invprob.diffusion.params import SamplerParams
from invprob.diffusion.samplers import rows
from invprob.io import image_dataset
from invprob_dps.params import PixelDiffusionParams
from invprob_dps.prior import PixelDiffusion

BATCH = 50


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights")
    parser.add_argument("images")
    parser.add_argument("--limit", type=int, default=500)
    parser.add_argument("--steps", type=int, default=100)
    args = parser.parse_args()
    params = PixelDiffusionParams(weights=args.weights, precision="bfloat16")
    model = PixelDiffusion.from_params(params, None, 0).eval().requires_grad_(False)
    pictures, _ = image_dataset.read(Path(args.images), model.image_shape[0])
    count = min(args.limit, len(pictures))
    real = pictures[torch.arange(count) * len(pictures) // count].float() / 255
    for t in (0.1, 0.3, 0.5):
        u = model.normalise(real)
        noise = seeds.normal_like(u, range(count), "figures")
        found = [
            model.restore(model.denoise(model.noised(a, rows(t, a), e), rows(t, a)))
            for a, e in zip(u.split(BATCH), noise.split(BATCH), strict=True)
        ]
        alpha, sigma = model.schedule(torch.tensor([t]))
        level = float(sigma / alpha) / 2
        psnr = float(metrics.psnr(torch.cat(found), real).mean())
        print(f"denoised from noise of {level:.2f} (images in [0, 1]): {psnr:.2f} dB", flush=True)
    made = []
    like = torch.zeros(1, *model.image_shape)
    for first in range(0, count, BATCH):
        keys = [seeds.key("held-out", i) for i in range(first, min(first + BATCH, count))]
        start = samplers.cold(model, like, keys)
        u = samplers.reverse(model, start, keys, SamplerParams(steps=args.steps))
        made.append(model.restore(u).clamp(0, 1))
    distance = sliced_wasserstein(torch.cat(made) * 2 - 1, real * 2 - 1)["mean"]
    print(
        f"sliced Wasserstein distance (×10³), {count} pictures, {args.steps} ancestral steps:"
        f" {distance:.2f}"
    )


if __name__ == "__main__":
    main()
