"""The figures of a denoiser's model card, on photographs it was not trained on.

    python benchmarks/model_cards/denoiser_metrics.py photo photos-test.zip

Mean PSNR in dB, by what names of pictures begin with (kodak_1, kodak_2, …), at the noise levels of
the literature, 15, 25 and 50 of 255; noise is not clipped. CPU seconds per megapixel are those of
this process.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from pathlib import Path

import torch
from torch import Tensor

from invprob import seeds
from invprob.analysis import metrics
from invprob.io import images
from invprob_pnp import Photo
from invprob_pnp.denoiser.train import LEVELS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights")
    parser.add_argument("images")
    args = parser.parse_args()
    prior = Photo.pretrained(args.weights)
    found: dict[tuple[str, int], list[float]] = defaultdict(list)
    seconds, pixels = 0.0, 0
    for file in images.gather([Path(args.images)]):
        x = file.read(3)[None]
        group = file.name.rpartition("_")[0] or "others"
        for level in LEVELS:
            began = time.process_time()
            clean = denoised(prior, x, level / 255, file.name)
            seconds += time.process_time() - began
            pixels += x.shape[2] * x.shape[3]
            found[group, level].append(float(metrics.psnr(clean.clamp(0, 1), x)))
    for (group, level), values in sorted(found.items()):
        print(
            f"{group}, noise {level}: {sum(values) / len(values):.2f} dB ({len(values)} pictures)"
        )
    print(f"{seconds / pixels * 1e6:.2f} CPU seconds per megapixel")


@torch.no_grad()
def denoised(prior: Photo, x: Tensor, sigma: float, name: str) -> Tensor:
    """The prior's answer to x with noise; the stream of the noise is that of the picture's name."""
    noise = torch.randn(x.shape, generator=seeds.stream("denoiser metrics", name))
    return prior.network(x + sigma * noise, torch.tensor([sigma]))


if __name__ == "__main__":
    main()
