"""Chains of operators: what one gives, the next one takes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import Tensor, nn

from invprob.errors import Incompatible
from invprob.noise import Noise
from invprob.operator.base import Operator
from invprob.operator.linear import LinearOperator


class Chain(Operator):
    """A_n ∘ … ∘ A_1 with one noise; `compose` builds one and checks the shapes.

    Args:
        operators: A_1, A_2, …, at least one.
        noise: The noise of the whole; by default that of the last operator.
    """

    def __init__(self, operators: Sequence[Operator], noise: Noise | None = None) -> None:
        last = operators[-1]
        super().__init__(last.noise if noise is None else last.recorded(noise))
        self.operators = nn.ModuleList(operators)
        self.in_shape = operators[0].in_shape
        self.out_shape = operators[-1].out_shape
        self.symmetric = operators[0].symmetric

    def forward(self, x: Tensor) -> Tensor:
        for operator in self.operators:
            x = operator(x)
        return x

    def recorded(self, noise: Noise) -> Noise:
        last = self.operators[-1]
        assert isinstance(last, Operator)
        return last.recorded(noise)

    def observed(self, y: Tensor) -> Tensor:
        for operator in reversed(self.operators):
            assert isinstance(operator, Operator)
            y = operator.observed(y)
            if y.dim() == 4:
                break
        return y

    @property
    def picture_shape(self) -> tuple[int, ...] | None:
        last = self.operators[-1]
        assert isinstance(last, Operator)
        return last.picture_shape

    def from_picture(self, picture: Tensor) -> Tensor:
        last = self.operators[-1]
        assert isinstance(last, Operator)
        return last.from_picture(picture)


class LinearChain(Chain, LinearOperator):
    """A chain of linear operators, itself linear."""

    def adjoint(self, y: Tensor) -> Tensor:
        for operator in reversed(self.operators):
            assert isinstance(operator, LinearOperator)
            y = operator.adjoint(y)
        return y


def compose(operators: Sequence[Operator], noise: Noise | None = None) -> Operator:
    """One operator that applies all of them in order.

    Args:
        operators: A_1, A_2, …; each takes what the one before it gives.
        noise: The noise of the whole; by default that of the last operator.

    Returns:
        A_n ∘ … ∘ A_1, a `LinearOperator` if all of them are.

    Raises:
        Incompatible: If an operator does not take the shape that the one before it gives, or stands
            behind a sensor.
    """
    for before, after in itertools.pairwise(operators):
        if before.is_sensor:
            first, second = type(before).__name__.lower(), type(after).__name__.lower()
            raise Incompatible(
                f"{first} is what records a measurement, and {second} stands behind it",
                f"put {first} last: {second}|{first}",
            )
        if tuple(before.out_shape) != tuple(after.in_shape):
            raise Incompatible(
                f"{type(before).__name__} gives {tuple(before.out_shape)}, and"
                f" {type(after).__name__} takes {tuple(after.in_shape)}",
                "build each operator for the shape that the one before it gives",
            )
    if len(operators) == 1:
        return operators[0] if noise is None else operators[0].with_noise(noise)
    linear = all(isinstance(operator, LinearOperator) for operator in operators)
    return LinearChain(operators, noise) if linear else Chain(operators, noise)
