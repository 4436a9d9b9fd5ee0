"""`invprob train generator`: adversarial training of a StyleGAN-2 as published.

Non-saturating loss, lazy R1 and path-length regularisation, style mixing and an exponential moving
average of the weights (Karras et al., 2020, arXiv:1912.04958); adaptive discriminator augmentation
for small sets (Karras et al., 2020, arXiv:2006.06676). Every draw is a function of the seed and the
step, so a run that is stopped and resumed gives the same bits on a CPU.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from invprob import seeds
from invprob.analysis.sliced_wasserstein import sliced_wasserstein
from invprob.io import image_dataset, images
from invprob.io.checkpoint import check_training
from invprob.io.checkpoint import read as read_checkpoint
from invprob.io.checkpoint import write as write_checkpoint
from invprob.trainer import TrainingProgress
from invprob_sgilo.stylegan2.generator import StyleGAN2
from invprob_sgilo.stylegan2.network import Architecture
from invprob_sgilo.stylegan2.training.augment import Augment
from invprob_sgilo.stylegan2.training.discriminator import Discriminator
from invprob_sgilo.stylegan2.training.losses import (
    discriminator_loss,
    generator_loss,
    mixed_styles,
    path_length,
    r1_penalty,
)
from invprob_sgilo.stylegan2.training.params import GeneratorTraining

R1_EVERY = 16
PATH_EVERY = 8


class Training:
    """The two networks, their optimisers and the average, at some step; one method per update."""

    def __init__(
        self, params: GeneratorTraining, arch: Architecture, device: torch.device, data: str = ""
    ) -> None:
        self.params = params
        self.data = data
        self.device = device
        self.rank = dist.get_rank() if dist.is_initialized() else 0
        self.world = dist.get_world_size() if dist.is_initialized() else 1
        self.G = StyleGAN2(arch, params.seed, precision=params.precision).to(device)
        self.ema = StyleGAN2(arch, params.seed).to(device).eval().requires_grad_(False)
        self.D = Discriminator(arch, params.seed + 1).to(device)
        self.dtype = self.G.dtype
        self.augment = Augment(params.augment)
        self.path_mean = torch.zeros(())
        self.step = 0
        self.best = float("inf")
        # lazy regularisation: the optimiser sees fewer, larger regularising steps
        self.opt_g = _adam(self.G, params.lr, PATH_EVERY if params.path_length > 0 else None)
        self.opt_d = _adam(self.D, params.lr, R1_EVERY if params.r1 > 0 else None)

    def mean_over_processes(self, value: Tensor) -> Tensor:
        """The mean of a number over all processes, so that they stay alike."""
        if self.world > 1:
            value = value.clone()
            dist.all_reduce(value)
            value /= self.world
        return value

    def rng(self, purpose: str) -> torch.Generator:
        """The stream of this purpose, step and process."""
        return seeds.stream(self.params.seed, purpose, self.step, self.rank)

    def judge(self, image: Tensor) -> Tensor:
        """D's logits, of augmented images, in the arithmetic asked for."""
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            logits: Tensor = self.D(image)
        return logits.float()

    def update(self, data: Tensor, train: Tensor) -> dict[str, float]:
        """One step of D and G."""
        p = self.params
        rng = self.rng("data")
        picks = train[torch.randint(len(train), (p.batch,), generator=rng)]
        flips = torch.rand(p.batch, generator=rng) < (0.5 if p.flip else 0.0)
        real = image_dataset.batch(data, picks, flips).to(self.device)
        augment = self.augment.at(self.rng("augment"))

        with torch.no_grad():
            fake = self.G(mixed_styles(self.G, p.batch, p.mixing, self.rng("d")), start=1) * 2 - 1
        real_logits = self.judge(augment(real))
        loss_d = discriminator_loss(self.judge(augment(fake)), real_logits)
        if p.r1 > 0 and self.step % R1_EVERY == 0:
            with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
                loss_d = loss_d + 0.5 * p.r1 * R1_EVERY * r1_penalty(self.D, real, augment)
        self._descend(self.opt_d, self.D, loss_d)
        sign = self.mean_over_processes(real_logits.detach().sign().mean())
        self.augment.observe(float(sign), p.batch * self.world)

        self.D.requires_grad_(False)
        x = mixed_styles(self.G, p.batch, p.mixing, self.rng("g"))
        loss_g = generator_loss(self.judge(augment(self.G(x, start=1) * 2 - 1)))
        if p.path_length > 0 and self.step % PATH_EVERY == 0:
            half = mixed_styles(self.G, max(1, p.batch // 2), p.mixing, self.rng("path"))
            lengths = path_length(self.G, half, self.rng("direction"))
            length = self.mean_over_processes(lengths.mean().detach()).cpu()
            target = self.path_mean.lerp(length, 0.01)
            penalty = (lengths - target.to(lengths)).square().mean()
            loss_g = loss_g + p.path_length * PATH_EVERY * penalty
            self.path_mean = target
        self._descend(self.opt_g, self.G, loss_g)
        self.D.requires_grad_(True)

        with torch.no_grad():
            rng = seeds.stream(p.seed, "mean", self.step)
            w = self.G.mapping(self.G.draw_input(64, rng)).mean(0)
            self.G.w_mean.lerp_(w, 0.005)
        self.step += 1
        self._average()
        return {
            "loss D": float(loss_d.detach()),
            "loss G": float(loss_g.detach()),
            "sign D(real)": float(sign),
            "augment p": self.augment.p,
        }

    def _descend(
        self, optimiser: torch.optim.Optimizer, net: torch.nn.Module, loss: Tensor
    ) -> None:
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        for parameter in net.parameters():
            if parameter.grad is not None:
                parameter.grad.nan_to_num_(nan=0.0, posinf=1e5, neginf=-1e5)
                if self.world > 1:
                    dist.all_reduce(parameter.grad)
                    parameter.grad /= self.world
        optimiser.step()

    @torch.no_grad()
    def _average(self) -> None:
        shown = self.step * self.params.batch * self.world
        half_life = min(self.params.ema_kimg * 1000, 0.05 * shown)
        keep = 0.5 ** (self.params.batch * self.world / max(half_life, 1e-8))
        for mean, value in zip(self.ema.parameters(), self.G.parameters(), strict=True):
            mean.lerp_(value, 1 - keep)
        self.ema.w_mean.copy_(self.G.w_mean)

    def state(self) -> dict[str, Any]:
        """Everything a later process needs to continue with the same bits."""
        return {
            "params": self.params.model_dump(mode="json", exclude=RUNNING),
            "data": self.data,
            "G": self.G.state_dict(),
            "D": self.D.state_dict(),
            "ema": self.ema.state_dict(),
            "opt_g": self.opt_g.state_dict(),
            "opt_d": self.opt_d.state_dict(),
            "path_mean": self.path_mean,
            "augment": self.augment.state(),
            "step": self.step,
            "best": self.best,
        }

    def load(self, saved: dict[str, Any], path: Path) -> None:
        """The inverse of `state`; refuses a state of other parameters."""
        params = self.params.model_dump(mode="json", exclude=RUNNING)
        check_training(path, saved, params, self.data)
        for name in ("G", "D", "ema", "opt_g", "opt_d"):
            getattr(self, name).load_state_dict(saved[name])
        self.path_mean, self.step, self.best = saved["path_mean"], saved["step"], saved["best"]
        self.augment.load(saved["augment"])


RUNNING = {"kimg", "snapshot_kimg", "checkpoint_seconds"}


def _adam(net: torch.nn.Module, lr: float, every: int | None) -> torch.optim.Adam:
    c = every / (every + 1) if every else 1.0
    return torch.optim.Adam(net.parameters(), lr=lr * c, betas=(0.0, 0.99**c), eps=1e-8)


def train(params: GeneratorTraining, source: Path, out: Path) -> Iterator[TrainingProgress]:
    """Train on the images of `source`, a folder or zip; takes up the checkpoint in `out` if any.

    Writes ``checkpoint.pt``, ``samples-*.png``, ``generator.safetensors`` (the newest average) and
    ``best.safetensors`` (the one of least held-out sliced Wasserstein distance).
    """
    pictures = image_dataset.load(source, params.channels, params)
    data, validation = pictures.images, pictures.held_out
    if "RANK" in os.environ and not dist.is_initialized():
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    local = int(os.environ.get("LOCAL_RANK", 0))
    device = torch.device(f"cuda:{local}" if torch.cuda.is_available() else "cpu")
    arch = params.architecture(data.shape[2])
    run = Training(params, arch, device, pictures.digest)
    out.mkdir(parents=True, exist_ok=True)
    checkpoint = out / "checkpoint.pt"
    if checkpoint.is_file():
        run.load(read_checkpoint(checkpoint, ("params", "opt_d"), device), checkpoint)
    per_step = params.batch * run.world
    total = -(-params.kimg * 1000 // per_step)
    snapshot = max(1, params.snapshot_kimg * 1000 // per_step)
    saved_at = time.monotonic()
    try:
        while run.step < total:
            figures = run.update(data, pictures.train)
            picture = None
            last = run.step == total
            if (last or run.step % snapshot == 0) and run.rank == 0:
                picture, figures["SWD"] = _snapshot(run, data, validation, out)
            due = last or picture or time.monotonic() - saved_at > params.checkpoint_seconds
            if due and run.rank == 0:
                write_checkpoint(checkpoint, run.state())
                saved_at = time.monotonic()
            if picture or run.step % 10 == 0 or last:
                yield TrainingProgress(
                    run.step * per_step, total * per_step, figures, picture, "image"
                )
    except GeneratorExit:
        # the reader stops the training: nothing is lost
        if run.rank == 0:
            write_checkpoint(checkpoint, run.state())
        raise


@torch.no_grad()
def _snapshot(run: Training, data: Tensor, validation: list[int], out: Path) -> tuple[Path, float]:
    """Write samples and weights; the distance of as many samples as there are held-out images."""
    G = run.ema
    rngs = [seeds.stream("snapshot", i) for i in range(64)]
    grid = torch.cat([G(G.sample(1, rng)) for rng in rngs]).clamp(0, 1).cpu()
    kimg = run.step * run.params.batch * run.world // 1000
    picture = out / f"samples-{kimg:06d}.png"
    rows = grid.reshape(8, 8, *grid.shape[1:]).permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2)
    images.write_png(picture, rows)
    distance = float("nan")
    metadata: dict[str, object] = {"kimg": kimg, "training": run.params.model_dump(mode="json")}
    if validation:
        distance = held_out_distance(G, data[validation])
        metadata["swd"] = distance
        if distance < run.best:
            run.best = distance
            G.save(out / "best.safetensors", metadata)
    G.save(out / "generator.safetensors", metadata)
    return picture, distance


@torch.no_grad()
def held_out_distance(G: StyleGAN2, held_out: Tensor, most: int = 512) -> float:
    """Mean sliced Wasserstein distance (×10³) of samples to held-out uint8 images, or to `most` of
    them that are evenly spread."""
    count = min(most, len(held_out))
    real = held_out[torch.arange(count) * len(held_out) // count].float() / 127.5 - 1
    parts = []
    for start in range(0, len(real), 32):
        size = min(32, len(real) - start)
        parts.append(G(G.sample(size, seeds.stream("held-out", start))).clamp(0, 1) * 2 - 1)
    return sliced_wasserstein(torch.cat(parts).cpu(), real)["mean"]
