"""How many pictures a chunk has: what was asked for, or what fits in the memory that is free."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch

from invprob.errors import BadParams
from invprob.runs.chunks import Chunks
from invprob.runs.memory import Peak, free

ROWS = 32
"""Rows of a chunk where memory allows: from 16 on, the time of a row does not fall any more."""

SMALL_RUN, SMALL_PICTURE = 64, 128**2
"""Up to so many rows of pictures of so many pixels are one batch, without a measurement."""

FEW = 8
"""Up to so many pictures of one row each are one batch, without a measurement."""

PART = 0.4
"""The part of the free memory that a chunk may take; draws and pictures need some too."""

STEPS = 2


def choose(chunks: Chunks, batch: int | None) -> int:
    """Choose the number of pictures in a chunk.

    Args:
        chunks: The run, of which all pictures are one chunk.
        batch: Rows (pictures times samples) that are computed at a time; 0: all of them; None:
            `ROWS`, or fewer if they do not fit.

    Returns:
        A number from 1 to that of the pictures.

    Raises:
        BadParams: If the batch holds less than one picture.
    """
    total, samples = chunks.cut.total, chunks.experiment.samples
    if batch == 0 or total == 1:
        return total
    if batch is not None:
        if batch < samples:
            raise BadParams(
                f"--batch {batch} holds less than one picture of {samples} samples",
                f"give at least {samples}",
            )
        return min(total, batch // samples)
    pixels = max((height * width for height, width in chunks.source.sizes()), default=0)
    rows = total * samples
    if rows <= SMALL_RUN and pixels <= SMALL_PICTURE:
        return total
    fits = _rows_that_fit(chunks)
    if rows <= SMALL_RUN and rows <= fits:
        return total
    return max(1, min(total, min(ROWS, fits) // samples))


def pictures(
    batch: int | None, total: int, device: torch.device, trial: Callable[[], object]
) -> int:
    """Choose the number of pictures in a chunk, where each is a row.

    Args:
        batch: How many are computed at a time; 0: all; None: `ROWS`, or fewer if they do not fit.
        total: The number of pictures.
        device: Where they are computed.
        trial: Computes one picture, or takes as much memory as that does.

    Returns:
        A number from 1 to `total`.
    """
    if batch == 0:
        return total
    if batch is None:
        batch = ROWS if total <= FEW else min(ROWS, _fit(device, trial, 1))
    return max(1, min(total, batch))


def _rows_that_fit(chunks: Chunks) -> int:
    """By the memory that a few steps of one picture take."""
    parts, experiment = chunks.parts, chunks.experiment
    data = chunks.data(range(1))
    problem = parts.problem(data.y, experiment.samples, experiment.seed)

    def trial() -> None:
        for _ in itertools.islice(parts.solver.run(problem), STEPS):
            pass

    return _fit(parts.device, trial, experiment.samples)


def _fit(device: torch.device, trial: Callable[[], object], rows: int) -> int:
    """How many rows fit, by the memory that a trial of some takes beyond what it had before."""
    left = free(device)
    if left is None:
        return ROWS
    with Peak(device) as before:
        pass
    with Peak(device) as peak:
        trial()
    row = max((peak.megabytes - before.megabytes) / rows, 1e-3)
    return int(PART * left / row)
