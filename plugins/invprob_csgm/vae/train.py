"""`invprob train vae`: the evidence lower bound of Bernoulli pixels.

    −Σ log p(x | z) + KL(q(z | x) ‖ N(0, I)),    z ~ q(z | x) = N(mean(x), variance(x))

Kingma, Welling, Auto-encoding variational Bayes, 2013, arXiv:1312.6114.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from invprob import paths, seeds
from invprob.io import image_dataset
from invprob.io.image_dataset import TrainingSet
from invprob.latents import generation
from invprob.trainer import TrainingProgress
from invprob.training import average
from invprob.training.pictures import run as on_pictures
from invprob_csgm.vae.generator import VAE, save
from invprob_csgm.vae.network import Decoder, Encoder, Size, seeded
from invprob_csgm.vae.params import VAETraining


class Training:
    """Both networks and the optimiser at some step.

    Args:
        params: The parameters.
        pictures: The images, and which of them to learn from.
        out: Where samples and weights go.
        device: Where to compute.
    """

    def __init__(
        self, params: VAETraining, pictures: TrainingSet, out: Path, device: torch.device
    ) -> None:
        self.params, self.pictures, self.out, self.device = params, pictures, out, device
        self.running = average.Running()
        self.steps = params.steps(params.batch)
        channels, height, width = pictures.images.shape[1:]
        encoder, decoder = seeded(
            Size((channels, height, width), params.latent, params.hidden), params.seed
        )
        self.encoder, self.decoder = encoder.to(device), decoder.to(device)
        both = [*encoder.parameters(), *decoder.parameters()]
        self.optimiser = torch.optim.Adam(both, lr=params.lr)
        self.step = 0

    def update(self) -> dict[str, float]:
        """Take one step on a batch of images; the bound in nats per image."""
        p = self.params
        rng = seeds.stream(p.seed, "data", self.step)
        batch = self.pictures.draw(p.batch, p.flip, rng)
        noise = torch.randn(p.batch, p.latent, generator=rng)
        for group in self.optimiser.param_groups:
            group["lr"] = p.lr * max(0.01, 1 - self.step / self.steps)
        loss = self._bound(batch, noise)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.step += 1
        return {"loss": self.running(loss)}

    def _bound(self, batch: Tensor, noise: Tensor) -> Tensor:
        return bound(self.encoder, self.decoder, (batch.to(self.device) + 1) / 2, noise)

    @torch.no_grad()
    def snapshot(self, figures: dict[str, float]) -> Path:
        """Write the decoder and samples of it; the held-out loss, if any is held out."""
        kimg = self.step * self.params.batch // 1000
        about: dict[str, object] = {"training": self.params.model_dump(mode="json"), "kimg": kimg}
        if held_out := self.pictures.held_out[:256]:
            noise = torch.randn(
                len(held_out), self.params.latent, generator=seeds.stream("held-out")
            )
            still = torch.zeros(len(held_out), dtype=torch.bool)
            batch = image_dataset.batch(self.pictures.images, torch.tensor(held_out), still)
            found = float(self._bound(batch, noise))
            figures["held-out loss"] = about["held_out_loss"] = found
        save(self.out / "vae.safetensors", self.decoder, about)
        G = VAE(self.decoder)
        picture = self.out / f"samples-{kimg:06d}.png"
        generation.write_sheet(picture, list(G(G.sample(16, seeds.stream("snapshot"))).cpu()))
        return picture

    def state(self) -> dict[str, Any]:
        """Everything a later process needs to go on with the same bits."""
        return {
            "encoder": self.encoder.state_dict(),
            "decoder": self.decoder.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def load(self, saved: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self.encoder.load_state_dict(saved["encoder"])
        self.decoder.load_state_dict(saved["decoder"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.running = average.Running(saved["figures"].get("loss"))


def bound(encoder: Encoder, decoder: Decoder, x: Tensor, noise: Tensor) -> Tensor:
    """Estimate the negative evidence lower bound.

    Args:
        encoder: The encoder.
        decoder: The decoder.
        x: Images (B, C, H, W) in [0, 1].
        noise: Standard normal numbers (B, latent), which draw z.

    Returns:
        Nats per image, a number.
    """
    mean, log_variance = encoder(x)
    z = mean + (log_variance / 2).exp() * noise.to(mean)
    fit = F.binary_cross_entropy_with_logits(decoder(z), x, reduction="none").flatten(1).sum(1)
    apart = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2
    total: Tensor = (fit + apart).mean()
    return total


def train(params: VAETraining, source: Path, out: Path) -> Iterator[TrainingProgress]:
    """Train on the images of `source`, a folder or zip; goes on from the checkpoint in `out`.

    Args:
        params: The parameters.
        source: A folder or zip of square images of one size.
        out: Where ``checkpoint.pt``, ``samples-*.png`` and ``vae.safetensors`` (the decoder, in
            float16) go.

    Yields:
        A record now and then.

    Raises:
        BadInput: If the images do not fit, or the checkpoint is of another training.
    """
    pictures = image_dataset.load(source, params.colors, params)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    out = paths.made(out)
    training = Training(params, pictures, out, device)
    yield from on_pictures(training, params, pictures, out, device, shown=params.batch)
