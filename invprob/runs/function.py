"""A function of images as an operator."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from invprob.errors import BadInput
from invprob.operator import Operator


class FunctionOperator(Operator):
    """A(x) is what a function returns.

    Args:
        function: From images (B, C, H, W) to measurements (B, …); differentiable, row by row, and
            the same at every call.
        shape: (C, H, W) of the images.

    Raises:
        BadInput: If the function does not return a tensor of one measurement per image.
    """

    def __init__(self, function: Callable[[Tensor], Tensor], shape: tuple[int, ...]) -> None:
        super().__init__()
        self._function = function
        self.in_shape = tuple(shape)
        with torch.no_grad():
            found = function(torch.full((2, *shape), 0.5))
        if not isinstance(found, Tensor) or found.dim() < 2 or len(found) != 2:
            got = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise BadInput(
                f"the operator maps images of shape {(2, *shape)} to {got}",
                "return a tensor with a row for each image",
            )
        self.out_shape = tuple(found.shape[1:])

    def forward(self, x: Tensor) -> Tensor:
        """A(x).

        Args:
            x: Images (B, *in_shape).

        Returns:
            What the function returns, (B, *out_shape).
        """
        return self._function(x)
