"""Train a StyleGAN-2 with an encoder on a GPU, every step one CUDA graph.

    python benchmarks/recipes/gpu_generator.py faces.zip --out OUT --minutes 9

The networks and losses are those of `invprob train generator --set reconstruction=…`, whose steps
are thousands of small kernels: a GPU waits for Python most of the time. Here a step, all its random
numbers included, is captured once and replayed (on a CPU it is computed as it stands, to try the
script). Weights go to OUT every minute. Unlike `invprob train` it cannot go on where it stopped.
With `--more FOLDER` it takes up zip files that appear there, such as those of `render_faces.py`.
"""

from __future__ import annotations

import argparse
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from invprob.config import process
from invprob.io import image_dataset
from invprob.training import average
from invprob_sgilo.stylegan2.network import Carry
from invprob_sgilo.stylegan2.training.losses import (
    discriminator_loss,
    generator_loss,
    r1_penalty,
)
from invprob_sgilo.stylegan2.training.params import GeneratorTraining
from invprob_sgilo.stylegan2.training.reconstruction import RAMP
from invprob_sgilo.stylegan2.training.train import R1_EVERY, Training

SETTINGS: dict[str, Any] = {
    "channel_base": 3072,
    "channel_max": 192,
    "z_dim": 256,
    "w_dim": 256,
    "batch": 128,
    "path_length": 0,
    "reconstruction": 60,
    "encoded_stage": 1,
    "ema_kimg": 20,
    "held_out": 0.04,
}
"""What differs from the defaults of `invprob train generator`."""


CAPACITY = 65_536
"""The most pictures that are learned from."""
FALLING = 0.3
"""The last share of the time, in which step sizes fall to a tenth."""
LOOK = 1.0
"""Seconds after which zip files are looked for again."""


