"""`invprob train generator`: adversarial training of a StyleGAN-2 as published.

Non-saturating loss, lazy R1 and path-length regularisation, style mixing and an exponential moving
average of the weights (Karras et al., 2020, arXiv:1912.04958); adaptive discriminator augmentation
for small sets (Karras et al., 2020, arXiv:2006.06676). Every draw is a function of the seed and the
step, so a run that is stopped and resumed gives the same bits on a CPU.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from invprob import paths, seeds
from invprob.errors import BadInput
from invprob.io import checkpoint, image_dataset, images
from invprob.io.image_dataset import TrainingSet
from invprob.trainer import TrainingProgress
from invprob.training import average
from invprob.training.pictures import run as on_pictures
from invprob_sgilo.stylegan2.generator import StyleGAN2
from invprob_sgilo.stylegan2.training.augment import Augment
from invprob_sgilo.stylegan2.training.discriminator import Discriminator
from invprob_sgilo.stylegan2.training.held_out import held_out_distance, sample_sheet
from invprob_sgilo.stylegan2.training.losses import (
    discriminator_loss,
    generator_loss,
    mixed_styles,
    path_length,
    r1_penalty,
)
from invprob_sgilo.stylegan2.training.optimiser import adam, keeping_rates
from invprob_sgilo.stylegan2.training.params import GeneratorTraining
from invprob_sgilo.stylegan2.training.reconstruction import Reconstruction

R1_EVERY = 16
PATH_EVERY = 8
NETWORKS = ("G", "D", "ema", "opt_g", "opt_d")


class Training:
    """The two networks, their optimisers and the average, at some step.

    Args:
        params: The parameters.
        pictures: The images, and which of them to learn from.
        out: Where samples and weights go.
        device: Where to compute.

    Raises:
        BadInput: If there is no such network for the size of the images.
    """

    def __init__(
        self, params: GeneratorTraining, pictures: TrainingSet, out: Path, device: torch.device
    ) -> None:
        self.params, self.pictures, self.out, self.device = params, pictures, out, device
        self.rank = dist.get_rank() if dist.is_initialized() else 0
        self.world = dist.get_world_size() if dist.is_initialized() else 1
        self.shown = params.batch * self.world
        arch = params.architecture(pictures.images.shape[2])
        self.G = StyleGAN2(arch, params.seed, precision=params.precision).to(device)
        self.ema = StyleGAN2(arch, params.seed).to(device).eval().requires_grad_(False)
        self.D = Discriminator(arch, params.seed + 1).to(device)
        self.dtype = self.G.dtype
        self.augment = Augment(params.augment)
        self.path_mean = torch.zeros(())
        self.step, self.best = 0, float("inf")
        self.opt_g = adam(self.G, params.lr, PATH_EVERY if params.path_length > 0 else None)
        self.opt_d = adam(self.D, params.lr, R1_EVERY if params.r1 > 0 else None)
        self.reconstruction = Reconstruction.of(self.G, params)

    def _mean_over_processes(self, value: Tensor) -> Tensor:
        """The mean of a number over all processes, so that they stay alike."""
        if self.world > 1:
            value = value.clone()
            dist.all_reduce(value)
            value /= self.world
        return value

    def _rng(self, purpose: str) -> torch.Generator:
        """The stream of this purpose, step and process."""
        return seeds.stream(self.params.seed, purpose, self.step, self.rank)

    def _judge(self, image: Tensor) -> Tensor:
        """D's logits, of augmented images, in the arithmetic asked for."""
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            logits: Tensor = self.D(image)
        return logits.float()

    def update(self) -> dict[str, float]:
        """Take one step of D and G; their losses, and how sure D is."""
        p = self.params
        real = self.pictures.draw(p.batch, p.flip, self._rng("data")).to(self.device)
        augment = self.augment.at(self._rng("augment"))

        with torch.no_grad():
            x = mixed_styles(self.G, p.batch, p.mixing, self._rng("d"))
            fake = self.G(x, start=1) * 2 - 1
            if self.reconstruction:
                self.reconstruction.follow(x)
                for moment in self.reconstruction.E.moments():
                    moment.copy_(self._mean_over_processes(moment))
        real_logits = self._judge(augment(real))
        loss_d = discriminator_loss(self._judge(augment(fake)), real_logits)
        if p.r1 > 0 and self.step % R1_EVERY == 0:
            with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
                loss_d = loss_d + 0.5 * p.r1 * R1_EVERY * r1_penalty(self.D, real, augment)
        self._descend(self.opt_d, self.D, loss_d)
        sign = self._mean_over_processes(real_logits.detach().sign().mean())
        self.augment.observe(float(sign), self.shown)

        self.D.requires_grad_(False)
        x = mixed_styles(self.G, p.batch, p.mixing, self._rng("g"))
        loss_g = generator_loss(self._judge(augment(self.G(x, start=1) * 2 - 1)))
        if p.path_length > 0 and self.step % PATH_EVERY == 0:
            half = mixed_styles(self.G, max(1, p.batch // 2), p.mixing, self._rng("path"))
            lengths = path_length(self.G, half, self._rng("direction"))
            length = self._mean_over_processes(lengths.mean().detach()).cpu()
            target = self.path_mean.lerp(length, 0.01)
            penalty = (lengths - target.to(lengths)).square().mean()
            loss_g = loss_g + p.path_length * PATH_EVERY * penalty
            self.path_mean = target
        ways: dict[str, float] = {}
        if self.reconstruction:
            loss, ways = self.reconstruction.loss(real, self._rng("reconstruction"))
            loss_g = loss_g + loss
        self._descend(self.opt_g, self.G, loss_g)
        if self.reconstruction:
            self._agree(self.reconstruction.E)
            self.reconstruction.descend(0.5 ** (self.shown / (p.ema_kimg * 1000)))
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
            **ways,
        }

    def _descend(self, optimiser: torch.optim.Optimizer, net: nn.Module, loss: Tensor) -> None:
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._agree(net)
        optimiser.step()

    def _agree(self, net: nn.Module) -> None:
        """Make gradients finite and the same in all processes."""
        for parameter in net.parameters():
            if parameter.grad is not None:
                parameter.grad.nan_to_num_(nan=0.0, posinf=1e5, neginf=-1e5)
                if self.world > 1:
                    dist.all_reduce(parameter.grad)
                    parameter.grad /= self.world

    def _average(self) -> None:
        keep = average.kept(self.shown, self.step * self.shown, self.params.ema_kimg)
        average.move(self.ema, self.G, keep)
        self.ema.w_mean.copy_(self.G.w_mean)

    @torch.no_grad()
    def snapshot(self, figures: dict[str, float]) -> Path:
        """Write the averaged weights and samples of them; the distance to held-out images."""
        kimg = self.step * self.shown // 1000
        picture = self.out / f"samples-{kimg:06d}.png"
        images.write_png(picture, sample_sheet(self.ema))
        about: dict[str, object] = {"kimg": kimg, "training": self.params.model_dump(mode="json")}
        figures["SWD"] = float("nan")
        if self.pictures.held_out:
            held_out = self.pictures.images[self.pictures.held_out]
            found = figures["SWD"] = about["swd"] = held_out_distance(self.ema, held_out)
            if found < self.best:
                self.best = found
                self.ema.save(self.out / "best.safetensors", about)
                if self.reconstruction:
                    self.reconstruction.ema.save(self.out / "best-encoder.safetensors", about)
        self.ema.save(self.out / "generator.safetensors", about)
        if self.reconstruction:
            self.reconstruction.ema.save(self.out / "encoder.safetensors", about)
        return picture

    def state(self) -> dict[str, Any]:
        """Everything a later process needs to go on with the same bits."""
        return {
            "G": self.G.state_dict(),
            "D": self.D.state_dict(),
            "ema": self.ema.state_dict(),
            "opt_g": self.opt_g.state_dict(),
            "opt_d": self.opt_d.state_dict(),
            "path_mean": self.path_mean,
            "augment": self.augment.state(),
            "best": self.best,
            **({"reconstruction": self.reconstruction.state()} if self.reconstruction else {}),
        }

    def _take_networks(self, saved: dict[str, Any]) -> None:
        for name in NETWORKS:
            getattr(self, name).load_state_dict(saved[name])

    def _take_encoder(self, saved: dict[str, Any]) -> None:
        if self.reconstruction and "reconstruction" in saved:
            self.reconstruction.load(saved["reconstruction"])

    def load(self, saved: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self._take_networks(saved)
        self._take_encoder(saved)
        self.path_mean, self.best = saved["path_mean"].cpu(), saved["best"]
        self.augment.load(saved["augment"])

    def begin(self, path: Path) -> None:
        """Take the networks of another training's checkpoint, and begin at step 0 with them.

        Optimisers take its moments as well, but keep the step size and decays of this training.
        """
        saved = checkpoint.read(path, NETWORKS, self.device)
        own = [self.reconstruction.optimiser] if self.reconstruction else []
        try:
            with keeping_rates([self.opt_g, self.opt_d, *own]):
                self._take_networks(saved)
                if self.params.encoder is None:
                    self._take_encoder(saved)
        except (RuntimeError, ValueError):
            hint = "give their channel_max, z_dim and so on"
            raise BadInput(f"{path} is of networks of other sizes", hint) from None


def train(params: GeneratorTraining, source: Path, out: Path) -> Iterator[TrainingProgress]:
    """Train on the images of `source`, a folder or zip; goes on from the checkpoint in `out`.

    Args:
        params: The parameters.
        source: A folder or zip of square images of one size.
        out: Where ``checkpoint.pt``, ``samples-*.png``, ``generator.safetensors`` (the newest
            average) and ``best.safetensors`` (of least held-out sliced Wasserstein distance) go.

    Yields:
        A record now and then.

    Raises:
        BadInput: If the images do not fit, or the checkpoint is of another training.
    """
    pictures = image_dataset.load(source, params.channels, params)
    if "RANK" in os.environ and not dist.is_initialized():
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    local = int(os.environ.get("LOCAL_RANK", 0))
    device = torch.device(f"cuda:{local}" if torch.cuda.is_available() else "cpu")
    out = paths.expand(out)
    training = Training(params, pictures, out, device)
    if params.start is not None and not (out / "checkpoint.pt").is_file():
        training.begin(Path(params.start))
    out = paths.made(out)
    at = (training, params, pictures, out, device)
    yield from on_pictures(*at, shown=training.shown, writes=training.rank == 0)
