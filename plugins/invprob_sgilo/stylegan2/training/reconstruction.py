"""Reconstruction of pictures, beside the adversarial training of the generator.

A discriminator asks that samples look real; that the generator can show every picture is asked for
by an encoder and the squared error of what the two make of a picture (Larsen et al., 2016,
arXiv:1512.09300). Half of a batch goes through the input code z, half through a stage's latent.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from invprob.errors import BadParams
from invprob.training import average
from invprob_sgilo.stylegan2.encoder import Encoder
from invprob_sgilo.stylegan2.generator import StyleGAN2
from invprob_sgilo.stylegan2.network import Carry, Code
from invprob_sgilo.stylegan2.training.params import GeneratorTraining

ERROR_WEIGHT = 4.0
"""Weight of the squared error: images are in [−1, 1] for the discriminator."""
SPREAD_WEIGHT = 5e-4
"""Weight of ½u² beside the squared error, u in units of the generator's own spread."""
RAMP = 1500
"""Steps in which the weight grows, since an encoder begins with nothing."""


def stage_loss(
    G: StyleGAN2, E: Encoder, u: Mapping[str, Tensor], real: Tensor, noise: tuple[Tensor, ...]
) -> tuple[Tensor, Tensor]:
    """What an encoder's latents miss of pictures, and how far they are from the generator's own.

    Args:
        G: The generator.
        E: The encoder.
        u: The leaves that it found, in units of spread.
        real: The pictures (B, C, R, R) in [0, 1].
        noise: All noise maps of the generator.

    Returns:
        The loss, and the mean squared error.
    """
    error = (G(E.latent(u, noise), start=E.stage) - real).square().mean()
    spread = torch.stack([0.5 * leaf.square().mean() for leaf in u.values()]).sum()
    return ERROR_WEIGHT * error + SPREAD_WEIGHT * spread, error.detach()


def decibel(error: Tensor) -> float:
    """The PSNR in dB of a mean squared error of images in [0, 1]."""
    return float(-10 * error.log10())


class Reconstruction:
    """The encoder, its average and its optimiser.

    Args:
        G: The generator.
        weight: Weight of the squared error beside the adversarial loss.
        stage: The stage that is encoded.
        seed: Seed of the initial weights.
        lr: Step size of Adam.
    """

    def __init__(self, G: StyleGAN2, weight: float, stage: int, seed: int, lr: float) -> None:
        self.G, self.weight, self.stage = G, weight, stage
        self.E = Encoder(G.arch, stage, seed).to(G.w_mean.device)
        self.ema = Encoder(G.arch, stage, seed).to(G.w_mean.device).eval().requires_grad_(False)
        self.optimiser = torch.optim.Adam(self.E.parameters(), lr, betas=(0.0, 0.99), eps=1e-8)
        self.step = 0

    @classmethod
    def of(cls, G: StyleGAN2, params: GeneratorTraining) -> Self | None:
        """The one that the parameters ask for, if they do."""
        p = params
        if p.reconstruction == 0:
            return None
        made = cls(G, p.reconstruction, p.encoded_stage, p.seed + 2, p.lr)
        if p.encoder is not None:
            made.begin(Path(p.encoder))
        return made

    def begin(self, path: Path) -> None:
        """Take an encoder that has been trained, whose loss counts in full from the first step.

        Args:
            path: Its file.

        Raises:
            BadParams: If it is of another generator or stage.
            BadWeights: If it is missing, damaged or not an encoder.
        """
        given = Encoder.pretrained(path)
        if (given.arch, given.stage) != (self.E.arch, self.E.stage):
            raise BadParams(
                f"encoder {path} finds stage {given.stage}, not encoded_stage={self.stage}, or is"
                " for a generator of other sizes",
                "give the encoder of this generator and its stage",
            )
        for own in (self.E, self.ema):
            own.load_state_dict(given.state_dict())
        self.step = RAMP

    def follow(self, x: Carry) -> None:
        """Learn the spread of the latents that the generator makes of style codes."""
        self.E.follow(self.G(x, start=1, stop=self.stage), max(0.001, 1 / (self.step + 1)))

    def loss(self, real: Tensor, rng: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """The weighted loss of images (B, C, R, R) in [−1, 1], and the PSNR (dB) of both ways."""
        loss, through_z, through_stage = self.errors(real, self.G.draw_noise(len(real), rng))
        weight = self.weight * min(1.0, (self.step + 1) / RAMP)
        figures = {"dB z": decibel(through_z), f"dB stage {self.stage}": decibel(through_stage)}
        return weight * loss, figures

    def errors(self, real: Tensor, noise: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, Tensor]:
        """The loss without its weight of images in [−1, 1], and the squared errors of both ways.

        Nothing waits for a GPU here, so that a CUDA graph may hold it.
        """
        G, real = self.G, (real + 1) / 2
        half = len(real) // 2
        with torch.autocast(real.device.type, G.dtype, enabled=G.dtype != torch.float32):
            z, u = self.E(real)
        whole = G(Code(z[:half], tuple(n[:half] for n in noise)))
        error = (whole - real[:half]).square().mean()
        u = {name: leaf[half:] for name, leaf in u.items()}
        part, through_stage = stage_loss(G, self.E, u, real[half:], tuple(n[half:] for n in noise))
        return ERROR_WEIGHT * error + part, error.detach(), through_stage

    def descend(self, keep: float) -> None:
        """Take a step of the encoder along the gradients that are there; average its weights."""
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        average.move(self.ema, self.E, keep)
        for mean, value in zip(self.ema.buffers(), self.E.buffers(), strict=True):
            mean.copy_(value)

    def state(self) -> dict[str, Any]:
        """Everything a later process needs to go on with the same bits."""
        return {
            "E": self.E.state_dict(),
            "ema": self.ema.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
        }

    def load(self, saved: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self.E.load_state_dict(saved["E"])
        self.ema.load_state_dict(saved["ema"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.step = saved["step"]
