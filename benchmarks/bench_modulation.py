"""Forward and backward of the generator: one shared convolution against a kernel per sample.

    python benchmarks/bench_modulation.py --weights faces64 --batches 1 4 16

Both compute the same image (the largest difference is printed) and are timed in turn, A B A B …;
the figure is the median of the ratios of neighbours.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time

import torch
from torch import Tensor
from torch.nn import functional as F

from invprob import tree
from invprob_sgilo.stylegan2.generator import StyleGAN2
from invprob_sgilo.stylegan2.layers import ModulatedConv, filtered


def per_sample(self: ModulatedConv, x: Tensor, w: Tensor, shift: Tensor, gain: float) -> Tensor:
    """The common implementation: modulated kernels for every sample, one grouped convolution."""
    batch, channels = x.shape[:2]
    outputs = self.weight.shape[0]
    kernel = self.weight * (1 / math.sqrt(self.weight[0].numel()))
    kernel = kernel[None] * self.affine(w)[:, None, :, None, None]
    kernel = kernel * (kernel.square().sum((2, 3, 4), keepdim=True) + 1e-8).rsqrt()
    grouped = x.reshape(1, batch * channels, *x.shape[2:])
    if self.up:
        turned = kernel.transpose(1, 2).reshape(batch * channels, outputs, 3, 3)
        y = F.conv_transpose2d(grouped, turned, stride=2, groups=batch)
        y = filtered(y.reshape(batch, outputs, *y.shape[2:]), self.fir, 1)
    else:
        flat = kernel.reshape(batch * outputs, channels, 3, 3)
        y = F.conv2d(grouped, flat, padding=1, groups=batch)
        y = y.reshape(batch, outputs, *y.shape[2:])
    return gain * y + shift


def pass_through(G: StyleGAN2, batch: int, stage: int) -> Tensor:
    x = G(G.sample(batch, torch.Generator().manual_seed(0)), stop=stage)
    x = tree.map(lambda leaf: leaf.detach().requires_grad_(), x)
    image: Tensor = G(x, start=stage)
    torch.autograd.grad(image.square().sum(), tree.leaves(x))
    return image.detach()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="faces64")
    parser.add_argument("--batches", type=int, nargs="*", default=[1, 4, 16])
    parser.add_argument("--stage", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    G = StyleGAN2.pretrained(args.weights)
    ours = ModulatedConv.forward
    print("| batch | shared (ms) | per sample (ms) | ratio | largest difference |")
    print("|---|---|---|---|---|")
    for batch in args.batches:
        times: dict[str, list[float]] = {"ours": [], "theirs": []}
        images = {}
        for turn in range(args.rounds + 2):
            for name, forward in (("ours", ours), ("theirs", per_sample)):
                ModulatedConv.forward = forward  # type: ignore[method-assign]
                started = time.perf_counter()
                images[name] = pass_through(G, batch, args.stage)
                if turn >= 2:
                    times[name].append(1e3 * (time.perf_counter() - started))
        ratio = statistics.median(a / b for a, b in zip(*times.values(), strict=True))
        medians = [statistics.median(values) for values in times.values()]
        gap = float((images["ours"] - images["theirs"]).abs().max())
        print(f"| {batch} | {medians[0]:.1f} | {medians[1]:.1f} | {ratio:.2f} | {gap:.1e} |")


if __name__ == "__main__":
    main()
