"""`invprob train denoiser`: least squares on noisy crops of photographs, at all noise levels.

The loss is ‖F − F*‖² of the preconditioned network, which is ‖D − x‖² (σ² + s²)/(σ s)² (Karras et
al., 2022, arXiv:2206.00364); noise levels are log-uniform, one in each of `batch` equal parts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from invprob import paths, seeds
from invprob.errors import BadParams
from invprob.io import image_dataset
from invprob.io.image_dataset import TrainingSet
from invprob.trainer import TrainingProgress
from invprob.training import average
from invprob.training.pictures import run as on_pictures
from invprob_pnp.denoiser.file import save
from invprob_pnp.denoiser.network import SPREAD, Network, Size
from invprob_pnp.params import DenoiserTraining

LEVELS = (15, 25, 50)
"""Noise levels of the figures, in units of [0, 255], as in the literature."""


class Training:
    """The network, its average and the optimiser at some step.

    Args:
        params: The parameters.
        pictures: The tiles, and which of them to learn from.
        out: Where weights go.
        device: Where to compute.
    """

    def __init__(
        self, params: DenoiserTraining, pictures: TrainingSet, out: Path, device: torch.device
    ) -> None:
        self.params, self.pictures, self.out, self.device = params, pictures, out, device
        self.running = average.Running()
        p = params
        self.steps = p.steps(p.batch)
        size = Size(p.colors, p.patch, p.channels, p.blocks)
        with torch.random.fork_rng([]):
            torch.manual_seed(p.seed)
            self.network = Network(size)
        self.ema = Network(size).eval().requires_grad_(False)
        self.ema.load_state_dict(self.network.state_dict())
        for network in (self.network, self.ema):
            network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=p.lr, betas=(0.9, 0.99))
        self.step = 0

    def update(self) -> dict[str, float]:
        """Take one step on a batch of crops; the loss."""
        p = self.params
        for group in self.optimiser.param_groups:
            group["lr"] = p.lr * self._rate()
        x, sigma, noise = (v.to(self.device) for v in self._batch())
        with self._arithmetic():
            found = self.network(x + sigma[:, None, None, None] * noise, sigma)
        loss = (weight(sigma) * (found - x).square().mean((1, 2, 3))).mean()
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        average.follow(self.ema, self.network, p.ema, self.step)
        return {"loss": self.running(loss)}

    def _arithmetic(self) -> torch.autocast:
        narrow = self.params.precision == "bfloat16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=narrow)

    def _rate(self) -> float:
        """Linear warm-up, then constant, then linear to 0."""
        p = self.params
        falling = 1.0 if p.decay == 0 else (1 - self.step / self.steps) / p.decay
        return min(1.0, (self.step + 1) / p.warmup, max(0.01, falling))

    def _batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """Crops (B, C, R, R) in [0, 1], turned and mirrored; their noise levels; their noise."""
        p = self.params
        rng = seeds.stream(p.seed, "data", self.step)
        train, images = self.pictures.train, self.pictures.images
        picks = train[torch.randint(len(train), (p.batch,), generator=rng)]
        side = images.shape[2] - p.tile + 1
        corners = torch.randint(side, (p.batch, 2), generator=rng).tolist()
        turns = torch.randint(8, (p.batch,), generator=rng).tolist()
        crops = []
        for pick, (top, left), turn in zip(picks.tolist(), corners, turns, strict=True):
            crop = images[pick, :, top : top + p.tile, left : left + p.tile]
            crop = crop.rot90(turn % 4, (1, 2))
            crops.append(crop.flip(2) if turn >= 4 else crop)
        x = torch.stack(crops).float() / 255
        part = (torch.arange(p.batch) + torch.rand(p.batch, generator=rng)) / p.batch
        return x, p.least ** (1 - part), torch.randn(x.shape, generator=rng)

    @torch.no_grad()
    def snapshot(self, figures: dict[str, float]) -> None:
        """Write the averaged weights; the PSNR on held-out tiles in dB, by noise level."""
        p = self.params
        kimg = self.step * p.batch // 1000
        psnr: dict[str, float] = {}
        if self.pictures.held_out:
            psnr = {f"PSNR at {level}": self._psnr(level) for level in LEVELS}
            figures |= psnr
        about = {"training": p.model_dump(mode="json"), "kimg": kimg, "figures": psnr}
        save(self.out / "denoiser.safetensors", self.ema, p.least, about)

    def _psnr(self, level: int) -> float:
        """The mean PSNR of the average's answers on held-out tiles, with the same noise always."""
        found, held_out = [], self.pictures.held_out
        for index in held_out[:: max(1, len(held_out) // 32)]:
            x = self.pictures.images[index][None].float() / 255
            noise = torch.randn(x.shape, generator=seeds.stream("held-out", index))
            sigma = torch.tensor([level / 255])
            clean = self.ema((x + sigma * noise).to(self.device), sigma.to(self.device)).cpu()
            found.append(-10 * math.log10(float((clean - x).square().mean())))
        return sum(found) / len(found)

    def state(self) -> dict[str, Any]:
        """Everything a later process needs to go on with the same bits."""
        return {
            "network": self.network.state_dict(),
            "ema": self.ema.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def load(self, saved: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self.network.load_state_dict(saved["network"])
        self.ema.load_state_dict(saved["ema"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.running = average.Running(saved["figures"].get("loss"))


def weight(sigma: Tensor) -> Tensor:
    """Weigh squared errors of D so that all noise levels count alike.

    Args:
        sigma: Noise levels in units of [0, 1], (B,).

    Returns:
        (σ² + s²)/(σ s)², (B,).
    """
    return (sigma**2 + SPREAD**2) / (sigma * SPREAD) ** 2


def train(params: DenoiserTraining, source: Path, out: Path) -> Iterator[TrainingProgress]:
    """Train on the tiles of `source`, a folder or zip; goes on from the checkpoint in `out`.

    Args:
        params: The parameters.
        source: A folder or zip of square pictures of one size.
        out: Where ``checkpoint.pt`` and ``denoiser.safetensors`` (averaged, float16) go.

    Yields:
        A record now and then.

    Raises:
        BadInput: If the pictures do not fit, or the checkpoint is of another training.
        BadParams: If the network does not fit the crops.
    """
    if len(params.channels) != len(params.blocks):
        raise BadParams(
            f"channels={params.channels} and blocks={params.blocks} differ in length",
            "give one number of blocks for each resolution",
        )
    pictures = image_dataset.load(source, params.colors, params)
    if pictures.images.shape[2] < params.tile:
        raise BadParams(
            f"tile={params.tile} is larger than the pictures, {pictures.images.shape[2]} pixels",
            f"give --set tile={pictures.images.shape[2]} or less",
        )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    out = paths.made(out)
    training = Training(params, pictures, out, device)
    yield from on_pictures(training, params, pictures, out, device, shown=params.batch, unit="tile")
