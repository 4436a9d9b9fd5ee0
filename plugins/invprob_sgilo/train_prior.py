"""`invprob train prior`: denoising score matching on the latents that a generator induces.

Latents are drawn afresh at every step: inputs z ~ N(0, I), style codes crossed over between two
inputs as in the generator's own training, then the stages up to the one asked for.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from invprob import seeds, tree, weights
from invprob.errors import BadInput, BadParams
from invprob.generator import Generator
from invprob.training import TrainingProgress
from invprob_sgilo.latent_score import LatentScore, matching_loss
from invprob_sgilo.load import read_generator
from invprob_sgilo.params import PriorTraining

VALIDATION = 256


def train(params: PriorTraining, source: Path, out: Path) -> Iterator[TrainingProgress]:
    """Train a score for `params.stage` of the generator `source` (a name or path of weights).

    Writes ``prior.safetensors`` (EMA, float16) and ``checkpoint.pt``, from which the same call goes
    on with the same bits on a CPU.
    """
    generator, sha = read_generator(str(source))
    if not 1 <= params.stage < generator.depth:
        raise BadParams(
            f"stage {params.stage} is not within 1 … {generator.depth - 1}",
            "stage 1 is the style codes, stage 2 what follows the 4×4 block, and so on",
        )
    out.mkdir(parents=True, exist_ok=True)
    x = latents(generator, params.stage, 4 * VALIDATION, params.mixing, params.seed, "moments")
    net = LatentScore(x, params.width, params.depth, params.heads, params.patch)
    net.fit_normalisation(x)
    shadow = LatentScore(x, params.width, params.depth, params.heads, params.patch)
    shadow.load_state_dict(net.state_dict())
    weights_ = [p for p in net.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(weights_, lr=params.lr, betas=(0.9, 0.99))
    step = 0
    checkpoint = out / "checkpoint.pt"
    if checkpoint.is_file():
        saved = torch.load(checkpoint, weights_only=True)
        if saved["params"] != params.model_dump(mode="json", exclude={"steps"}):
            raise BadInput(f"{out} holds a training with other parameters", "give another --out")
        net.load_state_dict(saved["net"])
        shadow.load_state_dict(saved["ema"])
        optimiser.load_state_dict(saved["optimiser"])
        step = saved["step"]
    saved_at = time.monotonic()
    running = 0.0
    while step < params.steps:
        step += 1
        loss = _step(params, generator, net, weights_, optimiser, step)
        _follow(shadow, net, min(params.ema, step / (step + 10)))
        running = loss if running == 0.0 else 0.98 * running + 0.02 * loss
        last = step == params.steps
        if last or time.monotonic() - saved_at > params.checkpoint_seconds:
            state = {
                "params": params.model_dump(mode="json", exclude={"steps"}),
                "net": net.state_dict(),
                "ema": shadow.state_dict(),
                "optimiser": optimiser.state_dict(),
                "step": step,
            }
            part = checkpoint.with_suffix(".part")
            torch.save(state, part)
            os.replace(part, checkpoint)
            saved_at = time.monotonic()
        figures = {"loss": running}
        if last or step % params.validate_every == 0:
            figures["held-out loss"] = validation_loss(shadow, generator, params)
        if last:
            write(out / "prior.safetensors", shadow, params, sha, figures)
        if figures.keys() > {"loss"} or step % 10 == 0:
            yield TrainingProgress(step, params.steps, figures)


def _step(
    params: PriorTraining,
    generator: Generator,
    net: LatentScore,
    weights_: list[Tensor],
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
    torch.nn.utils.clip_grad_norm_(weights_, 1.0)
    optimiser.step()
    return float(loss.detach())


@torch.no_grad()
def _follow(shadow: LatentScore, net: LatentScore, rate: float) -> None:
    for mean, value in zip(shadow.parameters(), net.parameters(), strict=True):
        mean.lerp_(value, 1 - rate)


@torch.no_grad()
def validation_loss(net: LatentScore, generator: Generator, params: PriorTraining) -> float:
    """The loss on latents, times and noise that are the same at every call."""
    x = latents(generator, params.stage, VALIDATION, params.mixing, params.seed, "validation")
    rng = seeds.stream(params.seed, "validation noise")
    t = net.t_min + (1 - net.t_min) * (torch.arange(VALIDATION) + 0.5) / VALIDATION
    noise = tree.map(lambda leaf: torch.randn(leaf.shape, generator=rng), x)
    return float(matching_loss(net, x, t, noise).mean())


@torch.no_grad()
def latents(
    generator: Generator, stage: int, count: int, mixing: float, *path: int | str
) -> Any:
    """`count` latents of a stage; a part `mixing` of them has codes of two inputs crossed over."""
    rng = seeds.stream("latents", *path)
    x = generator(generator.sample(count, rng), stop=1)
    other = generator(generator.sample(count, rng), stop=1)
    codes = x.w.shape[1]
    crossing = torch.randint(1, codes, (count,), generator=rng)
    crossing[torch.rand(count, generator=rng) >= mixing] = codes
    keep = torch.arange(codes)[None] < crossing[:, None]
    mixed = torch.where(keep[..., None], x.w, other.w)
    return generator(replace(x, w=mixed), start=1, stop=stage)


def write(
    path: Path, net: LatentScore, params: PriorTraining, generator: str, figures: dict[str, float]
) -> None:
    """Write the prior in float16, with its architecture and the generator it belongs to."""
    config = {
        "stage": params.stage,
        "width": params.width,
        "depth": params.depth,
        "heads": params.heads,
        "patch": params.patch,
    }
    tensors = {k: v.to(torch.float16) for k, v in net.state_dict().items()}
    metadata = {
        "kind": "latent-score",
        "config": config,
        "generator_sha256": generator,
        "training": params.model_dump(mode="json"),
        "figures": figures,
    }
    weights.write(path, tensors, metadata)


def read_prior(path: Path, like: Any, stage: int, expected: str | None = None) -> LatentScore:
    """The prior of a file, checked to be one of `stage` and to fit the latent `like`."""
    tensors, metadata = weights.read(path, expected)
    if metadata.get("kind") != "latent-score":
        raise BadInput(f"weights {path} are no latent score prior", "see invprob train prior")
    config = json.loads(metadata["config"])
    if config["stage"] != stage:
        raise BadInput(
            f"prior {path} is for stage {config['stage']}, not {stage}",
            "give the prior of that stage, or choose other stages",
        )
    net = LatentScore(like, config["width"], config["depth"], config["heads"], config["patch"])
    weights.fill(net, tensors, path)
    return net