class Steps:
    """The step of a training whose random numbers are drawn where it computes.

    Args:
        training: The networks, and what they learn from.
    """

    def __init__(self, training: Training) -> None:
        assert training.reconstruction is not None
        self.t, self.p, self.device = training, training.params, training.device
        self.G, self.D, self.R = training.G, training.D, training.reconstruction
        shown = training.pictures.images[training.pictures.train]
        self.images = torch.zeros(CAPACITY, *shown.shape[1:], dtype=torch.uint8, device=self.device)
        self.count = torch.zeros((), device=self.device)
        self.add(shown)
        self.rates: list[tuple[Tensor, float]] = []
        self.optimisers = {
            "G": self._adam(self.G, 1.0),
            "D": self._adam(self.D, R1_EVERY / (R1_EVERY + 1)),
            "E": self._adam(self.R.E, 1.0),
        }
        self.weight = torch.zeros((), device=self.device)
        self.keep = torch.zeros((), device=self.device)
        self.figures = torch.zeros(5, device=self.device)

    def _adam(self, net: nn.Module, c: float) -> torch.optim.Adam:
        """Adam; lazy regularisation shows it fewer, larger regularising steps."""
        betas, on_gpu = (0.0, 0.99**c), self.device.type == "cuda"
        rate = torch.tensor(self.p.lr * c, device=self.device)
        self.rates.append((rate, float(rate)))
        return torch.optim.Adam(
            net.parameters(), rate, betas, eps=1e-8, capturable=on_gpu, fused=on_gpu
        )

    def add(self, pictures: Tensor) -> None:
        """Learn from more pictures (N, C, R, R), uint8."""
        known = int(self.count)
        pictures = pictures[: len(self.images) - known]
        self.images[known : known + len(pictures)] = pictures.to(self.device)
        self.count.fill_(known + len(pictures))

    def _noise(self, count: int) -> tuple[Tensor, ...]:
        shapes = self.G.arch.noise_shapes
        return tuple(torch.randn(count, *shape, device=self.device) for shape in shapes)

    def _styles(self) -> Carry:
        """Style codes of fresh inputs, most of them crossed over to a second input's."""
        count, device, codes = self.p.batch, self.device, self.G.codes
        first, second = (
            self.G.mapping(torch.randn(count, self.G.arch.z_dim, device=device))[:, None]
            for _ in range(2)
        )
        crossing = torch.randint(1, codes, (count,), device=device)
        crossing = crossing.masked_fill(torch.rand(count, device=device) >= self.p.mixing, codes)
        keep = torch.arange(codes, device=device)[None] < crossing[:, None]
        return Carry(w=torch.where(keep[..., None], first, second), noise=self._noise(count))

    def _real(self) -> Tensor:
        picks = (torch.rand(self.p.batch, device=self.device) * self.count).long()
        real = self.images[picks].float() / 127.5 - 1
        mirrored = torch.rand(self.p.batch, 1, 1, 1, device=self.device) < (0.5 * self.p.flip)
        return torch.where(mirrored, real.flip(3), real)

    def _reduced(self) -> torch.autocast:
        kind, dtype = self.device.type, self.G.dtype
        return torch.autocast(kind, dtype, enabled=dtype != torch.float32, cache_enabled=False)

    def _judge(self, image: Tensor) -> Tensor:
        with self._reduced():
            logits: Tensor = self.D(image)
        return logits.float()

    def _descend(self, loss: Tensor, *names: str) -> None:
        optimisers = [self.optimisers[name] for name in names]
        for optimiser in optimisers:
            optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        for optimiser in optimisers:
            for parameter in optimiser.param_groups[0]["params"]:
                if parameter.grad is not None:
                    parameter.grad.nan_to_num_(nan=0.0, posinf=1e5, neginf=-1e5)
            optimiser.step()

    @torch.no_grad()
    def _average(self) -> None:
        for mean, net in ((self.t.ema, self.G), (self.R.ema, self.R.E)):
            average.move(mean, net, self.keep)
        for unit, newest in zip(self.R.ema.buffers(), self.R.E.buffers(), strict=True):
            unit.copy_(newest)

    def begin(self, left: float) -> None:
        """Set what changes from step to step: the weight of pictures, what an average keeps.

        Args:
            left: The share of the time that is left; step sizes fall in the last of it.
        """
        t, p = self.t, self.p
        for rate, first in self.rates:
            rate.fill_(first * min(1.0, max(0.1, left / FALLING)))
        self.weight.fill_(p.reconstruction * min(1.0, (t.step + 1) / RAMP))
        self.keep.fill_(average.kept(p.batch, (t.step + 1) * p.batch, p.ema_kimg))

    def step(self, regularised: bool) -> None:
        """A step of D, then of G and its encoder; figures are left in `figures`."""
        real = self._real()
        with torch.no_grad():
            x = self._styles()
            fake = self.G(x, start=1) * 2 - 1
            self.R.E.follow(self.G(x, start=1, stop=self.R.stage), 0.002)
            self.G.w_mean.lerp_(x.w[:, 0].mean(0), 0.005)
            self.t.ema.w_mean.copy_(self.G.w_mean)
        real_logits = self._judge(real)
        loss_d = discriminator_loss(self._judge(fake), real_logits)
        penalty = loss_d
        if regularised:
            with self._reduced():
                r1 = r1_penalty(self.D, real, nn.Identity())
            penalty = loss_d + 0.5 * self.p.r1 * R1_EVERY * r1
        self._descend(penalty, "D")

        self.D.requires_grad_(False)
        loss_g = generator_loss(self._judge(self.G(self._styles(), start=1) * 2 - 1))
        loss, through_z, through_stage = self.R.errors(real, self._noise(len(real)))
        self._descend(loss_g + self.weight * loss, "G", "E")
        self.D.requires_grad_(True)
        self._average()
        parts = (loss_d, loss_g, real_logits.sign().mean(), through_z, through_stage)
        self.figures.copy_(torch.stack([part.detach() for part in parts]))

    def captured(self) -> tuple[Callable[[], None], Callable[[], None]]:
        """What makes a step, without and with the penalty."""
        if self.device.type != "cuda":
            return (lambda: self.step(False)), (lambda: self.step(True))
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for regularised in (False, True, False, True, False):
                self.step(regularised)
        torch.cuda.current_stream().wait_stream(side)
        graphs = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
        for graph, regularised in zip(graphs, (False, True), strict=True):
            with torch.cuda.graph(graph):
                self.step(regularised)
        return graphs[0].replay, graphs[1].replay


