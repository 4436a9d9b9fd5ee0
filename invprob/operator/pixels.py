"""Which pixels of the image an operator measures as they are."""

from __future__ import annotations

import torch
from torch import Tensor

from invprob.operator.base import Operator
from invprob.operator.linear import LinearOperator


def measured_pixels(A: Operator) -> Tensor | None:
    """Find the pixels that are entries of the measurement.

    Args:
        A: The operator.

    Returns:
        Booleans (C, H, W), true where `A.adjoint(y)` is the pixel itself; None where A measures
        anything else than single pixels, each at most once.
    """
    if not isinstance(A, LinearOperator):
        return None
    tensors = [*A.parameters(), *A.buffers()]
    device = tensors[0].device if tensors else torch.device("cpu")
    x = torch.rand((1, *A.in_shape), generator=torch.Generator().manual_seed(0)).to(device)
    with torch.no_grad():
        there = A.adjoint(A(torch.ones_like(x)))
        back = A.adjoint(A(x))
    single = bool(((there == 0) | (there == 1)).all()) and torch.equal(back, there * x)
    return (there[0] == 1).cpu() if single else None
