"""Whether the files of a run will find room, asked before its first step."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch

from invprob import tree
from invprob.analysis import draws
from invprob.callback import CallbackContext
from invprob.errors import BadInput

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]

STATISTICS = 5
"""Images that are kept for each measurement: mean, std, lower, median, upper."""
COPIES = 4
"""Copies of the largest latent and of the image that a checkpoint may hold, as moments and sums."""
FLOAT = 4


def check(out: Path, context: CallbackContext, times: float = 1) -> None:
    """Refuse a run whose files would not find room.

    Args:
        out: The folder of the run, which is there.
        context: The run.
        times: How many times its results and draws are kept; there is one checkpoint.

    Raises:
        BadInput: If its files need more than is free there, or one of them more than a file may
            hold in this process (``ulimit -f``).
    """
    needed = estimate(context)
    results, checkpoint, kept = needed
    whole, largest = times * (results + kept) + checkpoint, max(needed)
    free = shutil.disk_usage(out).free
    if whole > free:
        raise BadInput(
            f"the run needs about {_size(whole)} in {out}, where {_size(free)} are free",
            "free some space, give another --out, or solve for fewer images or samples",
        )
    if resource is None:
        return
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if limit != resource.RLIM_INFINITY and largest > limit:
        raise BadInput(
            f"the run writes a file of about {_size(largest)}, and files are limited to"
            f" {_size(limit)} here",
            "raise the limit (ulimit -f), or solve for fewer images or samples",
        )


def estimate(context: CallbackContext) -> tuple[int, int, int]:
    """Estimate the sizes of the large files of a run.

    Args:
        context: The run.

    Returns:
        Bytes of the results, of a checkpoint, and of the draws that are kept.
    """
    problem, solver = context.problem, context.solver
    G, rows = problem.generator, len(problem.y)
    image = torch.Size(G.image_shape).numel()
    results = FLOAT * image * (rows + STATISTICS * (rows // problem.num_samples))
    latent = 0
    if G.depth and (stages := solver.stages(G)):
        with torch.no_grad():
            x = G.sample(1, torch.Generator().manual_seed(0))
            for k in range(1, max(stages) + 1):
                x = G.stage(k, x)
        latent = sum(leaf.numel() for leaf in tree.leaves(x))
    checkpoint = FLOAT * rows * (latent + COPIES * image)
    kept = 2 * image * rows * draws.capacity(G.image_shape) if solver.returns == "sample" else 0
    return results, checkpoint, kept


def _size(count: float) -> str:
    """Bytes in words, such as ``1.2 GB``."""
    unit = "bytes"
    for larger in ("kB", "MB", "GB"):
        if count < 1000:
            break
        count, unit = count / 1000, larger
    return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
