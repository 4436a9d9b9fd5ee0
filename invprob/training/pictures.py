"""Trainings on pictures: the loop with the length that their parameters say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch

from invprob.io.image_dataset import TrainingSet
from invprob.params.pictures import PictureTraining
from invprob.trainer import TrainingProgress
from invprob.training import loop
from invprob.training.loop import Training

RUNNING = {"kimg", "snapshot_kimg", "checkpoint_seconds"}
"""Parameters that may change between a stop and a resume."""


def run(
    training: Training,
    params: PictureTraining,
    pictures: TrainingSet,
    out: Path,
    device: torch.device,
    *,
    shown: int,
    unit: str = "image",
    writes: bool = True,
    weights: Mapping[str, str] | None = None,
) -> Iterator[TrainingProgress]:
    """Train, and go on from ``checkpoint.pt`` if there is one.

    Args:
        training: The trainer's part.
        params: Its parameters.
        pictures: What it learns from.
        out: Where the checkpoint lies.
        device: Where its tensors go.
        shown: Images that one step shows.
        unit: What they are called in the reports.
        writes: Whether this process writes; one of several does.
        weights: The SHA-256 of weights that it learns for, by name.

    Yields:
        A record now and then.

    Raises:
        BadInput: If the checkpoint is damaged, or of a training that began otherwise.
    """
    plan = loop.Plan(
        params.steps(shown),
        max(1, params.snapshot_kimg * 1000 // shown),
        shown,
        unit,
        params.checkpoint_seconds,
        writes,
    )
    began = params.model_dump(mode="json", exclude=RUNNING) | dict(weights or {})
    origin = loop.Origin(began, pictures.digest)
    yield from loop.run(training, plan, out / "checkpoint.pt", origin, device)