class Arriving:
    """Pictures of zip files that another process writes into a folder, read beside the training.

    Args:
        folder: The folder, which may not be there yet.
        channels: 1 or 3.
    """

    def __init__(self, folder: Path, channels: int) -> None:
        self.folder, self.channels = folder, channels
        self.seen: set[Path] = set()
        self.reader = ThreadPoolExecutor(1)
        self.reading: Future[Tensor] | None = None

    def _read(self, path: Path) -> Tensor:
        return image_dataset.read(path, self.channels)[0]

    def take(self) -> Tensor | None:
        """The pictures of one more file, if they have been read."""
        found = None
        if self.reading is not None and self.reading.done():
            found, self.reading = self.reading.result(), None
        # a file that is being written has no directory at its end yet
        new = (p for p in sorted(self.folder.glob("*.zip")) if p not in self.seen)
        if self.reading is None and (path := next(filter(zipfile.is_zipfile, new), None)):
            self.seen.add(path)
            self.reading = self.reader.submit(self._read, path)
        return found


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    began = time.monotonic()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pictures", type=Path, help="a folder or zip of square pictures")
    parser.add_argument("--out", type=Path, required=True, help="a folder for the weights")
    parser.add_argument("--minutes", type=float, default=9.0, help="all minutes there are (9)")
    parser.add_argument("--more", type=Path, help="a folder where zip files of pictures arrive")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    args = parser.parse_args(argv)
    deadline = began + 60 * args.minutes
    process.prepare()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.benchmark = True
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    asked = dict(pair.split("=", 1) for pair in args.set)
    params = GeneratorTraining.parse({**SETTINGS, **asked}, "generator")
    args.out.mkdir(parents=True, exist_ok=True)
    pictures = image_dataset.load(args.pictures, params.channels, params)
    print(f"{len(pictures.train)} pictures, {time.monotonic() - began:.0f} s", flush=True)
    training = Training(params, pictures, args.out, device)
    steps = Steps(training)
    plain, regularised = steps.captured()
    print(f"captured, {time.monotonic() - began:.0f} s", flush=True)
    arriving = Arriving(args.more, params.channels) if args.more else None
    told = first = looked = time.monotonic()
    while time.monotonic() < deadline:
        if arriving and time.monotonic() - looked > LOOK:
            looked = time.monotonic()
            if (more := arriving.take()) is not None:
                steps.add(more)
        steps.begin((deadline - time.monotonic()) / (deadline - first))
        (regularised if training.step % R1_EVERY == 0 else plain)()
        training.step += 1
        if time.monotonic() - told > min(60, 10 * args.minutes):
            shown, told = training.step * params.batch, time.monotonic()
            figures: dict[str, float] = {}
            training.snapshot(figures)
            loss_d, loss_g, sign, z, stage = steps.figures.tolist()
            print(
                f"{shown} images of {int(steps.count)}, {shown / (told - first):.0f} a second,"
                f" D {loss_d:.2f}, G {loss_g:.2f}, sign {sign:.2f}, z {z:.5f}, stage {stage:.5f},"
                f" SWD {figures['SWD']:.2f}, snapshot {time.monotonic() - told:.1f} s",
                flush=True,
            )
    training.snapshot({})
    print(f"{training.step * params.batch} images", flush=True)


if __name__ == "__main__":
    main()
