"""Invert pictures and learn priors of their latents on a GPU, each step one CUDA graph.

    python benchmarks/recipes/gpu_prior.py faces.zip more.zip --generator generator.safetensors \\
        --encoder encoder.safetensors --out OUT --invert 1.5 --prior 1:1.2 --prior 3:0.8

Networks and losses are those of `invprob invert` and `invprob train prior`, whose draws come from
the CPU; here random numbers are drawn where they are used. Noise maps are drawn and held, so that
codes alone show a picture, and half of the pictures are mirrored. `--prior STAGE:MINUTES` names
what is learned, all of it from the inverted style codes, and for how long.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from invprob.config import process
from invprob.io import checksums, image_dataset, tensor_files
from invprob.latents.stages import cosine_ramp
from invprob.training import average
from invprob_sgilo.score.checkpoint import Size
from invprob_sgilo.score.prior import LatentScore, matching_loss
from invprob_sgilo.stylegan2.encoder import Encoder
from invprob_sgilo.stylegan2.generator import StyleGAN2
from invprob_sgilo.stylegan2.network import Carry

HELD_OUT = 0.03
VALIDATION = 256
MOMENTS = 4096
AT_ONCE = 512
KEPT = 5000
"""How many inverted codes are written, to go on from elsewhere."""
SIZES = {
    1: Size(width=144, depth=5, heads=4, rank=256),
    3: Size(width=128, depth=4, heads=4, patch=2, rank=48),
    4: Size(width=64, depth=4, heads=4, patch=4, rank=8),
}
"""Of the network of a stage, unless `--small` asks for one to try the script with."""
SMALL = Size(width=16, depth=1, heads=2, rank=8)


def replayed(step: Callable[[], None], device: torch.device) -> Callable[[], None]:
    """A step that draws and changes only what is on the device, captured where there is a GPU."""
    if device.type != "cuda":
        return step
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


class Inverter:
    """Adam on ‖G(u) − picture‖²/2σ² + ½‖u‖² in the style codes of a batch, from the encoder's.

    Args:
        G: The generator.
        E: Its encoder of stage 1.
        batch: Pictures at once.
        sigma: The tolerance σ.
    """

    def __init__(self, G: StyleGAN2, E: Encoder, batch: int, sigma: float) -> None:
        self.G, self.E, self.sigma = G, E, sigma
        device = G.w_mean.device
        self.real = torch.zeros(batch, *G.image_shape, device=device)
        self.noise = [torch.randn(batch, *s, device=device) for s in G.arch.noise_shapes]
        self.u = torch.zeros(batch, G.codes, G.arch.w_dim, device=device)
        self.m, self.v = torch.zeros_like(self.u), torch.zeros_like(self.u)
        self.rate, self.count = torch.zeros((), device=device), torch.zeros((), device=device)
        self.error = torch.zeros(batch, device=device)
        self._replay: Callable[[], None] | None = None

    def _step(self) -> None:
        u = self.u.detach().requires_grad_()
        x = self.E.latent({"w": u}, tuple(self.noise))
        error = (self.G(x, start=1) - self.real).square().flatten(1)
        loss = error.sum() / (2 * self.sigma**2) + 0.5 * u.square().sum()
        (slope,) = torch.autograd.grad(loss, u)
        self.error.copy_(error.detach().mean(1))
        self.count.add_(1)
        self.m.lerp_(slope, 0.1)
        self.v.lerp_(slope.square(), 0.01)
        m, v = self.m / (1 - 0.9**self.count), self.v / (1 - 0.99**self.count)
        self.u.sub_(self.rate * m / (v.sqrt() + 1e-8))

    def __call__(self, pictures: Tensor, steps: int, lr: float = 0.1) -> tuple[Tensor, Tensor]:
        """The codes u of pictures (B, C, R, R), uint8, and the squared error of each."""
        real = pictures.to(self.real.device).float() / 255
        mirrored = torch.rand(len(real), 1, 1, 1, device=real.device) < 0.5
        self.real[: len(real)] = torch.where(mirrored, real.flip(3), real)
        for noise in self.noise:
            noise.normal_()
        if self._replay is None:
            self._replay = replayed(self._step, real.device)
        with torch.no_grad():
            self.u.copy_(self.E(self.real)[1]["w"])
        for moment in (self.m, self.v, self.count):
            moment.zero_()
        for step in range(1, steps + 1):
            self.rate.fill_(lr * cosine_ramp(step / steps))
            self._replay()
        return self.u[: len(real)].clone(), self.error[: len(real)].clone()


def deep(G: StyleGAN2, w: Tensor, stage: int) -> Carry:
    """The latent of a stage that style codes w (B, L, D) lead to, without noise maps left over."""
    noise = tuple(torch.randn(len(w), *s, device=w.device) for s in G.arch.noise_shapes)
    x: Carry = G(Carry(w=w, noise=noise), start=1, stop=stage)
    return Carry(w=x.w, noise=(), h=x.h, rgb=x.rgb)


@dataclass
class Learner:
    """A prior of the latents of a stage that style codes w (N, L, D) lead to."""

    G: StyleGAN2
    w: Tensor
    held_out: Tensor
    stage: int
    size: Size
    batch: int = 256
    lr: float = 1e-3
    decay: float = 0.999

    def __post_init__(self) -> None:
        device = self.w.device
        x = self._deep(self.w[:MOMENTS])
        self.net = LatentScore(x, self.size).to(device)
        self.net.fit_normalisation(self._deep(self.w) if self.stage == 1 else x)
        self.ema = LatentScore(x, self.size).to(device)
        self.ema.load_state_dict(self.net.state_dict())
        self.learned = [p for p in self.net.parameters() if p.requires_grad]
        self.rate, on_gpu = torch.zeros((), device=device), device.type == "cuda"
        self.optimiser = torch.optim.Adam(
            self.learned, self.rate, (0.9, 0.99), capturable=on_gpu, fused=on_gpu
        )
        self.keep, self.loss = torch.zeros((), device=device), torch.zeros((), device=device)
        self.steps, self.best = 0, math.inf

    @torch.no_grad()
    def _deep(self, w: Tensor) -> Carry:
        if self.stage == 1:
            return Carry(w=w, noise=())
        parts = [deep(self.G, some, self.stage) for some in w.split(AT_ONCE)]
        features, image = ([getattr(part, name) for part in parts] for name in ("h", "rgb"))
        codes = torch.cat([part.w for part in parts])
        return Carry(w=codes, noise=(), h=torch.cat(features), rgb=torch.cat(image))

    def _noise(self, x: Carry) -> Carry:
        h, rgb = (None if leaf is None else torch.randn_like(leaf) for leaf in (x.h, x.rgb))
        return Carry(w=torch.randn_like(x.w), noise=(), h=h, rgb=rgb)

    def _times(self, part: Tensor) -> Tensor:
        return self.net.t_min + (1 - self.net.t_min) * part

    def _step(self) -> None:
        device = self.w.device
        picks = (torch.rand(self.batch, device=device) * len(self.w)).long()
        x = self._deep(self.w[picks])
        part = torch.arange(self.batch, device=device) + torch.rand(self.batch, device=device)
        t = self._times(part / self.batch)
        loss = matching_loss(self.net, x, t, self._noise(x)).mean()
        self.optimiser.zero_grad(set_to_none=False)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.learned, 1.0)
        self.optimiser.step()
        average.move(self.ema, self.net, self.keep)
        self.loss.lerp_(loss.detach(), 0.02)

    @torch.no_grad()
    def validation(self) -> float:
        """The loss of the average on held-out latents, noise and times always the same."""
        torch.manual_seed(0)
        x = self._deep(self.held_out)
        part = (torch.arange(len(x.w), device=x.w.device) + 0.5) / len(x.w)
        return float(matching_loss(self.ema, x, self._times(part), self._noise(x)).mean())

    def run(self, seconds: float, save: Callable[[Learner, float], None]) -> None:
        """Train for so long; the step size falls to its end. `save` gets the best so far."""
        replay, began = replayed(self._step, self.w.device), time.monotonic()
        told = began
        while (spent := time.monotonic() - began) < seconds:
            self.steps += 1
            left = max(0.02, 1 - spent / seconds)
            self.rate.fill_(self.lr * min(1.0, self.steps / 100) * left**0.5)
            self.keep.fill_(min(self.decay, self.steps / (self.steps + 10)))
            replay()
            if self.steps % 50 == 0:
                float(self.loss)  # the queue stays short, so that the clock is right
            if time.monotonic() - told > min(20, seconds / 4):
                told = time.monotonic()
                self._tell(save)
        self._tell(save)

    def _tell(self, save: Callable[[Learner, float], None]) -> None:
        held_out = self.validation()
        print(
            f"stage {self.stage}: {self.steps} steps, loss {float(self.loss):.4f},"
            f" held out {held_out:.4f}",
            flush=True,
        )
        if held_out < self.best:
            self.best = held_out
            save(self, held_out)


def inverted(
    G: StyleGAN2, E: Encoder, pictures: Tensor, seconds: float, sigma: float, steps: int
) -> Tensor:
    """Style codes w (N, L, D) of pictures (N, C, R, R), uint8: as many as the time allows."""
    invert = Inverter(G, E, min(AT_ONCE, len(pictures)), sigma)
    began, found, before, after = time.monotonic(), [], [], []
    for some in pictures.split(AT_ONCE):
        if found and time.monotonic() - began > seconds:
            break
        before.append(invert(some, 1, lr=0.0)[1])
        u, error = invert(some, steps)
        found.append(E.latent({"w": u}, ()).w)
        after.append(error)
    codes = torch.cat(found)
    plain, fine = (float(-10 * torch.cat(e).log10().mean()) for e in (before, after))
    print(
        f"{len(codes)} pictures: encoder {plain:.2f} dB, {steps} steps {fine:.2f} dB,"
        f" {time.monotonic() - began:.0f} s",
        flush=True,
    )
    return codes


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pictures", type=Path, nargs="+", help="folders or zips of pictures")
    parser.add_argument("--generator", type=Path, required=True)
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="a folder for what is found")
    parser.add_argument("--invert", type=float, default=1.5, help="minutes of inversion (1.5)")
    parser.add_argument("--prior", action="append", default=[], metavar="STAGE:MINUTES")
    parser.add_argument("--steps", type=int, default=30, help="steps of an inversion (30)")
    parser.add_argument("--sigma", type=float, default=0.05, help="its tolerance (0.05)")
    parser.add_argument("--batch", type=int, default=256, help="latents per step (256)")
    parser.add_argument("--small", action="store_true", help="small networks, to try the script")
    args = parser.parse_args(argv)
    process.prepare()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.benchmark = True
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    precision = "bfloat16" if device.type == "cuda" else "float32"
    G = StyleGAN2.pretrained(args.generator, precision=precision).to(device)
    E = Encoder.of(G.arch, args.encoder, 1, args.generator).to(device)
    args.out.mkdir(parents=True, exist_ok=True)
    read = [image_dataset.read(source, G.arch.channels) for source in args.pictures]
    pictures, names = torch.cat([found for found, _ in read]), [n for _, ns in read for n in ns]
    train, held_out = image_dataset.split(image_dataset.below_common_folder(names), HELD_OUT)
    order = torch.tensor(train)[torch.randperm(len(train))]
    w_held_out = inverted(G, E, pictures[held_out[:VALIDATION]], math.inf, args.sigma, args.steps)
    w = inverted(G, E, pictures[order], 60 * args.invert, args.sigma, args.steps)
    for i, some in enumerate(w[:KEPT].half().cpu().split(2500)):
        tensor_files.write(args.out / f"codes-{i}.safetensors", {"w": some}, {"names": "mirrored"})

    def save(learner: Learner, held_out: float) -> None:
        about = {
            "generator_sha256": checksums.sha256(args.generator),
            "training": {"latents": len(w), "batch": args.batch, "steps": learner.steps},
            "figures": {"held-out loss": held_out},
        }
        learner.ema.save(args.out / f"prior-{learner.stage}.safetensors", learner.stage, about)

    for stage, minutes in (text.split(":") for text in args.prior):
        size = SMALL if args.small else SIZES[int(stage)]
        learner = Learner(G, w, w_held_out, int(stage), size, args.batch)
        learner.run(60 * float(minutes), save)


if __name__ == "__main__":
    main()
