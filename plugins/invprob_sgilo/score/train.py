"""`invprob train prior`: denoising score matching on the latents of a stage.

With likelihood weighting the loss g²/2·‖s − s*‖² bounds the log-likelihood (Song et al., 2021,
arXiv:2101.09258); its times are drawn in proportion to its weight, so that its variance is bounded.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from invprob import seeds, tree
from invprob.diffusion import sde
from invprob.errors import BadParams
from invprob.io import checksums
from invprob.io.checkpoint import check_training
from invprob.io.checkpoint import read as read_checkpoint
from invprob.io.checkpoint import write as write_checkpoint
from invprob.trainer import TrainingProgress
from invprob.weights import store
from invprob_sgilo.bundled import BUNDLED
from invprob_sgilo.score.checkpoint import Size
from invprob_sgilo.score.latents import Latents, latents_of
from invprob_sgilo.score.params import PriorTraining
from invprob_sgilo.score.prior import LatentScore, matching_loss
from invprob_sgilo.stylegan2.generator import StyleGAN2


def train(params: PriorTraining, source: Path, out: Path) -> Iterator[TrainingProgress]:
    """Train a score for `params.stage` of the generator `source` (a name or path of weights).

    Writes ``prior.safetensors`` (EMA, float16) and ``checkpoint.pt``, from which the same call goes
    on with the same bits on a CPU.
    """
    path = store.locate(str(source), BUNDLED)
    generator = StyleGAN2.pretrained(path)
    if not 1 <= params.stage < generator.depth:
        raise BadParams(
            f"stage {params.stage} is not within 1 … {generator.depth - 1}",
            "stage 1 is the style codes, stage 2 what follows the 4×4 block, and so on",
        )
    out.mkdir(parents=True, exist_ok=True)
    examples = latents_of(generator, params)
    x = examples.moments()
    size = Size(params.width, params.depth, params.heads, params.patch, params.sde)
    net = LatentScore(x, size)
    net.fit_normalisation(x)
    shadow = LatentScore(x, size)
    shadow.load_state_dict(net.state_dict())
    learned = [p for p in net.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(learned, lr=params.lr, betas=(0.9, 0.99))
    step = 0
    data = checksums.sha256(path) + examples.digest
    checkpoint = out / "checkpoint.pt"
    if checkpoint.is_file():
        saved = read_checkpoint(checkpoint, ("params", "net", "ema"))
        now = params.model_dump(mode="json", exclude={"steps"})
        check_training(checkpoint, saved, now, data)
        net.load_state_dict(saved["net"])
        shadow.load_state_dict(saved["ema"])
        optimiser.load_state_dict(saved["optimiser"])
        step = saved["step"]
    saved_at = time.monotonic()
    running = 0.0

    def save() -> None:
        state = {
            "params": params.model_dump(mode="json", exclude={"steps"}),
            "data": data,
            "net": net.state_dict(),
            "ema": shadow.state_dict(),
            "optimiser": optimiser.state_dict(),
            "step": step,
        }
        write_checkpoint(checkpoint, state)

    try:
        while step < params.steps:
            step += 1
            loss = _step(params, examples, net, learned, optimiser, step)
            _follow(shadow, net, min(params.ema, step / (step + 10)))
            running = loss if running == 0.0 else 0.98 * running + 0.02 * loss
            last = step == params.steps
            figures = {"loss": running}
            if last or step % params.validate_every == 0:
                figures["held-out loss"] = validation_loss(shadow, examples, params)
            if last or time.monotonic() - saved_at > params.checkpoint_seconds:
                save()
                saved_at = time.monotonic()
            if last:
                about = {
                    "generator_sha256": checksums.sha256(path),
                    "training": params.model_dump(mode="json"),
                    "figures": figures,
                }
                shadow.save(out / "prior.safetensors", params.stage, about)
            if len(figures) > 1 or step % 10 == 0:
                yield TrainingProgress(step, params.steps, figures)
    except GeneratorExit:
        # the reader stops the training: nothing is lost
        save()
        raise


def _step(
    params: PriorTraining,
    source: Latents,
    net: LatentScore,
    learned: Sequence[Tensor],
    optimiser: torch.optim.Optimizer,
    step: int,
) -> float:
    rate = min(1.0, step / params.warmup) * max(0.02, 1 - step / params.steps) ** 0.5
    for group in optimiser.param_groups:
        group["lr"] = params.lr * rate
    x = source.batch(step)
    rng = seeds.stream(params.seed, "noise", step)
    # stratified: one time in each of `batch` equal parts
    part = (torch.arange(params.batch) + torch.rand(params.batch, generator=rng)) / params.batch
    t = times(net, part, params.weighting)
    noise = tree.map(lambda leaf: torch.randn(leaf.shape, generator=rng), x)
    loss = matching_loss(net, x, t, noise).mean()
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(learned, 1.0)
    optimiser.step()
    return float(loss.detach())


@torch.no_grad()
def _follow(shadow: LatentScore, net: LatentScore, rate: float) -> None:
    for mean, value in zip(shadow.parameters(), net.parameters(), strict=True):
        mean.lerp_(value, 1 - rate)


def times(net: LatentScore, part: Tensor, weighting: str) -> Tensor:
    """The times in [t_min, 1] at the quantiles `part` ∈ [0, 1] of the law that the weighting draws.

    Likelihood weighting: the error of v counts g²α²/2σ²c² in the error of the score, and times are
    drawn in proportion to that instead (by the inverse of its integral on a grid).
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
    """The loss on latents, times and noise that are the same at every call."""
    x = source.held_out()
    count = tree.batch(x)
    rng = seeds.stream(params.seed, "validation noise")
    t = times(net, (torch.arange(count) + 0.5) / count, params.weighting)
    noise = tree.map(lambda leaf: torch.randn(leaf.shape, generator=rng), x)
    return float(matching_loss(net, x, t, noise).mean())
