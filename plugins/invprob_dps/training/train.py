"""`invprob train diffusion`: a U-Net that denoises images (Ho et al., 2020, arXiv:2006.11239).

By default it predicts v = α ε − σ u_0 (Salimans and Ho, 2022, arXiv:2202.00512), all times alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from diffusers import DDPMScheduler, UNet2DModel
from torch import Tensor

from invprob import paths, seeds
from invprob.diffusion import samplers
from invprob.diffusion.params import SamplerParams
from invprob.errors import BadParams
from invprob.io import image_dataset
from invprob.io.image_dataset import TrainingSet
from invprob.io.json_text import dumps
from invprob.latents import generation
from invprob.trainer import TrainingProgress
from invprob.training import average
from invprob.training.pictures import run as on_pictures
from invprob_dps.folder import write_folder
from invprob_dps.params import DiffusionTraining
from invprob_dps.prior import PixelDiffusion


class Training:
    """The network, its average and the optimiser at some step.

    Args:
        params: The parameters.
        pictures: The images, and which of them to learn from.
        out: Where samples and weights go.
        device: Where to compute.

    Raises:
        BadParams: If the network does not fit the images, or the weights that it starts from.
    """

    def __init__(
        self, params: DiffusionTraining, pictures: TrainingSet, out: Path, device: torch.device
    ) -> None:
        self.params, self.pictures, self.out, self.device = params, pictures, out, device
        self.running = average.Running()
        self.steps = params.steps(params.batch)
        side = pictures.images.shape[2]
        self.scheduler = DDPMScheduler(
            beta_schedule=params.schedule, prediction_type=params.prediction
        )
        with torch.random.fork_rng([]):
            torch.manual_seed(params.seed)
            self.model = self._new(side)
        if params.start is not None:
            start_from(self.model, params.start)
        self.model.to(device)
        self.ema = self._new(side).to(device).eval().requires_grad_(False)
        self.ema.load_state_dict(self.model.state_dict())
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=params.lr)
        self.step = 0
        self.best = float("inf")

    def _new(self, side: int) -> PixelDiffusion:
        p = self.params
        return PixelDiffusion(network(p, side), self.scheduler, p.patch, precision=p.precision)

    def update(self) -> dict[str, float]:
        """Take one step on a batch of images; the loss."""
        p = self.params
        rng = seeds.stream(p.seed, "data", self.step)
        u = self.pictures.draw(p.batch, p.flip, rng)
        # stratified: one time in each of `batch` equal parts
        part = (torch.arange(p.batch) + torch.rand(p.batch, generator=rng)) / p.batch
        noise = torch.randn(u.shape, generator=rng)
        rate = min(1.0, (self.step + 1) / p.warmup) * max(0.02, 1 - self.step / self.steps) ** 0.5
        for group in self.optimiser.param_groups:
            group["lr"] = p.lr * rate
        loss = self._loss(self.model, u, part, noise)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        average.follow(self.ema, self.model, p.ema, self.step)
        return {"loss": self.running(loss)}

    def _loss(self, model: PixelDiffusion, u: Tensor, part: Tensor, noise: Tensor) -> Tensor:
        """Mean squared error of the prediction, at the times of the quantiles `part`."""
        steps = (part * model.steps).long().clamp(max=model.steps - 1)
        noisy = self.scheduler.add_noise(u, noise, steps)
        target = {"epsilon": noise, "sample": u}.get(self.params.prediction)
        if target is None:
            target = self.scheduler.get_velocity(u, noise, steps)
        found = model.predict(noisy.to(self.device), steps.to(self.device))
        return (found - target.to(self.device)).square().mean()

    @torch.no_grad()
    def snapshot(self, figures: dict[str, float]) -> Path:
        """Write the averaged weights and samples of them; the held-out loss, if any is held out."""
        kimg = self.step * self.params.batch // 1000
        about: dict[str, object] = {"training": self.params.model_dump(mode="json"), "kimg": kimg}
        if self.pictures.held_out:
            found = figures["held-out loss"] = about["held_out_loss"] = self._held_out_loss()
            if found < self.best:
                self.best = found
                self._write("best", about)
        self._write("newest", about)
        picture = self.out / f"samples-{kimg:06d}.png"
        generation.write_sheet(picture, self._samples())
        return picture

    def _held_out_loss(self) -> float:
        """The average's loss on held-out images, with the same times and noise at every call."""
        losses, held_out = [], self.pictures.held_out
        for start in range(0, min(len(held_out), 256), 32):
            picks = torch.tensor(held_out[start : start + 32])
            flips = torch.zeros(len(picks), dtype=torch.bool)
            u = image_dataset.batch(self.pictures.images, picks, flips)
            part = (torch.arange(len(picks)) + 0.5) / len(picks)
            noise = torch.randn(u.shape, generator=seeds.stream("held-out", start))
            losses.append(float(self._loss(self.ema, u, part, noise)))
        return sum(losses) / len(losses)

    def _write(self, kind: str, about: dict[str, object]) -> None:
        write_folder(self.out / kind, self.ema.net, self.scheduler, self.ema.patch, about)

    def _samples(self) -> list[Tensor]:
        """Sixteen pictures of the average, from the same noise at every call."""
        keys = [seeds.key("snapshot", i) for i in range(16)]
        shape = self.pictures.images.shape[1:]
        start = samplers.cold(self.ema, torch.zeros((16, *shape), device=self.device), keys)
        found = samplers.reverse(self.ema, start, keys, SamplerParams(steps=50))
        return list(self.ema.restore(found).clamp(0, 1).cpu())

    def state(self) -> dict[str, Any]:
        """Everything a later process needs to go on with the same bits."""
        return {
            "model": self.model.state_dict(),
            "ema": self.ema.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "best": self.best,
        }

    def load(self, saved: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self.model.load_state_dict(saved["model"])
        self.ema.load_state_dict(saved["ema"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.running = average.Running(saved["figures"].get("loss"))
        self.best = saved["best"]


def network(params: DiffusionTraining, side: int) -> UNet2DModel:
    """The U-Net for square images; attention stands where it is coarsest.

    Args:
        params: The parameters.
        side: Pixels along a side.

    Returns:
        The network, of random weights.

    Raises:
        BadParams: If the images cannot be halved as often as the channels ask for.
    """
    depth = len(params.channels)
    block = params.patch * 2 ** (depth - 1)
    if side % block:
        raise BadParams(
            f"images of {side} pixels cannot be halved {depth - 1} times in blocks of"
            f" {params.patch} pixels",
            f"give images of a multiple of {block} pixels, fewer channels, or a smaller patch",
        )
    coarse = params.channels[-1]
    return UNet2DModel(
        sample_size=side // params.patch,
        in_channels=params.colors * params.patch**2,
        out_channels=params.colors * params.patch**2,
        layers_per_block=params.layers,
        block_out_channels=params.channels,
        down_block_types=("DownBlock2D",) * (depth - 1) + ("AttnDownBlock2D",),
        up_block_types=("AttnUpBlock2D",) + ("UpBlock2D",) * (depth - 1),
        attention_head_dim=coarse,
        norm_num_groups=16,
    )


def start_from(model: PixelDiffusion, name: str) -> None:
    """Give a model the weights of another training.

    Args:
        model: The model, in place.
        name: The weights, bundled or a folder.

    Raises:
        BadParams: If they do not fit.
    """
    found = PixelDiffusion.pretrained(name)
    assert found.image_shape is not None
    assert model.image_shape is not None
    if found.image_shape != model.image_shape:
        (c, h, w), (channels, height, width) = found.image_shape, model.image_shape
        raise BadParams(
            f"start={name} makes pictures of {w}×{h} pixels in {c} channels, and these are"
            f" {width}×{height} in {channels}",
            f"add --size {h} --resize --crop, or start from other weights",
        )
    if _layout(found) != _layout(model):
        raise BadParams(
            f"start={name} has another network or prediction than this training",
            "give the size, channels, layers, patch and prediction of its model card",
        )
    model.load_state_dict(found.state_dict())


def _layout(model: PixelDiffusion) -> str:
    """What decides whether weights of one model fit another."""
    config = {k: v for k, v in model.net.config.items() if not k.startswith("_")}
    return dumps([config, model.patch, model.prediction], sort_keys=True)


def train(params: DiffusionTraining, source: Path, out: Path) -> Iterator[TrainingProgress]:
    """Train on the images of `source`, a folder or zip; goes on from the checkpoint in `out`.

    Args:
        params: The parameters.
        source: A folder or zip of square images of one size.
        out: Where ``checkpoint.pt``, ``samples-*.png`` and two folders of diffusers go, ``newest``
            and ``best`` (of least held-out loss), both of averaged weights in float16.

    Yields:
        A record now and then.

    Raises:
        BadInput: If the images do not fit, or the checkpoint is of another training.
        BadParams: If the network does not fit the images.
    """
    pictures = image_dataset.load(source, params.colors, params)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    training = Training(params, pictures, paths.expand(out), device)
    out = paths.made(out)
    yield from on_pictures(training, params, pictures, out, device, shown=params.batch)
