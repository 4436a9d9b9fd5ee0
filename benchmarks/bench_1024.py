"""A step of a 1024×1024 StyleGAN-2 against the straightforward implementation, and its memory.

    python benchmarks/bench_1024.py

Forward and backward to the latent of a stage in the middle, random weights, the full table of
channels (512 up to 64 pixels, 32 at 1024). The alternative gives every sample a kernel of its own
and computes in float32; both give the same image (the difference is printed). They are timed in
turn, A B C A B C …, with glibc's allocator as it is and as the command line sets it, each in a
process of its own; figures are medians, ratios medians of the ratios of neighbours. Peak memory is
that of a process which does nothing else.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from invprob import tree
from invprob.config import allocator
from invprob_sgilo.stylegan2.generator import StyleGAN2
from invprob_sgilo.stylegan2.layers import Linear
from invprob_sgilo.stylegan2.network import Architecture, Block, Carry, Layer

FULL = Architecture(
    resolution=1024, z_dim=512, w_dim=512, mapping_layers=8, channel_base=32768, channel_max=512
)
ROOT = math.sqrt(2)
WAYS = ("per sample", "ours", "ours, bfloat16", "ours, recompute")


def styled(affine: Linear, weight: Tensor, w: Tensor, demodulate: bool) -> Tensor:
    """Kernels (B, outputs, inputs, k, k), one per sample."""
    kernel = weight * (1 / math.sqrt(weight[0].numel())) * affine(w)[:, None, :, None, None]
    if not demodulate:
        return kernel
    return kernel * (kernel.square().sum((2, 3, 4), keepdim=True) + 1e-8).rsqrt()


def grouped(x: Tensor, kernel: Tensor, up: bool) -> Tensor:
    """Every sample with its kernel: one convolution whose groups are the samples."""
    batch, outputs, inputs, side, _ = kernel.shape
    flat = x.reshape(1, batch * inputs, *x.shape[2:])
    if up:
        turned = kernel.transpose(1, 2).reshape(batch * inputs, outputs, side, side)
        y = F.conv_transpose2d(flat, turned, stride=2, groups=batch)
    else:
        joined = kernel.reshape(batch * outputs, inputs, side, side)
        y = F.conv2d(flat, joined, padding=side // 2, groups=batch)
    return y.reshape(batch, outputs, *y.shape[2:])


def smoothed(x: Tensor, fir: Tensor, before: int, after: int) -> Tensor:
    channels = x.shape[1]
    kernel = fir.expand(channels, 1, *fir.shape)
    return F.conv2d(F.pad(x, (before, after, before, after)), kernel, groups=channels)


def layer(net: Layer, x: Tensor, w: Tensor, noise: Tensor) -> Tensor:
    conv = net.conv
    y = grouped(x, styled(conv.affine, conv.weight, w, True), conv.up)
    if conv.up:
        y = smoothed(y, conv.fir, 1, 1)
    return F.leaky_relu(y + noise * net.strength + net.bias[:, None, None], 0.2) * ROOT


def straightforward(block: Block, x: Carry) -> Carry:
    """A block in the common way."""
    assert block.up is not None
    assert x.h is not None
    assert x.rgb is not None
    h = layer(block.up, x.h, x.w[:, 0], x.noise[0])
    h = layer(block.conv, h, x.w[:, 1], x.noise[1])
    last = block.to_rgb
    kernel = styled(last.affine, last.weight[:, :, None, None], x.w[:, 2], False)
    rgb = grouped(h, kernel, False) + last.bias[:, None, None]
    wide = x.rgb.new_zeros(len(x.rgb), rgb.shape[1], *rgb.shape[2:])
    wide[:, :, ::2, ::2] = x.rgb
    return Carry(w=x.w[:, 2:], noise=x.noise[2:], h=h, rgb=rgb + smoothed(wide, block.fir, 2, 1))


def step(image: Callable[[Carry], Tensor], x: Carry) -> Tensor:
    """The image of x, after its gradient was taken."""
    x = tree.map(lambda leaf: leaf.detach().requires_grad_(), x)
    out = image(x)
    torch.autograd.grad(out.square().sum(), tree.leaves(x))
    return out.detach()


def images(G: StyleGAN2, stage: int) -> dict[str, Callable[[Carry], Tensor]]:
    def common(x: Carry) -> Tensor:
        for block in G.blocks[stage - 1 :]:
            assert isinstance(block, Block)
            x = straightforward(block, x)
        assert x.rgb is not None
        return (x.rgb + 1) / 2

    def ours(x: Carry) -> Tensor:
        out: Tensor = G(x, start=stage)
        return out

    def with_(name: str, value: object) -> Callable[[Carry], Tensor]:
        def image(x: Carry) -> Tensor:
            before = getattr(G, name)
            setattr(G, name, value)
            try:
                return ours(x)
            finally:
                setattr(G, name, before)

        return image

    ways = (common, ours, with_("dtype", torch.bfloat16), with_("recompute", True))
    return dict(zip(WAYS, ways, strict=True))


def child(args: argparse.Namespace) -> None:
    """Time the ways of `--ways` in turn; print seconds and peak memory as JSON."""
    if args.kept:
        assert allocator.keep_freed()
    G = StyleGAN2(FULL, seed=0).eval().requires_grad_(False)
    for name, parameter in G.named_parameters():
        if name.endswith("strength"):
            parameter.fill_(0.1)
    x = G(G.sample(args.batch, torch.Generator().manual_seed(0)), stop=args.stage)
    known = images(G, args.stage)
    made = {way: step(known[way], x) for way in args.ways}
    times: dict[str, list[float]] = {way: [] for way in args.ways}
    for _ in range(args.rounds):
        for way in args.ways:
            started = time.perf_counter()
            step(known[way], x)
            times[way].append(time.perf_counter() - started)
    first = made[args.ways[0]]
    gaps = {way: float((v - first).norm() / first.norm()) for way, v in made.items()}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"times": times, "gaps": gaps, "peak": peak}))


def measured(args: argparse.Namespace, kept: bool, ways: list[str], rounds: int) -> dict[str, dict]:
    command = [sys.executable, __file__, "--child", "--rounds", str(rounds), "--ways", *ways]
    command += ["--stage", str(args.stage), "--batch", str(args.batch)]
    done = subprocess.run(
        [*command, *(["--kept"] if kept else [])], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stage", type=int, default=4, help="4: features of 16×16")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--kept", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--ways", nargs="*", default=list(WAYS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args)
        return
    print("| allocator | way | seconds | ratio | difference | peak GiB |")
    print("|---|---|---|---|---|---|")
    for kept in (False, True):
        found = measured(args, kept, list(WAYS), args.rounds)
        base = found["times"][WAYS[0]]
        for way in WAYS:
            own = found["times"][way]
            ratio = statistics.median(a / b for a, b in zip(own, base, strict=True))
            peak = measured(args, kept, [way], 1)["peak"]
            print(
                f"| {'as the command line sets it' if kept else 'as it is'} | {way}"
                f" | {statistics.median(own):.2f} | {ratio:.2f} | {found['gaps'][way]:.1e}"
                f" | {peak:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
