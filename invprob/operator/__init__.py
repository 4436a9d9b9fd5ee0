"""Operators: y = A(x) + noise, of which the operator owns both."""

from invprob.noise import Noise
from invprob.operator.base import Operator
from invprob.operator.chain import Chain, LinearChain, compose
from invprob.operator.linear import LinearOperator, with_white_noise

__all__ = [
    "Chain",
    "LinearChain",
    "LinearOperator",
    "Noise",
    "Operator",
    "compose",
    "with_white_noise",
]
