"""`invprob train prior`: denoising score matching on the latents of a stage.

With likelihood weighting the loss g²/2·‖s − s*‖² bounds the log-likelihood (Song et al., 2021,
arXiv:2101.09258); its times are drawn in proportion to its weight, so that its variance is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from invprob import paths, seeds, tree
from invprob.diffusion import sde
from invprob.errors import BadParams
from invprob.io import checksums
from invprob.trainer import TrainingProgress
from invprob.training import average, loop
from invprob.weights import store
from invprob_sgilo.bundled import BUNDLED
from invprob_sgilo.score import representation_error
from invprob_sgilo.score.checkpoint import Size, read_prior
from invprob_sgilo.score.latents import Inverted, Latents, latents_of
from invprob_sgilo.score.params import PriorTraining
from invprob_sgilo.score.prior import LatentScore, matching_loss
from invprob_sgilo.stylegan2.generator import StyleGAN2
from invprob_sgilo.stylegan2.network import Carry

RUNNING = {"steps", "validate_every", "checkpoint_seconds"}
"""Parameters that may change between a stop and a resume."""


class Training:
    """The score, its average and the optimiser at some step.

    Args:
        params: The parameters.
        latents: What to learn from.
        out: Where the prior goes.
        generator_sha256: The checksum of the generator's weights, which the prior names.
        device: Where to compute.
        error: The shape of the components of the representation error, if it is learned.
    """

    def __init__(
        self,
        params: PriorTraining,
        latents: Latents,
        out: Path,
        generator_sha256: str,
        device: torch.device,
        error: tuple[int, ...] = (),
    ) -> None:
        self.params, self.latents, self.out, self.device = params, latents, out, device
        self.generator_sha256 = generator_sha256
        self.running = average.Running()
        x = latents.moments()
        p = params
        size = Size(p.width, p.depth, p.heads, p.patch, p.sde, p.rank, error)
        self.net = first(params, x, size).to(device)
        self.ema = LatentScore(x, size).to(device)
        self.ema.load_state_dict(self.net.state_dict())
        self.learned = [p for p in self.net.parameters() if p.requires_grad]
        self.optimiser = torch.optim.Adam(self.learned, lr=params.lr, betas=(0.9, 0.99))
        self.step = 0

    def update(self) -> dict[str, float]:
        """Take one step on a batch of latents; the loss."""
        p = self.params
        self.step += 1
        rate = min(1.0, self.step / p.warmup) * max(0.02, 1 - self.step / p.steps) ** 0.5
        for group in self.optimiser.param_groups:
            group["lr"] = p.lr * rate
        x = self.latents.batch(self.step)
        rng = seeds.stream(p.seed, "noise", self.step)
        # stratified: one time in each of `batch` equal parts
        part = (torch.arange(p.batch) + torch.rand(p.batch, generator=rng)) / p.batch
        t = times(self.net, part, p.weighting).to(self.device)
        noise = tree.map(lambda v: torch.randn(v.shape, generator=rng).to(self.device), x)
        reduced = p.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=reduced):
            loss = matching_loss(self.net, x, t, noise).mean()
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.learned, 1.0)
        self.optimiser.step()
        average.follow(self.ema, self.net, p.ema, self.step)
        return {"loss": self.running(loss)}

    def learn_error(self, errors: Tensor) -> None:
        """Fit the representation error, before the first step.

        Args:
            errors: What pictures have beyond the images of their latents, (N, C, H, W).
        """
        found = representation_error.fit(errors, self.ema.size.error[0])
        for net in (self.net, self.ema):
            assert net.error is not None
            net.error.fill(found)

    def snapshot(self, figures: dict[str, float]) -> None:
        """Write the average; add its loss on held-out latents."""
        figures["held-out loss"] = validation_loss(self.ema, self.latents, self.params)
        about = {
            "generator_sha256": self.generator_sha256,
            "training": self.params.model_dump(mode="json"),
            "figures": figures,
        }
        self.ema.save(self.out / "prior.safetensors", self.params.stage, about)

    def state(self) -> dict[str, Any]:
        """Everything a later process needs to go on with the same bits."""
        return {
            "net": self.net.state_dict(),
            "ema": self.ema.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def load(self, saved: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self.net.load_state_dict(saved["net"])
        self.ema.load_state_dict(saved["ema"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.running = average.Running(saved["figures"].get("loss"))


def first(params: PriorTraining, x: Carry, size: Size) -> LatentScore:
    """The network to begin with: that of another training, or one of random weights.

    Args:
        params: The parameters.
        x: Latents to take the normalisation from, where there is not another training.
        size: The size of the network.

    Returns:
        The network, on the CPU.

    Raises:
        BadParams: If the network of the other training has another size.
    """
    if params.start is None:
        net = LatentScore(x, size)
        net.fit_normalisation(x)
        return net
    found = read_prior(Path(params.start), lambda size: LatentScore(x, size), params.stage)
    if found.size != size:
        raise BadParams(
            f"prior {params.start} has {found.size}, not {size}", "train one of the same size"
        )
    return found


def train(params: PriorTraining, source: Path, out: Path) -> Iterator[TrainingProgress]:
    """Train a score of the latents of a stage; goes on from the checkpoint in `out`.

    Args:
        params: The parameters.
        source: The generator, a name or path of weights.
        out: Where ``checkpoint.pt`` and ``prior.safetensors`` (averaged, float16) go.

    Yields:
        A record now and then.

    Raises:
        BadInput: If the latents do not fit, or the checkpoint is of another training.
        BadParams: If the generator does not have the stage, the patch does not fit its features,
            or there are too few latents.
    """
    path = store.locate(str(source), BUNDLED)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generator = StyleGAN2.pretrained(path).to(device)
    if not 1 <= params.stage < generator.depth:
        raise BadParams(
            f"stage {params.stage} is not within 1 … {generator.depth - 1}",
            "stage 1 is the style codes, stage 2 what follows the 4×4 block, and so on",
        )
    if params.stage > 1 and (side := generator.arch.resolutions[params.stage - 2]) % params.patch:
        raise BadParams(
            f"patch={params.patch} does not divide the {side}×{side} features of stage"
            f" {params.stage}",
            "give a power of two that is not larger",
        )
    checkpoint = paths.made(out) / "checkpoint.pt"
    latents, sha256 = latents_of(generator, params), checksums.sha256(path)
    error: tuple[int, ...] = ()
    if params.pictures and isinstance(latents, Inverted):
        error = (
            representation_error.rank(params.error_rank, len(latents.train)),
            *generator.image_shape,
        )
    training = Training(params, latents, out, sha256, device, error)
    if params.pictures and isinstance(latents, Inverted) and not checkpoint.is_file():
        training.learn_error(latents.errors(Path(params.pictures)))
    plan = loop.Plan(params.steps, params.validate_every, seconds=params.checkpoint_seconds)
    began = params.model_dump(mode="json", exclude=RUNNING)
    origin = loop.Origin(began, sha256 + latents.digest)
    yield from loop.run(training, plan, checkpoint, origin, device)


def times(net: LatentScore, part: Tensor, weighting: str) -> Tensor:
    """Times at quantiles of the distribution that the weighting draws from.

    Likelihood weighting: the error of v counts g²α²/2σ²c² in the error of the score, and times are
    drawn in proportion to that instead (by the inverse of its integral on a grid).

    Args:
        net: The score, for its schedule.
        part: The quantiles in [0, 1], (B,).
        weighting: ``uniform`` or ``likelihood``.

    Returns:
        The times in [t_min, 1], (B,).
    """
    if weighting == "uniform":
        return net.t_min + (1 - net.t_min) * part
    grid = net.t_min + (1 - net.t_min) * torch.linspace(0, 1, 4001, dtype=torch.float64) ** 2
    alpha, sigma = net.schedule(grid)
    _, g2 = sde.rates(net, grid)
    weight = g2 * alpha**2 / (2 * sigma**2 * (alpha**2 + sigma**2))
    pieces = (grid[1:] - grid[:-1]) * (weight[1:] + weight[:-1]) / 2
    integral = torch.cat([torch.zeros(1), pieces.cumsum(0)])
    integral = integral / integral[-1]
    right = torch.searchsorted(integral, part.double()).clamp(1, len(grid) - 1)
    share = (part - integral[right - 1]) / (integral[right] - integral[right - 1]).clamp_min(1e-12)
    return (grid[right - 1] + share * (grid[right] - grid[right - 1])).float()


@torch.no_grad()
def validation_loss(net: LatentScore, source: Latents, params: PriorTraining) -> float:
    """The loss on latents, times and noise that are the same at every call.

    Args:
        net: The score.
        source: What it learns from; some of it is held out.
        params: The parameters.

    Returns:
        The mean loss.
    """
    x = source.held_out()
    count = tree.batch(x)
    rng = seeds.stream(params.seed, "validation noise")
    t = times(net, (torch.arange(count) + 0.5) / count, params.weighting)
    device = net.shift[net.learned[0]].device
    noise = tree.map(lambda leaf: torch.randn(leaf.shape, generator=rng).to(device), x)
    return float(matching_loss(net, x, t.to(device), noise).mean())
