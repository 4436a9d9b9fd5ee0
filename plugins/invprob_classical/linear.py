"""What classical methods ask of a problem: a linear operator and white Gaussian noise."""

from __future__ import annotations

from invprob.errors import Incompatible
from invprob.noise import WhiteNoise
from invprob.operator import LinearOperator
from invprob.solver import Problem


def operator(problem: Problem, solver: str) -> LinearOperator:
    """The linear operator of a problem.

    Args:
        problem: The problem.
        solver: The name of the solver, for the message.

    Returns:
        A.

    Raises:
        Incompatible: If the operator is not linear.
    """
    A = problem.operator
    if not isinstance(A, LinearOperator):
        raise Incompatible(
            f"{solver} needs a linear operator, and {type(A).__name__} is not declared as one",
            "derive it from LinearOperator if it is linear, or use another solver",
        )
    return A


def with_white_noise(problem: Problem, solver: str) -> tuple[LinearOperator, float]:
    """The operator of a problem and the standard deviation of its noise.

    Args:
        problem: The problem. Where it has no noise, the tolerance of `none` stands for one.
        solver: The name of the solver, for the message.

    Returns:
        (A, σ), with σ > 0 in units of [0, 1].

    Raises:
        Incompatible: If the operator is not linear, or the noise is not white and Gaussian.
    """
    A, noise = operator(problem, solver), problem.operator.noise
    if not isinstance(noise, WhiteNoise):
        raise Incompatible(
            f"{solver} needs Gaussian noise, and the noise is {type(noise).__name__}",
            "use --noise gaussian:sigma=…, or another solver",
        )
    return A, noise.sigma
