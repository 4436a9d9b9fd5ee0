"""`invprob train prior`: denoising score matching on the latents that a generator induces.

Latents are drawn afresh at every step: inputs z ~ N(0, I), style codes crossed over between two
inputs as in the generator's own training, then the stages up to the one asked for.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from invprob import seeds, tree, weights
from invprob.checkpoint import read as read_checkpoint
from invprob.checkpoint import write as write_checkpoint
from invprob.errors import BadInput, BadParams
from invprob.training import TrainingProgress
from invprob_sgilo.gan_losses import mixed_styles
from invprob_sgilo.latent_score import LatentScore, Size, matching_loss
from invprob_sgilo.latent_score_file import write_prior
from invprob_sgilo.load import BUNDLED, stylegan2
from invprob_sgilo.params import PriorTraining, StyleGAN2Params
from invprob_sgilo.stylegan2 import StyleGAN2

VALIDATION = 256


def train(params: PriorTraining, source: Path, out: Path) -> Iterator[TrainingProgress]:
    """Train a score for `params.stage` of the generator `source` (a name or path of weights).

    Writes ``prior.safetensors`` (EMA, float16) and ``checkpoint.pt``, from which the same call goes
    on with the same bits on a CPU.
    """
    path = weights.locate(str(source), BUNDLED)
    generator = stylegan2(StyleGAN2Params(weights=str(path))).eval().requires_grad_(False)
    if not 1 <= params.stage < generator.depth:
        raise BadParams(
            f"stage {params.stage} is not within 1 … {generator.depth - 1}",
            "stage 1 is the style codes, stage 2 what follows the 4×4 block, and so on",
        )
    out.mkdir(parents=True, exist_ok=True)
    x = latents(generator, params.stage, 4 * VALIDATION, params.mixing, params.seed, "moments")
    size = Size(params.width, params.depth, params.heads, params.patch)
    net = LatentScore(x, size)
    net.fit_normalisation(x)
    shadow = LatentScore(x, size)
    shadow.load_state_dict(net.state_dict())
    learned = [p for p in net.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(learned, lr=params.lr, betas=(0.9, 0.99))
    step = 0
    checkpoint = out / "checkpoint.pt"
    if checkpoint.is_file():
        saved = read_checkpoint(checkpoint, ("params", "net", "ema"))
        if saved["params"] != params.model_dump(mode="json", exclude={"steps"}):
            raise BadInput(f"{out} holds a training with other parameters", "give another --out")
        net.load_state_dict(saved["net"])
        shadow.load_state_dict(saved["ema"])
        optimiser.load_state_dict(saved["optimiser"])
        step = saved["step"]
    saved_at = time.monotonic()
    running = 0.0

    def save() -> None:
        state = {
            "params": params.model_dump(mode="json", exclude={"steps"}),
            "net": net.state_dict(),
            "ema": shadow.state_dict(),
            "optimiser": optimiser.state_dict(),
            "step": step,
        }
        write_checkpoint(checkpoint, state)

    try:
        while step < params.steps:
            step += 1
            loss = _step(params, generator, net, learned, optimiser, step)
            _follow(shadow, net, min(params.ema, step / (step + 10)))
            running = loss if running == 0.0 else 0.98 * running + 0.02 * loss
            last = step == params.steps
            figures = {"loss": running}
            if last or step % params.validate_every == 0:
                figures["held-out loss"] = validation_loss(shadow, generator, params)
            if last or time.monotonic() - saved_at > params.checkpoint_seconds:
                save()
                saved_at = time.monotonic()
            if last:
                about = {
                    "generator_sha256": weights.sha256(path),
                    "training": params.model_dump(mode="json"),
                    "figures": figures,
                }
                write_prior(out / "prior.safetensors", shadow, params.stage, about)
            if len(figures) > 1 or step % 10 == 0:
                yield TrainingProgress(step, params.steps, figures)
    except GeneratorExit:
        # the reader stops the training: nothing is lost
        save()
        raise


def _step(
    params: PriorTraining,
    generator: StyleGAN2,
    net: LatentScore,
    learned: Sequence[Tensor],
    optimiser: torch.optim.Optimizer,
    step: int,
) -> float:
    rate = min(1.0, step / params.warmup) * max(0.02, 1 - step / params.steps) ** 0.5
    for group in optimiser.param_groups:
        group["lr"] = params.lr * rate
    x = latents(generator, params.stage, params.batch, params.mixing, params.seed, step)
    rng = seeds.stream(params.seed, "noise", step)
    # stratified times: one in each of `batch` equal parts of [t_min, 1]
    t = (torch.arange(params.batch) + torch.rand(params.batch, generator=rng)) / params.batch
    t = net.t_min + (1 - net.t_min) * t
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


@torch.no_grad()
def validation_loss(net: LatentScore, generator: StyleGAN2, params: PriorTraining) -> float:
    """The loss on latents, times and noise that are the same at every call."""
    x = latents(generator, params.stage, VALIDATION, params.mixing, params.seed, "validation")
    rng = seeds.stream(params.seed, "validation noise")
    t = net.t_min + (1 - net.t_min) * (torch.arange(VALIDATION) + 0.5) / VALIDATION
    noise = tree.map(lambda leaf: torch.randn(leaf.shape, generator=rng), x)
    return float(matching_loss(net, x, t, noise).mean())


@torch.no_grad()
def latents(generator: StyleGAN2, stage: int, count: int, mixing: float, *path: int | str) -> Any:
    """`count` latents of a stage; a part `mixing` of them has codes of two inputs crossed over."""
    x = mixed_styles(generator, count, mixing, seeds.stream("latents", *path))
    return generator(x, start=1, stop=stage)
