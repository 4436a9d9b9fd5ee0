"""`invprob train diffusion`: a U-Net that denoises images (Ho et al., 2020, arXiv:2006.11239).

By default it predicts v = α ε − σ u_0 (Salimans and Ho, 2022, arXiv:2202.00512), all times alike.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from diffusers import DDPMScheduler, UNet2DModel
from torch import Tensor

from invprob import seeds
from invprob.diffusion import samplers
from invprob.diffusion.params import SamplerParams
from invprob.errors import BadParams
from invprob.io import image_dataset
from invprob.io.checkpoint import check_training
from invprob.io.checkpoint import read as read_checkpoint
from invprob.io.checkpoint import write as write_checkpoint
from invprob.io.json_text import dumps
from invprob.latents import generation
from invprob.trainer import TrainingProgress
from invprob_dps.folder import write_folder
from invprob_dps.params import DiffusionTraining
from invprob_dps.prior import PixelDiffusion

RUNNING = {"kimg", "snapshot_kimg", "checkpoint_seconds"}


class Training:
    """The network, its average and the optimiser at some step."""

    def __init__(
        self, params: DiffusionTraining, side: int, device: torch.device, data: str = ""
    ) -> None:
        self.params = params
        self.data = data
        self.device = device
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

    def update(self, data: Tensor, train: Tensor, total: int) -> float:
        """One step on a batch; the loss."""
        p = self.params
        rng = seeds.stream(p.seed, "data", self.step)
        picks = train[torch.randint(len(train), (p.batch,), generator=rng)]
        flips = torch.rand(p.batch, generator=rng) < (0.5 if p.flip else 0.0)
        # stratified: one time in each of `batch` equal parts
        part = (torch.arange(p.batch) + torch.rand(p.batch, generator=rng)) / p.batch
        u = image_dataset.batch(data, picks, flips)
        noise = torch.randn(u.shape, generator=rng)
        rate = min(1.0, (self.step + 1) / p.warmup) * max(0.02, 1 - self.step / total) ** 0.5
        for group in self.optimiser.param_groups:
            group["lr"] = p.lr * rate
        loss = self.loss(self.model, u, part, noise)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        with torch.no_grad():
            pairs = zip(self.ema.parameters(), self.model.parameters(), strict=True)
            keep = min(p.ema, self.step / (self.step + 10))
            for mean, value in pairs:
                mean.lerp_(value, 1 - keep)
        return float(loss.detach())

    def loss(self, model: PixelDiffusion, u: Tensor, part: Tensor, noise: Tensor) -> Tensor:
        """Mean squared error of the prediction, at the times of the quantiles `part`."""
        steps = (part * model.steps).long().clamp(max=model.steps - 1)
        noisy = self.scheduler.add_noise(u, noise, steps)
        target = {"epsilon": noise, "sample": u}.get(self.params.prediction)
        if target is None:
            target = self.scheduler.get_velocity(u, noise, steps)
        found = model.predict(noisy.to(self.device), steps.to(self.device))
        return (found - target.to(self.device)).square().mean()

    @torch.no_grad()
    def held_out_loss(self, data: Tensor, validation: list[int]) -> float:
        """The average's loss on held-out images, with the same times and noise at every call."""
        losses = []
        for start in range(0, min(len(validation), 256), 32):
            picks = torch.tensor(validation[start : start + 32])
            u = image_dataset.batch(data, picks, torch.zeros(len(picks), dtype=torch.bool))
            part = (torch.arange(len(picks)) + 0.5) / len(picks)
            noise = torch.randn(u.shape, generator=seeds.stream("held-out", start))
            losses.append(float(self.loss(self.ema, u, part, noise)))
        return sum(losses) / len(losses)

    def state(self) -> dict[str, Any]:
        """Everything a later process needs to continue with the same bits."""
        return {
            "params": self.params.model_dump(mode="json", exclude=RUNNING),
            "data": self.data,
            "model": self.model.state_dict(),
            "ema": self.ema.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "best": self.best,
        }

    def load(self, saved: dict[str, Any], path: Path) -> None:
        """The inverse of `state`; refuses a state of other parameters."""
        params = self.params.model_dump(mode="json", exclude=RUNNING)
        check_training(path, saved, params, self.data)
        self.model.load_state_dict(saved["model"])
        self.ema.load_state_dict(saved["ema"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.step, self.best = saved["step"], saved["best"]


def network(params: DiffusionTraining, side: int) -> UNet2DModel:
    """The U-Net for images of side × side pixels; attention stands where it is coarsest."""
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
        in_channels=params.colours * params.patch**2,
        out_channels=params.colours * params.patch**2,
        layers_per_block=params.layers,
        block_out_channels=params.channels,
        down_block_types=("DownBlock2D",) * (depth - 1) + ("AttnDownBlock2D",),
        up_block_types=("AttnUpBlock2D",) + ("UpBlock2D",) * (depth - 1),
        attention_head_dim=coarse,
        norm_num_groups=16,
    )


def start_from(model: PixelDiffusion, name: str) -> None:
    """Give `model` the weights that `name` names; raises `BadParams` where they do not fit."""
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
    """Train on the images of `source`, a folder or zip; takes up the checkpoint in `out` if any.

    Writes ``checkpoint.pt``, ``samples-*.png`` and two folders of diffusers, ``newest`` and
    ``best`` (of least held-out loss), both of averaged weights in float16.
    """
    pictures = image_dataset.load(source, params.colours, params)
    data, validation = pictures.images, pictures.held_out
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    run = Training(params, data.shape[2], device, pictures.digest)
    out.mkdir(parents=True, exist_ok=True)
    checkpoint = out / "checkpoint.pt"
    if checkpoint.is_file():
        run.load(read_checkpoint(checkpoint, ("params", "ema"), device), checkpoint)
    total = -(-params.kimg * 1000 // params.batch)
    snapshot = max(1, params.snapshot_kimg * 1000 // params.batch)
    saved_at, running = time.monotonic(), 0.0
    try:
        while run.step < total:
            loss = run.update(data, pictures.train, total)
            running = loss if running == 0.0 else 0.98 * running + 0.02 * loss
            figures = {"loss": running}
            picture, last = None, run.step == total
            if last or run.step % snapshot == 0:
                picture = _snapshot(run, data, validation, out, figures)
            if last or picture or time.monotonic() - saved_at > params.checkpoint_seconds:
                write_checkpoint(checkpoint, run.state())
                saved_at = time.monotonic()
            if picture or run.step % 10 == 0 or last:
                at = run.step * params.batch
                yield TrainingProgress(at, total * params.batch, figures, picture, "image")
    except GeneratorExit:
        # the reader stops the training: nothing is lost
        write_checkpoint(checkpoint, run.state())
        raise


@torch.no_grad()
def _snapshot(
    run: Training, data: Tensor, validation: list[int], out: Path, figures: dict[str, float]
) -> Path:
    """Write samples and weights, and the held-out loss into `figures`."""
    kimg = run.step * run.params.batch // 1000
    about: dict[str, object] = {"training": run.params.model_dump(mode="json"), "kimg": kimg}
    if validation:
        figures["held-out loss"] = run.held_out_loss(data, validation)
        about["held_out_loss"] = figures["held-out loss"]
        if figures["held-out loss"] < run.best:
            run.best = figures["held-out loss"]
            write_folder(out / "best", run.ema.net, run.scheduler, run.ema.patch, about)
    write_folder(out / "newest", run.ema.net, run.scheduler, run.ema.patch, about)
    keys = [seeds.key("snapshot", i) for i in range(16)]
    like = torch.zeros((len(keys), *data.shape[1:]), device=run.device)
    start = samplers.cold(run.ema, like, keys)
    found = samplers.reverse(run.ema, start, keys, SamplerParams(steps=50))
    picture = out / f"samples-{kimg:06d}.png"
    generation.write_sheet(picture, list(run.ema.restore(found).clamp(0, 1).cpu()))
    return picture
