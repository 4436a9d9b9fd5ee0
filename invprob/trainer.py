"""What trainers report: one record per step or so, which the command line shows.

A trainer is a generator function. When it is closed at a record (Ctrl-C), it saves a checkpoint::

    try:
        yield TrainingProgress(…)
    except GeneratorExit:
        save()
        raise
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TrainingProgress:
    """What a trainer reports.

    Attributes:
        step: How far it is, in the trainer's own unit.
        total: How far it goes, in the same unit.
        figures: Losses and other numbers by name.
        picture: A picture just written, if any.
        unit: What is counted.
    """

    step: int
    total: int
    figures: Mapping[str, float]
    picture: Path | None = None
    unit: str = "step"
