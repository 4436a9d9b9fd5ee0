"""Where single precision has too few digits."""

from __future__ import annotations

from torch import Tensor


def wide(x: Tensor) -> Tensor:
    """The numbers in double precision, or as they are on a device that has none (MPS)."""
    return x if x.device.type == "mps" else x.double()
