"""Operators: y = A(x) + noise, of which the operator owns both."""

from invprob.noise import Noise
from invprob.operator.base import Operator
from invprob.operator.chain import Chain, LinearChain, compose
from invprob.operator.linear import LinearOperator, with_white_noise
from invprob.operator.pixels import measured_pixels

__all__ = [
    "Chain",
    "LinearChain",
    "LinearOperator",
    "Noise",
    "Operator",
    "compose",
    "measured_pixels",
    "with_white_noise",
]
