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
        BadInput: If the function does not return a tensor of one measurement per image, or returns
            complex numbers.
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
        if found.is_complex():
            raise BadInput(
                f"the operator maps images to complex numbers, {found.dtype}",
                "return real and imaginary parts side by side: torch.view_as_real(…).flatten(1)",
            )
        self.out_shape = tuple(found.shape[1:])

    def forward(self, x: Tensor) -> Tensor:
        """A(x).

        Args:
            x: Images (B, *in_shape).

        Returns:
            What the function returns, (B, *out_shape), in the precision of x.

        Raises:
            BadInput: If a gradient is asked for, and what it returns does not have one.
        """
        y = self._function(x)
        if torch.is_grad_enabled() and x.requires_grad and not y.requires_grad:
            raise BadInput(
                f"the solver needs a gradient, and the operator returns {y.dtype} without one",
                "compute in floats, without detach(), numpy or torch.no_grad()",
            )
        return y.to(x.dtype)
