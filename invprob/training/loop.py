"""The loop that trainers share: checkpoints, snapshots, an exact resume, and an orderly stop."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from invprob.errors import BadInput
from invprob.io.checkpoint import read as read_checkpoint
from invprob.io.checkpoint import write as write_checkpoint
from invprob.trainer import TrainingProgress


class Training(Protocol):
    """What a trainer brings: one step, its state, and what it shows now and then."""

    step: int

    def update(self) -> float:
        """Take one step, increase `step` by one, and return the loss."""
        ...

    def snapshot(self) -> tuple[dict[str, float], Path | None]:
        """Write the newest weights, and a picture of samples if there are any.

        Returns:
            Figures by name, such as the held-out loss, and the picture.
        """
        ...

    def state(self) -> dict[str, Any]:
        """Everything that another process needs to go on with the same bits."""
        ...

    def load(self, state: dict[str, Any]) -> None:
        """Take up what `state` returned."""
        ...


@dataclass(frozen=True)
class Plan:
    """How long a training lasts, and when it writes.

    Attributes:
        steps: Steps in all.
        snapshot: Steps between snapshots.
        unit: What one step counts in the reports, for instance the images of a batch.
        seconds: Seconds between checkpoints.
    """

    steps: int
    snapshot: int
    unit: int = 1
    seconds: float = 180.0


def run(
    training: Training,
    plan: Plan,
    checkpoint: Path,
    identity: Mapping[str, Any],
    device: torch.device | str = "cpu",
) -> Iterator[TrainingProgress]:
    """Train, and go on from the checkpoint if there is one.

    Args:
        training: The trainer's part.
        plan: The length, and when to write.
        checkpoint: The file of the checkpoint.
        identity: What makes this training the same as one that was interrupted: parameters, and
            a fingerprint of the data; plain values by name.
        device: Where the tensors of the checkpoint go.

    Yields:
        A record now and then. When it is closed at one, it writes a checkpoint.

    Raises:
        BadInput: If the checkpoint is damaged, or of a training with another identity.
    """
    if checkpoint.is_file():
        saved = read_checkpoint(checkpoint, ("identity", "state", "step"), device)
        _same(saved["identity"], identity, checkpoint)
        training.load(saved["state"])
        training.step = saved["step"]

    def save() -> None:
        state = {"identity": dict(identity), "state": training.state(), "step": training.step}
        write_checkpoint(checkpoint, state)

    saved_at, running = time.monotonic(), 0.0
    try:
        while training.step < plan.steps:
            loss = training.update()
            running = loss if running == 0.0 else 0.98 * running + 0.02 * loss
            figures, picture = {"loss": running}, None
            last = training.step == plan.steps
            shown = last or training.step % plan.snapshot == 0
            if shown:
                more, picture = training.snapshot()
                figures |= more
            if shown or time.monotonic() - saved_at > plan.seconds:
                save()
                saved_at = time.monotonic()
            if shown or training.step % 10 == 0:
                at, total = training.step * plan.unit, plan.steps * plan.unit
                yield TrainingProgress(at, total, figures, picture)
    except GeneratorExit:
        # the reader stops the training: nothing is lost
        save()
        raise


def _same(saved: Mapping[str, Any], now: Mapping[str, Any], checkpoint: Path) -> None:
    """Refuse to go on with another training, and name the first difference."""
    for name in sorted(saved.keys() | now.keys()):
        if saved.get(name) != now.get(name):
            raise BadInput(
                f"{checkpoint} is of a training with {name}={saved.get(name)},"
                f" not {name}={now.get(name)}",
                f"give {name} as it was, or another --out",
            )
