"""torch.compile of the synthesis blocks against the plain generator, in turn, on the same latents.

    python benchmarks/bench_compile.py

Forward and backward from stage 3 of faces64. The first call compiles, for minutes on a CPU.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from torch import Tensor

from invprob import tree
from invprob_sgilo.stylegan2.generator import StyleGAN2

STAGE = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    plain, compiled = (StyleGAN2.pretrained(compile=c) for c in (False, True))
    x = plain(plain.sample(args.batch, torch.Generator().manual_seed(0)), stop=STAGE)

    def seconds(G: StyleGAN2) -> tuple[float, Tensor]:
        leaf = tree.map(lambda v: v.detach().requires_grad_(), x)
        started = time.perf_counter()
        image = G(leaf, start=STAGE)
        torch.autograd.grad(image.square().sum(), tree.leaves(leaf))
        return time.perf_counter() - started, image.detach()

    first, image = seconds(compiled)
    gap = float((image - seconds(plain)[1]).abs().max())
    pairs = [(seconds(compiled)[0], seconds(plain)[0]) for _ in range(args.rounds)]
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"compiled / plain, batch {args.batch}: {ratio:.2f}; first call {first:.0f} s;")
    print(f"largest difference of the images: {gap:.1e}")


if __name__ == "__main__":
    main()
