"""What the command line says of chains, below the table of results."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from invprob.runs.solution import Solution

WIDER = 1.1
"""A spread at full length that is so much wider than at half is still growing."""


def verdict(solution: Solution) -> str:
    """Say of how many images the chains converged; the reason where none could be judged.

    Args:
        solution: What a run came to, with diagnostics.

    Returns:
        A line.
    """
    from invprob.analysis.diagnostics import LEAST_CHAINS, LEAST_DRAWS

    verdicts = [found.verdict for found in solution.diagnostics]
    if set(verdicts) == {"not assessed"}:
        needs = f"R-hat needs {LEAST_CHAINS} chains of {LEAST_DRAWS} draws"
        return f"chains not assessed ({solution.diagnostics[0].reason}); {needs}"
    counted = ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(verdicts))
    images = f"{len(verdicts)} image{'s'[: len(verdicts) > 1]}"
    return f"chains of {images}: {counted}; R-hat and ESS: the worst of several functionals"


def doubts(solution: Solution) -> Iterator[str]:
    """Say what a reader has to know before the samples are taken for the posterior's.

    Args:
        solution: What a run came to.

    Yields:
        Lines; none where nothing is in doubt.
    """
    if solution.caveat:
        yield f"an estimate, not the posterior: {solution.caveat}"
    for row in solution.metrics:
        if "stuck_chains" in row:
            yield f"{row['image']}: {row['stuck_chains']}"
    known = [found for found in solution.diagnostics if math.isfinite(found.spread_half)]
    growing = [f for f in known if f.spread > WIDER * f.spread_half]
    if growing:
        yield f"{len(growing)} of {len(known)} images: the spread still grows with the draws"
    for name, found in zip(solution.names, solution.diagnostics, strict=False):
        if found.coupling:
            first, last = found.coupling
            yield f"{name}: chains with the same noise come from {first:.3g} to {last:.3g} apart"
    if solution.diagnostics and not solution.caveat:
        count = sum(solution.earned)
        if count < len(solution.earned):
            of = f"a 90 % interval for {count} of {len(solution.earned)} images"
            yield f"lower and upper: quantiles of 5 and 95 % of the draws, {of}"
