"""StyleGAN-2, forward and backward from the latent after stage 3: ours, our kernels, and peers.

    python benchmarks/performance/bench_stylegan2.py --nvlabs ../stylegan2-ada-pytorch

The peers are checkouts of NVlabs/stylegan2-ada-pytorch and rosinality/stylegan2-pytorch, neither of
which comes with invprob. They get our weights, and the largest differences of the image and of the
gradients are printed. All are timed in turn on one thread, in CPU time: A B C, A B C, …; a ratio
is the median over rounds. The peak is that of a large matrix product in this process.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.config import allocator
from invprob_sgilo.stylegan2 import network
from invprob_sgilo.stylegan2.generator import StyleGAN2
from invprob_sgilo.stylegan2.network import Architecture, Block, Carry

STAGE = 3
SIDE = 1536


@dataclass(frozen=True)
class Case:
    """A network, the batches to time it with, and how often."""

    resolution: int
    base: int
    widest: int
    batches: tuple[int, ...]
    rounds: int

    @property
    def arch(self) -> Architecture:
        wide = {"channel_base": self.base, "channel_max": self.widest}
        return Architecture(resolution=self.resolution, **wide)


CASES = {
    "faces64": Case(64, 2048, 128, (1, 4, 8), 40),
    "64-128": Case(64, 4096, 128, (1, 4, 8), 20),
    "64-512": Case(64, 32768, 512, (1, 4), 5),
    "256": Case(256, 16384, 512, (1,), 4),
    "1024": Case(1024, 32768, 512, (1,), 2),
}

Pass = Callable[[Carry], Tensor]


def network_of(arch: Architecture) -> StyleGAN2:
    G = StyleGAN2(arch).eval().requires_grad_(False)
    rng = seeds.stream("strengths")
    for name, parameter in G.named_parameters():
        if name.endswith(("strength", "bias")):
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=rng))
    return G


def ours(G: StyleGAN2) -> Pass:
    return lambda x: 2 * G(x, start=STAGE) - 1


def nvlabs(G: StyleGAN2, fused: bool) -> Pass:
    """Their blocks; noise maps stand where they keep fixed ones."""
    from training.networks import SynthesisBlock  # type: ignore[import-not-found]

    def copied(block: Block) -> Any:
        assert block.up is not None
        outputs, inputs = block.up.conv.weight.shape[:2]
        side = G.arch.resolutions[list(G.blocks).index(block)]
        theirs = SynthesisBlock(inputs, outputs, G.arch.w_dim, side, G.arch.channels, is_last=True)
        for mine, layer in ((block.up, theirs.conv0), (block.conv, theirs.conv1)):
            layer.weight.data.copy_(mine.conv.weight)
            layer.bias.data.copy_(mine.bias)
            layer.noise_strength.data.copy_(mine.strength)
            layer.affine.load_state_dict(mine.conv.affine.state_dict())
            del layer.noise_const
        theirs.torgb.weight.data.copy_(block.to_rgb.weight[:, :, None, None])
        theirs.torgb.bias.data.copy_(block.to_rgb.bias)
        theirs.torgb.affine.load_state_dict(block.to_rgb.affine.state_dict())
        return theirs.eval().requires_grad_(False)

    blocks = [copied(block) for block in list(G.blocks)[STAGE - 1 :]]

    def image(x: Carry) -> Tensor:
        h, rgb = x.h, x.rgb
        for i, block in enumerate(blocks):
            block.conv0.noise_const, block.conv1.noise_const = x.noise[2 * i : 2 * i + 2]
            codes = x.w[:, 2 * i : 2 * i + 3]
            h, rgb = block(h, rgb, codes, fused_modconv=fused, noise_mode="const")
        assert rgb is not None
        return rgb

    return image


def rosinality(G: StyleGAN2, fused: bool) -> Pass:
    """Their layers; their extensions for CUDA are not built."""
    from torch.utils import cpp_extension

    cpp_extension.load = lambda *args, **kwargs: None
    from model import StyledConv, ToRGB  # type: ignore[import-not-found]

    def copied(block: Block) -> tuple[Any, Any, Any]:
        assert block.up is not None
        outputs, inputs = block.up.conv.weight.shape[:2]
        made = (
            StyledConv(inputs, outputs, 3, G.arch.w_dim, upsample=True),
            StyledConv(outputs, outputs, 3, G.arch.w_dim),
            ToRGB(outputs, G.arch.w_dim),
        )
        for mine, theirs in ((block.up, made[0]), (block.conv, made[1])):
            theirs.conv.weight.data.copy_(mine.conv.weight[None])
            theirs.conv.modulation.load_state_dict(mine.conv.affine.state_dict())
            theirs.noise.weight.data.fill_(float(mine.strength))
            theirs.activate.bias.data.copy_(mine.bias)
        made[2].conv.weight.data.copy_(block.to_rgb.weight[None, :, :, None, None])
        made[2].conv.modulation.load_state_dict(block.to_rgb.affine.state_dict())
        made[2].bias.data.copy_(block.to_rgb.bias[None, :, None, None])
        for layer in made:
            layer.eval().requires_grad_(False)
            layer.conv.fused = fused
        return made

    layers = [copied(block) for block in list(G.blocks)[STAGE - 1 :]]

    def image(x: Carry) -> Tensor:
        h, rgb = x.h, x.rgb
        for i, (up, conv, to_rgb) in enumerate(layers):
            h = up(h, x.w[:, 2 * i], noise=x.noise[2 * i])
            h = conv(h, x.w[:, 2 * i + 1], noise=x.noise[2 * i + 1])
            rgb = to_rgb(h, x.w[:, 2 * i + 2], rgb)
        assert rgb is not None
        return rgb

    return image


def passed(image_of: Pass, x: Carry) -> tuple[float, list[Tensor]]:
    """CPU seconds of a pass; the image and the gradients of all leaves."""
    leaf = tree.map(lambda v: v.detach().requires_grad_(), x)
    started = time.process_time()
    image = image_of(leaf)
    slopes = torch.autograd.grad(image.square().sum(), tree.leaves(leaf))
    return time.process_time() - started, [image.detach(), *slopes]


def peak() -> float:
    """The rate of a large matrix product, in operations per second; the highest of a few."""
    a, b = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)
    return 2 * SIDE**3 / min(taken(lambda: torch.mm(a, b)) for _ in range(3))


def taken(f: Callable[[], object]) -> float:
    started = time.process_time()
    f()
    return time.process_time() - started


def layers_of(arch: Architecture) -> list[tuple[str, int, int, int]]:
    """What a pass computes: the kind of a convolution, its inputs, outputs and input's side."""
    found = []
    for side in arch.resolutions[STAGE - 1 :]:
        inputs, outputs = arch.width(side // 2), arch.width(side)
        found += [("up", inputs, outputs, side // 2), ("3x3", outputs, outputs, side)]
    return found


def work(arch: Architecture, batch: int) -> float:
    """Operations of the convolutions, forward and backward."""
    return sum(2 * 18 * i * o * side**2 * batch for _, i, o, side in layers_of(arch))


def compare(
    name: str, case: Case, rounds: int | None, peers: dict[str, Callable[[StyleGAN2], Pass]]
) -> None:
    plain, fast = network_of(case.arch), network_of(case.arch)
    passes = {"ours": ours(plain)}
    if network.use_kernels(fast.blocks, "auto") == {"kernels": "compiled"}:
        passes["kernels"] = ours(fast)
    passes |= {peer: make(plain) for peer, make in peers.items()}
    for batch in case.batches:
        x = plain(plain.sample(batch, torch.Generator().manual_seed(0)), stop=STAGE)
        seconds: dict[str, list[float]] = {key: [] for key in passes}
        gaps = {}
        for key, image_of in passes.items():
            expected, found = passed(passes["ours"], x)[1], passed(image_of, x)[1]
            pairs = zip(found, expected, strict=True)
            gaps[key] = max(float((a - b).norm() / b.norm()) for a, b in pairs)
        rates = []
        for _ in range(rounds or case.rounds):
            rates.append(peak())
            for key, image_of in passes.items():
                seconds[key].append(passed(image_of, x)[0])
        best = max(rates)
        for key, values in seconds.items():
            ratio = statistics.median(a / b for a, b in zip(values, seconds["ours"], strict=True))
            share = work(case.arch, batch) / min(values) / best
            middle = 1e3 * statistics.median(values)
            print(
                f"| {name} | {batch} | {key} | {1e3 * min(values):.1f} | {middle:.1f}"
                f" | {ratio:.2f} | {share:.0%} | {gaps[key]:.0e} |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nvlabs", type=Path)
    parser.add_argument("--rosinality", type=Path)
    parser.add_argument("--cases", nargs="*", choices=CASES, default=["faces64"])
    parser.add_argument("--rounds", type=int, help="instead of some for each case")
    parser.add_argument("--fused", action="store_true", help="time the peers' fused form as well")
    args = parser.parse_args()
    allocator.keep_freed()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread, peak {peak() / 1e9:.0f} GFLOP/s")
    peers: dict[str, Callable[[StyleGAN2], Pass]] = {}
    for name, path, make in (
        ("nvlabs", args.nvlabs, nvlabs),
        ("rosinality", args.rosinality, rosinality),
    ):
        if path is not None:
            sys.path.insert(0, str(path))
            peers[name] = lambda G, make=make: make(G, False)
            if args.fused:
                peers[f"{name} fused"] = lambda G, make=make: make(G, True)
    print("| network | batch | | ms min | median | of ours | of the peak | difference |")
    print("|---|---|---|---|---|---|---|---|")
    for name in args.cases:
        compare(name, CASES[name], args.rounds, peers)


if __name__ == "__main__":
    main()
