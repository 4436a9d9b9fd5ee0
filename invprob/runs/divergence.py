"""Results that are NaN or infinite: noticed at their step, and never passed off as results."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from invprob.errors import Diverged
from invprob.params import Params
from invprob.solver import Progress, Solver


class Divergence:
    """A callback that remembers from which step on a row is NaN or infinite.

    Attributes:
        first: The step by the number of the row, 0 … N − 1.
    """

    def __init__(self) -> None:
        self.first: dict[int, int] = {}

    def __call__(self, progress: Progress) -> None:
        """See a step.

        Raises:
            Diverged: If no row has a finite image.
        """
        # a sum is finite only if its terms are, and is one pass over the images
        lost = ~progress.info.image.flatten(1).sum(1).isfinite()
        if not bool(lost.any()):
            self.first.clear()
            return
        rows = lost.nonzero().flatten().tolist()
        self.first = {row: self.first.get(row, progress.state.step) for row in rows}
        if len(rows) == len(lost):
            raise Diverged("the answer holds NaN or infinity in every sample")

    def check(
        self, solver: Solver, step: int, names: Sequence[str], samples: Tensor, *moments: Tensor
    ) -> Diverged | None:
        """Judge a result.

        Args:
            solver: The solver that made it.
            step: The step that it was made at.
            names: A name for each of B images, at least one.
            samples: (B, S, C, H, W).
            *moments: What was computed of the samples, (B, …).

        Returns:
            What is wrong; None if every number is finite.
        """
        bad = ~samples.flatten(2).isfinite().all(2)
        images = bad.any(1)
        for moment in moments:
            images |= ~moment.flatten(1).isfinite().all(1)
        if not bool(images.any()):
            return None
        rows = bad.flatten().nonzero().flatten().tolist()
        first = min((self.first.get(row, step) for row in rows), default=step)
        what = f"{len(rows)} of {bad.numel()} samples" if rows else "the mean"
        lost = [name for name, odd in zip(names, images.tolist(), strict=True) if odd]
        more = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
        whose = f" ({', '.join(lost[:3])}{more})" if len(names) > 1 else ""
        found = Diverged(f"the answer holds NaN or infinity in {what}{whose}")
        return explained(found, solver, first)


def explained(error: Diverged, solver: Solver, step: int) -> Diverged:
    """Say which solver diverged at which step, and what to change.

    Args:
        error: What diverged.
        solver: The solver.
        step: The step.

    Returns:
        An error to raise.
    """
    message = f"{type(solver).__name__} diverged at step {step}: {error.message}"
    changed = _changed(getattr(solver, "params", None))
    hint = error.hint or (f"go back towards {changed}" if changed else "lower its step size")
    return Diverged(message, hint)


def _changed(params: Params | None) -> str:
    """The numbers that are not the default, which are the first to suspect."""
    if not isinstance(params, Params):
        return ""
    found = []
    for name, field in type(params).model_fields.items():
        value, default = getattr(params, name), field.default
        if isinstance(value, float) and isinstance(default, (int, float)) and value != default:
            found.append(f"{name}={default:g} (it is {value:g})")
    return " and ".join(found)
