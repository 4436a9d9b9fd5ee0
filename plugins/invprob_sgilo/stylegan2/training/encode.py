"""`invprob train encoder`: an encoder of pictures for a generator that stays as it is.

Given any StyleGAN-2, it learns to find latents of a stage whose images are the pictures (Richardson
et al., 2021, arXiv:2008.00951, did so for style codes). `invprob train generator` with
``reconstruction`` learns both networks at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from invprob import paths, seeds
from invprob.errors import BadParams
from invprob.io import checksums, image_dataset, images
from invprob.io.image_dataset import TrainingSet
from invprob.trainer import TrainingProgress
from invprob.training import average
from invprob.training.pictures import run as on_pictures
from invprob.weights import store
from invprob_sgilo.bundled import BUNDLED
from invprob_sgilo.stylegan2.encoder import Encoder
from invprob_sgilo.stylegan2.generator import StyleGAN2
from invprob_sgilo.stylegan2.training.params import EncoderTraining
from invprob_sgilo.stylegan2.training.reconstruction import decibel, stage_loss

WARMUP = 100
"""Steps in which the step size grows."""
UNITS = 64
"""So many batches of as many latents of the generator give the leaves their unit, their spread."""
SHOWN = 64
"""Held-out pictures that are judged and shown."""


class Training:
    """The encoder, its average and the optimiser at some step.

    Args:
        params: The parameters.
        pictures: The images, and which of them to learn from.
        out: Where the encoder goes.
        generator: The generator, without gradients of its weights.
        about: What the metadata says of the generator.
        device: Where to compute.
    """

    def __init__(
        self,
        params: EncoderTraining,
        pictures: TrainingSet,
        out: Path,
        generator: StyleGAN2,
        about: Mapping[str, str],
        device: torch.device,
    ) -> None:
        self.params, self.pictures, self.out = params, pictures, out
        self.G, self.about, self.device = generator, about, device
        self.E = Encoder(generator.arch, params.stage, params.seed)
        if params.start is not None:
            self.E.begin(Encoder.pretrained(Path(params.start)))
        self.E.to(device)
        with torch.no_grad():
            for i in range(UNITS):
                x = generator.sample(UNITS, seeds.stream("units", params.seed, i))
                self.E.follow(generator(x, stop=params.stage), 1 / (i + 1))
        self.ema = Encoder(generator.arch, params.stage).to(device).eval().requires_grad_(False)
        self.ema.load_state_dict(self.E.state_dict())
        self.optimiser = torch.optim.Adam(
            self.E.parameters(), params.lr, betas=(0.0, 0.99), eps=1e-8
        )
        self.steps = params.steps(params.batch)
        self.step = 0

    def update(self) -> dict[str, float]:
        """Take one step on a batch of pictures; the loss, and the PSNR in dB."""
        p = self.params
        rng = seeds.stream(p.seed, "data", self.step)
        real = (self.pictures.draw(p.batch, p.flip, rng).to(self.device) + 1) / 2
        with torch.autocast(self.device.type, torch.bfloat16, enabled=p.precision == "bfloat16"):
            _, u = self.E(real)
        loss, error = stage_loss(self.G, self.E, u, real, self.G.draw_noise(p.batch, rng))
        left = max(0.05, 1 - self.step / self.steps)
        for group in self.optimiser.param_groups:
            group["lr"] = p.lr * min(1.0, (self.step + 1) / WARMUP) * left**0.5
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.step += 1
        average.move(self.ema, self.E, average.kept(p.batch, self.step * p.batch, p.ema_kimg))
        return {"loss": float(loss.detach()), "dB": decibel(error)}

    @torch.no_grad()
    def snapshot(self, figures: dict[str, float]) -> Path | None:
        """Write the averaged encoder; show held-out pictures above what is made of them."""
        about = {"training": self.params.model_dump(mode="json"), **self.about}
        picture = None
        if self.pictures.held_out:
            held_out = self.pictures.held_out
            count = min(SHOWN, len(held_out))
            some = torch.tensor([held_out[i * len(held_out) // count] for i in range(count)])
            real = self.pictures.images[some].to(self.device).float() / 255
            noise = self.G.draw_noise(count, seeds.stream("snapshot"))
            x = self.ema.latent(self.ema(real)[1], noise)
            made = self.G(x, start=self.params.stage).clamp(0, 1)
            errors = (made - real).square().flatten(1).mean(1)
            figures["held-out dB"] = float(-10 * errors.log10().mean())
            picture = self.out / f"pairs-{self.step * self.params.batch // 1000:06d}.png"
            rows = torch.stack([real[:8], made[:8]]).cpu()
            images.write_png(picture, rows.permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2))
        self.ema.save(self.out / "encoder.safetensors", {**about, "figures": dict(figures)})
        return picture

    def state(self) -> dict[str, Any]:
        """Everything a later process needs to go on with the same bits."""
        return {
            "E": self.E.state_dict(),
            "ema": self.ema.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def load(self, saved: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self.E.load_state_dict(saved["E"])
        self.ema.load_state_dict(saved["ema"])
        self.optimiser.load_state_dict(saved["optimiser"])


def train(params: EncoderTraining, source: Path, out: Path) -> Iterator[TrainingProgress]:
    """Train on the images of `source`, a folder or zip; goes on from the checkpoint in `out`.

    Args:
        params: The parameters.
        source: A folder or zip of images of the generator's size.
        out: Where ``checkpoint.pt``, ``pairs-*.png`` and ``encoder.safetensors`` (averaged,
            float16) go.

    Yields:
        A record now and then.

    Raises:
        BadInput: If the images do not fit, or the checkpoint is of another training.
        BadParams: If the generator does not have the stage or the size.
    """
    path = store.locate(params.generator, BUNDLED)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generator = StyleGAN2.pretrained(path, precision=params.precision).to(device)
    if not 1 <= params.stage < generator.depth:
        raise BadParams(
            f"stage {params.stage} is not within 1 … {generator.depth - 1}",
            "stage 1 is the style codes, stage 2 what follows the 4×4 block, and so on",
        )
    side = generator.arch.resolution
    if params.size not in (None, side):
        raise BadParams(
            f"size={params.size} is not the {side} pixels of the generator", "leave out size"
        )
    given = params.model_copy(update={"size": side})
    pictures = image_dataset.load(source, generator.arch.channels, given)
    out = paths.made(out)
    about = {"generator_sha256": checksums.sha256(path)}
    training = Training(params, pictures, out, generator, about, device)
    at = (training, params, pictures, out, device)
    yield from on_pictures(*at, shown=params.batch, weights=about)
