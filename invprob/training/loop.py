"""The loop that trainers share: checkpoints, snapshots, an exact resume, and an orderly stop."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from invprob.errors import Diverged
from invprob.io import checkpoint
from invprob.trainer import TrainingProgress


class Training(Protocol):
    """What a trainer brings: one step, its state, and what it shows now and then."""

    step: int

    def update(self) -> dict[str, float]:
        """Take one step, increase `step` by one, and return figures such as the loss."""
        ...

    def snapshot(self, figures: dict[str, float]) -> Path | None:
        """Write the newest weights, and a picture of samples if there are any.

        Args:
            figures: What `update` returned; more may be put in, such as the held-out loss.

        Returns:
            The picture.
        """
        ...

    def state(self) -> dict[str, Any]:
        """Everything that another process needs to go on with the same bits."""
        ...

    def load(self, saved: dict[str, Any]) -> None:
        """Take up what `state` returned.

        Args:
            saved: Also holds the `figures` of the last step, empty where they were not kept.
        """
        ...


@dataclass(frozen=True)
class Plan:
    """How long a training lasts, and when it writes.

    Attributes:
        steps: Steps in all.
        snapshot: Steps between snapshots.
        count: What one step counts in the reports, for instance the images of a batch.
        unit: What is counted.
        seconds: Seconds between checkpoints.
        writes: Whether this process writes; one of several does.
    """

    steps: int
    snapshot: int
    count: int = 1
    unit: str = "step"
    seconds: float = 180.0
    writes: bool = True


@dataclass(frozen=True)
class Origin:
    """What makes a training the same as one that was interrupted.

    Attributes:
        params: Its parameters but for those that may change on the way, as plain values.
        data: What names the content that it learns from.
    """

    params: Mapping[str, Any]
    data: str


def run(
    training: Training,
    plan: Plan,
    path: Path,
    origin: Origin,
    device: torch.device | str = "cpu",
) -> Iterator[TrainingProgress]:
    """Train, and go on from the checkpoint if there is one.

    A training that is as long as the plan or longer takes no step; it writes its newest weights if
    it was stopped before it could.

    Args:
        training: The trainer's part.
        plan: The length, and when to write.
        path: The file of the checkpoint.
        origin: What the checkpoint must be of.
        device: Where the tensors of the checkpoint go.

    Yields:
        A record now and then. When it is closed at one, it writes a checkpoint.

    Raises:
        BadInput: If the checkpoint is damaged, or of a training that began otherwise.
        Diverged: If a loss or the state is not finite; what was written before stays.
    """
    figures: dict[str, float] = {}
    shown: int | None = None
    if path.is_file():
        saved = checkpoint.read(path, ("params", "step", *training.state()), device)
        checkpoint.check_training(path, saved, origin.params, origin.data)
        # a checkpoint of before these were kept is that of a training that ended
        saved = {"figures": {}, "shown": saved["step"], **saved}
        training.load(saved)
        training.step, figures, shown = saved["step"], saved["figures"], saved["shown"]

    def save() -> None:
        _check_state(training)
        if plan.writes:
            about = {"params": dict(origin.params), "data": origin.data}
            plain = {name: float(value) for name, value in figures.items()}
            at = {"step": training.step, "figures": plain, "shown": shown}
            checkpoint.write(path, about | at | training.state())

    def show() -> Path | None:
        nonlocal shown
        shown = training.step
        if not plan.writes:
            return None
        _check_state(training)
        return training.snapshot(figures)

    def record(picture: Path | None) -> TrainingProgress:
        at, total = training.step * plan.count, max(plan.steps, training.step) * plan.count
        return TrainingProgress(at, total, figures, picture, plan.unit)

    saved_at = time.monotonic()
    try:
        if training.step >= plan.steps and shown != training.step:
            picture = show()
            save()
            yield record(picture)
        while training.step < plan.steps:
            figures, picture = training.update(), None
            _check_losses(figures, training.step)
            due = training.step == plan.steps or training.step % plan.snapshot == 0
            if due:
                picture = show()
            if due or time.monotonic() - saved_at > plan.seconds:
                save()
                saved_at = time.monotonic()
            if due or training.step % 10 == 0:
                yield record(picture)
    except GeneratorExit:
        # the reader stops the training: nothing is lost
        save()
        raise


def _check_losses(figures: Mapping[str, float], step: int) -> None:
    """Refuse a loss that is NaN or infinite, from which no step leads back."""
    for name, value in figures.items():
        if name.startswith("loss") and not math.isfinite(value):
            raise _diverged(step, f"{name} is {value}")


def _check_state(training: Training) -> None:
    """Refuse weights that are not finite, for they would replace good ones."""
    for name, part in training.state().items():
        if not _is_finite(part):
            raise _diverged(training.step, f"{name} holds NaN or infinity")


def _is_finite(part: Any) -> bool:
    if isinstance(part, torch.Tensor):
        return bool(part.isfinite().all())
    if isinstance(part, Mapping):
        return all(map(_is_finite, part.values()))
    return True


def _diverged(step: int, what: str) -> Diverged:
    return Diverged(
        f"the training diverged at step {step}: {what}",
        "give a lower lr and another --out; the files in this one are those of before",
    )
