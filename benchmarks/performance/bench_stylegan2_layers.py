"""The convolutions of a StyleGAN-2, each by itself: what a pass could take at best.

    python benchmarks/performance/bench_stylegan2_layers.py --case faces64 --batch 8

Forward and for the gradient of the input, with weights and features laid out as our kernels have
them, in CPU time on one thread; the peak is that of a large matrix product.
"""

from __future__ import annotations

import argparse

import torch
from bench_stylegan2 import CASES, Case, layers_of, peak, taken
from torch.nn import functional as F

from invprob.config import allocator


def alone(case: Case, batch: int) -> None:
    """Each convolution by itself, forward and for the gradient of its input."""
    print("| convolution | channels | side | GFLOP | at the peak | forward | backward | of peak |")
    print("|---|---|---|---|---|---|---|---|")
    rate, last = peak(), torch.channels_last
    sums = [0.0, 0.0, 0.0]
    for kind, inputs, outputs, side in layers_of(case.arch):
        x = torch.randn(batch, inputs, side, side).to(memory_format=last)
        weight = torch.randn(outputs, inputs, 3, 3).to(memory_format=last)
        turned = weight.transpose(0, 1).contiguous(memory_format=last)
        if kind == "up":
            y = torch.randn(batch, outputs, 2 * side + 1, 2 * side + 1).to(memory_format=last)
            both = (
                lambda x=x, w=turned: F.conv_transpose2d(x, w, stride=2),
                lambda y=y, w=turned: F.conv2d(y, w, stride=2),
            )
        else:
            y = torch.randn(batch, outputs, side, side).to(memory_format=last)
            both = (
                lambda x=x, w=weight: F.conv2d(x, w, padding=1),
                lambda y=y, w=turned: F.conv2d(y, w, padding=1),
            )
        times = [min(taken(f) for _ in range(case.rounds)) for f in both]
        count = 18 * inputs * outputs * side**2 * batch
        sums = [a + b for a, b in zip(sums, (2 * count / rate, *times), strict=True)]
        print(
            f"| {kind} | {inputs} to {outputs} | {side} | {2 * count / 1e9:.2f}"
            f" | {2e3 * count / rate:.2f} | {1e3 * times[0]:.2f} | {1e3 * times[1]:.2f}"
            f" | {2 * count / rate / sum(times):.0%} |"
        )
    print(
        f"| all | | | | {1e3 * sums[0]:.1f} | {1e3 * sums[1]:.1f} | {1e3 * sums[2]:.1f}"
        f" | {sums[0] / (sums[1] + sums[2]):.0%} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", choices=CASES, default="faces64")
    parser.add_argument("--batch", type=int, default=8)
    args = parser.parse_args()
    allocator.keep_freed()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread, peak {peak() / 1e9:.0f} GFLOP/s")
    alone(CASES[args.case], args.batch)


if __name__ == "__main__":
    main()
