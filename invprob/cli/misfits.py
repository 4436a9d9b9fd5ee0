"""Images that the result of a run does not explain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MOST_MISFITS = 4
"""As many images that are not explained are named."""


def say(rows: Sequence[dict[str, Any]]) -> None:
    """Print a red sentence for every image that is not explained, the first few by name.

    Args:
        rows: The metrics of each image.
    """
    from invprob.analysis import fit
    from invprob.cli import console

    told = [f"{row['image']}: {fit.warning(row)}" for row in rows if fit.warning(row)]
    for line in told[:MOST_MISFITS]:
        console.say(line, "bold red")
    if len(told) > MOST_MISFITS:
        console.say(f"and {len(told) - MOST_MISFITS} images more", "bold red")
    if told:
        console.say(fit.OR_ELSE, "dim")
