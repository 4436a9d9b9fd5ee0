"""The measurements of a run, with their names and, where it is known, their truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from torch import Tensor

from invprob.runs.settle import Settled


@dataclass(frozen=True)
class Data:
    """The measurements of a run.

    Attributes:
        names: A name for each of B measurements.
        y: The measurements, (B, *operator.out_shape), on the CPU.
        truth: The truth (B, C, H, W) in [0, 1]; None where it is unknown.
        image_shape: (C, H, W); None where the generator or a prior knows it.
        settled: What the experiment left to the measurement.
    """

    names: tuple[str, ...]
    y: Tensor
    truth: Tensor | None
    image_shape: tuple[int, int, int] | None = None
    settled: Settled = field(default_factory=Settled)

    def some(self, numbers: Sequence[int]) -> Data:
        """Some of the measurements.

        Args:
            numbers: Which, from 0.

        Returns:
            Those in this order.
        """
        chosen, truth = list(numbers), self.truth
        names = tuple(self.names[i] for i in chosen)
        known = None if truth is None else truth[chosen]
        return replace(self, names=names, y=self.y[chosen], truth=known)


def names(stem: str, count: int) -> tuple[str, ...]:
    """Name measurements that have no names of their own.

    Args:
        stem: What they are called.
        count: How many there are.

    Returns:
        The stem, numbered where there are several.
    """
    return (stem,) if count == 1 else tuple(f"{stem}-{i}" for i in range(count))


def shape_of(picture: Tensor) -> tuple[int, int, int] | None:
    """Tell the shape of a picture.

    Args:
        picture: Any tensor.

    Returns:
        (C, H, W); None for what is not a picture.
    """
    return tuple(picture.shape[-3:]) if picture.dim() >= 3 else None  # type: ignore[return-value]
